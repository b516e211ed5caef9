//! Deliveries of single events: those of writes after the cutover, since the log of the lost side is lost with it; of all
//! writes where the traffic never moved.

use firedrill_model::{findings::FindingKind, ledger::Op};

use super::{
    Edge,
    deliveries::Log,
    model,
    owed::{Tallies, described},
    promise::Promises,
};
use crate::{
    content::root_of,
    findings::{Book, Handle},
    ledger::{Fate, Key, ResourceWrites, Write},
};

/// Looks for a delivery of each owed event. A delete is owed one when the model shows deletes and there was a value to
/// take away. An increment is owed none that could be looked for: the event of a counter names no write.
pub(super) fn examine(
    edge: Edge<'_>,
    causes: &ResourceWrites,
    log: &Log,
    broken: Option<Handle>,
    tallies: &mut Tallies,
    promises: &mut Promises,
    book: &Book,
) {
    let source = edge.trigger.source_resource();
    let shows_deletes = edge.trigger.effect.as_ref().is_some_and(|effect| model(effect.model).shows_deletes());
    for key in causes.keys.iter().filter(|key| !causes.is_probe(key) && edge.hears(causes.text(key))) {
        for index in key.range() {
            let write = &causes.writes[index];
            let is_owed = edge.is_heard_here(write) && write.acknowledged() && write.fate != Fate::Lost;
            if !is_owed || write.is_increment() {
                continue;
            }
            let newly_missing = if write.op == Op::Delete {
                let removed = if shows_deletes { removed_by(edge, write, causes, key) } else { Vec::new() };
                let delivered = removed.iter().find(|value| log.first_removal(**value).is_some());
                // Which of them it was shows in the log, or in what the key owes already.
                let known = removed.iter().find(|value| promises.has_removal(**value));
                let Some(&value) = delivered.or(known).or(removed.first()) else { continue };
                promises.removal(value, Some(write.completed));
                delivered.is_none() && promises.broken_removal(value)
            } else {
                let value = first_attempt(causes, key, index);
                promises.value(value);
                log.first(value).is_none() && promises.broken(value)
            };
            // An item that does not show it has said so already.
            if newly_missing {
                let root = root_of(book, &source, key).or(broken);
                tallies.add(FindingKind::EffectMissing, root, causes.text(key), || described(edge, write));
            }
        }
    }
}

/// The first of the attempts at one write, which come one after the other.
fn first_attempt(causes: &ResourceWrites, key: &Key, index: usize) -> usize {
    let same = |other: &usize| causes.writes[*other].id == causes.writes[index].id;
    (key.range().start..index).rev().take_while(same).last().unwrap_or(index)
}

/// The writes, by index, of which a delete took the value away: one of them did. None when there may have been nothing to
/// take away, since a delete of what is absent raises no event, nor when it may have been a counter, whose event names no
/// write.
fn removed_by(edge: Edge<'_>, delete: &Write, causes: &ResourceWrites, key: &Key) -> Vec<usize> {
    let writes = || causes.writes_of(key).iter();
    let utc_ms = edge.case.timeline.utc_ms(delete.completed);
    // It was there when the delete was issued: written before, and taken away by nothing else, nor by what may have taken
    // its place and had expired.
    let there = |value: &Write| {
        let taken = |other: &Write| {
            let leaves_nothing = other.op == Op::Delete || other.expired(utc_ms);
            leaves_nothing && other.possible() && !other.precedes(value) && !delete.precedes(other)
        };
        let others = || writes().filter(|other| other.ordinal != delete.ordinal && other.ordinal != value.ordinal);
        let put = edge.is_heard_here(value) && value.op != Op::Delete && value.acknowledged() && value.precedes(delete);
        put && !value.expired(utc_ms) && !others().any(taken)
    };
    if !writes().any(there) {
        return Vec::new();
    }
    let candidate = |index: &usize| {
        let value = &causes.writes[*index];
        // Something else was certainly there, or nothing, before the delete was issued.
        let gone = |other: &Write| {
            edge.is_heard_here(other) && other.acknowledged() && value.precedes(other) && other.precedes(delete)
        };
        value.op != Op::Delete && value.possible() && !delete.precedes(value) && !writes().any(gone)
    };
    let candidates: Vec<usize> = key.range().filter(candidate).collect();
    let may_be_a_counter = candidates.iter().any(|index| causes.writes[*index].is_increment());
    if may_be_a_counter { Vec::new() } else { candidates }
}
