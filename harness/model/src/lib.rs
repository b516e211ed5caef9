//! The values that flow through firedrill: scenario → plan → history → findings → verdict.
//!
//! Nothing here does I/O beyond reading and writing the files of a run directory, and nothing here decides anything:
//! planning lives in `firedrill`, judging in `firedrill-verify`, rendering in `firedrill-reports`.

pub mod capture;
pub mod critical;
pub mod findings;
pub mod history;
pub mod ids;
pub mod kinds;
pub mod ledger;
pub mod plan;
pub mod recovery_point;
pub mod rule;
pub mod run_dir;
pub mod scenario;
pub mod stack;
pub mod topology;
pub mod units;
pub mod verdict;
pub mod verification;
