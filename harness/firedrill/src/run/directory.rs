//! Makes a run directory: `runs/<UTC start>-<seed>/`.

use std::{fs, io, path::Path};

use firedrill_model::{history::line_digest, ids::RunId, plan::Plan, run_dir::RunDir};
use thiserror::Error;

use super::manifest::write_file;
use crate::{clock::RunClock, plan};

/// The run directory could not be made.
#[derive(Debug, Error)]
#[error("cannot make the run directory `{path}`")]
pub struct DirectoryError {
    path: String,
    source: io::Error,
}

/// Creates the directory with its copy of the scenario and the plan, without secrets. Returns the digest of `plan.json` as well.
pub fn create(
    out: &Path,
    clock: RunClock,
    plan: &Plan,
    scenario_text: &str,
) -> Result<(RunId, RunDir, String), DirectoryError> {
    let stem = format!("{}-{:06x}", clock.begun_utc().strftime("%Y%m%d-%H%M%S"), plan.seed & 0xff_ffff);
    let failed = |path: &Path, source| DirectoryError { path: path.display().to_string(), source };
    fs::create_dir_all(out).map_err(|source| failed(out, source))?;
    let (id, root) = unused(out, &stem).map_err(|source| failed(&out.join(&stem), source))?;
    let dir = RunDir::new(root);
    let mut shown = plan::shown(plan);
    // The digest is that of the copy, which is another file where secrets were taken out.
    shown.scenario.sha256 = write_file(&dir.scenario(), &plan::shown_text(plan, scenario_text))
        .map_err(|source| failed(&dir.scenario(), source))?;
    let text = serde_json::to_string_pretty(&shown).map_err(|error| failed(&dir.plan(), error.into()))?;
    write_file(&dir.plan(), &text).map_err(|source| failed(&dir.plan(), source))?;
    Ok((RunId::new(id), dir, line_digest(&text)))
}

/// Two runs that begin in the same second with the same seed get `-2`, `-3` …
fn unused(out: &Path, stem: &str) -> io::Result<(String, std::path::PathBuf)> {
    for number in 1..1000 {
        let id = if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") };
        let root = out.join(&id);
        match fs::create_dir(&root) {
            Ok(()) => return Ok((id, fs::canonicalize(root)?)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
