//! Installs the pinned emulator into a virtual environment in the user's cache folder.
//!
//! Every file is checked against the SHA-256 in `fixtures/emulator/requirements.txt`. The environment is built beside its
//! final place and renamed, under a lock, so that a crash or a second firedrill never sees half of it; once there it is
//! used without touching the network.

mod python;
mod steps;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use firedrill_model::units::Span;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use self::python::{OLDEST_PYTHON, SystemPython, find_python, find_uv};
use crate::poll;

/// Requirements with the SHA-256 of every file.
pub(crate) const REQUIREMENTS: &str = include_str!("../../../../../fixtures/emulator/requirements.txt");

/// Name and version of the emulator, as in [`firedrill_model::plan::TargetPlan::engine`].
pub const ENGINE: &str = "ministack 1.5.33";

const STAMP: &str = "firedrill.json";

/// What is installed, to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pins<'a> {
    /// Requirements in pip's format with the SHA-256 of every file.
    pub requirements: &'a str,
    /// File name of the wheel of pip that installs them when there is no `uv`.
    pub pip_wheel: &'a str,
    /// SHA-256 of that wheel, hex.
    pub pip_sha256: &'a str,
}

/// The emulator of the `local` target.
pub const PINS: Pins<'_> = Pins {
    requirements: REQUIREMENTS,
    pip_wheel: "pip-26.3-py3-none-any.whl",
    pip_sha256: "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
};

impl Pins<'_> {
    fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.requirements.as_bytes()))
    }

    /// Where they belong in `cache`: a name with the digest of the requirements.
    fn place(&self, cache: &Path) -> PathBuf {
        cache.join(format!("emulator-{}", &self.digest()[..16]))
    }

    fn installed(&self, cache: &Path) -> Option<Emulator> {
        let emulator = Emulator { folder: self.place(cache) };
        let stamp: Stamp = serde_json::from_slice(&fs::read(emulator.folder.join(STAMP)).ok()?).ok()?;
        let usable = stamp.requirements_sha256 == self.digest() && python::runs(&emulator.python());
        usable.then_some(emulator)
    }
}
/// How soon it is noticed that another firedrill is done, or that nobody wants to wait any more.
const LOOK_AT_LOCK_EVERY: Span = Span::from_ms(100);

/// Hears what an installation is doing.
pub trait InstallProgress: Send + Sync {
    /// A new stage began, or the one that goes on came further.
    fn stage(&self, stage: Stage);

    /// The process group that does the work from now on, so that it can be ended; `None` when there is none.
    fn working(&self, group: Option<i32>);

    /// No other firedrill is installing any more: this one begins.
    fn began(&self) {}

    /// Whether nobody wants the emulator any more: the installation ends at once.
    fn unwanted(&self) -> bool {
        false
    }
}

/// What an installation is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Such as `downloading boto3`.
    pub text: String,
    /// Of so many packages, how many were begun (pip) or are here (uv).
    pub packages: Option<(u64, u64)>,
}

impl Stage {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), packages: None }
    }
}

/// Progress nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl InstallProgress for Silent {
    fn stage(&self, _: Stage) {}
    fn working(&self, _: Option<i32>) {}
}

/// Why the emulator could not be installed.
#[derive(Debug, Error)]
pub enum InstallError {
    /// No usable Python.
    #[error(
        "firedrill's local target needs Python {}.{} or newer, and {found}; install it \
         (Debian, Ubuntu: `apt install python3`; macOS: `brew install python`; or https://www.python.org/downloads/)",
        OLDEST_PYTHON.0,
        OLDEST_PYTHON.1
    )]
    NoPython {
        /// What was found instead.
        found: String,
    },
    /// The cache folder cannot be used.
    #[error("cannot use the cache folder `{}`; set FIREDRILL_CACHE to a folder that can be written", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A step of the installation failed.
    #[error("{step} failed: {tail}")]
    Step {
        /// The step.
        step: &'static str,
        /// The end of its output.
        tail: String,
    },
    /// It took too long.
    #[error("installing the emulator took longer than {limit}; the next run begins anew")]
    TooSlow {
        /// The limit.
        limit: Span,
    },
    /// Another firedrill did not come to an end.
    #[error("waited {limit} for another firedrill that installs the emulator")]
    Occupied {
        /// How long.
        limit: Span,
    },
    /// Nobody wanted it any more.
    #[error("the installation was stopped")]
    Stopped,
}

/// An installed emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    folder: PathBuf,
}

impl Emulator {
    /// The Python that has the emulator and boto3.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin").join("python")
    }

    /// Whether the functions in it find a program of this name.
    pub fn finds(&self, program: &str) -> bool {
        search_path(&self.python()).iter().any(|folder| folder.join(program).is_file())
    }

    /// The virtual environment.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Where the emulator of this Python, and the functions in it, look for programs: nowhere else.
