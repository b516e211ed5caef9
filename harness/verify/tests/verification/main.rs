//! Verification against hand-built and generated run directories. One binary, since linking takes longer than running.

#[path = "../support/mod.rs"]
mod support;

mod laws;
mod rules;
mod whole;
