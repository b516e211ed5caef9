//! Moving the traffic to another side.

use firedrill_model::{
    history::Event,
    ids::{FaultId, Region},
};

use super::{RecoveryError, StepNote};
use crate::run::Drill;

/// Points the traffic at the side of `to` and begins a new epoch. Requests already under way to the old side end there.
///
/// While a fault keeps every request from the old side for as long as the run lasts, that side is fenced, and the history says so
/// before the new one takes writes: nothing ends the fault before the traffic has stopped. Without such a fault somebody may
/// refuse the old side nothing any more, and the history does not claim it.
pub fn cutover(drill: &Drill, attempt: u32, to: &Region) -> Result<StepNote, RecoveryError> {
    let topology = &drill.plan.topology;
    let side = topology.side(to).ok_or_else(|| RecoveryError::UnknownRegion { region: to.clone() })?;
    let old = drill.authority.standing().side;
    if old == side && attempt > 1 {
        return Ok(StepNote(format!("traffic already goes to {to}")));
    }
    let ends_before = |id: &FaultId| {
        drill.plan.disaster.iter().any(|fault| fault.id == *id && fault.duration_max < drill.plan.limits.run)
    };
    let fenced = old != side && drill.faults_on.refuse(topology.region(old), |id| !ends_before(id));
    if fenced {
        drill.journal.append_synced(Event::Fenced { side: old })?;
    }
    let epoch = drill.authority.cut_over(side);
    drill.journal.append_synced(Event::CutOver { to: side, epoch })?;
    let fence = if fenced { format!(", {} is refused", topology.region(old)) } else { String::new() };
    Ok(StepNote(format!("traffic goes to {to}{fence}")))
}

#[cfg(test)]
mod tests {
    use firedrill_model::{
        plan::PlannedFault,
        scenario::{Onset, Symptom},
        topology::Side,
        units::Span,
    };

    use super::*;
    use crate::{fault, run, workload::sample};

    /// A run that has ordered an outage of `region`, and nothing else of it.
    fn drill(folder: &std::path::Path, region: &str) -> Drill {
        let drill = run::sample::drill(folder, sample::plan(7));
        let outage = fault::region_outage(&region.into(), Symptom::Refused).unwrap();
        drill.faults_on.arming(&FaultId::new("fault-1"), &outage);
        drill
    }

    fn events(drill: &Drill) -> Vec<Event> {
        drill.dir.read_history().unwrap().map(|record| record.unwrap().event).collect()
    }

    const MOVED: Event = Event::CutOver { to: Side::Recovery, epoch: 1 };

    #[test]
    fn the_old_side_is_fenced_by_a_fault_that_refuses_it_and_only_while_it_is_on() {
        let fault = FaultId::new("fault-1");
        let fenced = Event::Fenced { side: Side::Primary };
        for (case, region, on, expected) in [
            ("refused", "us-east-1", [true, false], vec![fenced, MOVED]),
            ("not switched on yet", "us-east-1", [false, false], vec![MOVED]),
            ("over by itself", "us-east-1", [true, true], vec![MOVED]),
            ("another region", "eu-west-1", [true, false], vec![MOVED]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let drill = drill(folder.path(), region);
            let [began, ended] = on;
            began.then(|| drill.faults_on.began(&fault));
            ended.then(|| drill.faults_on.ended(&fault));
            cutover(&drill, 1, &"eu-west-1".into()).unwrap();
            assert_eq!(events(&drill), expected, "{case}");
        }
    }

    #[test]
    fn a_fault_that_ends_before_the_run_does_fences_nobody() {
        for (at_most, fences) in [(Span::from_secs(9), false), (Span::from_secs(600), true)] {
            let folder = tempfile::tempdir().unwrap();
            let mut plan = sample::plan(7);
            plan.limits.run = Span::from_secs(600);
            let fault = fault::region_outage(&"us-east-1".into(), Symptom::Refused).unwrap();
            let (id, when) = (FaultId::new("fault-1"), Onset::At { delay: Span::default() });
            plan.disaster = vec![PlannedFault { id: id.clone(), when, fault: fault.clone(), duration_max: at_most }];
            let drill = run::sample::drill(folder.path(), plan);
            drill.faults_on.arming(&id, &fault);
            drill.faults_on.began(&id);
            cutover(&drill, 1, &"eu-west-1".into()).unwrap();
            assert_eq!(events(&drill).contains(&Event::Fenced { side: Side::Primary }), fences, "{at_most}");
        }
    }

    #[test]
    fn a_second_attempt_neither_moves_nor_fences_again() {
        let folder = tempfile::tempdir().unwrap();
        let drill = drill(folder.path(), "us-east-1");
        drill.faults_on.began(&FaultId::new("fault-1"));
        cutover(&drill, 1, &"eu-west-1".into()).unwrap();
        cutover(&drill, 2, &"eu-west-1".into()).unwrap();
        assert_eq!(events(&drill).len(), 2);
    }
}
