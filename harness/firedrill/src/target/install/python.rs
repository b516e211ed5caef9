//! Finds the Python and the installer that the machine already has.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::InstallError;

/// Oldest Python that the emulator runs on.
pub const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Names under which Python is looked for, the usual one first.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// A Python that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemPython {
    /// The interpreter itself, wrappers resolved.
    pub program: PathBuf,
    /// Major and minor version.
    pub version: (u32, u32),
}

impl fmt::Display for SystemPython {
    /// `Python 3.11 (/usr/bin/python3)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Python {}.{} ({})", self.version.0, self.version.1, self.program.display())
    }
}

/// The first Python on `PATH` that is new enough.
pub fn find_python() -> Result<SystemPython, InstallError> {
    let mut found = String::from("there is no `python3` on PATH");
    for name in NAMES {
        let Some(python) = ask(name) else { continue };
        if python.version >= OLDEST_PYTHON {
            return Ok(python);
        }
        found = format!("the newest found is {python}");
    }
    Err(InstallError::NoPython { found })
}

/// The `uv` on `PATH`, if it runs.
pub fn find_uv() -> Option<PathBuf> {
    quiet("uv").arg("--version").status().is_ok_and(|status| status.success()).then(|| PathBuf::from("uv"))
}

/// Whether `python` starts and finds the emulator; nothing is imported, so this takes milliseconds.
pub(super) fn runs(python: &Path) -> bool {
    let look = "import importlib.util as u, sys; sys.exit(not (u.find_spec('ministack') and u.find_spec('boto3')))";
    quiet(python).args(["-I", "-c", look]).status().is_ok_and(|status| status.success())
}

fn ask(name: &str) -> Option<SystemPython> {
    let look = "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable, sep='\\n')";
    let output = quiet(name).args(["-I", "-c", look]).stdout(Stdio::piped()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let version = (lines.next()?.parse().ok()?, lines.next()?.parse().ok()?);
    Some(SystemPython { program: lines.next()?.into(), version })
}

fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
