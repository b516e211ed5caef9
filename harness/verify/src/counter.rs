//! What one counter holds, and what that says about each of its increments.
//!
//! A counter lies in *[acknowledged, acknowledged + ambiguous]*. A copy of one holds what the counter was at some instant:
//! every increment that was complete before it, none that was issued after it, and of those under way then any. So a
//! value explains itself by the instants at which at least it was certain and at most it was possible. Below what was
//! acknowledged, increments are lost; which ones cannot be told when several may be, but how many at least and since when
//! at the latest can.

use std::{cmp::Reverse, collections::BTreeSet};

use firedrill_model::units::RunTime;

use crate::{
    admissible::Standing,
    decimal::Decimal,
    ledger::{Fate, Gone, Write},
};

/// So many instants are tried one by one, and so many sums of what is under way at one of them.
const INSTANTS_MAX: usize = 256;
const SUMS_MAX: usize = 4_096;

const ALWAYS: RunTime = RunTime::from_micros(0);
const FOREVER: RunTime = RunTime::from_micros(u64::MAX);

/// What was read of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// No item: it was never incremented.
    Absent,
    /// What it holds; `None` when that is no whole number.
    Value(Option<u128>),
}

impl Observed {
    /// From the number as the service writes it; `None` when the item holds none.
    pub(crate) fn of(counter: Option<&str>) -> Self {
        Self::Value(counter.and_then(Decimal::parse).and_then(Decimal::whole))
    }
}

/// What a counter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) standing: Standing,
    /// There are too many ways in which the value may have come about to try them all, and none of those tried gives it.
    pub(crate) undecided: bool,
    /// Of the copy that was given up.
    pub(crate) earlier: Loss,
    /// Of what was written after the cutover.
    pub(crate) later: Loss,
}

/// Increments that are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    /// At least so many.
    pub(crate) writes: u64,
    /// The earliest of them was complete at this instant or before.
    pub(crate) certain: Option<RunTime>,
    /// The earliest that may be lost was complete at this instant.
    pub(crate) possible: Option<RunTime>,
}

/// Every possible write of the key is an increment by something: the law of counters applies.
pub(crate) fn is_counter(writes: &[Write]) -> bool {
    writes.iter().filter(|write| write.possible()).all(|write| write.is_increment() && write.amount > 0)
}

/// Reads a counter and notes what became of each of its increments.
///
/// What was added after the cutover is taken to be there before what was added to the copy that was given up: that it is
/// gone would be another defect than a loss.
pub(crate) fn read(writes: &mut [Write], observed: Observed) -> Reading {
    let sum = |wanted: &dyn Fn(&Write) -> bool| -> u128 {
        writes.iter().filter(|write| wanted(write)).map(|write| u128::from(write.amount)).sum()
    };
    let acknowledged = sum(&|write| write.acknowledged());
    let possible = sum(&Write::possible);
    let value = match observed {
        Observed::Absent => 0,
        Observed::Value(Some(value)) if value <= possible => value,
        Observed::Value(Some(value)) if value <= sum(&|_| true) => return outside(Standing::Phantom),
        Observed::Value(_) => return outside(Standing::Foreign),
    };
    let later_certain = sum(&|write| write.epoch > 0 && write.acknowledged());
    let later_doubtful = sum(&|write| write.epoch > 0 && write.possible() && !write.acknowledged());
    let of_earlier = value.saturating_sub(later_certain);
    let of_later = value.min(later_certain + later_doubtful);
    // A counter of increments by three that holds seven has not lost one: it is wrong.
    match is_explained(writes, of_earlier, later_doubtful) {
        Some(true) => {}
        Some(false) => return outside(Standing::Foreign),
        None => return Reading { undecided: true, ..outside(Standing::Current) },
    }
    let standing = match (value >= acknowledged, observed) {
        (true, _) => Standing::Current,
        (false, Observed::Absent) => Standing::Missing,
        (false, Observed::Value(_)) => Standing::Stale,
    };
    let earlier = explain(writes, |write| write.epoch == 0, of_earlier, later_doubtful);
    let later = explain(writes, |write| write.epoch > 0, of_later, 0);
    Reading { standing, undecided: false, earlier, later }
}

