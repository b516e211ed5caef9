//! Verification against hand-built and generated run directories. One binary, since linking takes longer than running.

#[path = "../support/mod.rs"]
mod support;

mod ambiguity;
mod counters;
mod cuts;
mod documented;
mod laws;
mod oracle;
mod proofs;
mod recovery_time;
mod rules;
mod versions;
mod whole;
