//! A deployment that should not have been made.

use crate::services::{ServiceError, Site, lambda};

/// Code that no runtime can start: the archive does not hold the handler.
pub(super) async fn replace(site: &Site, function: &str) -> Result<(), ServiceError> {
    let archive = lambda::package::archive("README.txt", b"This deployment has no handler.\n")?;
    lambda::deploy::code(site, function, archive).await
}

/// A handler that the code does not have.
pub(super) async fn rename_handler(site: &Site, function: &str) -> Result<(), ServiceError> {
    lambda::deploy::handler(site, function, "no_such_module.handler").await
}

/// The environment without one variable.
pub(super) async fn unset(site: &Site, function: &str, variable: &str) -> Result<(), ServiceError> {
    lambda::deploy::without_variable(site, function, variable).await
}
