//! The command line: one file per command.

pub mod failure;
pub mod screen;
pub mod supervise;

pub use self::failure::Failure;
