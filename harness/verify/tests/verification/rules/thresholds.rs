//! Rules that have a bound, on either side of it.

use firedrill_model::{
    capture::CaptureName,
    findings::{FindingKind, Weight},
    history::{Ending, Event},
    ids::{FaultId, ProbeId, ResourceId, ResourceKind},
    ledger::{LedgerLine, Origin},
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};

use super::Break;
use crate::support::{
    CUTOVER, ENDS, READY, T0, World, entry, finding, has, orders, probed, put, put_after, rejected, uploads, verdict,
};

fn rpo(within_ms: u64) -> World {
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().expect("an objective").within = Span::from_ms(within_ms);
    world
}

fn rto(within_ms: u64) -> World {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().expect("an objective").within = Span::from_ms(within_ms);
    world
}

// ---- recovery point -------------------------------------------------------------------------------------------------

#[test]
fn a_loss_as_old_as_the_objective_meets_it() {
    // The earliest lost write completed 990 ms before the copy stopped.
    for (within, expected) in [(990, Verdict::Pass), (989, Verdict::Fail)] {
        assert_eq!(verdict(&rpo(within).judge(), "rpo"), expected, "{within}");
    }
}

#[test]
fn a_miss_follows_from_a_defect_without_which_the_objective_were_met() {
    for (within, follows) in [(6_000, true), (990, true), (989, false), (500, false)] {
        let mut world = rpo(within);
        world.ledger.push(put(&orders(), "C-3#late", "late-1", 19_700));
        world.drop_key(&uploads(), "a b.txt");
        let found = world.judge();
        let defect = finding(&found, FindingKind::BackupIncomplete).id.clone();
        assert_eq!(finding(&found, FindingKind::RpoMissed).root, follows.then_some(defect), "{within}");
    }
}

#[test]
fn a_write_as_old_as_the_objective_is_in_its_window() {
    let last = |world: &mut World| world.ledger.retain(|line| line.write_id.as_str() != "u-l-1");
    for (within, measured) in [(990, true), (989, false)] {
        let mut world = rpo(within);
        last(&mut world);
        assert_eq!(world.judge().rpo.actual_ms.is_some(), measured, "{within}");
    }
}

#[test]
fn only_acknowledged_writes_of_the_workload_show_that_the_copy_was_alive() {
    let refused = rejected(put(&orders(), "C-9#x", "x-1", 19_900));
    let mut probe = put(&orders(), "probe#orders", "p-1", 19_900);
    (probe.origin, probe.writer) = (Origin::Probe, "probe".to_owned());
    let derived = [Origin::Function, Origin::Redrive]
        .map(|origin| LedgerLine { origin, ..put(&orders(), "C-9#x", "x-1", 19_900) });
    for line in [refused, probe].into_iter().chain(derived) {
        let mut world = rpo(500);
        world.ledger.push(line.clone());
        let rpo = world.judge().rpo;
        assert_eq!((rpo.actual_ms, rpo.acknowledged_writes), (None, 9), "{:?} {:?}", line.origin, line.outcome);
    }
}

#[test]
fn what_is_lost_of_all_is_not_measured_when_a_part_was_not_captured() {
    let mut world = World::whole();
    world.content.retain(|(_, captured), _| *captured != orders());
    let found = world.judge();
    assert_eq!((found.rpo.actual_ms, found.rpo.actual_upper_ms, found.rpo.point_in_time), (None, None, None));
    assert!(found.rpo.by_resource.is_empty());
}

#[test]
fn survivors_form_a_cut_when_none_was_issued_after_the_first_loss_completed() {
    for (issued, point_in_time) in [(19_010, true), (19_011, false)] {
        let mut world = World::whole();
        let survivor = put(&orders(), "C-3#o-9", "o-9-1", issued);
        world.add(&orders(), &entry(&survivor));
        world.ledger.push(survivor);
        let found = world.judge();
        assert_eq!(found.rpo.point_in_time, Some(point_in_time), "{issued}");
        assert_eq!(has(&found, FindingKind::Holes, Weight::Note), !point_in_time, "{issued}");
        if !point_in_time {
            let holes = finding(&found, FindingKind::Holes);
            assert_eq!(holes.count, 1);
            assert_eq!(
                holes.detail,
                [
                    "the first lost write was acknowledged 14:00:19.0Z",
                    "1 write issued after that survived, the last 14:00:19.0Z"
                ]
            );
        }
    }
}

// ---- recovery time --------------------------------------------------------------------------------------------------

