//! Rules of the consistent cut, two copies, proofs and verdict.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::CaptureName,
    findings::{FindingKind, Weight},
    history::{Ending, Event, Phase},
    ids::FaultId,
    ledger::{Origin, Outcome},
    plan::Layout,
    scenario::{Expect, StatedFinding},
    topology::Side,
    units::RunTime,
    verdict::Verdict,
};
use firedrill_verify::verify;

use super::Break;
use crate::support::{
    BACKUP, CUTOVER, ENDS, READY, World, ambiguous, entry, finding, has, orders, put, put_after, roots, running_total,
    totals, uploads, verdict,
};

// ---- consistent cut and two copies ----------------------------------------------------------------------------------

#[test]
fn torn_when_a_writers_later_write_survives_an_earlier_one() {
    let mut world = World::whole();
    let survivor = put(&orders(), "C-3#o-9", "o-9-1", 19_500);
    world.add(&orders(), &entry(&survivor));
    world.drained(&totals()).push(running_total("C-3", &[(&survivor, false)]));
    world.ledger.push(survivor);
    assert_eq!(roots(&world.judge()), [(FindingKind::Torn, None)]);
    world.ledger.last_mut().unwrap().writer = "another".to_owned();
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn a_transaction_is_all_or_none() {
    let mut world = World::whole();
    for line in world.ledger.iter_mut().filter(|line| ["u-l-1", "o-1-2"].contains(&line.write_id.as_str())) {
        line.txn = Some("t-1".to_owned());
    }
    assert_eq!(roots(&world.judge()), [(FindingKind::Torn, None)]);
}

#[test]
fn a_fenced_side_must_not_say_yes() {
    let mut world = World::whole();
    world.plan.expect.rpo = None;
    world.event(26_700, Event::Fenced { side: Side::Primary });
    assert_eq!(roots(&world.judge()), []);
    // Acknowledged before the fence, then after it: when it was issued says nothing.
    for (issued, completed, expected) in
        [(26_600, 26_700, None), (26_600, 26_701, Some(())), (26_800, 26_810, Some(()))]
    {
        let mut late = put(&orders(), "C-1#o-1", "o-1-2", issued);
        (late.origin, late.completed_ms) = (Origin::Probe, Some(RunTime::from_ms(completed)));
        world.ledger.push(late);
        let expected: Vec<_> = expected.map(|()| (FindingKind::WriteAfterFence, Some(orders()))).into_iter().collect();
        assert_eq!(roots(&world.judge()), expected, "{issued} to {completed}");
        world.ledger.pop();
    }
}

#[test]
fn a_fence_ends_when_the_traffic_comes_back() {
    let mut world = World::whole();
    world.event(26_700, Event::Fenced { side: Side::Primary });
    world.event(35_000, Event::Fenced { side: Side::Recovery });
    world.event(35_500, Event::CutOver { to: Side::Primary, epoch: 2 });
    for (side, completed, is_fenced) in [
        (Side::Primary, 26_700, false),
        (Side::Primary, 35_499, true),
        (Side::Primary, 35_500, false),
        (Side::Primary, 36_000, false),
        (Side::Recovery, 35_000, false),
        (Side::Recovery, 35_001, true),
        (Side::Recovery, 36_000, true),
    ] {
        let mut line = put(&orders(), "C-9#x", "x-1", completed - 10);
        (line.side, line.completed_ms) = (side, Some(RunTime::from_ms(completed)));
        world.ledger.push(line);
        let found = world.judge();
        assert_eq!(has(&found, FindingKind::WriteAfterFence, Weight::Failure), is_fenced, "{side} {completed}");
        world.ledger.pop();
    }
    // The traffic that comes to a side does not end the fence of the other.
    world.event(35_600, Event::CutOver { to: Side::Primary, epoch: 3 });
    world.ledger.push(put_after(&orders(), "C-9#x", "x-1", 36_000));
    assert!(has(&world.judge(), FindingKind::WriteAfterFence, Weight::Failure));
    // Nor does one that came before it.
    world.event(35_700, Event::Fenced { side: Side::Primary });
    world.ledger.push(put(&orders(), "C-9#y", "y-1", 36_100));
    world.ledger.retain(|line| line.write_id.as_str() != "x-1");
    assert!(has(&world.judge(), FindingKind::WriteAfterFence, Weight::Failure));
}

#[test]
fn a_key_that_both_sides_acknowledged_after_the_cutover_diverged() {
    let table = [(26_500, 26_990, false), (26_500, CUTOVER, true), (27_100, 27_200, true)];
    for (issued, completed, diverges) in table {
        let mut world = World::whole();
        world.plan.expect.rpo = None;
        // The returned side took the same write, so that nothing else is wrong with the key.
        let mut old_side = put(&orders(), "C-2#o-4", "o-4-1", issued);
        old_side.completed_ms = Some(RunTime::from_ms(completed));
        world.ledger.push(old_side);
        let found = world.judge();
        let diverged = found.findings.iter().any(|finding| finding.kind == FindingKind::Diverged);
        assert_eq!(diverged, diverges, "{issued} to {completed}");
    }
}

fn came_back() -> Event {
    Event::Captured {
        capture: CaptureName::Returned,
        side: Side::Primary,
        began_ms: RunTime::from_ms(ENDS + 7_000),
        files: BTreeMap::new(),
    }
}

#[test]
fn a_source_that_answered_once_was_reachable() {
    for looks in [[true, false], [false, true]] {
        let mut world = World::whole();
        world.events.retain(|(_, event)| !matches!(event, Event::SourceReachability { .. }));
        for (at_ms, reachable) in [21_600, 26_400].into_iter().zip(looks) {
            world.event(at_ms, Event::SourceReachability { reachable });
        }
        assert!(has(&world.judge(), FindingKind::SourceReachable, Weight::Undecided), "{looks:?}");
    }
}

#[test]
fn what_heal_added_after_a_crash_is_measured_by_nobody() {
    let mut world = World::whole();
    let before = world.judge();
    world.crashed_ms = Some(ENDS + 6_900);
    world.event(ENDS + 900_000, Event::FaultEnded { id: FaultId::new("fault-1"), by: "heal".to_owned() });
    world.event(ENDS + 900_000, Event::Healed { faults: vec![FaultId::new("fault-1")] });
    world.event(ENDS + 900_000, Event::TornDown { kept: false });
    assert_eq!(world.judge(), before);
    // Even a fault is not measured by the wall clock.
    world.crashed_ms = Some(0);
    assert_eq!(world.judge().rto.t0_ms, None);
}

#[test]
fn a_heal_that_failed_takes_no_evidence_away() {
    let mut world = World::whole();
    let note = "the region does not answer".to_owned();
    world.event(ENDS + 7_000, Event::PhaseEnded { phase: Phase::Heal, ending: Ending::TimedOut, note });
    assert_eq!(world.judge().verdict, Verdict::Pass);
}

#[test]
fn a_lost_write_on_the_returned_source_is_stranded() {
    let mut world = World::whole();
    let lost = entry(world.line("u-l-1"));
    let stranded_key = lost.key.clone();
    world.content.insert((CaptureName::Returned, uploads()), vec![lost]);
    let half = world.judge();
    assert!(half.findings.iter().all(|found| found.kind != FindingKind::Stranded), "it may be half a capture");
    world.event(ENDS + 8_000, came_back());
    let verification = world.judge();
    assert_eq!(roots(&verification), [], "the recovery point judges the loss");
    let stranded: Vec<_> = verification.findings.iter().filter(|found| found.kind == FindingKind::Stranded).collect();
    assert_eq!(stranded.len(), 1);
    assert_eq!((stranded[0].resource.as_ref(), stranded[0].count), (Some(&uploads()), 1));

    world.ledger.iter_mut().filter(|line| line.key == stranded_key).for_each(|line| line.origin = Origin::Probe);
    let probes = world.judge();
    assert!(probes.findings.iter().all(|found| found.kind != FindingKind::Stranded), "a probe's key is nobody's data");
}

#[test]
fn a_lost_write_that_did_not_come_back_is_not_stranded() {
    let mut world = World::whole();
    world.content.insert((CaptureName::Returned, uploads()), Vec::new());
    world.event(ENDS + 8_000, came_back());
    let none = world.judge();
    assert!(
        none.findings.iter().all(|found| found.kind != FindingKind::Stranded),
        "what did not come back is just lost"
    );
}

// ---- proofs and verdict ---------------------------------------------------------------------------------------------

#[test]
fn what_proves_nothing_is_inconclusive() {
    let table: [(&str, FindingKind, Break); 7] = [
        ("target not empty", FindingKind::TargetNotEmpty, |world| {
            world.each_event(|_, event| {
                if let Event::TargetInspected { present } = event {
                    present.push(orders());
                }
            });
        }),
        ("backup not verified", FindingKind::BackupNotVerified, |world| {
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.verified = false;
                }
            });
        }),
        ("source reachable", FindingKind::SourceReachable, |world| {
            world.each_event(|_, event| {
                if let Event::SourceReachability { reachable } = event {
                    *reachable = true;
                }
            });
        }),
        ("shared process", FindingKind::NotProvable, |world| world.plan.target.layout = Layout::SharedProcess),
        ("no bite", FindingKind::FaultDidNotBite, |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. }));
        }),
        ("interrupted", FindingKind::RunIncomplete, |world| {
            world.event(30_000, Event::Interrupted { reason: "SIGINT".to_owned() });
        }),
        ("a phase failed", FindingKind::RunIncomplete, |world| {
            let note = "no answer".to_owned();
            world.event(30_000, Event::PhaseEnded { phase: Phase::Recover, ending: Ending::Failed, note });
        }),
    ];
    for (what, kind, breaks) in table {
        let mut world = World::whole();
        breaks(&mut world);
        let found = world.judge();
        assert!(has(&found, kind, Weight::Undecided), "{what}: {:#?}", found.findings);
        assert_eq!(found.verdict, Verdict::Inconclusive, "{what}");
    }
}

