//! Backup strategies: each one file (or folder) behind [`Strategy`], and one line in [`strategy`].

pub mod command;
pub mod process;
pub mod sabotage;
pub mod schedule;
pub mod vault;

use std::path::Path;

use async_trait::async_trait;
use firedrill_model::{
    capture::Entry,
    history::Ending,
    ids::{RecoveryPointId, ResourceId},
    recovery_point::RecoveryPoint,
    scenario::{Backup, BackupUsing, Sabotage},
};
use thiserror::Error;

use self::process::Outputs;
pub use self::schedule::Backups;
use crate::{
    run::{Drill, journal::JournalError},
    services::{ServiceError, Site},
};

/// What a backup strategy can do. A value is made for one backup rule of one run.
#[async_trait]
pub trait Strategy: Send + Sync {
    /// Gets ready before anything is written that a capture has to hold.
    async fn prepare(&self) -> Result<(), BackupError> {
        Ok(())
    }

    /// Captures a recovery point and reads it back; [`RecoveryPoint::verified`] says whether every part had its digest.
    /// A failed capture leaves nothing that a restore could take for whole.
    async fn capture(&self, id: &RecoveryPointId) -> Result<RecoveryPoint, BackupError>;

    /// Rebuilds what the point holds at `into`: roles, buckets and tables with their content, functions, and triggers
    /// last. Can be run again after a crash.
    async fn restore(
        &self,
        point: &RecoveryPoint,
        into: &Site,
        sabotage: Option<&Sabotage>,
    ) -> Result<RestoreReport, BackupError>;

    /// Before a program of the user's own uses the point: reads it back, and gives what its backup handed on. Nothing, for a
    /// strategy whose points no such program is given.
    async fn hand_over(&self, point: &RecoveryPoint) -> Result<Outputs, BackupError> {
        let _ = point;
        Ok(Outputs::new())
    }

    /// Items that were deleted from streamed tables shortly before the point, as DynamoDB JSON by table: their removal
    /// events may have been lost with the source, so a redrive delivers them again.
    async fn removed(&self, point: &RecoveryPoint) -> Result<Vec<(ResourceId, serde_json::Value)>, BackupError>;

    /// The keys and write ids that the point holds, by resource and sorted by key: only used to say whether the backup
    /// or the restore lost a key, never as the reference of a comparison. Empty when the strategy cannot tell.
    async fn entries(&self, point: &RecoveryPoint) -> Result<Vec<(ResourceId, Vec<Entry>)>, BackupError> {
        let _ = point;
        Ok(Vec::new())
    }

    /// Removes a recovery point.
    async fn prune(&self, point: &RecoveryPoint) -> Result<(), BackupError>;
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// What was rebuilt.
    pub resources: Vec<ResourceId>,
    /// Items and objects written.
    pub entries: u64,
    /// Bytes written.
    pub bytes: u64,
    /// How it ended.
    pub ending: Ending,
}

/// A backup or restore that did not succeed.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A service said no.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A part of a recovery point is absent or does not have its digest.
    #[error("recovery point `{point}`: {part} {what}")]
    Damaged {
        /// Which recovery point.
        point: RecoveryPointId,
        /// Which part.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// The restore target holds a resource of this name that is made differently.
    #[error("`{resource}` is already there and {what}")]
    Occupied {
        /// Which resource.
        resource: ResourceId,
        /// How it differs.
        what: String,
    },
    /// The user's own program failed.
    #[error("`{program}` {what}")]
    Command {
        /// The program.
        program: String,
        /// Exit code or signal, and its last output, redacted.
        what: String,
        /// The code with which it ended by itself.
        code: Option<i32>,
    },
    /// A file could not be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run was asked to stop.
    #[error("stopped before it was complete")]
    Stopped,
}

impl BackupError {
    /// A file that could not be used.
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// A damaged part.
    pub(crate) fn damaged(point: &RecoveryPointId, part: &str, what: impl Into<String>) -> Self {
        Self::Damaged { point: point.clone(), part: part.to_owned(), what: what.into() }
    }
}

/// The strategy of one backup rule. `source` reads through the plane.
pub fn strategy(drill: &Drill, rule: usize, backup: &Backup, source: Site) -> Result<Box<dyn Strategy>, BackupError> {
    Ok(match &backup.using {
        BackupUsing::Vault { into, incremental } => {
            Box::new(vault::Vault::open(drill, rule, backup, source, into, *incremental))
        }
        BackupUsing::Command { command, timeout } => {
            Box::new(command::CommandBackup::new(drill, rule, backup, command.clone(), *timeout))
        }
    })
}
