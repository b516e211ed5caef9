//! A recovery step that is the user's own program. Its contract is in `backup::process`.

use std::sync::PoisonError;

use firedrill_model::{topology::Side, units::Span};

use super::{Recovery, RecoveryError, StepNote};
use crate::backup::process::{self, Run};

/// Runs the program; its outputs become environment of the later `command` steps.
pub async fn command(
    recovery: &Recovery<'_>,
    number: usize,
    command: &[String],
    timeout: Span,
) -> Result<StepNote, RecoveryError> {
    let outputs = recovery.outputs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let run = Run {
        name: format!("step-{number}-attempt-{}", recovery.attempt),
        command,
        action: "restore",
        side: Side::Recovery,
        recovery_point: recovery.own_point().map(|point| point.location.into()),
        outputs,
        timeout,
    };
    let ran = process::run(recovery.drill, &run).await?;
    recovery.outputs.lock().unwrap_or_else(PoisonError::into_inner).extend(ran.outputs);
    Ok(StepNote(ran.last_line))
}
