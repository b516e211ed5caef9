//! Histories drawn at random: writers on keys of their own and of all, ambiguous and refused writes, deletes, expiry.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::Entry,
    ledger::{LedgerLine, Op, Outcome},
    units::RunTime,
};
use proptest::prelude::*;

use super::{T0, World, ambiguous, delete, entry, orders, put, put_after, rejected};

/// How often a law is tried: so often, or less when `PROPTEST_CASES` says so, for runs that repeat all tests many times.
pub fn tried(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let fewer = std::env::var_os("PROPTEST_CASES").map_or(cases, |_| config.cases.min(cases));
    ProptestConfig { cases: fewer, ..config }
}

/// One write before it has a place in time.
#[derive(Clone, Debug)]
pub struct Stroke {
    pub key: u8,
    pub kind: u8,
    pub outcome: u8,
    /// Milliseconds after the write before.
    pub pause: u64,
    /// How long it takes.
    pub takes: u64,
}

/// A few writes on few keys, so that keys are overwritten, deleted and written again.
pub fn strokes() -> impl Strategy<Value = Vec<Stroke>> {
    let stroke = (0..4_u8, 0..10_u8, 0..12_u8, 1..900_u64, 1..700_u64)
        .prop_map(|(key, kind, outcome, pause, takes)| Stroke { key, kind, outcome, pause, takes });
    prop::collection::vec(stroke, 1..40)
}

/// The ledger lines of these strokes on the orders table, from 2 s on; none completes after the fault. With `concurrent`
/// a write may be issued before the one before it on its key has completed.
pub fn ledger(strokes: &[Stroke], concurrent: bool) -> Vec<LedgerLine> {
    let mut at = 2_000;
    let mut busy_until: BTreeMap<u8, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for (number, stroke) in strokes.iter().enumerate() {
        at += stroke.pause / 3;
        let issued = if concurrent { at } else { at.max(busy_until.get(&stroke.key).copied().unwrap_or(0) + 1) };
        let completed = issued + stroke.takes;
        if completed >= T0 {
            break;
        }
        busy_until.insert(stroke.key, completed);
        let (key, id) = (format!("C-1#k{}", stroke.key), format!("w-{number}"));
        let line =
            if stroke.kind < 2 { delete(&orders(), &key, &id, issued) } else { put(&orders(), &key, &id, issued) };
        let line = LedgerLine {
            completed_ms: Some(RunTime::from_ms(completed)),
            writer: format!("writer-{}", stroke.key),
            seq: number as u64,
            ..line
        };
        lines.push(match stroke.outcome {
            0 => ambiguous(line),
            1 => rejected(line),
            _ => line,
        });
    }
    lines
}

/// The ledger lines of these strokes by two writers, each of which writes several keys and is busy until its last write has
/// ended. A key may be written by both at once.
pub fn by_writers(strokes: &[Stroke], concurrent: bool) -> Vec<LedgerLine> {
    let mut busy_until = [0_u64; 2];
    let mut lines = Vec::new();
    // As many as `ledger` draws: the others would complete after the fault.
    for (stroke, line) in strokes.iter().zip(ledger(strokes, concurrent)) {
        let writer = usize::from(stroke.takes % 2 == 0);
        let of_key = lines.iter().filter(|other: &&LedgerLine| other.key == line.key && !concurrent);
        let key_until = of_key.filter_map(|other| other.completed_ms).max().map_or(0, RunTime::ms);
        let issued = line.issued_ms.ms().max(busy_until[writer] + 1).max(key_until + 1);
        let completed = issued + stroke.takes;
        if completed >= T0 {
            break;
        }
        busy_until[writer] = completed;
        lines.push(LedgerLine {
            issued_ms: RunTime::from_ms(issued),
            completed_ms: line.completed_ms.map(|_| RunTime::from_ms(completed)),
            writer: format!("writer-{writer}"),
            ..line
        });
    }
    lines
}

/// The same lines with expiry: a third of the values has expired when the recovered state is captured, a third will later.
pub fn expiring(lines: Vec<LedgerLine>) -> Vec<LedgerLine> {
    let expires = |line: &LedgerLine| match line.seq % 3 {
        0 => Some(super::EPOCH_MS + T0),
        1 => Some(super::EPOCH_MS + 10_000_000),
        _ => None,
    };
    lines
        .into_iter()
        .map(|line| LedgerLine { expires_ms: expires(&line).filter(|_| line.op == Op::Put), ..line })
        .collect()
}

/// Whether a value has expired when the recovered state is captured.
pub fn has_expired(line: &LedgerLine) -> bool {
    line.expires_ms.is_some_and(|at| at <= super::EPOCH_MS + T0)
}

