//! Verification: `(plan, history, ledger, captures) → findings → verdict`.
//!
//! Everything here is a pure function of a run directory, so that an old run can be judged again, by anyone. What is
//! judged and how is the law of `MEASUREMENT.md`; each module implements one of its sections:
//!
//! - [`verify`] opens the evidence, then lets each checker measure its part and write findings into one book;
//! - a checker that panics leaves its check inconclusive and the others alone;
//! - the verdict follows from the findings, never from anything a checker returns.

mod admissible;
mod asserted;
mod configuration;
mod content;
mod counter;
mod cut;
mod decimal;
mod effects;
mod evidence;
mod findings;
mod judge;
mod ledger;
mod proofs;
mod recovery_point;
mod recovery_time;
mod split_brain;
mod tally;
mod timeline;
mod verify;

pub use verify::{VerifyError, verify};