#[test]
fn one_process_for_both_regions_can_be_stated_and_never_passes() {
    let mut world = World::whole();
    world.plan.target.layout = Layout::SharedProcess;
    world.plan.must_fail = vec![StatedFinding { finding: "not-provable".into(), resource: None, step: None }];
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Inconclusive, Some(true)));
    world.plan.must_fail = vec![StatedFinding { finding: "target-not-empty".into(), resource: None, step: None }];
    assert_eq!(world.judge().as_stated, Some(false));
    world.plan.must_fail = vec![StatedFinding { finding: "not-provable".into(), resource: None, step: None }];
    world.plan.target.layout = Layout::ProcessPerRegion;
    assert_eq!(world.judge().as_stated, Some(false), "nothing of the kind is seen");
}

#[test]
fn that_the_source_stays_can_be_stated() {
    let mut world = World::whole();
    world.each_event(|_, event| {
        if let Event::SourceReachability { reachable } = event {
            *reachable = true;
        }
    });
    world.plan.must_fail = vec![StatedFinding { finding: "source-reachable".into(), resource: None, step: None }];
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Inconclusive, Some(true)), "{:#?}", found.findings);
}

#[test]
fn that_only_the_end_of_the_fault_healed_can_be_stated() {
    let mut world = World::whole();
    world.event(READY - 1_000, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
    world.plan.must_fail = vec![StatedFinding { finding: "self-healed".into(), resource: None, step: None }];
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Inconclusive, Some(true)), "{:#?}", found.findings);
}

