//! Rules of what the drill itself must have done.

use firedrill_model::{
    findings::{FindingKind, Weight},
    history::{Ending, Event, Phase},
    ids::{FaultId, ProbeId, RecoveryPointId, ResourceId, ResourceKind},
    plan::{Plan, PlannedFault},
    rule::{Effect, Pattern, Rule, Scope},
    scenario::{Alteration, Backup, BackupUsing, Change, Expect, Fault, RecoveryStep},
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};

use super::Break;
use crate::support::{CUTOVER, ENDS, READY, T0, World, finding, has, orders, probed, put, verdict};

fn command() -> RecoveryStep {
    RecoveryStep::Command { command: vec!["./restore.sh".to_owned()], timeout: Span::from_secs(60) }
}

/// The same drill with the user's own programs.
fn own_scripts() -> World {
    let mut world = World::whole();
    world.plan.recover[0] = command();
    world.plan.backups = vec![Backup {
        protect: world.plan.stack.resources(),
        using: BackupUsing::Command { command: vec!["./backup.sh".to_owned()], timeout: Span::from_secs(60) },
        every: Span::from_secs(6),
        keep: 6,
        sabotage: None,
        critical: Vec::new(),
    }];
    world.each_event(|_, event| {
        if let Event::StepBegan { step: 0, step_kind } = event {
            "command".clone_into(step_kind);
        }
    });
    world
}

fn no_point(world: &mut World) {
    world.each_event(|_, event| {
        if let Event::RecoveryBegan { recovery_point, .. } = event {
            *recovery_point = None;
        }
    });
}

#[test]
fn a_restore_by_the_users_own_program_has_to_prove_as_much() {
    let table: [(&str, Break); 8] = [
        ("target not empty", |world| {
            world.each_event(|_, event| {
                if let Event::TargetInspected { present } = event {
                    present.push(orders());
                }
            });
        }),
        ("target not looked at", |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::TargetInspected { .. }));
        }),
        ("source reachable", |world| {
            world.each_event(|_, event| {
                if let Event::SourceReachability { reachable } = event {
                    *reachable = true;
                }
            });
        }),
        ("source not looked at", |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::SourceReachability { .. }));
        }),
        ("backup not verified", |world| {
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.verified = false;
                }
            });
        }),
        ("backup neither named nor verified", |world| {
            no_point(world);
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.verified = false;
                }
            });
        }),
        ("no backup before the recovery", |world| {
            no_point(world);
            world.events.retain(|(_, event)| !matches!(event, Event::BackupCompleted { .. }));
        }),
        ("the fault ended while it ran", |world| {
            world.event(26_000, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        }),
    ];
    assert_eq!(own_scripts().judge().verdict, Verdict::Pass);
    for (what, breaks) in table {
        let mut world = own_scripts();
        breaks(&mut world);
        let found = world.judge();
        for check in ["state", "rpo"] {
            assert_eq!(verdict(&found, check), Verdict::Inconclusive, "{what}: {check}");
        }
    }
    let mut world = own_scripts();
    no_point(&mut world);
    assert_eq!(world.judge().verdict, Verdict::Pass, "the latest backup was verified");
}

#[test]
fn a_recovery_that_restores_nothing_need_not_begin_empty() {
    let full = |world: &mut World| {
        world.each_event(|_, event| {
            if let Event::TargetInspected { present } = event {
                present.push(orders());
            }
        });
    };
    // A program of the user's own without a backup: a copy there may be kept current all the time.
    let mut world = own_scripts();
    world.plan.backups.clear();
    full(&mut world);
    assert_eq!(world.judge().verdict, Verdict::Pass);
    // It must do without the lost region all the same.
    world.events.retain(|(_, event)| !matches!(event, Event::SourceReachability { .. }));
    assert_eq!(world.judge().verdict, Verdict::Inconclusive);
    // Steps that only move the traffic.
    world.plan.recover.remove(0);
    assert_eq!(world.judge().verdict, Verdict::Pass);
    // A restore beside the program.
    world.plan.recover.insert(0, World::whole().plan.recover[0].clone());
    world.plan.recover.insert(0, command());
    assert!(has(&world.judge(), FindingKind::TargetNotEmpty, Weight::Undecided));
}

