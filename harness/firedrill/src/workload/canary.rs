//! The canary: a small write whose failures in a row mean that the disaster has been noticed.

use std::sync::Arc;

use firedrill_model::{
    ledger::{Origin, Outcome},
    units::Span,
};

use super::{
    WorkloadError,
    dataset::{Dataset, KeyNumber, ProbeSlot},
    traffic::Sites,
    writer::{Write, Writer},
};
use crate::{
    poll::{self, WaitError},
    run::Drill,
};

/// A canary waits for its answer as long as the next one is away, but never less than this.
const TIMEOUT_MIN: Span = Span::from_ms(250);

/// Writes the plan's canary until it failed the stated number of times in a row, which is returned. Has no limit of its
/// own: the phase has one, and cancelling the drill ends it between two writes.
pub async fn detect(drill: &Drill) -> Result<u32, WorkloadError> {
    let plan = &drill.plan.detect;
    let dataset = Arc::new(Dataset::of(&drill.plan)?);
    let sites = Sites::connect(drill, plan.every.max(TIMEOUT_MIN));
    let name = format!("canary.{}", plan.canary.file_stem());
    let mut writer = Writer::new(drill, &dataset, &plan.canary, name, Origin::Probe);
    let mut failures = 0;
    loop {
        let began = drill.clock.now();
        let write = Write::first(KeyNumber::probe(ProbeSlot::Canary, began.micros()), None);
        let standing = drill.authority.standing();
        let line = writer.attempt(sites.of(standing.side), standing, &write).await?;
        failures = if line.outcome == Outcome::Acknowledged { 0 } else { failures + 1 };
        if failures >= plan.failures {
            return Ok(failures);
        }
        let rest = began.plus(plan.every).since(drill.clock.now());
        if !poll::pause(rest, &drill.cancel).await {
            return Err(WaitError::Cancelled { what: format!("the canary on {} to fail", plan.canary) }.into());
        }
    }
}
