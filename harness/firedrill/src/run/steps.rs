//! Steps of a run that change something outside it, one at a time. A run takes them in this order, with its traffic, its backups
//! and its recovery between them.

use thiserror::Error;

use super::journal::JournalError;
pub use super::{
    closing::heal,
    disaster::{arm, follow_target},
    dispatch::begin,
    opening::start_target,
};
use crate::{fault::change::ChangeError, target::TargetError};

/// A step that was not taken, or not written down.
#[derive(Debug, Error)]
pub enum StepError {
    /// The target did not do it.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A fault could not change what it is to change.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
