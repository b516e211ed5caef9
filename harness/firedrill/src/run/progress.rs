//! What a run tells whoever watches it. The history is the record; this is for eyes.

use firedrill_model::{
    history::{Ending, Phase},
    units::Span,
};

/// Watches a run. Implementations must not fail a run: they swallow their own trouble.
pub trait Progress: Send + Sync {
    /// The run begins: one line that names scenario, target and seed.
    fn run_began(&self, headline: &str);

    /// A phase begins.
    fn phase_began(&self, phase: Phase);

    /// The state of what is going on, several times a second: counts, rates, the recovery-time clock.
    fn status(&self, text: &str);

    /// The emulator is being installed, which happens once on a machine. `packages`: how many of how many were begun.
    fn installing(&self, what: &str, packages: Option<(u64, u64)>);

    /// A phase ended.
    fn phase_ended(&self, phase: Phase, ending: Ending, took: Span, note: &str);

    /// Something went otherwise than hoped, and the run goes on.
    fn setback(&self, what: &str);

    /// The disaster: `us-east-1 is gone (time-outs)`, with the UTC instant.
    fn disaster(&self, what: &str, utc: &str);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn run_began(&self, _: &str) {}
    fn phase_began(&self, _: Phase) {}
    fn status(&self, _: &str) {}
    fn installing(&self, _: &str, _: Option<(u64, u64)>) {}
    fn phase_ended(&self, _: Phase, _: Ending, _: Span, _: &str) {}
    fn setback(&self, _: &str) {}
    fn disaster(&self, _: &str, _: &str) {}
}
