//! Derived items against the causes that survived: owed, permitted, orphaned or wrong.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::{CaptureName, Entry},
    findings::FindingKind,
    ids::{ResourceId, ResourceKind},
    ledger::Op,
    run_dir::RunDirError,
    scenario::Per,
    units::RunTime,
    verification::EffectCounts,
};

use super::{DerivedModel, Edge, Mark, deliveries::Log, events, model, promise::Promises};
use crate::{
    asserted::{CONSISTENT_CUT, STATE, effects_of},
    content::{Cursor, root_of},
    findings::{Book, Draft, Handle, SAMPLE_MAX},
    ledger::{Fate, Gone, Key, Ledger, ResourceWrites, Seen, Write},
    tally::{Tally, agreeing, counted},
};

/// How what a derived item shows of one key stands to its causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// What is owed is there, or nothing is owed and what is there may be.
    Right,
    /// It shows the removal of this write's value by a delete, which was acknowledged then if it was one after the cutover.
    Removed(usize, Option<RunTime>),
    /// What is owed is not there, or not there yet.
    Missing,
    /// It still shows the value of this write, which a delete took away.
    NotRemoved(usize, Option<RunTime>),
    /// Its cause is lost.
    Orphaned,
    /// No cause gives this.
    Wrong,
}

/// Counts by what was seen and what it follows from.
#[derive(Debug, Default)]
pub(super) struct Tallies(Vec<(FindingKind, Option<Handle>, Tally)>);

impl Tallies {
    pub(super) fn add(&mut self, kind: FindingKind, root: Option<Handle>, key: &str, fact: impl FnOnce() -> String) {
        let known = self.0.iter().position(|(known, follows, _)| *known == kind && *follows == root);
        let position = known.unwrap_or_else(|| {
            self.0.push((kind, root, Tally::default()));
            self.0.len() - 1
        });
        self.0[position].2.add(key, fact);
    }
}

/// Compares the items a trigger derives with their causes, and notes what is owed. `false` when there was nothing to compare
/// them with, which leaves the check undecided.
pub(super) fn examine(
    edge: Edge<'_>,
    ledger: &Ledger,
    log: Option<&Log>,
    promises: &mut Promises,
    counts: &mut EffectCounts,
    book: &mut Book,
) -> Result<bool, RunDirError> {
    let source = edge.trigger.source_resource();
    let causes = ledger.of(&source);
    let mut tallies = Tallies::default();
    let broken = broken_path(edge, book);
    if let Some(effect) = &edge.trigger.effect {
        promises.of_values(edge, causes);
        let table = ResourceId::new(ResourceKind::Table, &effect.table);
        let Some(items) = edge.case.content(CaptureName::Drained, &table)? else {
            let why = format!("{table} was not captured after the drain: the effects of {} are unknown", edge.name);
            undecide(edge, &why, book.unseen(), book);
            return Ok(false);
        };
        let known = ledger.of(&table);
        let ended = |capture| edge.case.timeline.captures.get(&capture).map(|record| record.ended);
        let ended_utc_ms = |capture| ended(capture).and_then(|at| edge.case.timeline.utc_ms(at));
        let comparison = Comparison {
            edge,
            model: model(effect.model),
            source: &source,
            causes,
            known,
            broken,
            recovered_utc_ms: ended_utc_ms(CaptureName::Recovered),
            drained_utc_ms: ended_utc_ms(CaptureName::Drained),
            book,
        };
        // Items out of order say nothing, neither of what is there nor of what is not.
        if let Some(disorder) = comparison.run(Cursor::new(items), &mut tallies, promises)? {
            undecide(edge, &format!("the capture of {table} is not sorted by key: {disorder}"), None, book);
            return Ok(false);
        }
    }
    let per_event = edge.case.plan.expect.effects.get(edge.name).is_some_and(|expected| expected.per == Per::Event);
    let mut looked = true;
    if per_event || edge.trigger.effect.is_none() {
        looked = log.is_some();
        if let Some(log) = log {
            events::examine(edge, causes, log, broken, &mut tallies, promises, book);
        } else {
            let why = format!("deliveries of {} were not logged: single events cannot be told", edge.name);
            undecide(edge, &why, book.unseen(), book);
        }
    }
    counts.expected = promises.count();
    report(edge, &tallies, counts, book);
    Ok(looked)
}

/// Leaves the effects undecided, and the state with them.
pub(super) fn undecide(edge: Edge<'_>, why: &str, root: Option<Handle>, book: &mut Book) {
    let effects = effects_of(edge.name);
    let trigger = ResourceId::new(ResourceKind::Trigger, edge.name);
    let draft = Draft::undecided(FindingKind::NotMeasured, why).resource(trigger).follows(root);
    book.undecide(&[&effects, STATE], &draft);
}

