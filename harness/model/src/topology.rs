//! Where a workload lives and where it is recovered to.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Region;

/// One of the two sides of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Where the workload runs before the disaster.
    Primary,
    /// Where it runs after the cutover.
    Recovery,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Primary => "primary",
            Self::Recovery => "recovery",
        })
    }
}

/// The regions of a drill. They differ: the plan refuses a topology with one region twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Where the workload runs before the disaster.
    pub primary: Region,
    /// Where it is recovered to.
    pub recovery: Region,
}

impl Topology {
    /// The region of a side.
    pub fn region(&self, side: Side) -> &Region {
        match side {
            Side::Primary => &self.primary,
            Side::Recovery => &self.recovery,
        }
    }

    /// The side a region is on, or `None` for a region outside the topology.
    pub fn side(&self, region: &Region) -> Option<Side> {
        if *region == self.primary {
            Some(Side::Primary)
        } else if *region == self.recovery {
            Some(Side::Recovery)
        } else {
            None
        }
    }
}