/// A world whose orders have this ledger, recovered to the state as of `cut_ms`: each key holds the possible write that
/// took effect last before it, taking a write to have effect when it completes, an ambiguous one when it is issued.
/// Assertions about effects are off, since these orders have none.
pub fn world(lines: &[LedgerLine], cut_ms: u64) -> World {
    let mut world = World::whole();
    world.plan.expect.effects.clear();
    world.plan.stack.triggers.clear();
    for derived in [super::documents(), super::totals()] {
        world.plan.stack.tables.remove(derived.name());
        world.content.retain(|(_, resource), _| *resource != derived);
    }
    world.plan.probes.retain(|probe| probe.resource != super::trigger("total-orders"));
    world.ledger.retain(|line| line.resource != orders());
    world.ledger.extend(lines.iter().cloned());
    let held = state_at(lines, cut_ms).into_values().flatten().map(|line| entry(&line)).collect::<Vec<_>>();
    *world.recovered(&orders()) = held.clone();
    *world.drained(&orders()) = held;
    world
}

/// When a write took effect, in a world that has a single order.
pub fn effective(line: &LedgerLine) -> RunTime {
    if line.outcome == Outcome::Ambiguous { line.issued_ms } else { line.completed_ms.unwrap_or(line.issued_ms) }
}

/// By key, the write whose value the key holds at an instant; `None` for absent.
pub fn state_at(lines: &[LedgerLine], at_ms: u64) -> BTreeMap<String, Option<LedgerLine>> {
    let mut state = BTreeMap::new();
    let mut sorted: Vec<&LedgerLine> = lines.iter().filter(|line| line.outcome != Outcome::Rejected).collect();
    sorted.sort_by_key(|line| effective(line));
    for line in sorted.into_iter().filter(|line| effective(line) <= RunTime::from_ms(at_ms)) {
        state.insert(line.key.clone(), (line.op != Op::Delete).then(|| line.clone()));
    }
    state
}

/// Writes on fresh keys after the cutover.
pub fn after_cutover(count: usize) -> Vec<LedgerLine> {
    (0..count)
        .map(|n| put_after(&orders(), &format!("C-9#fresh{n}"), &format!("fresh-{n}"), 29_000 + n as u64))
        .collect()
}

/// The ledger lines of these strokes as increments of counters; by how much is drawn up to `amount_max`.
pub fn increments(strokes: &[Stroke], concurrent: bool, amount_max: u64) -> Vec<LedgerLine> {
    let amount = |line: &LedgerLine| 1 + line.seq % amount_max;
    let lines = ledger(strokes, concurrent).into_iter();
    lines.map(|line| add(&line, amount(&line))).collect()
}

/// An increment after the cutover, of one of the counters of [`increments`].
#[derive(Clone, Copy, Debug)]
pub struct Later {
    key: u8,
    amount: u64,
    is_ambiguous: bool,
    /// An ambiguous one took effect.
    happened: bool,
}

/// A few of them, by up to `amount_max`.
pub fn later(amount_max: u64) -> impl Strategy<Value = Vec<Later>> {
    let one = (0..4_u8, 1..=amount_max, any::<(bool, bool)>());
    let one = one.prop_map(|(key, amount, (is_ambiguous, happened))| Later { key, amount, is_ambiguous, happened });
    prop::collection::vec(one, 0..4)
}

/// Their ledger lines, and what they add to the counters.
pub fn increments_after(later: &[Later], held: &mut BTreeMap<String, u64>) -> Vec<LedgerLine> {
    let mut lines = Vec::new();
    for (number, one) in (0_u64..).zip(later) {
        let key = format!("C-1#k{}", one.key);
        let line = add(&put_after(&orders(), &key, &format!("later-{number}"), 29_000 + 100 * number), one.amount);
        if one.happened || !one.is_ambiguous {
            *held.entry(key).or_default() += one.amount;
        }
        lines.push(if one.is_ambiguous { ambiguous(line) } else { line });
    }
    lines
}

/// An increment in the place of a write.
pub fn add(line: &LedgerLine, amount: u64) -> LedgerLine {
    LedgerLine {
        op: Op::Add,
        amount: Some(amount),
        digest: None,
        parts: BTreeMap::new(),
        facts: BTreeMap::new(),
        ..line.clone()
    }
}

/// What each counter holds at an instant; those that were never incremented are not there.
pub fn counters_at(lines: &[LedgerLine], at_ms: u64) -> BTreeMap<String, u64> {
    let mut held = BTreeMap::new();
    let happened = lines.iter().filter(|line| line.outcome != Outcome::Rejected);
    for line in happened.filter(|line| effective(line) <= RunTime::from_ms(at_ms)) {
        *held.entry(line.key.clone()).or_default() += line.amount.unwrap_or(0);
    }
    held
}

/// What a capture shows of a counter.
pub fn counter(key: &str, value: &str) -> Entry {
    Entry { write_id: None, counter: Some(value.to_owned()), ..entry(&put(&orders(), key, "counter", 0)) }
}

/// [`world`] with counters: orders hold these values and nothing else.
pub fn counting(lines: &[LedgerLine], held: &BTreeMap<String, u64>) -> World {
    let mut world = world(&[], T0);
    world.ledger.extend(lines.iter().cloned());
    let entries: Vec<Entry> = held.iter().map(|(key, value)| counter(key, &value.to_string())).collect();
    *world.recovered(&orders()) = entries.clone();
    *world.drained(&orders()) = entries;
    world
}
