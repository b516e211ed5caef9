//! The manifest of a recovery point, format `firedrill.vault/2`.
//!
//! A vault is a flat space of paths:
//!
//! ```text
//! points/rp-0001/manifest.json                       this file, written last: without it there is no point
//! points/rp-0001/resources/table.orders/blueprint.json
//! points/rp-0001/resources/table.orders/AWSDynamoDB/<export id>/manifest-summary.json …   see `export`
//! points/rp-0001/resources/table.orders/removed.jsonl.gz
//! points/rp-0001/resources/bucket.uploads/objects.jsonl.gz                                 see `objects`
//! points/rp-0001/blobs/<sha256>                      bodies and function code of a full point
//! blobs/<sha256>                                     the same, shared by incremental points
//! ```
//!
//! The digest of a recovery point is the SHA-256 over the bytes of its manifest, which holds the SHA-256 and the size of
//! every other part: one digest vouches for the whole point.

use std::collections::BTreeSet;

use firedrill_model::{
    ids::{RecoveryPointId, Region, ResourceId},
    recovery_point::RecoveryPoint,
    units::RunTime,
};
use serde::{Deserialize, Serialize};

/// Version of the format of `manifest.json`.
pub const VAULT_FORMAT: &str = "firedrill.vault/2";

/// What a recovery point holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VAULT_FORMAT`].
    pub format: String,
    /// The recovery point.
    pub id: RecoveryPointId,
    /// Index of the backup rule in the plan.
    pub rule: usize,
    /// The point whose blobs it shares, for an incremental one.
    pub parent: Option<RecoveryPointId>,
    /// Region that was read.
    pub region: Region,
    /// Version of the stack it was made of.
    pub stack_version: String,
    /// Capture began, on the run's clock.
    pub begun_ms: RunTime,
    /// Capture ended, on the run's clock.
    pub ended_ms: RunTime,
    /// Capture began, RFC 3339.
    pub begun_utc: String,
    /// Capture ended, RFC 3339.
    pub ended_utc: String,
    /// The instant (UTC, epoch milliseconds) at which sources with a history were cut; none when there was no such
    /// source.
    pub cut_utc_ms: Option<u64>,
    /// Resources in the order of capture.
    pub resources: Vec<ResourceParts>,
}

/// The parts of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceParts {
    /// Which resource.
    pub resource: ResourceId,
    /// Items, or versions of objects, delete markers included.
    pub entries: u64,
    /// Everything that belongs to it.
    pub parts: Vec<Part>,
}

/// One stored part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is.
    pub role: PartRole,
    /// Where it is in the vault.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// An earlier point stored it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartRole {
    /// What it takes to create the resource again.
    Blueprint,
    /// A function's code, zip archive.
    Code,
    /// `manifest-summary.json` or `manifest-files.json` of a table export.
    ExportManifest,
    /// A data file of a table export.
    ExportData,
    /// Items deleted shortly before the cut.
    Removed,
    /// List of object versions.
    Objects,
    /// Body of an object version.
    Body,
}

impl Manifest {
    /// Where incremental points share their blobs.
    pub const SHARED_BLOBS: &str = "blobs/";

    /// Path of the manifest of a point.
    pub fn path(id: &RecoveryPointId) -> String {
        format!("{}manifest.json", Self::prefix(id))
    }

    /// Prefix of everything that belongs to a point alone.
    pub fn prefix(id: &RecoveryPointId) -> String {
        format!("points/{id}/")
    }

    /// The parts of a resource; `None` when the point does not hold it.
    pub fn resource(&self, resource: &ResourceId) -> Option<&ResourceParts> {
        self.resources.iter().find(|parts| parts.resource == *resource)
    }

    /// Every part of every resource.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.resources.iter().flat_map(|resource| &resource.parts)
    }

    /// Paths the point needs, its manifest left out.
    pub fn needs(&self) -> BTreeSet<&str> {
        self.parts().map(|part| part.path.as_str()).collect()
    }

    /// The point as the history holds it; `digest` is over the manifest's bytes, and without a `defect` it is verified.
    pub fn recovery_point(&self, location: String, digest: String, defect: Option<String>) -> RecoveryPoint {
        // A blob that several versions share is there once.
        let sizes: std::collections::BTreeMap<&str, u64> =
            self.parts().map(|part| (part.path.as_str(), part.bytes)).collect();
        RecoveryPoint {
            id: self.id.clone(),
            rule: self.rule,
            begun_ms: self.begun_ms,
            ended_ms: self.ended_ms,
            copies: vec![location.clone()],
            location,
            digest,
            resources: self.resources.iter().map(|parts| parts.resource.clone()).collect(),
            entries: self.resources.iter().map(|parts| parts.entries + 1).sum(),
            bytes: sizes.values().sum(),
            parent: self.parent.clone(),
            stack_version: self.stack_version.clone(),
            verified: defect.is_none(),
            defect,
        }
    }
}

impl ResourceParts {
    /// The parts of a role, in order.
    pub fn of(&self, role: PartRole) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.role == role)
    }
}
