//! Recovery points: restorable artefacts with the interval they represent.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{RecoveryPointId, ResourceId},
    units::RunTime,
};

/// A restorable artefact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// Id.
    pub id: RecoveryPointId,
    /// Index of the backup rule in the plan.
    pub rule: usize,
    /// Capture began: every write completed before is owed by this point.
    pub begun_ms: RunTime,
    /// Capture ended: no write issued after is in it.
    pub ended_ms: RunTime,
    /// Where it is, without secrets.
    pub location: String,
    /// SHA-256 over its manifest, hex.
    pub digest: String,
    /// What is in it.
    pub resources: Vec<ResourceId>,
    /// Items, objects and configurations in it.
    pub entries: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// The point it builds on, for an incremental one.
    pub parent: Option<RecoveryPointId>,
    /// Version of the stack it was made of.
    pub stack_version: String,
    /// It was read back, every part had its digest, and everything critical is in it.
    pub verified: bool,
    /// Why it is not verified; `None` when it is, or when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// The places that hold it, without secrets; empty when they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
}
