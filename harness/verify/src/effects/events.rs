//! Deliveries of single events: those of writes after the cutover, since the log of the lost side is lost with it.

use firedrill_model::{findings::FindingKind, ledger::Op, verification::EffectCounts};

use super::{
    Edge,
    deliveries::Log,
    model,
    owed::{Tallies, described},
};
use crate::{
    content::root_of,
    findings::{Book, Handle},
    ledger::{Fate, Key, ResourceWrites, Write},
};

/// Looks for a delivery of each owed event. A delete is owed one when the model shows deletes and there was a value to
/// take away.
pub(super) fn examine(
    edge: Edge<'_>,
    causes: &ResourceWrites,
    log: &Log,
    broken: Option<Handle>,
    tallies: &mut Tallies,
    counts: &mut EffectCounts,
    book: &Book,
) {
    let source = edge.trigger.source_resource();
    let shows_deletes = edge.trigger.effect.as_ref().is_some_and(|effect| model(effect.model).shows_deletes());
    for key in causes.keys.iter().filter(|key| !causes.is_probe(key) && edge.hears(causes.text(key))) {
        for index in key.range() {
            let write = &causes.writes[index];
            if write.epoch == 0 || !write.acknowledged() || write.fate == Fate::Lost {
                continue;
            }
            let delivered = if write.op == Op::Delete {
                let removed = if shows_deletes { removed_by(edge, write, causes, key) } else { Vec::new() };
                if removed.is_empty() {
                    continue;
                }
                removed.into_iter().any(|value| log.first_removal(value).is_some())
            } else {
                log.first(index).is_some()
            };
            counts.expected += 1;
            if !delivered {
                let root = root_of(book, &source, key).or(broken);
                tallies.add(FindingKind::EffectMissing, root, causes.text(key), || described(edge, write));
            }
        }
    }
}

/// The writes, by index, of which a delete took the value away: one of them did. None when there may have been nothing to
/// take away, since a delete of what is absent raises no event.
fn removed_by(edge: Edge<'_>, delete: &Write, causes: &ResourceWrites, key: &Key) -> Vec<usize> {
    let writes = || causes.writes_of(key).iter();
    let deletes = || writes().filter(|other| other.op == Op::Delete && other.ordinal != delete.ordinal);
    let utc_ms = edge.case.timeline.utc_ms(delete.completed);
    // It was there when the delete was issued: written before, and taken away by nothing else.
    let there = |value: &Write| {
        let taken = |other: &Write| other.possible() && !other.precedes(value) && !delete.precedes(other);
        let put = value.epoch > 0 && value.op != Op::Delete && value.acknowledged() && value.precedes(delete);
        put && !value.expired(utc_ms) && !deletes().any(taken)
    };
    if !writes().any(there) {
        return Vec::new();
    }
    let candidate = |index: &usize| {
        let value = &causes.writes[*index];
        let gone = |other: &Write| other.acknowledged() && value.precedes(other) && other.precedes(delete);
        value.op != Op::Delete && value.possible() && !delete.precedes(value) && !deletes().any(gone)
    };
    key.range().filter(candidate).collect()
}
