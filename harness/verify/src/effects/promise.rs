//! The effects that are owed through one trigger, each once: that of the value a key holds, and with `per: event` those of what
//! was written and removed after the cutover.

use std::collections::BTreeMap;

use firedrill_model::units::RunTime;

use super::{Edge, owed::acknowledged};
use crate::ledger::{Key, ResourceWrites, Seen, Write};

/// How the effect of one value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Value {
    #[default]
    NotOwed,
    Owed,
    /// Owed, and known not to be there.
    Broken,
}

/// The effect of the removal of one value, which is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Removal {
    /// When the delete was acknowledged; `None` when the event of it belongs to the copy that was given up.
    acknowledged: Option<RunTime>,
    /// It is known not to be there.
    broken: bool,
}

/// By write of the source, by index: the effect of its value, in one byte since there are as many as keys, and that of the
/// removal of its value.
#[derive(Debug, Default)]
pub(super) struct Promises {
    values: Vec<Value>,
    removals: BTreeMap<usize, Removal>,
}

impl Promises {
    /// Owes the effect of each acknowledged value that a key holds.
    pub(super) fn of_values(&mut self, edge: Edge<'_>, causes: &ResourceWrites) {
        for key in causes.keys.iter().filter(|key| !causes.is_probe(key) && edge.hears(causes.text(key))) {
            let Seen::Write(value) = key.seen else { continue };
            if acknowledged(causes.writes_of(key), &causes.writes[value as usize]).is_some() {
                self.value(value as usize);
            }
        }
    }

    /// Owes the effect of a value.
    pub(super) fn value(&mut self, value: usize) {
        if self.values.len() <= value {
            self.values.resize(value + 1, Value::NotOwed);
        }
        if self.values[value] == Value::NotOwed {
            self.values[value] = Value::Owed;
        }
    }

    /// Owes the effect of the removal of a value.
    pub(super) fn removal(&mut self, value: usize, acknowledged: Option<RunTime>) {
        self.removals.entry(value).or_insert(Removal { acknowledged, broken: false });
    }

    /// The effect of a value is not there. `true` when it is owed and that was not known.
    pub(super) fn broken(&mut self, value: usize) -> bool {
        let owed = self.values.get_mut(value).filter(|value| **value == Value::Owed);
        owed.is_some_and(|value| std::mem::replace(value, Value::Broken) == Value::Owed)
    }

    /// The effect of the removal of a value is not there. `true` when it is owed and that was not known.
    pub(super) fn broken_removal(&mut self, value: usize) -> bool {
        self.removals.get_mut(&value).is_some_and(|removal| !std::mem::replace(&mut removal.broken, true))
    }

    /// The removal of this value is owed.
    pub(super) fn has_removal(&self, value: usize) -> bool {
        self.removals.contains_key(&value)
    }

    /// How many are owed.
    pub(super) fn count(&self) -> u64 {
        let values = self.values.iter().filter(|value| **value != Value::NotOwed).count();
        (values + self.removals.len()) as u64
    }

    /// What is owed of one key and may be late: value, whether its removal is meant, and when what owes it was acknowledged.
    pub(super) fn of_key<'k>(
        &'k self,
        causes: &'k ResourceWrites,
        key: &'k Key,
    ) -> impl Iterator<Item = (usize, bool, RunTime)> + 'k {
        let is_owed = move |value: &usize| self.values.get(*value).is_some_and(|value| *value != Value::NotOwed);
        let values = key.range().filter(is_owed);
        let values = values.filter_map(move |value| Some((value, false, acknowledged_at(causes, key, value)?)));
        let removals = self.removals.range(key.range());
        values.chain(removals.filter_map(|(value, removal)| Some((*value, true, removal.acknowledged?))))
    }
}

/// When a write was acknowledged. Its attempts come one after the other; the other writes of the key are looked at only when
/// none of those was.
fn acknowledged_at(causes: &ResourceWrites, key: &Key, value: usize) -> Option<RunTime> {
    let write = &causes.writes[value];
    let later: &[Write] = &causes.writes[value..key.range().end];
    let attempts = later.iter().take_while(|other| other.id == write.id).count();
    acknowledged(&later[..attempts], write).or_else(|| acknowledged(causes.writes_of(key), write))
}
