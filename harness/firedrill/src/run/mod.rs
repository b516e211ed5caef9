//! Obeys a plan: phases in order, everything journalled as it happens, everything undone at the end.

pub mod afterword;
pub mod capture;
pub mod context;
pub mod directory;
pub mod journal;
pub mod lines;
pub mod manifest;
pub mod progress;
pub mod steps;
pub mod stop;

mod capabilities;
mod closing;
mod conditions;
mod deploy;
mod disaster;
mod dispatch;
mod faults;
mod opening;
mod phase;
mod provision;
mod recover;
#[cfg(test)]
pub(crate) mod sample;
mod status;

pub use self::{
    context::{Drill, Vantage},
    dispatch::{Outcome, Request, RunError, run},
    faults::FaultsOn,
    journal::Journal,
    phase::chain,
    stop::{Stop, StopReason},
};
