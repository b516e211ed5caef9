//! The effects that are owed through one trigger, each once: that of the value a key holds, and with `per: event` those of what
//! was written and removed after the cutover.

use std::collections::BTreeMap;

use firedrill_model::units::RunTime;

use super::{Edge, owed::acknowledged};
use crate::ledger::{Key, ResourceWrites, Seen};

/// One effect that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// When what owes it was acknowledged; `None` when the event of it belongs to the copy that was given up.
    pub(super) acknowledged: Option<RunTime>,
    /// It is known not to be there.
    pub(super) broken: bool,
}

/// By write of the source, by index: the effect of its value, and that of the removal of its value.
#[derive(Debug, Default)]
pub(super) struct Promises {
    values: BTreeMap<usize, Promise>,
    removals: BTreeMap<usize, Promise>,
}

impl Promises {
    /// Owes the effect of each acknowledged value that a key holds.
    pub(super) fn of_values(&mut self, edge: Edge<'_>, causes: &ResourceWrites) {
        for key in causes.keys.iter().filter(|key| !causes.is_probe(key) && edge.hears(causes.text(key))) {
            let Seen::Write(value) = key.seen else { continue };
            if let Some(at) = acknowledged(causes.writes_of(key), &causes.writes[value as usize]) {
                self.value(value as usize, at);
            }
        }
    }

    /// Owes the effect of a value.
    pub(super) fn value(&mut self, value: usize, acknowledged: RunTime) {
        self.values.entry(value).or_insert(Promise { acknowledged: Some(acknowledged), broken: false });
    }

    /// Owes the effect of the removal of a value.
    pub(super) fn removal(&mut self, value: usize, acknowledged: Option<RunTime>) {
        self.removals.entry(value).or_insert(Promise { acknowledged, broken: false });
    }

    /// The effect of a value is not there. `true` when that was not known.
    pub(super) fn broken(&mut self, value: usize) -> bool {
        self.values.get_mut(&value).is_some_and(|promise| !std::mem::replace(&mut promise.broken, true))
    }

    /// The effect of the removal of a value is not there. `true` when that was not known.
    pub(super) fn broken_removal(&mut self, value: usize) -> bool {
        self.removals.get_mut(&value).is_some_and(|promise| !std::mem::replace(&mut promise.broken, true))
    }

    /// The removal of this value is owed.
    pub(super) fn has_removal(&self, value: usize) -> bool {
        self.removals.contains_key(&value)
    }

    /// How many are owed.
    pub(super) fn count(&self) -> u64 {
        (self.values.len() + self.removals.len()) as u64
    }

    /// What is owed of one key: value, whether its removal is meant, and the promise.
    pub(super) fn of_key(&self, key: &Key) -> impl Iterator<Item = (usize, bool, Promise)> {
        let values = self.values.range(key.range()).map(|(value, promise)| (*value, false, *promise));
        values.chain(self.removals.range(key.range()).map(|(value, promise)| (*value, true, *promise)))
    }
}
