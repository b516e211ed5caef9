//! The command line: one file per command.

pub mod check;
pub mod failure;
pub mod init;
pub mod list;
pub mod plan;
pub mod screen;

pub use self::failure::Failure;