/// A value that no increments give says nothing about what is lost.
fn outside(standing: Standing) -> Reading {
    Reading { standing, undecided: false, earlier: Loss::default(), later: Loss::default() }
}

/// Sums up to an instant, over increments in the order of one of their two times.
struct Sums(Vec<(RunTime, u128)>);

impl Sums {
    fn of(mut at: Vec<(RunTime, u64)>) -> Self {
        at.sort_unstable();
        let mut sum = 0;
        Self(
            at.into_iter()
                .map(|(at, amount)| {
                    sum += u128::from(amount);
                    (at, sum)
                })
                .collect(),
        )
    }

    fn first(&self, count: usize) -> u128 {
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    fn before(&self, at: RunTime) -> u128 {
        self.first(self.0.partition_point(|(other, _)| *other < at))
    }

    fn until(&self, at: RunTime) -> u128 {
        self.first(self.0.partition_point(|(other, _)| *other <= at))
    }

    /// The first instant whose sum is at least, or with `more` above, `value`.
    fn reaching(&self, value: u128, more: bool) -> Option<RunTime> {
        let short = |(_, sum): &(RunTime, u128)| if more { *sum <= value } else { *sum < value };
        self.0.get(self.0.partition_point(short)).map(|(at, _)| *at)
    }
}

/// The instants at which a value may have been read.
struct Instants {
    certain: Sums,
    possible: Sums,
    from: RunTime,
    to: RunTime,
}

impl Instants {
    /// Of the increments in `group`, to which up to `slack` from elsewhere may have been added.
    fn of(writes: &[Write], group: impl Fn(&Write) -> bool, value: u128, slack: u128) -> Self {
        let sums = |wanted: &dyn Fn(&Write) -> bool, at: &dyn Fn(&Write) -> RunTime| {
            let wanted = writes.iter().filter(|write| group(write) && wanted(write));
            Sums::of(wanted.map(|write| (at(write), write.amount)).collect())
        };
        let certain = sums(&Write::acknowledged, &|write| write.completed);
        let possible = sums(&Write::possible, &|write| write.issued);
        let own = value.saturating_sub(slack);
        let from = if own == 0 { ALWAYS } else { possible.reaching(own, false).unwrap_or(FOREVER) };
        let to = certain.reaching(value, true).unwrap_or(FOREVER);
        Self { certain, possible, from, to }
    }
}

/// Whether some choice of what was under way on the copy that was given up at some instant, and of what is in doubt after the
/// cutover, which sums up to `later_doubtful`, gives `value`; `None` when there is too much to choose from and nothing that
/// was tried gives it.
fn is_explained(writes: &[Write], value: u128, later_doubtful: u128) -> Option<bool> {
    let instants = Instants::of(writes, |write| write.epoch == 0, value, later_doubtful);
    let own = || writes.iter().filter(|write| write.epoch == 0 && write.possible());
    let later = || writes.iter().filter(|write| write.epoch > 0 && write.possible() && !write.acknowledged());
    // Of equal increments any number may have been there between the bounds that hold at an instant.
    let amount = own().chain(later()).next().map_or(0, |write| write.amount);
    if own().chain(later()).all(|write| write.amount == amount) {
        let whole = value == 0 || amount > 0 && value.is_multiple_of(u128::from(amount));
        return Some(whole && instants.from <= instants.to);
    }
    let within = |at: &RunTime| (instants.from..=instants.to).contains(at);
    let ends = own().flat_map(|write| {
        let after = write.completed.micros().saturating_add(1);
        [write.issued, write.completed, RunTime::from_micros(after)]
    });
    let mut tried = BTreeSet::new();
    let mut all_tried = true;
    for at in ends.chain([instants.from, instants.to]).filter(within) {
        if tried.contains(&at) {
            continue;
        }
        if tried.len() == INSTANTS_MAX {
            all_tried = false;
            break;
        }
        tried.insert(at);
        let complete = |write: &Write| write.acknowledged() && write.completed < at;
        let under_way = own().filter(|write| write.issued <= at && !complete(write)).chain(later());
        match gives(instants.certain.before(at), under_way.map(|write| write.amount), value) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all_tried = false,
        }
    }
    all_tried.then_some(false)
}

