//! Where requests come from, known by the address by which they come in.

use std::fmt;

use firedrill_model::ids::{Region, Zone};

/// A region, or a zone of one in which a part of the workload runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A region, and whatever uses its address from outside.
    Region(Region),
    /// A zone: only what runs in it.
    Zone(Zone),
}

impl Place {
    /// The region that it is.
    pub(crate) fn region(&self) -> Option<&Region> {
        match self {
            Self::Region(region) => Some(region),
            Self::Zone(_) => None,
        }
    }

    /// Whether it is this region or a zone of it.
    pub(crate) fn is_in(&self, region: &Region) -> bool {
        match self {
            Self::Region(own) => own == region,
            Self::Zone(zone) => zone.is_of(region),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => region.fmt(f),
            Self::Zone(zone) => zone.fmt(f),
        }
    }
}

impl From<Region> for Place {
    fn from(region: Region) -> Self {
        Self::Region(region)
    }
}

impl From<Zone> for Place {
    fn from(zone: Zone) -> Self {
        Self::Zone(zone)
    }
}
