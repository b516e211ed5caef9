//! The workload: data set, traffic, ledger, probes.

pub mod authority;
pub mod ledger;