/// A finding that explains why no effect of this trigger came: something on the way from cause to item is not there.
fn broken_path(edge: Edge<'_>, book: &Book) -> Option<Handle> {
    let breaks = |place: &ResourceId| {
        if place.kind().is_some_and(ResourceKind::holds_data) {
            // What is in a table or bucket that is there is judged by itself.
            &[FindingKind::ConfigurationMissing][..]
        } else {
            &[FindingKind::LostTrigger, FindingKind::ConfigurationMissing, FindingKind::ConfigurationChanged]
        }
    };
    let way = edge.case.plan.stack.way_of(edge.name);
    way.iter().find_map(|place| breaks(place).iter().find_map(|kind| book.root(*kind, place)))
}

struct Comparison<'a> {
    edge: Edge<'a>,
    model: &'static dyn DerivedModel,
    source: &'a ResourceId,
    causes: &'a ResourceWrites,
    /// Keys that firedrill itself wrote to the derived table.
    known: &'a ResourceWrites,
    broken: Option<Handle>,
    /// When the causes were read.
    recovered_utc_ms: Option<u64>,
    /// When the items were.
    drained_utc_ms: Option<u64>,
    book: &'a Book,
}

impl Comparison<'_> {
    fn run(
        &self,
        mut items: Cursor,
        tallies: &mut Tallies,
        promises: &mut Promises,
    ) -> Result<Option<String>, RunDirError> {
        let mut order: Vec<u32> = (0..u32::try_from(self.causes.keys.len()).unwrap_or(u32::MAX)).collect();
        let item_key = |index: &u32| self.model.item_key(self.causes.text(&self.causes.keys[*index as usize]));
        order.sort_by(|left, right| item_key(left).cmp(&item_key(right)));
        for group in order.chunk_by(|left, right| item_key(left) == item_key(right)) {
            let key = item_key(&group[0]);
            while let Some(item) = items.next_before(&key)? {
                self.unexplained(&item, tallies);
            }
            let item = items.take(&key)?;
            self.group(&key, group, item.as_ref(), tallies, promises);
        }
        while let Some(item) = items.next_any()? {
            self.unexplained(&item, tallies);
        }
        Ok(items.disorder().map(str::to_owned))
    }

    fn unexplained(&self, item: &Entry, tallies: &mut Tallies) {
        if self.known.find(&item.key).is_none() {
            tallies.add(FindingKind::EffectWrong, None, &item.key, || "nothing caused this item".to_owned());
        }
    }

    fn group(&self, key: &str, group: &[u32], item: Option<&Entry>, tallies: &mut Tallies, promises: &mut Promises) {
        let causes = || group.iter().map(|&index| &self.causes.keys[index as usize]);
        let value = item.map(|item| item.value.as_ref().ok_or_else(|| "its value was not captured".to_owned()));
        let marks = match value.map(|value| value.and_then(|value| self.model.marks(value))) {
            None => BTreeMap::new(),
            Some(Ok(marks)) => marks.into_iter().map(|mark| (mark.cause.clone(), mark)).collect(),
            Some(Err(wrong)) => {
                let root = causes().find_map(|cause| root_of(self.book, self.source, cause));
                if !causes().all(|cause| self.causes.is_probe(cause)) {
                    tallies.add(FindingKind::EffectWrong, root, key, || wrong);
                }
                return;
            }
        };
        let mut explained = 0;
        for cause in causes() {
            let text = self.causes.text(cause);
            let mark = marks.get(text);
            explained += usize::from(mark.is_some());
            if self.causes.is_probe(cause) {
                continue;
            }
            if self.edge.hears(text) {
                self.one(text, cause, mark, tallies, promises);
            } else if mark.is_some() {
                tallies.add(FindingKind::EffectWrong, None, text, || "it raises no event of the trigger".to_owned());
            }
        }
        if explained < marks.len() {
            let stray = marks.keys().find(|cause| self.causes.find(cause).is_none());
            let fact = || format!("it shows {}, which nothing wrote", stray.map_or("a key", String::as_str));
            tallies.add(FindingKind::EffectWrong, None, key, fact);
        }
    }

    fn one(&self, text: &str, cause: &Key, mark: Option<&Mark>, tallies: &mut Tallies, promises: &mut Promises) {
        let root = root_of(self.book, self.source, cause);
        match self.standing(cause, mark) {
            Standing::Right => {}
            Standing::Removed(value, acknowledged) => promises.removal(value, acknowledged),
            Standing::Missing => {
                if let Seen::Write(value) = cause.seen {
                    promises.broken(value as usize);
                }
                tallies.add(FindingKind::EffectMissing, root.or(self.broken), text, || self.since(cause));
            }
            Standing::NotRemoved(value, acknowledged) => {
                promises.removal(value, acknowledged);
                promises.broken_removal(value);
                tallies.add(FindingKind::EffectMissing, root.or(self.broken), text, || self.since(cause));
            }
            Standing::Orphaned => {
                tallies.add(FindingKind::EffectOrphaned, root, text, || "the write that caused it is lost".to_owned());
            }
            Standing::Wrong => {
                tallies.add(FindingKind::EffectWrong, root, text, || "it does not show what was written".to_owned());
            }
        }
    }

    fn since(&self, cause: &Key) -> String {
        let last = self.causes.writes_of(cause).iter().rfind(|write| write.acknowledged());
        last.map_or_else(String::new, |write| described(self.edge, write))
    }

    /// Which write the item shows comes first, and then how it shows it.
    fn standing(&self, cause: &Key, mark: Option<&Mark>) -> Standing {
        let held = match cause.seen {
            Seen::NotCaptured => return Standing::Right,
            Seen::Write(seen) => Some(&self.causes.writes[seen as usize]),
            Seen::Absent | Seen::Stranger => None,
        };
        let writes = self.causes.writes_of(cause);
        // Of a write that was tried again the attempt that was acknowledged last is the one that has to show.
        let promised = held.and_then(|held| acknowledged_attempts(writes, held).max_by_key(|write| write.completed));
        let Some(mark) = mark else { return if promised.is_some() { Standing::Missing } else { Standing::Right } };
        let Some(position) = cause_of(writes, mark) else { return Standing::Wrong };
        let (shown, index) = (&writes[position], cause.range().start + position);
        if is_lost(writes, shown) {
            return Standing::Orphaned;
        }
        if promised.is_some_and(|promised| shown.id != promised.id && shown.precedes(promised)) {
            return Standing::Missing;
        }
        if mark.gone {
            let (is_held, absent) = (held.is_some_and(|held| held.id == shown.id), cause.seen == Seen::Absent);
            return self.shown_as_gone(writes, index, shown, is_held, absent);
        }
        if cause.seen == Seen::Absent
            && self.model.shows_deletes()
            && let Some(delete) = self.certainly_removed(writes, shown)
        {
            return Standing::NotRemoved(index, self.heard_here(delete));
        }
        // A concurrent or an ambiguous write may have come last for the function.
        if self.shows(writes, mark) { Standing::Right } else { Standing::Wrong }
    }

    /// When a delete was acknowledged whose event came to the side that was read.
    fn heard_here(&self, delete: &Write) -> Option<RunTime> {
        self.edge.is_heard_here(delete).then_some(delete.completed)
    }

    fn shows(&self, writes: &[Write], mark: &Mark) -> bool {
        let facts = self.causes.facts.get(self.edge.name);
        let of = |write: &Write| facts.and_then(|facts| facts.get(write.ordinal as usize)).copied();
        writes.iter().any(|write| write.id == mark.id && of(write) == Some(mark.fingerprint))
    }

    /// An item says that the value of `shown` is gone: something must have been able to take it away. A value that is there
    /// all the same may have expired since it was read, or a delete without an end may have taken it; a delete that was
    /// acknowledged was over by then.
    fn shown_as_gone(&self, writes: &[Write], index: usize, shown: &Write, is_held: bool, absent: bool) -> Standing {
        let deletes =
            || writes.iter().filter(|write| write.op == Op::Delete && write.possible() && !write.precedes(shown));
        let survived = deletes().filter(|write| write.acknowledged() && write.fate != Fate::Lost && !is_held);
        let expired = shown.expired(self.drained_utc_ms);
        match survived.max_by_key(|write| write.completed) {
            _ if expired => Standing::Right,
            Some(last) if absent => Standing::Removed(index, self.heard_here(last)),
            Some(_) => Standing::Right,
            None if deletes().any(|write| !write.acknowledged()) => Standing::Right,
            None if deletes().any(|write| write.fate == Fate::Lost) => Standing::Orphaned,
            None => Standing::Wrong,
        }
    }

    /// The key holds nothing: the last delete, if the value of `shown` was certainly taken away by one, whatever it is that
    /// left the key as it is.
    fn certainly_removed<'w>(&self, writes: &'w [Write], shown: &Write) -> Option<&'w Write> {
        if !shown.acknowledged() || shown.expired(self.recovered_utc_ms) {
            return None;
        }
        let deletes = || writes.iter().filter(|write| write.op == Op::Delete && write.acknowledged());
        let first = deletes().filter(|delete| shown.precedes(delete)).map(|delete| delete.completed).min();
        let doubtful = |write: &&Write| {
            let leaves_nothing = write.op == Op::Delete || write.expired(self.recovered_utc_ms);
            write.possible() && leaves_nothing && !(write.op == Op::Delete && write.acknowledged())
        };
        let after_it = |write: &Write| first.is_some_and(|first| first < write.issued);
        let certain = writes.iter().filter(doubtful).all(after_it);
        deletes().filter(|delete| certain && !delete.precedes(shown)).max_by_key(|delete| delete.completed)
    }
}