#[test]
fn a_fault_that_ends_during_the_restore_leaves_the_source_in_reach() {
    for (at, expected) in [(26_599, Verdict::Inconclusive), (26_601, Verdict::Pass)] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().ride_out = true;
        world.event(at, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        let found = world.judge();
        assert_eq!((verdict(&found, "state"), verdict(&found, "rpo")), (expected, expected), "{at}");
        assert_eq!(has(&found, FindingKind::SourceReachable, Weight::Undecided), expected != Verdict::Pass);
    }
}

#[test]
fn a_source_that_the_recovery_cut_off_first_is_away_for_as_long_as_that_lasts() {
    let isolate = || RecoveryStep::Isolate { region: "us-east-1".into() };
    let ends = |id: &str, at: u64| (at, Event::FaultEnded { id: FaultId::new(id), by: "duration".to_owned() });
    for (case, place, (at, ended), expected) in [
        ("the fault ended", None, ends("fault-1", 26_599), Verdict::Inconclusive),
        ("the fault ended, and the region was cut off", Some(0), ends("fault-1", 26_599), Verdict::Pass),
        ("it was no longer cut off", Some(0), ends("isolation-1", 26_599), Verdict::Inconclusive),
        ("it was cut off until then", Some(0), ends("isolation-1", 26_601), Verdict::Pass),
        ("it was cut off after a step that restores", Some(1), ends("fault-1", 26_599), Verdict::Inconclusive),
    ] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().ride_out = true;
        if let Some(place) = place {
            world.plan.recover.insert(place, isolate());
        }
        world.event(at, ended);
        assert_eq!(verdict(&world.judge(), "state"), expected, "{case}");
    }
}

#[test]
fn what_the_recovery_cuts_off_is_no_fault_that_bites() {
    let mut world = World::whole();
    world.plan.recover.insert(0, RecoveryStep::Isolate { region: "us-east-1".into() });
    world.events.retain(|(_, event)| !matches!(event, Event::FaultArmed { .. } | Event::FaultBit { .. }));
    let (id, fault) = (FaultId::new("isolation-1"), Box::new(world.plan.disaster[0].fault.clone()));
    world.event(21_000, Event::Isolating { id, fault });
    let found = world.judge();
    assert!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided));
    assert_eq!(found.rto.t0_ms, None);
}

/// The world with a second fault, which is switched on and strikes what `bites` says.
fn second_fault(fault: Fault, bites: bool) -> World {
    let mut world = World::whole();
    let id = FaultId::new("fault-2");
    world.plan.disaster.push(PlannedFault { id: id.clone(), fault, ..world.plan.disaster[0].clone() });
    world.event(19_000, Event::FaultArmed { id: id.clone() });
    if bites {
        world.event(19_000, Event::FaultBit { id, rule: None });
    }
    world
}

fn vault_loss() -> Fault {
    let vault = ResourceId::new(ResourceKind::Bucket, "order-vault");
    let what = Alteration::DeleteBelow { prefix: String::new() };
    let changes = vec![Change { region: "eu-west-1".into(), resource: vault, what }];
    let fault = World::whole().plan.disaster[0].fault.clone();
    Fault { changes, lost: Vec::new(), rules: Vec::new(), actions: Vec::new(), ..fault }
}

#[test]
fn each_fault_of_a_disaster_has_to_strike_something() {
    for (bites, expected) in [(true, Verdict::Pass), (false, Verdict::Inconclusive)] {
        let found = second_fault(vault_loss(), bites).judge();
        assert_eq!(found.verdict, expected);
        assert_eq!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided), !bites);
    }
}

#[test]
fn recovery_time_counts_from_the_first_fault_that_clients_can_feel() {
    assert_eq!(second_fault(vault_loss(), true).judge().rto.t0_ms, Some(RunTime::from_ms(T0)));
    let elsewhere = Fault {
        rules: vec![Rule::of_region(&"eu-west-1".into(), Effect::Throttle)],
        changes: Vec::new(),
        ..vault_loss()
    };
    assert_eq!(second_fault(elsewhere.clone(), true).judge().rto.t0_ms, Some(RunTime::from_ms(T0)));
    // Between regions: clients come from outside.
    let from = |region: &str| Scope { origin: vec![Pattern::new(region)], ..Scope::default() };
    let of = |region: &str, from: Scope| {
        let rule = Rule::of_region(&region.into(), Effect::BlackHole);
        Rule { scope: Scope { origin: from.origin, ..rule.scope.clone() }, ..rule }
    };
    let partition = Fault {
        rules: vec![of("eu-west-1", from("us-east-1")), of("us-east-1", from("eu-west-1"))],
        ..elsewhere.clone()
    };
    assert_eq!(second_fault(partition, true).judge().rto.t0_ms, Some(RunTime::from_ms(T0)));
    let here = Fault { rules: vec![Rule::of_region(&"us-east-1".into(), Effect::Throttle)], ..elsewhere };
    assert_eq!(second_fault(here, true).judge().rto.t0_ms, Some(RunTime::from_ms(19_000)));
}

