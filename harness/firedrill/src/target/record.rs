//! `target.json`: where each region of a run answers and how the target was started.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use firedrill_model::{
    history::ProcessRecord,
    ids::{Region, Zone},
    plan::TargetPlan,
};
use serde::{Deserialize, Serialize};

/// Version of the format of `target.json`.
pub const TARGET_SCHEMA: &str = "firedrill.target/1";

/// The content of `target.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// [`TARGET_SCHEMA`].
    pub schema: String,
    /// What the plan asked for.
    pub target: TargetPlan,
    /// Where each region answers.
    pub endpoints: BTreeMap<Region, Addresses>,
    /// By zone, the address on the fault plane for functions that run in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<Zone, String>,
    /// Access key that names the account.
    pub access_key_id: String,
    /// The supervisor and the regions.
    pub processes: Vec<ProcessRecord>,
    /// Command line of the supervisor.
    pub started_by: Vec<String>,
    /// The Python that runs the emulators; it has boto3.
    pub python: PathBuf,
    /// The target was left up on purpose.
    pub kept: bool,
}

/// Addresses of one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// On the fault plane, where every client of a drill goes.
    pub plane_url: String,
    /// The region's own process.
    pub direct_url: String,
}

impl TargetRecord {
    /// Writes the record to `path`, whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension("json.partial");
        fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&partial, path)
    }
}
