//! Lambda functions.

pub mod invoke;
pub mod package;

pub use self::{invoke::invoke, package::package};