#[test]
fn a_stop_condition_is_met_only_once_a_fault_has_struck() {
    for (struck, kind, other) in [
        (true, FindingKind::StopConditionMet, FindingKind::RunIncomplete),
        (false, FindingKind::RunIncomplete, FindingKind::StopConditionMet),
    ] {
        let mut world = World::whole();
        world.event(30_000, Event::StopConditionMet { condition: 0, what: "errors is in ALARM".to_owned() });
        world.event(30_000, Event::Interrupted { reason: "stop condition".to_owned() });
        world.events.retain(|(_, event)| struck || !matches!(event, Event::FaultBit { .. }));
        let found = world.judge();
        assert!(has(&found, kind, Weight::Undecided) && !has(&found, other, Weight::Undecided), "{struck}");
        assert_eq!(found.verdict, Verdict::Inconclusive);
    }
}

#[test]
fn probes_that_fail_since_the_recovery_cut_the_region_off_did_not_feel_the_fault() {
    let (id, fault) = (FaultId::new("isolation-1"), Box::new(World::whole().plan.disaster[0].fault.clone()));
    for (at, felt) in [(T0, false), (26_000, true)] {
        let mut world = World::whole();
        world.plan.recover.insert(0, RecoveryStep::Isolate { region: "us-east-1".into() });
        world.event(at, Event::Isolating { id: id.clone(), fault: fault.clone() });
        world.events.retain(|(_, event)| {
            !matches!(event, Event::Probed { ok: false, began_ms, .. } if !felt && *began_ms <= RunTime::from_ms(at))
        });
        assert_eq!(has(&world.judge(), FindingKind::FaultDidNotBite, Weight::Undecided), !felt, "{at}");
    }
}

/// The world with a program of the user's own as a third step.
fn third_step(began: u64, ended: u64) -> World {
    let mut world = World::whole();
    world.plan.recover.push(command());
    world.event(began, Event::StepBegan { step: 2, step_kind: "command".to_owned() });
    world.event(ended, Event::StepEnded { step: 2, ending: Ending::Done, note: String::new() });
    world
}

#[test]
fn a_program_that_is_run_after_the_cutover_may_have_restored_something_or_not() {
    let after_readiness = FindingKind::RestoreAfterReadiness;
    let table = [
        (CUTOVER + 20, READY, Verdict::Pass, None),
        (CUTOVER + 20, READY + 1, Verdict::Inconclusive, Some(Weight::Undecided)),
        (CUTOVER + 20, 30_000, Verdict::Inconclusive, Some(Weight::Undecided)),
        (CUTOVER, 30_000, Verdict::Inconclusive, Some(Weight::Undecided)),
        (CUTOVER - 1, 30_000, Verdict::Fail, Some(Weight::Failure)),
    ];
    for (began, ended, expected, weight) in table {
        let found = third_step(began, ended).judge();
        assert_eq!(verdict(&found, "rto"), expected, "{began} to {ended}");
        let said: Vec<_> =
            found.findings.iter().filter(|one| one.kind == after_readiness).map(|one| one.weight).collect();
        assert_eq!(said, weight.into_iter().collect::<Vec<_>>(), "{began} to {ended}");
    }
    // What is known to restore does so wherever it stands.
    let mut world = third_step(CUTOVER + 20, 30_000);
    world.each_event(|_, event| {
        if let Event::StepBegan { step: 2, step_kind } = event {
            "restore".clone_into(step_kind);
        }
    });
    assert!(has(&world.judge(), after_readiness, Weight::Failure));
}

