//! What each fault of a disaster has to do before what came back says anything of it.

use firedrill_model::{
    findings::{FindingKind, Weight},
    history::Event,
    ids::{FaultId, ProbeId, ResourceId},
    plan::PlannedFault,
    rule::{Effect, Rule},
    scenario::{Alteration, Change, Fault},
    verdict::Verdict,
};

use crate::support::{T0, World, finding, has, orders, probed, trigger};

/// Failed rounds: of what, and from when to when.
type Rounds<'a> = &'a [(&'a ResourceId, u64, u64)];

/// When the first of the two faults was brought about.
const FIRST: u64 = 16_000;

/// The world in which another fault came first, without what it did.
fn preceded_by(fault: Fault) -> (World, FaultId) {
    let mut world = World::whole();
    let id = FaultId::new("fault-0");
    world.plan.disaster.insert(0, PlannedFault { id: id.clone(), fault, ..world.plan.disaster[0].clone() });
    world.event(
        FIRST - 10,
        Event::FaultArming { id: id.clone(), fault: Box::new(world.plan.disaster[0].fault.clone()) },
    );
    world.event(FIRST - 5, Event::FaultArmed { id: id.clone() });
    (world, id)
}

/// A fault of the primary region without anything in it.
fn nothing() -> Fault {
    let fault = World::whole().plan.disaster[0].fault.clone();
    Fault { lost: Vec::new(), rules: Vec::new(), actions: Vec::new(), changes: Vec::new(), ..fault }
}

fn poison() -> Fault {
    let change = Change { region: "us-east-1".into(), resource: trigger("total-orders"), what: Alteration::Poison };
    Fault { changes: vec![change], ..nothing() }
}

#[test]
fn an_event_that_cannot_be_processed_has_to_be_seen_by_the_probe_of_its_trigger_alone() {
    let total = trigger("total-orders");
    let cases: [(&str, Rounds<'_>, Verdict); 6] = [
        ("seen", &[(&total, FIRST + 500, FIRST + 2_500)], Verdict::Pass),
        ("seen to the last moment", &[(&total, FIRST, T0 - 10)], Verdict::Pass),
        ("nobody looked", &[], Verdict::Inconclusive),
        ("another failed", &[(&orders(), FIRST + 500, FIRST + 2_500)], Verdict::Inconclusive),
        ("began before it", &[(&total, FIRST - 1, FIRST + 2_000)], Verdict::Inconclusive),
        ("failed when the region was gone", &[(&total, T0 - 1_000, T0 - 9)], Verdict::Inconclusive),
    ];
    for (case, rounds, expected) in cases {
        let (mut world, id) = preceded_by(poison());
        world.event(FIRST, Event::FaultBit { id, rule: None });
        for (resource, began, ended) in rounds {
            world.event(*ended, probed(&ProbeId::new(resource.as_str()), *began, false));
        }
        let found = world.judge();
        assert_eq!(found.verdict, expected, "{case}: {:#?}", found.findings);
        assert_eq!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided), expected != Verdict::Pass, "{case}");
        if expected != Verdict::Pass {
            let said = &finding(&found, FindingKind::FaultDidNotBite).message;
            assert!(said.contains("was not seen by the probe of trigger/total-orders while"), "{case}: {said}");
        }
    }
}

#[test]
fn an_event_that_cannot_be_processed_is_not_seen_while_another_fault_is_on() {
    for (ended, expected) in [(Some(FIRST - 500), Verdict::Pass), (Some(FIRST + 1_000), Verdict::Inconclusive)] {
        let (mut world, id) = preceded_by(poison());
        world.event(FIRST, Event::FaultBit { id, rule: None });
        let total = ProbeId::new(trigger("total-orders").as_str());
        world.event(FIRST + 2_500, probed(&total, FIRST + 500, false));
        let earlier = FaultId::new("fault-x");
        let fault = Fault { rules: vec![Rule::of_region(&"us-east-1".into(), Effect::Throttle)], ..nothing() };
        let planned = PlannedFault { id: earlier.clone(), fault: fault.clone(), ..world.plan.disaster[0].clone() };
        world.plan.disaster.insert(0, planned);
        world.event(FIRST - 900, Event::FaultArming { id: earlier.clone(), fault: Box::new(fault) });
        world.event(FIRST - 890, Event::FaultArmed { id: earlier.clone() });
        world.event(FIRST - 880, Event::FaultBit { id: earlier.clone(), rule: None });
        if let Some(at) = ended {
            world.event(at, Event::FaultEnded { id: earlier, by: "duration".to_owned() });
        }
        let found = world.judge();
        let unseen = has(&found, FindingKind::FaultDidNotBite, Weight::Undecided);
        assert_eq!(unseen, expected == Verdict::Inconclusive, "{ended:?}: {:#?}", found.findings);
    }
}

#[test]
fn the_canary_of_the_trigger_sees_it_too() {
    for (canary, expected) in [(trigger("total-orders"), Verdict::Pass), (orders(), Verdict::Inconclusive)] {
        let mut world = World::whole();
        world.plan.disaster[0].fault = poison();
        world.plan.detect.canary = canary;
        let total = ProbeId::new(trigger("total-orders").as_str());
        world.events.retain(|(_, event)| !matches!(event, Event::Probed { probe, ok: false, .. } if *probe == total));
        assert_eq!(world.judge().verdict, expected);
    }
}

#[test]
fn what_an_unprocessable_event_does_before_the_recovery_counts_and_what_the_recovery_does_itself_not() {
    for (ended, expected) in [(21_699, Verdict::Pass), (21_701, Verdict::Inconclusive)] {
        let mut world = World::whole();
        world.plan.disaster[0].fault = poison();
        let total = ProbeId::new(trigger("total-orders").as_str());
        world.events.retain(|(_, event)| !matches!(event, Event::Probed { probe, ok: false, .. } if *probe == total));
        world.event(ended, probed(&total, T0 + 100, false));
        assert_eq!(world.judge().verdict, expected, "{ended}");
    }
}

#[test]
fn a_rule_that_has_to_strike_somebody_is_not_excused_by_another_of_its_fault() {
    let whom = Some("the functions in us-east-1a".to_owned());
    let rule = || Rule::of_region(&"us-east-1".into(), Effect::Reset);
    let rules = vec![rule(), Rule { must_strike: whom, ..rule() }];
    for (bites, expected, said) in [
        (&[None, Some(1)][..], Verdict::Pass, ""),
        (&[Some(1)], Verdict::Pass, ""),
        (&[None], Verdict::Inconclusive, "did not strike the functions in us-east-1a"),
        (&[Some(0)], Verdict::Inconclusive, "did not strike the functions in us-east-1a"),
        (&[], Verdict::Inconclusive, "struck nothing"),
    ] {
        let (mut world, id) = preceded_by(Fault { rules: rules.clone(), ..nothing() });
        for rule in bites {
            world.event(FIRST, Event::FaultBit { id: id.clone(), rule: *rule });
        }
        let found = world.judge();
        assert_eq!(found.verdict, expected, "{bites:?}: {:#?}", found.findings);
        if expected != Verdict::Pass {
            let message = &finding(&found, FindingKind::FaultDidNotBite).message;
            assert!(message.contains(said), "{bites:?}: {message}");
        }
    }
}

#[test]
fn whom_a_rule_strikes_while_it_is_on_counts_and_later_not() {
    let rule = || Rule::of_region(&"us-east-1".into(), Effect::Reset);
    let rules = vec![rule(), Rule { must_strike: Some("the functions".to_owned()), ..rule() }];
    for (at, ended, expected) in [
        (FIRST + 200, None, Verdict::Pass),
        // What was gone may be asked for by the recovery alone.
        (21_701, None, Verdict::Pass),
        (FIRST + 200, Some(FIRST + 100), Verdict::Inconclusive),
    ] {
        let (mut world, id) = preceded_by(Fault { rules: rules.clone(), ..nothing() });
        world.event(FIRST, Event::FaultBit { id: id.clone(), rule: None });
        world.event(at, Event::FaultBit { id: id.clone(), rule: Some(1) });
        if let Some(ended) = ended {
            world.plan.expect.rto.as_mut().unwrap().ride_out = true;
            world.event(ended, Event::FaultEnded { id, by: "duration".to_owned() });
        }
        let found = world.judge();
        let idle = has(&found, FindingKind::FaultDidNotBite, Weight::Undecided);
        assert_eq!(idle, expected == Verdict::Inconclusive, "{at}: {:#?}", found.findings);
    }
}
