//! The command line: one file per command.

pub mod failure;
pub mod screen;

pub use self::failure::Failure;