#[test]
fn a_fault_that_ends_beside_a_program_after_the_cutover_did_not_end_during_the_restore() {
    let ended = |at: u64| {
        let mut world = third_step(CUTOVER + 20, 30_000);
        world.plan.expect.rto.as_mut().unwrap().ride_out = true;
        world.event(at, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        world.judge()
    };
    let message = |at: u64| finding(&ended(at), FindingKind::SourceReachable).message.clone();
    assert!(message(26_600).contains("while the restore ran"));
    // What the program read then is not known.
    for at in [26_601, 30_000] {
        assert!(message(at).contains("while a program of the recovery ran after the cutover"), "{at}: {}", message(at));
        assert_eq!(verdict(&ended(at), "state"), Verdict::Inconclusive);
    }
    assert_eq!(verdict(&ended(30_001), "state"), Verdict::Pass);
}

#[test]
fn steps_that_only_move_the_traffic_use_no_backup() {
    let mut world = World::whole();
    let mut replicated = put(&orders(), "C-9#x", "x-1", 17_900);
    replicated.writer = "another".to_owned();
    world.ledger.push(replicated);
    // The restore that names its recovery point has to have it back.
    assert!(has(&world.judge(), FindingKind::BackupIncomplete, Weight::Failure));
    no_point(&mut world);
    world.plan.recover.remove(0);
    let found = world.judge();
    assert_eq!((verdict(&found, "rpo"), found.rpo.actual_ms), (Verdict::Pass, Some(Span::from_ms(2_090))));
    assert!(
        found.findings.iter().all(|finding| finding.kind != FindingKind::BackupIncomplete),
        "{:#?}",
        found.findings
    );
    // A program of the user's own restores what it finds.
    world.plan.recover.insert(0, command());
    assert!(has(&world.judge(), FindingKind::BackupIncomplete, Weight::Failure));
}

#[test]
fn the_end_of_another_regions_fault_brings_no_source_back() {
    let mut world = World::whole();
    let mut other = world.plan.disaster[0].clone();
    other.id = FaultId::new("fault-2");
    other.fault.lost = vec!["ap-southeast-2".into()];
    world.plan.disaster.push(other);
    world.event(26_000, Event::FaultEnded { id: FaultId::new("fault-2"), by: "duration".to_owned() });
    assert_eq!(world.judge().verdict, Verdict::Pass);
}

#[test]
fn a_program_of_the_users_own_uses_the_latest_point_of_each_rule() {
    let mut world = own_scripts();
    no_point(&mut world);
    assert_eq!(world.judge().verdict, Verdict::Pass);
    // A second rule that never had a point.
    world.plan.backups.push(world.plan.backups[0].clone());
    assert!(has(&world.judge(), FindingKind::BackupNotVerified, Weight::Undecided));
    // One whose point was not read back, and is older than the other rule's.
    let verified = |verified: bool| {
        let mut world = world.clone();
        let first = world.events.iter().find_map(|(at, event)| {
            let Event::BackupCompleted { recovery_point } = event else { return None };
            Some((*at, recovery_point.clone()))
        });
        let (at, mut point) = first.expect("a backup");
        point.rule = 1;
        point.id = RecoveryPointId::new("rp-b");
        point.verified = verified;
        world.event(at - 1, Event::BackupCompleted { recovery_point: point });
        world.judge()
    };
    assert_eq!(verified(true).verdict, Verdict::Pass);
    assert!(has(&verified(false), FindingKind::BackupNotVerified, Weight::Undecided));
}

#[test]
fn a_resource_comes_from_the_latest_point_that_holds_it() {
    // Lost, complete 90 ms before the youngest point was begun, and long after the older one was.
    let mut lost = put(&orders(), "C-9#x", "x-1", 17_900);
    lost.writer = "another".to_owned();
    let mut world = own_scripts();
    world.ledger.push(lost);
    world.plan.backups.push(world.plan.backups[0].clone());
    let blamed = |older_protects_orders: bool, youngest_protects_orders: bool, named: bool| {
        let mut world = world.clone();
        let mut older = None;
        world.each_event(|_, event| {
            if let Event::BackupCompleted { recovery_point } = event {
                older = Some(recovery_point.clone());
                recovery_point.resources.retain(|id| youngest_protects_orders || *id != orders());
            }
        });
        let mut older = older.expect("a backup");
        (older.rule, older.id) = (1, RecoveryPointId::new("rp-b"));
        (older.begun_ms, older.ended_ms) = (RunTime::from_ms(10_000), RunTime::from_ms(10_500));
        older.resources.retain(|id| older_protects_orders && *id == orders());
        world.event(10_600, Event::BackupCompleted { recovery_point: older });
        if !named {
            no_point(&mut world);
        }
        has(&world.judge(), FindingKind::BackupIncomplete, Weight::Failure)
    };
    for named in [true, false] {
        assert!(!blamed(true, false, named), "the other rule's point was begun before it, and owes it not");
        assert!(blamed(true, true, named) && blamed(false, true, named), "the latest owes it");
    }
}

#[test]
fn the_first_end_of_a_fault_is_its_end() {
    let mut world = World::whole();
    world.event(27_500, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
    let found = world.judge();
    assert!(has(&found, FindingKind::SelfHealed, Weight::Undecided), "it is healed again when the run ends");
}

#[test]
fn a_fault_that_ended_before_it_bit_is_not_active() {
    let mut world = World::whole();
    world.event(T0 - 1, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
    let found = world.judge();
    assert_eq!(found.rto.t0_ms, None);
    assert!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided));
    assert!(found.checks.values().all(|verdict| *verdict == Verdict::Inconclusive), "{:?}", found.checks);
}

#[test]
fn a_fault_that_no_probe_feels_leaves_everything_undecided() {
    let mut world = World::whole();
    world.each_event(|at, event| {
        if let Event::Probed { ok, .. } = event {
            // A failure before the fault, or after the end of observation, is none of its doing.
            *ok = *at != 15_040 && *at < ENDS;
        }
    });
    world.event(ENDS + 100, probed(&ProbeId::new("table/orders"), ENDS + 60, false));
    let found = world.judge();
    assert!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided));
    assert!(found.checks.values().all(|verdict| *verdict == Verdict::Inconclusive), "{:?}", found.checks);
    let root = finding(&found, FindingKind::FaultDidNotBite).id.clone();
    assert_eq!(finding(&found, FindingKind::NotMeasured).root, Some(root));
    // Without a fault there is nothing to feel.
    world.plan.disaster.clear();
    let found = world.judge();
    assert!(found.findings.iter().all(|finding| finding.kind != FindingKind::FaultDidNotBite));
}