/// The write whose id is in a mark, by its place; `None` when it is no write of the key, or one that cannot have happened.
fn cause_of(writes: &[Write], mark: &Mark) -> Option<usize> {
    writes.iter().position(|write| write.id == mark.id && write.digest != 0 && write.possible())
}

/// The write was acknowledged and is lost, and none of its attempts can have taken effect before what is there.
fn is_lost(writes: &[Write], write: &Write) -> bool {
    let attempts = || writes.iter().filter(|other| other.id == write.id && other.possible());
    attempts().any(|attempt| attempt.fate == Fate::Lost) && attempts().all(|attempt| attempt.gone == Gone::Certainly)
}

/// When the write was acknowledged, in whichever attempt.
pub(super) fn acknowledged(writes: &[Write], write: &Write) -> Option<RunTime> {
    acknowledged_attempts(writes, write).map(|attempt| attempt.completed).max()
}

fn acknowledged_attempts<'w>(writes: &'w [Write], write: &Write) -> impl Iterator<Item = &'w Write> {
    let id = write.id;
    writes.iter().filter(move |other| other.id == id && other.acknowledged())
}

/// What became of a key, and when: `deleted 14:00:13.0Z`.
pub(super) fn described(edge: Edge<'_>, write: &Write) -> String {
    let what = if write.op == Op::Delete { "deleted" } else { "written" };
    format!("{what} {}", edge.case.timeline.clock(write.completed))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds are not made by comparing derived items")]
fn report(edge: Edge<'_>, tallies: &Tallies, counts: &mut EffectCounts, book: &mut Book) {
    let trigger = ResourceId::new(ResourceKind::Trigger, edge.name);
    let effects = effects_of(edge.name);
    let name = edge.name;
    for (kind, root, tally) in &tallies.0 {
        let places = counted(tally.count, "key");
        let (message, help) = match kind {
            FindingKind::EffectMissing => {
                counts.missing += tally.count;
                counts.sample.extend(tally.keys());
                (
                    format!("{places} restored or written after the cutover had no effect through {name}"),
                    "is the trigger there and enabled, and does its function succeed? Redrive what was restored",
                )
            }
            FindingKind::EffectOrphaned => {
                counts.orphaned += tally.count;
                (
                    format!(
                        "{places} {} lost and what {name} made of {} is not",
                        agreeing(tally.count, "is", "are"),
                        agreeing(tally.count, "it", "them")
                    ),
                    "capture what functions write before what they read, so that no effect outlives its cause",
                )
            }
            _ => {
                counts.wrong += tally.count;
                (
                    format!("{places} where the result of {name} is not what its causes give"),
                    "compare the item with its causes: an event counted twice, in another order, or a wrong value",
                )
            }
        };
        let draft = Draft::failure(*kind, message)
            .resource(trigger.clone())
            .key(tally.first_key())
            .count(tally.count)
            .detail(tally.lines())
            .follows(*root)
            .help(help);
        let check = book.asserted().first(&[&effects, STATE]).unwrap_or(&effects).to_owned();
        let handle = book.add(draft.check(check));
        if *kind == FindingKind::EffectOrphaned {
            torn(tally, handle, book);
        }
    }
    counts.sample.truncate(SAMPLE_MAX);
}

/// An effect without its cause is no consistent cut either.
fn torn(tally: &Tally, root: Handle, book: &mut Book) {
    if book.asserted().has(CONSISTENT_CUT) {
        let their = agreeing(tally.count, "its", "their");
        let message = format!("{} survived without {their} cause", counted(tally.count, "effect"));
        let draft = Draft::failure(FindingKind::Torn, message).check(CONSISTENT_CUT);
        book.add(draft.key(tally.first_key()).count(tally.count).follows(Some(root)));
    }
}