#[test]
fn the_step_that_fails_for_good_is_named_and_can_be_stated() {
    let mut world = World::whole();
    world
        .events
        .retain(|(_, event)| !matches!(event, Event::StepBegan { step: 1, .. } | Event::StepEnded { step: 1, .. }));
    world.each_event(|_, event| {
        if let Event::StepEnded { ending, .. } = event {
            *ending = Ending::Failed;
        }
    });
    let note = "there was no room".to_owned();
    world.event(26_605, Event::PhaseEnded { phase: Phase::Recover, ending: Ending::Failed, note });
    let found = world.judge();
    let named = found.findings.iter().filter(|one| one.kind == FindingKind::RecoveryFailed && one.root.is_none());
    let named: Vec<_> = named.collect();
    assert!(matches!(named[..], [one] if one.key.as_deref() == Some("restore")), "{:#?}", found.findings);
    for (step, as_stated) in [(None, true), (Some("restore"), true), (Some("redrive"), false)] {
        let stated = |finding: &str, step: Option<&str>| StatedFinding {
            finding: finding.to_owned(),
            resource: None,
            step: step.map(str::to_owned),
        };
        world.plan.must_fail = vec![stated("recovery-failed", step)];
        let others = found.findings.iter().filter(|one| one.root.is_none() && one.weight == Weight::Failure);
        world.plan.must_fail.extend(others.map(|one| stated(&one.kind.to_string(), None)));
        assert_eq!(world.judge().as_stated, Some(as_stated), "{step:?}: {:#?}", world.plan.must_fail);
    }
}