pub(crate) fn search_path(python: &Path) -> [PathBuf; 4] {
    let bin = python.parent().unwrap_or(Path::new("/usr/bin"));
    [bin.into(), "/usr/local/bin".into(), "/usr/bin".into(), "/bin".into()]
}

/// Written last into a finished environment.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    engine: String,
    requirements_sha256: String,
    python: String,
    installer: String,
}

/// Where the pinned emulator belongs in `cache`: a name with the digest of its requirements.
pub fn place(cache: &Path) -> PathBuf {
    PINS.place(cache)
}

/// The emulator when it is installed and its Python still runs; looks at local files only.
pub fn installed(cache: &Path) -> Option<Emulator> {
    PINS.installed(cache)
}

/// Installs what `pins` say unless it is there: [`PINS`], or a stand-in with the same modules. Blocks: waits for another
/// firedrill that is installing it.
pub fn install(cache: &Path, pins: &Pins<'_>, progress: &dyn InstallProgress) -> Result<Emulator, InstallError> {
    if let Some(emulator) = pins.installed(cache) {
        return Ok(emulator);
    }
    fs::create_dir_all(cache).map_err(in_cache(cache))?;
    let place = pins.place(cache);
    let _lock = lock(&place.with_extension("lock"), progress)?;
    progress.began();
    if let Some(emulator) = pins.installed(cache) {
        return Ok(emulator);
    }
    let partial = place.with_extension("partial");
    remove(&partial)?;
    let outcome = build(&partial, pins, progress).and_then(|()| {
        // What is at the final place is of no use: it lacks its stamp, or its Python is gone.
        remove(&place)?;
        fs::rename(&partial, &place).map_err(in_cache(&place))
    });
    if let Err(error) = outcome {
        if let Err(left) = remove(&partial) {
            tracing::warn!(%left, "an unfinished installation was left behind");
        }
        return Err(error);
    }
    Ok(Emulator { folder: place })
}

fn build(partial: &Path, pins: &Pins<'_>, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    let python = find_python()?;
    let installer = steps::build(partial, &python, pins, progress)?;
    progress.stage(Stage::of("checking the emulator"));
    steps::check(partial, progress)?;
    let stamp = Stamp {
        engine: ENGINE.to_owned(),
        requirements_sha256: pins.digest(),
        python: python.to_string(),
        installer: installer.to_owned(),
    };
    let path = partial.join(STAMP);
    let text = serde_json::to_vec_pretty(&stamp).map_err(io::Error::from).map_err(in_cache(&path))?;
    fs::write(&path, text).map_err(in_cache(&path))
}

/// Held until dropped. The lock file stays: removing it would let two processes hold locks on two files of one name.
fn lock(path: &Path, progress: &dyn InstallProgress) -> Result<File, InstallError> {
    let file = File::options().create(true).append(true).open(path).map_err(in_cache(path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(in_cache(path)(error)),
            Err(TryLockError::WouldBlock) if progress.unwanted() => return Err(InstallError::Stopped),
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            progress.stage(Stage::of("waiting for another firedrill that installs the emulator"));
            told = true;
        }
        poll::rest(LOOK_AT_LOCK_EVERY);
    }
}

fn remove(folder: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(in_cache(folder)(error)),
        _ => Ok(()),
    }
}

fn in_cache(path: &Path) -> impl FnOnce(io::Error) -> InstallError + use<> {
    let path = path.to_owned();
    move |source| InstallError::Cache { path, source }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_requirement_is_pinned_and_hashed() {
        let logical = REQUIREMENTS.replace("\\\n", " ");
        let mut names = BTreeSet::new();
        for line in logical.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            assert!(line.contains("--hash=sha256:"), "no hash: {line}");
            let name = line.split_once("==").map(|(name, _)| name).expect("pinned with ==");
            names.insert(name.split('[').next().unwrap_or(name).to_owned());
        }
        for needed in ["boto3", "botocore", "ministack", "hypercorn", "cryptography"] {
            assert!(names.contains(needed), "{needed} is not among {names:?}");
        }
    }

    #[test]
    fn engine_is_the_pinned_version() {
        let (name, version) = ENGINE.split_once(' ').expect("name and version");
        assert!(
            REQUIREMENTS.contains(&format!("{name}=={version}"))
                || REQUIREMENTS.contains(&format!("{name}[full]=={version}"))
        );
    }

    #[test]
    fn an_environment_without_its_stamp_is_not_installed() {
        let cache = tempfile::tempdir().expect("temp dir");
        fs::create_dir_all(place(cache.path()).join("bin")).expect("folder");
        assert_eq!(installed(cache.path()), None);
        fs::write(place(cache.path()).join(STAMP), "{}").expect("stamp");
        assert_eq!(installed(cache.path()), None, "a stamp that names nothing");
    }
}
