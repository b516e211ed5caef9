//! Verification against hand-built and generated run directories. One binary, since linking takes longer than running.

#[path = "../support/mod.rs"]
mod support;

mod ambiguity;
mod blame_properties;
mod counters;
mod cuts;
mod documented;
mod effects_properties;
mod increments;
mod instants;
mod laws;
mod oracle;
mod probe_properties;
mod proofs;
mod recovery_time;
mod rules;
mod split_brain;
mod state_properties;
mod successions;
mod unknown;
mod versions;
mod whole;
