//! Critical attributes of a backup rule: what its recovery points must hold of everything they protect.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ResourceId, ResourceKind},
    stack::Stack,
};

/// What a recovery point must hold, or it is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CriticalAttribute {
    /// The code of every protected function, and of the functions behind protected triggers.
    Code,
    /// The settings of every protected resource, the roles of protected functions and the queues of protected triggers.
    Configuration,
    /// The items and objects of every protected table and bucket.
    Data,
    /// Every trigger of a protected table, bucket, queue or function.
    Triggers,
}

impl CriticalAttribute {
    /// As it is written: `configuration`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Configuration => "configuration",
            Self::Data => "data",
            Self::Triggers => "triggers",
        }
    }

    /// The resources of which a point that protects `protect` must hold this, whether they are protected or not. Empty
    /// when nothing that is protected has such an attribute.
    pub fn owed_by(self, protect: &[ResourceId], stack: &Stack) -> BTreeSet<ResourceId> {
        let is_protected = |kind, name: &str| protect.contains(&ResourceId::new(kind, name));
        let protected = protect.iter().cloned();
        match self {
            Self::Code => {
                let behind = stack.triggers.iter().filter(|(name, _)| is_protected(ResourceKind::Trigger, name));
                let behind = behind.map(|(_, trigger)| ResourceId::new(ResourceKind::Function, &trigger.function));
                protected.filter(|id| id.kind() == Some(ResourceKind::Function)).chain(behind).collect()
            }
            Self::Configuration => {
                let functions = stack.functions.iter().filter(|(name, _)| is_protected(ResourceKind::Function, name));
                let roles = functions.map(|(_, function)| ResourceId::new(ResourceKind::Role, &function.role));
                let triggers = stack.triggers.iter().filter(|(name, _)| is_protected(ResourceKind::Trigger, name));
                let queues = triggers.filter_map(|(_, trigger)| trigger.queue());
                let queues = queues.map(|via| ResourceId::new(ResourceKind::Queue, &via.queue));
                protected.chain(roles).chain(queues).collect()
            }
            Self::Data => protected.filter(|id| id.kind().is_some_and(ResourceKind::holds_data)).collect(),
            Self::Triggers => {
                let of_protected = stack.triggers.iter().filter(|(name, trigger)| {
                    is_protected(ResourceKind::Trigger, name)
                        || is_protected(ResourceKind::Function, &trigger.function)
                        || trigger.queue().is_some_and(|via| is_protected(ResourceKind::Queue, &via.queue))
                        || protect.contains(&trigger.source_resource())
                });
                of_protected.map(|(name, _)| ResourceId::new(ResourceKind::Trigger, name)).collect()
            }
        }
    }
}

impl fmt::Display for CriticalAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
