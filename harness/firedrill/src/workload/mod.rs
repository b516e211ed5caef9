//! The workload: data set, seed, traffic, ledger, probes.

pub mod authority;
mod background;
pub mod canary;
pub mod dataset;
pub mod drain;
pub mod lag;
pub mod ledger;
pub mod own_keys;
pub mod probe;
mod probe_pass;
#[cfg(test)]
pub(crate) mod sample;
pub mod seed;
pub mod traffic;
pub mod writer;

use firedrill_model::{ids::ResourceId, run_dir::RunDirError};
use thiserror::Error;

use self::dataset::UnknownGenerator;
use crate::{poll::WaitError, run::journal::JournalError, services::ServiceError};

/// Why the workload cannot go on. A write that fails is not among these: it is a line of the ledger.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// The stack asks for data that nothing makes.
    #[error(transparent)]
    Generator(#[from] UnknownGenerator),
    /// The plan writes to something that is neither a bucket nor a table.
    #[error("`{resource}` holds no data that could be written")]
    NotWritable {
        /// What it names.
        resource: ResourceId,
    },
    /// A line of the ledger could not be written: without it nothing can be proved.
    #[error("cannot write the ledger")]
    Ledger(#[from] std::io::Error),
    /// A record of the history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file of the run directory could not be read.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A service said no where the drill cannot go on without it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A wait did not end well.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// A seed write was not acknowledged, so that nothing could be compared with it later.
    #[error("`{resource}` did not take key `{key}` of the seed: {reason}")]
    NotSeeded {
        /// The bucket or table.
        resource: ResourceId,
        /// The key.
        key: String,
        /// What the service said.
        reason: String,
    },
    /// A task of the workload panicked.
    #[error("a writer or probe of firedrill itself crashed")]
    Crashed(#[from] tokio::task::JoinError),
}
