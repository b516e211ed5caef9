//! What the runner and the supervisor say to each other: one JSON document a line.

use std::{collections::BTreeMap, path::PathBuf};

use firedrill_model::{
    history::ProcessRecord,
    ids::{FaultId, Region, Zone},
    plan::{Layout, PlannedFault},
};
use serde::{Deserialize, Serialize};

/// A line to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Chosen by the runner; the answer has the same.
    pub(crate) id: u64,
    /// What to do.
    pub(crate) command: Command,
}

/// What the supervisor can be told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Start the plane and the regions; comes first and once.
    Start(Setup),
    /// Switch a fault on.
    Arm {
        /// Which.
        fault: PlannedFault,
    },
    /// Switch a fault off.
    Heal {
        /// Which.
        fault: FaultId,
    },
    /// Heal, and end unless the target is to be kept.
    Stop {
        /// Leave the regions and the plane up when the runner is gone.
        keep: bool,
    },
}

/// What to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// A Python that has the emulator.
    pub(crate) python: PathBuf,
    /// Processes per region or one for all.
    pub(crate) layout: Layout,
    /// Seed of what rules of the plane draw.
    pub(crate) seed: u64,
    /// Regions to serve.
    pub(crate) regions: Vec<Region>,
    /// Zones in which something runs.
    pub(crate) zones: Vec<Zone>,
    /// Folder for logs and for the regions' temporary files.
    pub(crate) folder: PathBuf,
}

/// A line from the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Message {
    /// To the request of the same id.
    Answer {
        /// Of the request.
        id: u64,
        /// How it went.
        outcome: Outcome,
    },
    /// Something happened.
    Event {
        /// What.
        event: TargetEvent,
    },
}

/// How a command went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// The regions are up.
    Started {
        /// Where each region answers.
        endpoints: Vec<EndpointRecord>,
        /// By zone, the address on the fault plane for what runs in it.
        zones: BTreeMap<Zone, String>,
        /// The regions' processes.
        processes: Vec<ProcessRecord>,
    },
    /// The fault is on.
    Armed,
    /// What healing did.
    Healed {
        /// Result.
        healing: Healing,
    },
    /// Everything is healed and, unless kept, ended.
    Stopped,
    /// It could not be done.
    Failed {
        /// Why, for people.
        message: String,
    },
}

/// What healing a fault did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Healing {
    /// Requests pass again, and what was stopped answers.
    Undone,
    /// There was nothing to switch off: what it did is still so.
    Stays,
    /// The fault was not on: never armed, or ended before.
    WasNotOn,
}

/// Where a region answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// The region.
    pub region: Region,
    /// Its address on the fault plane.
    pub plane_url: String,
    /// Its process.
    pub direct_url: String,
}

/// What a target reports by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TargetEvent {
    /// A fault stopped the first request, or a rule of it did that has to strike something.
    FaultBit {
        /// Which.
        id: FaultId,
        /// The number of that rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<usize>,
    },
    /// A fault is off.
    FaultEnded {
        /// Which.
        id: FaultId,
        /// `heal`, `duration` or `target`.
        by: String,
    },
    /// The process that serves a region ended without being told to.
    ProcessExited {
        /// The region; in a shared process, each of them is reported.
        region: Region,
    },
    /// The supervisor itself is gone, and with it the plane and every region.
    SupervisorGone,
}
