//! What strikes while a step of the recovery runs.

use firedrill_model::{
    findings::{FindingKind, Weight},
    history::{Ending, Event, Phase},
    ids::FaultId,
    plan::PlannedFault,
    rule::{Effect, Rule},
    scenario::{Fault, Onset},
    verdict::Verdict,
};

use crate::support::{T0, World, finding, has, verdict};

/// The recovery of [`World::whole`] restores from here to there.
const RESTORE: (u64, u64) = (21_800, 26_600);

/// The world with a fault of the recovery region that waits for this step.
fn waiting_for(step: usize) -> (World, PlannedFault) {
    let mut world = World::whole();
    let outage = world.plan.disaster[0].clone();
    let rules = vec![Rule::of_region(&"eu-west-1".into(), Effect::Throttle)];
    let fault = Fault { lost: Vec::new(), rules, actions: Vec::new(), changes: Vec::new(), ..outage.fault.clone() };
    let planned = PlannedFault { id: FaultId::new("fault-9"), when: Onset::During { step }, fault, ..outage };
    world.plan.disaster.push(planned.clone());
    (world, planned)
}

#[test]
fn what_waits_for_a_step_of_the_recovery_has_to_strike_while_it_runs() {
    let (began, ended) = RESTORE;
    let too_late = "struck nothing while step `restore` of the recovery ran";
    for (case, armed, bit, said) in [
        ("at once", Some(began + 5), Some(began + 6), None),
        ("at the last moment", Some(ended - 2), Some(ended - 1), None),
        ("it struck before the step", Some(began - 5), Some(began - 1), Some(too_late)),
        ("it struck the next step alone", Some(began + 5), Some(ended + 1), Some(too_late)),
        ("it was on when the step had ended", Some(ended + 1), Some(began + 6), Some(too_late)),
        ("it struck nobody", Some(began + 5), None, Some(too_late)),
        ("it was never on", None, None, Some(too_late)),
    ] {
        let (mut world, PlannedFault { id, fault, .. }) = waiting_for(0);
        if let Some(armed) = armed {
            world.event(armed.min(began + 1), Event::FaultArming { id: id.clone(), fault: Box::new(fault.clone()) });
            world.event(armed, Event::FaultArmed { id: id.clone() });
        }
        if let Some(bit) = bit {
            world.event(bit, Event::FaultBit { id: id.clone(), rule: None });
        }
        let found = world.judge();
        let expected = if said.is_some() { Verdict::Inconclusive } else { Verdict::Pass };
        assert_eq!(found.verdict, expected, "{case}: {:#?}", found.findings);
        if let Some(said) = said {
            let message = &finding(&found, FindingKind::FaultDidNotBite).message;
            assert!(message.contains(said), "{case}: {message}");
        }
    }
}

/// A step that is run twice, failing at once the first time, and a fault that waits for it.
fn run_twice(armed: u64, bit: u64) -> World {
    let (mut world, PlannedFault { id, fault, .. }) = waiting_for(0);
    world.event(RESTORE.0 - 60, Event::StepBegan { step: 0, step_kind: "restore".to_owned() });
    world.event(armed - 1, Event::FaultArming { id: id.clone(), fault: Box::new(fault) });
    world.event(RESTORE.0 - 40, Event::StepEnded { step: 0, ending: Ending::Failed, note: String::new() });
    world.event(armed, Event::FaultArmed { id: id.clone() });
    world.event(bit, Event::FaultBit { id, rule: None });
    world
}

#[test]
fn what_struck_within_one_attempt_of_a_step_interrupted_it_and_between_two_not() {
    let (first, second) = ((RESTORE.0 - 60, RESTORE.0 - 40), RESTORE);
    for (armed, bit, expected) in [
        (first.0 + 5, first.0 + 6, Verdict::Pass),
        (first.0 + 5, first.1 + 1, Verdict::Inconclusive),
        (first.1 + 5, second.0 - 1, Verdict::Inconclusive),
        (second.0 + 5, second.0 + 6, Verdict::Pass),
        (second.0 + 5, second.1 + 1, Verdict::Inconclusive),
    ] {
        let found = run_twice(armed, bit).judge();
        assert_eq!(found.verdict, expected, "{armed}, {bit}: {:#?}", found.findings);
    }
}

#[test]
fn what_waited_for_a_step_that_was_not_reached_follows_from_what_ended_the_recovery() {
    let (mut world, _) = waiting_for(1);
    // The restore fails for good.
    world.events.retain(|(at, event)| *at < RESTORE.1 || matches!(event, Event::ObservationEnds { .. }));
    world.event(RESTORE.1, Event::StepEnded { step: 0, ending: Ending::Failed, note: "no room".to_owned() });
    let (phase, note) = (Phase::Recover, "no room".to_owned());
    world.event(RESTORE.1 + 1, Event::PhaseEnded { phase, ending: Ending::Failed, note });
    let found = world.judge();
    let unreached = finding(&found, FindingKind::FaultDidNotBite);
    assert!(
        unreached.message.contains("waited for step `cutover` of the recovery, which was not reached"),
        "{unreached:?}"
    );
    let root = unreached.root.as_ref().and_then(|root| found.findings.iter().find(|finding| finding.id == *root));
    assert_eq!(root.map(|root| root.kind), Some(FindingKind::RecoveryFailed), "{:#?}", found.findings);
}

#[test]
fn the_loss_of_the_region_while_the_recovery_runs_does_not_make_up_for_a_fault_that_ended_before() {
    let before = World::whole().plan.disaster[0].when;
    let cases = [(before, T0 + 10, Verdict::Pass), (Onset::During { step: 1 }, 26_612, Verdict::Inconclusive)];
    for (when, at, expected) in cases {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().ride_out = true;
        let outage = world.plan.disaster[0].clone();
        let lesser = &mut world.plan.disaster[0].fault;
        (lesser.lost, lesser.rules) = (Vec::new(), vec![Rule::of_region(&"us-east-1".into(), Effect::Reset)]);
        let id = FaultId::new("fault-2");
        world.event(at, Event::FaultArming { id: id.clone(), fault: Box::new(outage.fault.clone()) });
        world.event(at + 1, Event::FaultArmed { id: id.clone() });
        world.event(at + 2, Event::FaultBit { id: id.clone(), rule: None });
        world.plan.disaster.push(PlannedFault { id, when, ..outage });
        world.event(26_599, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        let found = world.judge();
        assert_eq!(verdict(&found, "state"), expected, "{when:?}: {:#?}", found.findings);
        assert_eq!(has(&found, FindingKind::SourceReachable, Weight::Undecided), expected != Verdict::Pass);
    }
}
