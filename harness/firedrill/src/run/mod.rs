//! Obeys a plan: phases in order, everything journalled as it happens.

pub mod context;
pub mod journal;

pub use self::{context::Drill, journal::Journal};
