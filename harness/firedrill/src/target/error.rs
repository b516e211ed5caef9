//! What can go wrong with a target.

use std::{io, path::PathBuf};

use firedrill_model::units::Span;
use thiserror::Error;

use super::install::InstallError;

/// A target that cannot be had, or that cannot do what it was told.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The emulator could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The supervisor could not be started.
    #[error("cannot start the supervisor `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the run directory could not be written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor ended, and the regions with it.
    #[error("the supervisor is gone and every region with it; its log is `{}`", log.display())]
    SupervisorGone {
        /// Its log.
        log: PathBuf,
    },
    /// The supervisor lives and does not answer.
    #[error("the supervisor did not answer within {limit}")]
    Silent {
        /// How long it was waited for.
        limit: Span,
    },
    /// The supervisor could not do it.
    #[error("{0}")]
    Refused(String),
    /// The supervisor answered with something else than what was asked.
    #[error("the supervisor answered something else than was asked: {0}")]
    Protocol(String),
}
