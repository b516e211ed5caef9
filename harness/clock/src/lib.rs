//! The only places that read time or sleep, for every crate that does.

pub mod clock;
pub mod poll;
