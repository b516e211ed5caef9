//! Why a recovery step did not succeed.

use firedrill_model::{history::Ending, ids::Region, units::Span};
use thiserror::Error;

use super::redrive::RedriveError;
use crate::{backup::BackupError, run::journal::JournalError, services::ServiceError};

/// A recovery step that did not succeed.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// A backup strategy could not restore.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A service said no.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no recovery point to restore.
    #[error("no recovery point can be restored: {why}")]
    NoRecoveryPoint {
        /// How many there were and why none of them will do.
        why: String,
    },
    /// A step names a region outside the topology.
    #[error("`{region}` is neither the primary nor the recovery region")]
    UnknownRegion {
        /// Which.
        region: Region,
    },
    /// The target did not cut a region off.
    #[error(transparent)]
    Target(#[from] crate::target::TargetError),
    /// Events could not be delivered again.
    #[error(transparent)]
    Redrive(#[from] RedriveError),
    /// What is in the regions before the first step, or after the last, could not be looked at.
    #[error("the regions cannot be looked at")]
    Unseen(#[source] Box<Self>),
    /// The step took too long.
    #[error("not done after {limit}")]
    TimedOut {
        /// The limit of the phase.
        limit: Span,
    },
    /// The run was asked to stop.
    #[error("stopped before it was done")]
    Stopped,
}

impl RecoveryError {
    /// Whether a step failed, and so the procedure: not firedrill beside it.
    pub fn is_of_a_step(&self) -> bool {
        match self {
            Self::Unseen(_) | Self::Journal(_) | Self::Stopped => false,
            Self::Backup(_)
            | Self::Service(_)
            | Self::NoRecoveryPoint { .. }
            | Self::Target(_)
            | Self::UnknownRegion { .. }
            | Self::Redrive(_)
            | Self::TimedOut { .. } => true,
        }
    }

    /// How the step is said to have ended.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Unseen(error) => error.ending(),
            Self::TimedOut { .. } => Ending::TimedOut,
            Self::Stopped | Self::Backup(BackupError::Stopped) | Self::Redrive(RedriveError::Cancelled { .. }) => {
                Ending::Interrupted
            }
            Self::Backup(_)
            | Self::Service(_)
            | Self::Journal(_)
            | Self::NoRecoveryPoint { .. }
            | Self::Target(_)
            | Self::UnknownRegion { .. }
            | Self::Redrive(_) => Ending::Failed,
        }
    }
}