#[test]
fn the_interval_of_the_recovery_time_is_that_of_the_probes() {
    // Eight seconds, give or take half of one.
    for (within, expected) in
        [(8_500, Verdict::Pass), (8_499, Verdict::Inconclusive), (7_500, Verdict::Inconclusive), (7_499, Verdict::Fail)]
    {
        let found = rto(within).judge();
        assert_eq!(verdict(&found, "rto"), expected, "{within}");
        assert_eq!(
            (found.rto.objective_ms, found.rto.uncertainty_ms),
            (Some(Span::from_ms(within)), Span::from_ms(500))
        );
    }
}

#[test]
fn what_held_for_as_long_as_was_wanted_was_stable() {
    for (stable_for, expected) in [(12_000, Verdict::Pass), (12_001, Verdict::Inconclusive)] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().stable_for = Span::from_ms(stable_for);
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{stable_for}");
    }
}

/// The world whose observation ended then.
fn observed_until(until: u64) -> World {
    let mut world = World::whole();
    world.each_event(|_, event| {
        if let Event::ObservationEnds { until_ms } = event {
            *until_ms = RunTime::from_ms(until);
        }
    });
    world
}

#[test]
fn observation_goes_on_for_as_long_as_the_plan_says() {
    // Ten seconds from the end of the last step.
    for (until, expected) in [(37_010, Verdict::Pass), (37_009, Verdict::Inconclusive), (33_500, Verdict::Inconclusive)]
    {
        let mut world = observed_until(until);
        let found = world.judge();
        assert_eq!((verdict(&found, "rto"), verdict(&found, "state")), (expected, Verdict::Pass), "{until}");
        assert_eq!(found.rto.actual_ms.is_some(), expected == Verdict::Pass, "{until}");
        // What fails once the plan no longer wants it to be watched is nobody's failure.
        world.each_event(|at, event| {
            if let Event::Probed { probe, ok, .. } = event
                && probe.as_str() == "table/orders"
            {
                *ok &= *at < until + 500;
            }
        });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{until}");
    }
    // A miss that was certain by then is one.
    let mut world = observed_until(33_500);
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(7);
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Fail);
    // Without a step that ended it goes on from the beginning of the recovery.
    for (until, expected) in [(33_500, Verdict::Pass), (33_499, Verdict::Inconclusive)] {
        let mut world = observed_until(until);
        world.plan.observe = Span::from_ms(33_500 - 21_700);
        world.events.retain(|(_, event)| !matches!(event, Event::StepBegan { .. } | Event::StepEnded { .. }));
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{until}");
    }
}

#[test]
fn what_became_ready_too_late_and_did_not_hold_is_a_miss() {
    for (within, expected) in [(7_500, Verdict::Inconclusive), (7_499, Verdict::Fail), (1_000, Verdict::Fail)] {
        let mut world = rto(within);
        world.plan.expect.rto.as_mut().unwrap().stable_for = Span::from_secs(20);
        // A firedrill on time, whatever the objective.
        world.each_event(|_, event| {
            if let Event::SchedulingLag { max_ms } = event {
                *max_ms = Span::from_ms(1);
            }
        });
        let found = world.judge();
        assert_eq!((verdict(&found, "rto"), found.rto.actual_ms), (expected, None), "{within}");
    }
}

#[test]
fn a_probe_may_be_silent_for_two_intervals_and_its_time_out() {
    for (next, expected) in [(35_040, Verdict::Pass), (35_041, Verdict::Inconclusive)] {
        let mut world = World::whole();
        let orders_probe = ProbeId::new("table/orders");
        world.events.retain(|(at, event)| {
            let here = matches!(event, Event::Probed { probe, .. } if *probe == orders_probe);
            !here || *at <= 32_040 || *at > 35_500
        });
        world.event(next + 40, probed(&orders_probe, next, true));
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{next}");
    }
}

#[test]
fn what_the_restore_does_until_readiness_is_part_of_it() {
    for (completed, after) in [(READY, false), (READY + 1, true)] {
        let mut world = World::whole();
        let mut line = put(&orders(), "C-1#o-1", "o-1-2", completed - 10);
        line.origin = Origin::Restore;
        world.ledger.push(line);
        assert_eq!(has(&world.judge(), FindingKind::RestoreAfterReadiness, Weight::Failure), after, "{completed}");
    }
}