#[test]
fn a_run_that_was_killed_after_a_step_failed_is_no_failed_recovery() {
    for (phase_ended, kind) in [(true, FindingKind::RecoveryFailed), (false, FindingKind::RunIncomplete)] {
        let mut world = World::whole();
        world.events.retain(|(at, _)| *at < 26_600);
        world.event(21_690, Event::PhaseBegan { phase: Phase::Recover });
        world.event(26_600, Event::StepEnded { step: 0, ending: Ending::Failed, note: "no room".to_owned() });
        if phase_ended {
            let note = "no room".to_owned();
            world.event(26_605, Event::PhaseEnded { phase: Phase::Recover, ending: Ending::Failed, note });
        }
        let found = world.judge();
        assert!(has(&found, kind, Weight::Undecided), "{phase_ended}: {:#?}", found.findings);
        assert_eq!(has(&found, FindingKind::RecoveryFailed, Weight::Undecided), phase_ended);
    }
}

#[test]
fn what_an_undecided_finding_says_is_not_stated_by_a_scenario() {
    let mut world = World::whole();
    world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. }));
    world.plan.must_fail = vec![StatedFinding { finding: "fault-did-not-bite".into(), resource: None, step: None }];
    assert_eq!(world.judge().as_stated, Some(false));
}

#[test]
fn a_second_attempt_may_find_what_the_first_left() {
    let mut world = World::whole();
    world.event(22_000, Event::StepEnded { step: 0, ending: Ending::Failed, note: "crashed".to_owned() });
    world.event(22_010, Event::RecoveryBegan { attempt: 2, recovery_point: None });
    world.event(22_020, Event::TargetInspected { present: vec![orders()] });
    let found = world.judge();
    assert_eq!((found.verdict, roots(&found)), (Verdict::Pass, vec![]));
    world.each_event(|_, event| {
        if let Event::TargetInspected { present } = event {
            *present = vec![orders()];
        }
    });
    assert!(has(&world.judge(), FindingKind::TargetNotEmpty, Weight::Undecided), "what the first attempt found counts");
}

#[test]
fn what_was_not_captured_is_inconclusive() {
    for resource in [orders(), uploads(), totals()] {
        let mut world = World::whole();
        world.content.retain(|(_, captured), _| *captured != resource);
        assert_eq!(world.judge().verdict, Verdict::Inconclusive, "{resource}");
    }
    let mut world = World::whole();
    world.configuration.clear();
    assert_eq!(verdict(&world.judge(), "state"), Verdict::Inconclusive);
    let mut world = World::whole();
    world.deliveries = None;
    assert_eq!(verdict(&world.judge(), "effects.total-orders"), Verdict::Inconclusive);
}