/// What a run that was killed at this instant leaves.
fn cut(world: &mut World, at_ms: u64) {
    world.events.retain(|(at, _)| *at <= at_ms);
}

#[test]
fn a_run_cut_short_is_incomplete_whatever_is_asserted() {
    let rto_alone = |plan: &mut Plan| plan.expect = Expect { rto: plan.expect.rto.take(), ..Expect::default() };
    let table: [(&str, Break); 5] = [
        ("between two phases", |world| cut(world, ENDS + 200)),
        ("in the captures", |world| {
            world.event(ENDS + 900, Event::PhaseBegan { phase: Phase::Capture });
            cut(world, ENDS + 6_150);
        }),
        ("in a phase that never ended", |world| world.event(100, Event::PhaseBegan { phase: Phase::Seed })),
        ("before the traffic ended", |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::Quiesced { .. }));
        }),
        ("before the recovery", |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::RecoveryBegan { .. }));
        }),
    ];
    for (what, breaks) in table {
        let mut world = World::whole();
        rto_alone(&mut world.plan);
        assert_eq!(world.judge().verdict, Verdict::Pass, "{what}");
        breaks(&mut world);
        let found = world.judge();
        assert!(has(&found, FindingKind::RunIncomplete, Weight::Undecided), "{what}: {:#?}", found.findings);
        assert_eq!(found.verdict, Verdict::Inconclusive, "{what}");
    }
    let mut world = World::whole();
    world.plan.recover.clear();
    world.events.retain(|(_, event)| !matches!(event, Event::RecoveryBegan { .. }));
    assert!(!has(&world.judge(), FindingKind::RunIncomplete, Weight::Undecided), "there was no recovery to begin");
    let mut world = World::whole();
    world.event(100, Event::PhaseBegan { phase: Phase::Seed });
    world.event(200, Event::PhaseEnded { phase: Phase::Seed, ending: Ending::Done, note: String::new() });
    world.event(ENDS + 8_000, Event::PhaseBegan { phase: Phase::Verify });
    assert_eq!(world.judge().verdict, Verdict::Pass, "what comes after the captures takes nothing away");
}