#[test]
fn a_fault_that_ends_before_the_first_pass_is_over_ended_before_readiness() {
    // A pass takes 40 ms.
    for (ended, healed) in [(READY, true), (READY + 40, true), (READY + 41, false)] {
        let mut world = World::whole();
        world.event(ended, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        assert_eq!(has(&world.judge(), FindingKind::SelfHealed, Weight::Undecided), healed, "{ended}");
    }
}

#[test]
fn firedrill_may_be_late_by_a_twentieth_of_the_objective() {
    for (late, expected) in [(3_000, Verdict::Pass), (3_001, Verdict::Inconclusive)] {
        let mut world = World::whole();
        world.event(45_000, Event::SchedulingLag { max_ms: Span::from_ms(late) });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{late}");
    }
}

fn phases(found: &Verification) -> Vec<(&str, u64)> {
    found.rto.phases.iter().map(|phase| (phase.name.as_str(), phase.span_ms.ms())).collect()
}

#[test]
fn a_step_after_the_cutover_is_no_part_of_the_restore() {
    let mut world = World::whole();
    let before = world.judge();
    world.event(CUTOVER + 15, Event::StepBegan { step: 2, step_kind: "redrive".to_owned() });
    world.event(CUTOVER + 500, Event::StepEnded { step: 2, ending: Ending::Done, note: String::new() });
    assert_eq!(phases(&world.judge()), phases(&before));
    // Without a cutover the last step ends the restore.
    world.events.retain(|(_, event)| !matches!(event, Event::CutOver { .. }));
    world.each_event(|_, event| {
        if let Event::Captured { side, .. } = event {
            *side = Side::Primary;
        }
    });
    let restore = CUTOVER + 500 - T0 - 1_600;
    let expected =
        [("detect", 1_600), ("decide", 0), ("restore", restore), ("cut over", 0), ("settle", READY - CUTOVER - 500)];
    assert_eq!(phases(&world.judge()), expected);
}

// ---- what a miss follows from ---------------------------------------------------------------------------------------

fn never_passes(world: &mut World, name: &str) {
    let name = ProbeId::new(name);
    world.each_event(|at, event| {
        if let Event::Probed { probe, ok, .. } = event
            && *probe == name
        {
            *ok &= *at < T0;
        }
    });
}

#[test]
fn a_trigger_that_never_works_follows_from_what_is_missing_on_its_way() {
    let table: [(&str, Break); 4] = [
        ("role/worker", |world| absent(world, &ResourceId::new(ResourceKind::Role, "worker"))),
        ("function/total-orders", |world| absent(world, &ResourceId::new(ResourceKind::Function, "total-orders"))),
        ("table/totals", |world| absent(world, &ResourceId::new(ResourceKind::Table, "totals"))),
        ("table/orders", |world| absent(world, &orders())),
    ];
    for (what, breaks) in table {
        let mut world = rto(10_000);
        never_passes(&mut world, "trigger/total-orders");
        let alone = world.judge();
        assert_eq!(finding(&alone, FindingKind::RtoMissed).root, None);
        breaks(&mut world);
        let found = world.judge();
        let missing = finding(&found, FindingKind::ConfigurationMissing);
        assert_eq!(missing.resource.as_ref().map(ToString::to_string).as_deref(), Some(what));
        assert_eq!(finding(&found, FindingKind::RtoMissed).root.as_ref(), Some(&missing.id), "{what}");
    }
    // What else is missing on the trigger's way is no reason for a bucket to fail.
    let mut world = rto(10_000);
    never_passes(&mut world, "bucket/uploads");
    absent(&mut world, &ResourceId::new(ResourceKind::Function, "total-orders"));
    assert_eq!(finding(&world.judge(), FindingKind::RtoMissed).root, None);
}

fn absent(world: &mut World, resource: &ResourceId) {
    let recovered = world.configuration.get_mut(&CaptureName::Recovered);
    let one = recovered.and_then(|list| list.iter_mut().find(|one| one.resource == *resource));
    one.expect("described").absent = true;
}

#[test]
fn a_run_cut_short_explains_why_a_service_was_not_ready_before_the_objective_alone() {
    for (within, follows) in [(60_000, true), (10_000, false)] {
        let mut world = rto(within);
        never_passes(&mut world, "table/orders");
        world.event(45_000, Event::Interrupted { reason: "SIGINT".to_owned() });
        let found = world.judge();
        let incomplete = finding(&found, FindingKind::RunIncomplete).id.clone();
        let never = found.findings.iter().find(|finding| finding.message.contains("never passed for good")).unwrap();
        let expected = if follows { Weight::Undecided } else { Weight::Failure };
        assert_eq!((never.weight, never.root.clone()), (expected, follows.then_some(incomplete)), "{within}");
    }
}

#[test]
fn observation_beyond_the_objective_and_the_interval_is_long_enough_for_a_miss() {
    for (within, expected) in [(19_499, Verdict::Fail), (19_501, Verdict::Inconclusive)] {
        let mut world = rto(within);
        never_passes(&mut world, "table/orders");
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{within}");
    }
}

// ---- effects and evidence -------------------------------------------------------------------------------------------

/// The world in which one capture was made at another time.
fn captured(name: CaptureName, change: impl Fn(&mut u64, &mut RunTime)) -> World {
    let mut world = World::whole();
    world.each_event(|at, event| {
        if let Event::Captured { capture, began_ms, .. } = event
            && *capture == name
        {
            change(at, began_ms);
        }
    });
    world.events.sort_by_key(|(at, _)| *at);
    world
}

#[test]
fn a_capture_shows_what_clients_find_once_that_is_there() {
    let (quiesced, drained) = (ENDS + 200, ENDS + 4_900);
    for (name, since) in [(CaptureName::Recovered, quiesced), (CaptureName::Drained, drained)] {
        for (began, expected) in
            [(since, Verdict::Pass), (since - 1, Verdict::Inconclusive), (CUTOVER, Verdict::Inconclusive)]
        {
            let found = captured(name, |_, began_ms| *began_ms = RunTime::from_ms(began)).judge();
            assert!(found.checks.values().all(|verdict| *verdict == expected), "{name:?} {began}: {:?}", found.checks);
        }
    }
    // A cutover that comes later counts instead.
    for (began, expected) in [(ENDS + 500, Verdict::Pass), (ENDS + 499, Verdict::Inconclusive)] {
        let mut world = captured(CaptureName::Recovered, |_, began_ms| *began_ms = RunTime::from_ms(began));
        world.event(ENDS + 500, Event::CutOver { to: Side::Recovery, epoch: 2 });
        assert_eq!(world.judge().verdict, expected, "{began}");
    }
}

#[test]
fn a_run_that_broke_off_says_again_that_its_traffic_has_stopped() {
    let mut world = World::whole();
    world.event(ENDS + 3_000, Event::Quiesced { ledger_lines: 0, ledger_sha256: String::new() });
    assert_eq!(world.judge().verdict, Verdict::Pass, "nothing was written since the first time");
}

#[test]
fn the_source_is_what_the_primary_side_was_before_the_fault() {
    let at_time =
        |ended: u64| captured(CaptureName::Source, |at, began| (*at, *began) = (ended, RunTime::from_ms(900)));
    let mut elsewhere = World::whole();
    elsewhere.each_event(|_, event| {
        if let Event::Captured { capture: CaptureName::Source, side, .. } = event {
            *side = Side::Recovery;
        }
    });
    let table = [
        ("when the fault bit", at_time(T0), Verdict::Pass),
        ("after that", at_time(T0 + 1), Verdict::Inconclusive),
        ("elsewhere", elsewhere, Verdict::Inconclusive),
    ];
    for (what, mut world, expected) in table {
        let found = world.judge();
        assert_eq!(verdict(&found, "state"), expected, "{what}");
        assert_eq!(verdict(&found, "rpo"), Verdict::Pass, "{what}: what the content shows stands");
        // What the restore forgot is not forgotten by the source as well.
        world.configuration.values_mut().flatten().for_each(|one| {
            one.compared.insert("TimeToLive.Status".to_owned(), serde_json::json!("DISABLED"));
        });
        assert_eq!(verdict(&world.judge(), "state"), expected, "{what}");
    }
    // Without a fault, before the recovery.
    let mut world = at_time(21_701);
    world.plan.disaster.clear();
    world.events.retain(|(_, event)| !matches!(event, Event::FaultArmed { .. } | Event::FaultBit { .. }));
    assert_eq!(verdict(&world.judge(), "state"), Verdict::Inconclusive);
}

#[test]
fn a_write_after_the_cutover_is_no_part_of_the_copy_that_was_given_up() {
    let mut world = World::whole();
    let before = world.judge().rpo;
    let fresh = put_after(&orders(), "C-9#x", "x-1", 29_500);
    world.add(&orders(), &entry(&fresh));
    world.ledger.push(fresh);
    assert_eq!(world.judge().rpo, before);
}
