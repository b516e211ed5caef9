//! Moving the traffic to another side.

use firedrill_model::{history::Event, ids::Region};

use super::{Recovery, RecoveryError, StepNote};

/// Points the traffic at the side of `to` and begins a new epoch. Requests already under way to the old side end there.
pub fn cutover(recovery: &Recovery<'_>, to: &Region) -> Result<StepNote, RecoveryError> {
    let drill = recovery.drill;
    let side = drill.plan.topology.side(to).ok_or_else(|| RecoveryError::UnknownRegion { region: to.clone() })?;
    if drill.authority.standing().side == side && recovery.attempt > 1 {
        return Ok(StepNote(format!("traffic already goes to {to}")));
    }
    let epoch = drill.authority.cut_over(side);
    drill.journal.append_synced(Event::CutOver { to: side, epoch })?;
    Ok(StepNote(format!("traffic goes to {to}")))
}