/// The undecided findings that are roots, and what the others say.
fn undecided(found: &Verification) -> (Vec<FindingKind>, Vec<&str>) {
    let undecided = || found.findings.iter().filter(|finding| finding.weight == Weight::Undecided);
    let roots = undecided().filter(|finding| finding.root.is_none()).map(|finding| finding.kind).collect();
    (roots, undecided().map(|finding| finding.message.as_str()).collect())
}

#[test]
fn a_run_killed_before_its_recovery_claims_nothing_that_it_did_not_see() {
    // While the data set is made, under traffic, just after the fault was set off, and once it had bitten.
    for at_ms in [50, 10_000, T0 - 1, T0 + 200] {
        for interrupted in [false, true] {
            let mut world = World::whole();
            cut(&mut world, at_ms);
            world.content.clear();
            world.configuration.clear();
            world.deliveries = None;
            if interrupted {
                world.event(at_ms + 1, Event::Interrupted { reason: "SIGINT".to_owned() });
            }
            let found = world.judge();
            assert!(found.checks.values().all(|verdict| *verdict == Verdict::Inconclusive), "{:?}", found.checks);
            let (roots, said) = undecided(&found);
            assert_eq!(roots, [FindingKind::RunIncomplete], "{at_ms}: {:#?}", found.findings);
            for claim in
                ["came from elsewhere", "nobody looked", "never ready", "nothing was tested", "stopped a single"]
            {
                assert!(said.iter().all(|text| !text.contains(claim)), "{at_ms}: {said:#?}");
            }
        }
    }
}

#[test]
fn a_run_killed_in_its_recovery_says_that_the_target_was_not_looked_at() {
    let mut world = World::whole();
    let began = world.events.iter().find(|(_, event)| matches!(event, Event::RecoveryBegan { .. })).unwrap().0;
    cut(&mut world, began);
    world
        .events
        .retain(|(_, event)| !matches!(event, Event::TargetInspected { .. } | Event::SourceReachability { .. }));
    let found = world.judge();
    let (roots, said) = undecided(&found);
    assert_eq!(roots, [FindingKind::RunIncomplete]);
    assert!(said.contains(&"whether the recovery side was empty before the restore was not observed"));
}

#[test]
fn a_fault_that_never_bit_before_detection_was_given_up_is_told_of_an_incomplete_run() {
    let mut world = World::whole();
    cut(&mut world, T0 + 900);
    world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. } | Event::RecoveryBegan { .. }));
    let note = "the canary was answered".to_owned();
    world.event(T0 + 901, Event::PhaseEnded { phase: Phase::Detect, ending: Ending::TimedOut, note });
    let found = world.judge();
    assert!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided), "{:#?}", found.findings);
}

#[test]
fn a_fault_that_was_not_given_its_time_is_not_told_to_have_stopped_nothing() {
    let table = [
        (Phase::Detect, Ending::Interrupted, false),
        (Phase::Traffic, Ending::Done, false),
        (Phase::Traffic, Ending::Interrupted, false),
        (Phase::Detect, Ending::Done, true),
        (Phase::Detect, Ending::Failed, true),
    ];
    for (phase, ending, told) in table {
        let mut world = World::whole();
        cut(&mut world, T0 + 900);
        world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. } | Event::RecoveryBegan { .. }));
        world.event(T0 + 901, Event::PhaseEnded { phase, ending, note: "a note".to_owned() });
        let found = world.judge();
        assert_eq!(has(&found, FindingKind::FaultDidNotBite, Weight::Undecided), told, "{phase:?} {ending:?}");
    }
}

#[test]
fn a_fault_that_ended_when_it_bit_was_not_on() {
    for (ended, t0) in [(T0, None), (T0 + 1, Some(firedrill_model::units::RunTime::from_ms(T0)))] {
        let mut world = World::whole();
        world.event(ended, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        assert_eq!(world.judge().rto.t0_ms, t0, "{ended}");
    }
}

#[test]
fn an_expectation_about_a_trigger_that_is_not_there_cannot_be_met() {
    let mut world = World::whole();
    let expected = world.plan.expect.effects["total-orders"];
    world.plan.expect.effects.insert("another".to_owned(), expected);
    let found = world.judge();
    assert_eq!(verdict(&found, "effects.another"), Verdict::Inconclusive);
    assert_eq!(finding(&found, FindingKind::NotMeasured).message, "the stack has no trigger another");
    assert_eq!(undecided(&found).0, [FindingKind::NotMeasured]);
}
