//! firedrill: `cargo test` for disaster recovery.
//!
//! Data flows one way: [`scenario`] → [`plan`] → [`run`] → `firedrill_verify` → `firedrill_reports`. The rooms that a run
//! walks through ([`target`], [`workload`], [`backup`], [`fault`], [`recovery`]) each hold strategies behind one trait.

pub mod backup;
pub mod cli;
pub mod fault;
pub mod plan;
pub mod recovery;
pub mod redact;
pub mod run;
pub mod scenario;
pub mod services;
pub mod step;
pub mod target;
pub mod triggers;
pub mod workload;

pub use firedrill_clock::{clock, poll};