/// Whether some of these amounts make `value` of `certain`; `None` when they have too many sums.
fn gives(certain: u128, amounts: impl Iterator<Item = u64>, value: u128) -> Option<bool> {
    let mut sums = BTreeSet::from([certain]);
    for amount in amounts {
        let more: Vec<u128> = sums.iter().map(|sum| sum + u128::from(amount)).filter(|sum| *sum <= value).collect();
        sums.extend(more);
        if sums.contains(&value) {
            return Some(true);
        }
        if sums.len() > SUMS_MAX {
            return None;
        }
    }
    Some(sums.contains(&value))
}

/// Explains `value` by the increments of one group, to which up to `slack` from elsewhere may have been added.
fn explain(writes: &mut [Write], group: impl Fn(&Write) -> bool, value: u128, slack: u128) -> Loss {
    let Instants { certain, possible, from, to } = Instants::of(writes, &group, value, slack);
    for write in writes.iter_mut().filter(|write| group(write) && write.possible()) {
        let amount = u128::from(write.amount);
        let at = write.issued.max(from);
        let with_it = certain.before(at) + if write.completed < at { 0 } else { amount };
        let until = write.completed.min(to);
        let without_it = possible.until(until) - if write.issued <= until { amount } else { 0 };
        (write.fate, write.gone) = match (with_it <= value, without_it + slack >= value) {
            (false, _) if write.acknowledged() => (Fate::Lost, Gone::Certainly),
            (true, true) if write.acknowledged() => (Fate::PossiblyLost, Gone::Possibly),
            (false, _) => (Fate::Unknown, Gone::Certainly),
            (true, true) => (Fate::Unknown, Gone::Possibly),
            (true, false) => (Fate::Survived, Gone::No),
        };
    }
    let deficit = certain.first(certain.0.len()).saturating_sub(value);
    loss(&writes.iter().filter(|write| group(write) && write.acknowledged()).collect::<Vec<_>>(), deficit)
}

fn loss(acknowledged: &[&Write], deficit: u128) -> Loss {
    let with = |fates: &'static [Fate]| acknowledged.iter().filter(move |write| fates.contains(&write.fate));
    let possible = with(&[Fate::Lost, Fate::PossiblyLost]).map(|write| write.completed).min();
    // Whatever is lost sums up to the deficit: the latest to complete that do so are complete as late as can be.
    let mut latest: Vec<(RunTime, u64)> = acknowledged.iter().map(|write| (write.completed, write.amount)).collect();
    latest.sort_unstable_by_key(|write| Reverse(*write));
    let certain = reach(latest.iter().map(|(_, amount)| *amount), deficit).map(|last| latest[last].0);
    let lost: u128 = with(&[Fate::Lost]).map(|write| u128::from(write.amount)).sum();
    let mut others: Vec<u64> = with(&[Fate::PossiblyLost]).map(|write| write.amount).collect();
    others.sort_unstable_by_key(|amount| Reverse(*amount));
    let more = reach(others.iter().copied(), deficit.saturating_sub(lost)).map_or(0, |last| last + 1);
    Loss { writes: (with(&[Fate::Lost]).count() + more) as u64, certain, possible }
}

/// The index at which these amounts first sum up to `wanted`; `None` when nothing is wanted, or they never do.
fn reach(amounts: impl Iterator<Item = u64>, wanted: u128) -> Option<usize> {
    let mut sum = 0;
    let sums = amounts.map(|amount| {
        sum += u128::from(amount);
        sum
    });
    if wanted == 0 { None } else { sums.enumerate().find(|(_, sum)| *sum >= wanted).map(|(index, _)| index) }
}
