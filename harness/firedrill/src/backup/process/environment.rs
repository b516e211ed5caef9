//! The environment of a program: what `docs/commands.md` lists, and nothing else.

use std::{collections::BTreeMap, path::Path};

use super::{Run, failed};
use crate::{backup::BackupError, run::Drill, services::clients::EMULATOR_ACCOUNT};

/// Secret of the emulator's credentials: worthless.
const EMULATOR_SECRET: &str = "emulator";

/// The whole environment of `run`.
pub(super) fn environment(
    drill: &Drill,
    run: &Run<'_>,
    outputs: &Path,
) -> Result<BTreeMap<String, String>, BackupError> {
    let topology = &drill.plan.topology;
    let region = topology.region(run.side);
    let endpoint = drill
        .endpoint(region)
        .ok_or_else(|| failed(&run.name, format!("needs `{region}`, which the target did not start")))?;
    let address = if run.direct { &endpoint.direct_url } else { &endpoint.plane_url };
    let names = serde_json::to_string(&drill.plan.names)
        .map_err(|error| BackupError::File { path: "FIREDRILL_NAMES".to_owned(), source: error.into() })?;
    // Later entries win: a step's output cannot redefine the contract's own variables.
    let mut environment = run.outputs.clone();
    environment.remove("FIREDRILL_RECOVERY_POINT");
    environment.extend(drill.tools.get().cloned().unwrap_or_default());
    let own = [
        ("PATH", search_path()),
        ("FIREDRILL_ACTION", run.action.to_owned()),
        ("FIREDRILL_RUN_DIR", drill.dir.root().display().to_string()),
        ("FIREDRILL_PRIMARY_REGION", topology.primary.to_string()),
        ("FIREDRILL_RECOVERY_REGION", topology.recovery.to_string()),
        ("FIREDRILL_NAMES", names),
        ("FIREDRILL_OUTPUT", outputs.display().to_string()),
        ("AWS_ENDPOINT_URL", address.clone()),
        ("AWS_REGION", region.to_string()),
        ("AWS_DEFAULT_REGION", region.to_string()),
        ("AWS_ACCESS_KEY_ID", EMULATOR_ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", EMULATOR_SECRET.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(folder) = &run.recovery_point {
        environment.insert("FIREDRILL_RECOVERY_POINT".to_owned(), folder.display().to_string());
    }
    Ok(environment)
}

#[expect(clippy::disallowed_methods, reason = "the contract hands on the caller's PATH, and that alone")]
fn search_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned())
}
