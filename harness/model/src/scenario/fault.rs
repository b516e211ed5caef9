//! What a disaster takes away, and by what: rules, actions on regions, changes of resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{Region, ResourceId},
    rule::{Firing, Rule},
    stack::Stack,
};

/// What is taken away, resolved into what is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its word in a scenario: `region-outage`.
    pub kind: String,
    /// What it is, for people: `us-east-1 is gone (time-outs)`.
    pub title: String,
    /// What clients see, for people: `requests are never answered`.
    pub symptoms: String,
    /// Regions in which nothing can be reached while it is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Region>,
    /// Rules of the fault plane that stand while it is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What is done to the regions themselves, after the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<TargetAction>,
    /// What is done to what lives in them, last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Fault {
    /// Whether nothing in the region can be reached while it is on.
    pub fn takes_away(&self, region: &Region) -> bool {
        self.lost.contains(region)
    }

    /// Whether it takes the region away, or does something to requests there that come from there or from outside.
    pub fn interferes_in(&self, region: &Region) -> bool {
        self.takes_away(region) || self.rules.iter().any(|rule| rule.is_for(region))
    }

    /// Whether it does that, or changes what lives there.
    pub fn concerns(&self, region: &Region) -> bool {
        self.interferes_in(region) || self.changes.iter().any(|change| change.region == *region)
    }

    /// Whether clients of a workload with this stack, which runs in `region`, can feel it.
    pub fn is_felt(&self, region: &Region, stack: &Stack) -> bool {
        let touches =
            |change: &Change| change.region == *region && stack.has(&change.resource) && change.what.is_felt();
        self.interferes_in(region) || self.changes.iter().any(touches)
    }

    /// The triggers that have to be seen failing before it is known that it has happened: only a function itself tells what it
    /// cannot process.
    pub fn seen_at(&self) -> impl Iterator<Item = &ResourceId> {
        self.changes.iter().filter(|change| change.what == Alteration::Poison).map(|change| &change.resource)
    }

    /// Whether every request that its rules are for is struck, for as long as it is on: nothing is left to chance.
    pub fn is_certain(&self) -> bool {
        !self.rules.is_empty() && self.rules.iter().all(|rule| rule.fires == Firing::default())
    }

    /// Whether a region that it destroyed is still gone when it is over.
    pub fn destroys(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, TargetAction::Destroy { .. }))
    }

    /// Whether there is nothing to switch off: what it did is still so when it is over.
    pub fn stays(&self) -> bool {
        self.destroys() || self.rules.is_empty() && self.actions.is_empty()
    }
}

/// What is done to the process of a region, where it has one of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TargetAction {
    /// It is stopped with everything in it, functions included; it goes on when the fault is over.
    Stop {
        /// The region.
        region: Region,
    },
    /// It is killed and its data is gone for good.
    Destroy {
        /// The region.
        region: Region,
    },
}

impl TargetAction {
    /// The region that it is done to.
    pub fn region(&self) -> &Region {
        match self {
            Self::Stop { region } | Self::Destroy { region } => region,
        }
    }
}

/// What is done to a resource through the region's own API, as an accident or an attacker does it. Only a recovery undoes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where.
    pub region: Region,
    /// To what.
    pub resource: ResourceId,
    /// What.
    pub what: Alteration,
}

/// What can be done to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Alteration {
    /// A bucket, table or queue is deleted with everything in it.
    Delete,
    /// The stream of a table is switched off. The table stays.
    DropStream,
    /// Every version of every object below a prefix is deleted, the bucket stays.
    DeleteBelow {
        /// The prefix.
        prefix: String,
    },
    /// Objects or items hold other content, of the same size.
    Corrupt {
        /// How many, drawn from the seed; all when `None`.
        count: Option<u64>,
        /// How many bytes of each object, drawn from the seed; the last one alone when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// Every object is overwritten with noise, and every older version of it deleted.
    Encrypt,
    /// The code of a function is replaced by code that fails, and its alias points at that.
    BreakCode,
    /// The handler of a function is set to one that its code does not have, and its alias points at that version.
    BreakHandler,
    /// The alias of a function points at `$LATEST` instead of a version.
    MoveAlias,
    /// A function loses a variable of its environment, and its alias points at that version.
    Unset {
        /// Its name.
        variable: String,
    },
    /// A trigger is disconnected: its notification is removed, its event source mapping deleted.
    Disconnect,
    /// The event source mapping of a trigger is disabled. It stays.
    SwitchOff,
    /// What a trigger listens to gets an item that its function cannot process.
    Poison,
}

impl Alteration {
    /// Whether clients of what is changed can feel it.
    fn is_felt(&self) -> bool {
        match self {
            Self::Delete
            | Self::DropStream
            | Self::DeleteBelow { .. }
            | Self::Corrupt { .. }
            | Self::Encrypt
            | Self::BreakCode
            | Self::BreakHandler
            | Self::Unset { .. }
            | Self::Disconnect
            | Self::SwitchOff
            | Self::Poison => true,
            // The version that it pointed at is what `$LATEST` holds, until the next deployment.
            Self::MoveAlias => false,
        }
    }
}

/// What clients see of a disaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// Connections are refused, or reset when they are open; data is kept.
    Refused,
    /// Requests are accepted and never answered; data is kept.
    Timeouts,
    /// Connections are refused; the region's process is killed and its data is gone for good.
    Destroyed,
    /// Requests are answered with errors.
    Errors,
    /// Requests that need a key are answered that it is disabled.
    Disabled,
    /// Requests that need a key are answered that it is waiting for its deletion.
    PendingDeletion,
}

impl Symptom {
    /// The word in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeouts => "timeouts",
            Self::Destroyed => "destroyed",
            Self::Errors => "errors",
            Self::Disabled => "disabled",
            Self::PendingDeletion => "pending-deletion",
        }
    }
}
