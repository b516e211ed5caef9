//! Taking clients out of a zone, as a change of DNS or of an accelerator's weights does.

use firedrill_model::ids::Zone;

use super::StepNote;
use crate::run::Drill;

/// From now on the clients in the zone use the workload from outside of all zones. Requests under way end where they are.
pub fn reroute(drill: &Drill, from: &Zone) -> StepNote {
    drill.authority.reroute(from);
    StepNote(format!("clients in {from} go around it"))
}
