//! The command line: one file per command.

pub mod doctor;
pub mod failure;
pub mod heal;
pub mod screen;
pub mod supervise;

pub use self::failure::Failure;