#[test]
fn altered_evidence_is_inconclusive() {
    type Alter = fn(&firedrill_model::run_dir::RunDir) -> std::path::PathBuf;
    let files: [(&str, Alter); 4] = [
        ("ledger", |dir| dir.ledger()),
        ("plan", |dir| dir.plan()),
        ("history", |dir| dir.history()),
        ("capture", |dir| dir.content(CaptureName::Recovered, &uploads())),
    ];
    for (what, path) in files {
        let root = tempfile::tempdir().unwrap();
        let dir = World::whole().save(root.path());
        let path = path(&dir);
        let text = std::fs::read_to_string(&path).unwrap();
        let altered = text.replacen("\"at_ms\":1000", "\"at_ms\":1001", 1).replacen("us-east-1", "us-west-1", 1);
        let altered = altered.replacen("digest-u-c-1", "digest-u-c-9", 1).replacen(
            "\"origin\":\"seed\"",
            "\"origin\":\"traffic\"",
            1,
        );
        assert_ne!(text, altered, "{what}");
        std::fs::write(&path, altered).unwrap();
        let found = verify(&dir).unwrap();
        assert!(has(&found, FindingKind::EvidenceAltered, Weight::Undecided), "{what}");
        assert_ne!(found.verdict, Verdict::Pass, "{what}");
    }
}

#[test]
fn a_shortened_ledger_is_altered_evidence() {
    let mut world = World::whole();
    let lines = world.ledger.len() as u64;
    world.each_event(|_, event| {
        if let Event::Quiesced { ledger_lines, ledger_sha256 } = event {
            (*ledger_lines, *ledger_sha256) = (lines + 1, "of a longer one".to_owned());
        }
    });
    assert!(has(&world.judge(), FindingKind::EvidenceAltered, Weight::Undecided));
}

#[test]
fn a_ledger_with_one_line_more_or_less_is_altered_evidence() {
    let root = tempfile::tempdir().unwrap();
    let dir = World::whole().save(root.path());
    let text = std::fs::read_to_string(dir.ledger()).unwrap();
    let (shorter, last) = text.trim_end().rsplit_once('\n').unwrap();
    for (text, altered) in [(text.clone(), false), (format!("{text}{last}\n"), true), (format!("{shorter}\n"), true)] {
        std::fs::write(dir.ledger(), text).unwrap();
        assert_eq!(has(&verify(&dir).unwrap(), FindingKind::EvidenceAltered, Weight::Undecided), altered);
    }
}

#[test]
fn nothing_asserted_is_nothing_checked() {
    let mut world = World::whole();
    world.plan.expect = Expect::default();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::NothingChecked, None));
    assert!(found.checks.is_empty());
    assert_eq!(found.not_asserted.len(), 6);
    assert!(found.findings.iter().all(|finding| finding.check.is_none() && finding.weight == Weight::Note));
    assert!(has(&found, FindingKind::BackupIncomplete, Weight::Note), "measured all the same");
    world.plan.must_fail = vec![StatedFinding { finding: "nothing-checked".into(), resource: None, step: None }];
    assert_eq!(world.judge().as_stated, Some(true));
    world.plan.expect.consistent_cut = true;
    assert_eq!(world.judge().as_stated, Some(false), "something is checked now");
}

#[test]
fn probes_are_neither_losses_nor_differences_and_explain_what_they_leave() {
    let mut world = World::whole();
    for (at, outcome) in
        [(17_000, Outcome::Acknowledged), (19_900, Outcome::Acknowledged), (20_500, Outcome::Ambiguous)]
    {
        let mut line = put(&orders(), "probe#orders", &format!("p-{at}"), at);
        (line.origin, line.writer) = (Origin::Probe, "probe".to_owned());
        world.ledger.push(if outcome == Outcome::Ambiguous { ambiguous(line) } else { line });
    }
    let left = world.line("p-19900").clone();
    world.drained(&totals()).push(running_total("probe", &[(&left, false)]));
    let found = world.judge();
    assert_eq!(roots(&found), []);
    assert_eq!((found.rpo.lost_writes, found.equivalence.total.count()), (2, 0));
}

#[test]
fn a_failure_says_what_where_since_when_and_what_to_try() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    let root = finding(&found, FindingKind::BackupIncomplete);
    insta::assert_snapshot!(
        format!("{}\n{}\n{}", root.message, root.detail.join("\n"), root.help.clone().unwrap_or_default()),
        @r"
    1 key of bucket/uploads written before recovery point rp-0003 (captured from 14:00:18.0Z) began is in neither it nor the recovered state
    a b.txt: written 14:00:02.0Z
    the backup reported success without them: compare what the backup lists with what the source holds
    "
    );
    assert_eq!(BACKUP.0, 18_000);
}
