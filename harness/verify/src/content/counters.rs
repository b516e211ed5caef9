//! Counters among the keys of a resource: values in a range, and losses that need not be known one by one.

use firedrill_model::{capture::Entry, findings::FindingKind};

use super::{Comparison, Standing, doubt, note_earliest};
use crate::{
    counter::{self, Loss, Observed, Reading},
    ledger::{Fate, ResourceWrites, Seen, Write},
};

impl Comparison<'_> {
    /// Compares one counter, and notes what became of each increment.
    pub(super) fn counter(
        &mut self,
        writes: &mut ResourceWrites,
        index: usize,
        text: &str,
        entry: Option<&Entry>,
        held: Option<&Entry>,
    ) {
        let range = writes.keys[index].range();
        let of_key = &mut writes.writes[range];
        let blame = if counter::is_counter(of_key) {
            let read = |entry: Option<&Entry>| {
                entry
                    .filter(|entry| !entry.deleted)
                    .map_or(Observed::Absent, |entry| Observed::of(entry.counter.as_deref()))
            };
            let reading = counter::read(of_key, read(entry));
            if reading.undecided {
                let fact =
                    || "too many increments were under way at once to tell whether some of them give it".to_owned();
                self.not_judged.add(text, fact);
            }
            if reading.undecided || matches!(reading.standing, Standing::Foreign | Standing::Phantom) {
                doubt::leave_open(of_key);
            }
            self.count(text, of_key, reading, (read(entry), held.map(|held| read(Some(held)))))
        } else {
            doubt::leave_open(of_key);
            self.not_judged.add(text, || "something else than increments wrote this counter".to_owned());
            None
        };
        let key = &mut writes.keys[index];
        key.seen = if entry.is_some() { Seen::Stranger } else { Seen::Absent };
        key.blame = blame;
    }

    fn count(
        &mut self,
        text: &str,
        writes: &[Write],
        reading: Reading,
        (found, held): (Observed, Option<Observed>),
    ) -> Option<FindingKind> {
        let outside = match reading.standing {
            Standing::Foreign => Some(FindingKind::Foreign),
            Standing::Phantom => Some(FindingKind::Phantom),
            Standing::Current | Standing::Stale | Standing::Missing | Standing::Resurrected => None,
        };
        if let Some(kind) = outside {
            self.tally(kind).add(text, || format!("it holds {}", number(found)));
            return Some(kind);
        }
        let fact = format!("it holds {} of {}", number(found), expected(writes));
        if reading.later.writes > 0 {
            self.tally(FindingKind::Missing).add(text, || format!("{fact}, some of it added after the cutover"));
        }
        let Loss { writes: lost, certain, possible } = reading.earlier;
        if let Some(possible) = possible {
            note_earliest(&mut self.losses.possible, possible);
        }
        let after = (reading.later.writes > 0).then_some(FindingKind::Missing);
        let Some(certain) = certain else { return after };
        self.losses.lost_writes += lost;
        self.losses.lost_bytes += writes
            .iter()
            .filter(|write| write.given_up() && write.fate == Fate::Lost)
            .map(|write| write.bytes)
            .sum::<u64>();
        self.losses.keys.add(text, || fact.clone());
        note_earliest(&mut self.losses.certain, certain);
        let begun = self.at.point.map(|(begun, _)| begun);
        let blame = match (found, held) {
            (Observed::Absent, Some(Observed::Value(Some(held)))) if held > 0 => Some(FindingKind::Missing),
            (Observed::Value(Some(found)), Some(Observed::Value(Some(held)))) if held > found => {
                Some(FindingKind::Changed)
            }
            _ => begun.filter(|begun| certain < *begun).map(|_| FindingKind::BackupIncomplete),
        };
        match blame {
            Some(kind) => self.tally(kind).add(text, || fact),
            None => note_earliest(&mut self.losses.certain_unblamed, certain),
        }
        blame.or(after)
    }
}

fn number(observed: Observed) -> String {
    match observed {
        Observed::Absent => "nothing".to_owned(),
        Observed::Value(None) => "no whole number".to_owned(),
        Observed::Value(Some(value)) => value.to_string(),
    }
}

/// What the counter may hold.
fn expected(writes: &[Write]) -> String {
    let sum = |ambiguous: bool| -> u128 {
        let wanted = writes.iter().filter(|write| write.acknowledged() || ambiguous && write.possible());
        wanted.map(|write| u128::from(write.amount)).sum()
    };
    match (sum(false), sum(true)) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}
