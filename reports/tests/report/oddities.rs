//! Whatever a run directory holds, a report is made of it: a run that went wrong needs one most.

use std::fs;

use firedrill_model::{
    history::{Event, line_digest},
    ids::{FaultId, Region, ResourceId, ResourceKind},
    recovery_point::RecoveryPoint,
    scenario::{Alteration, BackupUsing, Change},
    stack::Queue,
    units::{RunTime, Span},
    verdict::Verdict,
};
use firedrill_reports::{ReportError, RunRecord, build, diff, html, junit, markdown, terminal, write};
use proptest::prelude::*;

use super::sample;

fn render_all(record: &RunRecord) {
    assert!(html(record).unwrap().contains("</html>"));
    assert!(junit(record).unwrap().contains("</testsuites>"));
    assert!(!markdown(record).is_empty());
    assert!(terminal(record, true, None).contains("prove"));
    assert!(diff(record, record).contains("verdict"));
}

#[test]
fn an_absent_history_and_ledger_count_as_empty() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::interrupted();
    let dir = run.save(folder.path());
    fs::remove_file(dir.history()).unwrap();
    fs::remove_file(dir.ledger()).unwrap();
    let record = build(&dir, &run.verification).unwrap();
    assert_eq!((record.started_utc.as_ref(), record.phases.len(), record.timeline.bins.len()), (None, 0, 0));
    assert_eq!(record.run_id.as_str(), folder.path().file_name().unwrap().to_string_lossy());
    render_all(&record);
}

#[test]
fn an_absent_plan_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::pass();
    let dir = run.save(folder.path());
    fs::remove_file(dir.plan()).unwrap();
    assert!(matches!(build(&dir, &run.verification), Err(ReportError::RunDir(_))));
}

#[test]
fn a_damaged_history_is_an_error_and_a_torn_last_line_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::pass();
    let dir = run.save(folder.path());
    let whole = fs::read_to_string(dir.history()).unwrap();
    fs::write(dir.history(), format!("{whole}{{\"seq\":9")).unwrap();
    assert_eq!(build(&dir, &run.verification).unwrap(), run.record());
    fs::write(dir.history(), format!("broken\n{whole}")).unwrap();
    assert!(matches!(build(&dir, &run.verification), Err(ReportError::RunDir(_))));
}

#[test]
fn a_record_made_anew_does_not_cover_up_a_shorter_history() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::pass();
    let dir = run.save(folder.path());
    let first = write(&dir, &run.verification).unwrap().history.unwrap();
    let whole = fs::read_to_string(dir.history()).unwrap();
    assert_eq!(first.records, whole.lines().count() as u64);
    assert_eq!(first.sha256, line_digest(&whole), "the digest is that of the whole file");

    fs::write(dir.history(), format!("{whole}{}\n", whole.lines().last().unwrap())).unwrap();
    let second = write(&dir, &run.verification).unwrap().history.unwrap();
    assert_eq!(second.records, first.records + 1, "a history that went on is told whole");

    let end = whole.trim_end().rfind('\n').unwrap() + 1;
    fs::write(dir.history(), &whole[..end]).unwrap();
    assert_eq!(write(&dir, &run.verification).unwrap().history, Some(second), "what is gone stays known");
    fs::write(dir.record(), "half of a rec").unwrap();
    let third = write(&dir, &run.verification).unwrap().history.unwrap();
    assert_eq!(third.records, first.records - 1, "a record that is none is replaced");
}

#[test]
fn the_first_end_of_a_fault_is_the_one_that_is_told() {
    let mut run = sample::pass();
    let ended = |at, by: &str| (at, Event::FaultEnded { id: FaultId::new("fault-1"), by: by.to_owned() });
    let position = run.events.iter().position(|(_, event)| matches!(event, Event::FaultEnded { .. })).unwrap();
    run.events.insert(position, ended(30_000, "duration"));
    let fault = &run.record().faults[0];
    assert_eq!((fault.ended_ms.map(RunTime::ms), fault.ended_by.as_deref()), (Some(30_000), Some("duration")));
}

#[test]
fn what_was_ready_too_late_is_not_called_never_ready() {
    let mut run = sample::fail();
    let ready = sample::pass().verification.rto.ready_ms;
    let rto = &mut run.verification.rto;
    (rto.actual_ms, rto.ready_ms, rto.verdict) = (None, ready, Some(Verdict::Fail));
    rto.phases.clear();
    let text = terminal(&run.record(), false, None);
    assert!(text.contains("not in time") && text.contains("ready at") && !text.contains("never"), "{text}");
    let page = html(&run.record()).unwrap();
    assert!(page.contains("The workload was not ready and stable again in time."), "{page}");
    run.verification.rto.verdict = Some(Verdict::Inconclusive);
    assert!(terminal(&run.record(), false, None).contains("not measured"));
    run.verification.rto.ready_ms = None;
    assert!(terminal(&run.record(), false, None).contains("never stable again"));
}

#[test]
fn what_the_history_tells_is_in_the_record() {
    let record = sample::pass().record();
    assert_eq!(record.backups.iter().map(|backup| backup.restored).collect::<Vec<_>>(), [false, false, true]);
    let fault = &record.faults[0];
    let times = [fault.armed_ms, fault.bit_ms, fault.ended_ms].map(|at| at.map(RunTime::ms));
    assert_eq!(times, [Some(23_195), Some(23_207), Some(46_420)]);
    assert_eq!(record.detected_ms.map(RunTime::ms), Some(24_799));
    let steps: Vec<&str> = record.recovery[0].steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(steps, ["restore", "cutover"]);
    let counted: u64 = record.timeline.bins.iter().map(|bin| bin.acknowledged + bin.rejected + bin.ambiguous).sum();
    assert_eq!(counted, sample::pass().ledger.len() as u64);
    for (probe, stretches) in &record.timeline.probes {
        let shape: Vec<bool> = stretches.iter().map(|stretch| stretch.passed).collect();
        assert_eq!(shape, [true, false, true], "{probe}");
    }
}

#[test]
fn what_heal_added_after_a_crash_is_marked_and_ends_no_length() {
    let mut run = sample::pass();
    let crash = 44_600;
    run.events.retain(|(at, _)| *at < crash);
    let before = run.record();
    let fault = FaultId::new("fault-1");
    run.crashed_ms = Some(crash);
    run.events.push((900_000, Event::FaultEnded { id: fault.clone(), by: "heal".to_owned() }));
    run.events.push((900_000, Event::Healed { faults: vec![fault] }));
    run.events.push((900_000, Event::TornDown { kept: false }));
    let after = run.record();
    assert_eq!(
        (after.length_ms, &after.ended_utc, &after.faults),
        (before.length_ms, &before.ended_utc, &before.faults)
    );
    assert!(before.after_crash.is_none());
    insta::assert_snapshot!(
        terminal(&after, false, None).lines().find(|line| line.contains("crashed")).unwrap_or_default().trim(),
        @"crashed          healed 2026-11-23T14:16:51.000Z by the wall clock; fault-1 ended with it, at no measured time"
    );
    assert!(html(&after).unwrap().contains("by the wall clock"));
    render_all(&after);
}

#[test]
fn what_is_critical_is_held_lacking_or_unknown() {
    let mut run = sample::pass();
    let completed = |run: &mut sample::Sample, change: fn(&mut RecoveryPoint)| {
        for (_, event) in &mut run.events {
            if let Event::BackupCompleted { recovery_point } = event {
                change(recovery_point);
            }
        }
    };
    let held = |run: &sample::Sample| run.record().backups[0].critical_held;
    assert_eq!(held(&run), Some(true));
    assert!(html(&run.record()).unwrap().contains("verified, holds configuration, data"));
    completed(&mut run, |point| {
        point.verified = false;
        point.defect = Some("data is critical and is not in it for `table/orders`".to_owned());
    });
    assert_eq!(held(&run), Some(false));
    assert!(html(&run.record()).unwrap().contains("not shown to hold configuration, data, data is critical"));
    run.plan.backups[0].using =
        BackupUsing::Command { command: vec!["./backup.sh".to_owned()], timeout: Span::from_secs(9) };
    assert_eq!(held(&run), None, "nobody can look into it");
    run.plan.backups[0].critical.clear();
    assert_eq!((held(&run), run.record().backups[0].critical.len()), (None, 0));
}

#[test]
fn the_clean_recovery_point_is_the_latest_from_before_something_was_changed() {
    let mut run = sample::pass();
    let queue = Queue { visibility_timeout_s: 30, retention_s: 60, encryption: true, tags: [].into() };
    run.plan.stack.queues.insert("events".to_owned(), queue);
    let clean = |run: &sample::Sample| run.record().backups.iter().map(|backup| backup.clean).collect::<Vec<_>>();
    assert_eq!(clean(&run), [None; 3], "nothing was changed");
    let arming = run.events.iter().position(|(_, event)| matches!(event, Event::FaultArming { .. })).unwrap();
    let changed_at = |run: &mut sample::Sample, at_ms| {
        run.events[arming].0 = at_ms;
        let (region, resource) = (Region::from("us-east-1"), ResourceId::new(ResourceKind::Queue, "events"));
        run.plan.disaster[0].fault.changes = vec![Change { region, resource, what: Alteration::Delete }];
    };
    for (at_ms, expected) in [
        (23_191, [false, false, true]),
        (20_450, [false, true, false]),
        (12_000, [true, false, false]),
        (9_000, [false, false, false]),
    ] {
        changed_at(&mut run, at_ms);
        assert_eq!(clean(&run), expected.map(Some), "changed at {at_ms}");
    }
    run.plan.disaster[0].fault.changes[0].resource = ResourceId::new(ResourceKind::Bucket, "the-vault");
    assert_eq!(clean(&run), [None; 3], "it is not of the workload");
    changed_at(&mut run, 23_191);
    assert_eq!(html(&run.record()).unwrap().matches("the last clean one").count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Events in any number and order, at any time, give a report.
    #[test]
    fn no_history_makes_a_rendering_panic(
        keep in proptest::collection::vec((any::<prop::sample::Index>(), 0_u64..100_000_000), 0..40),
        lines in 0_usize..50,
    ) {
        let mut run = sample::pass();
        let events: Vec<Event> = run.events.iter().map(|(_, event)| event.clone()).collect();
        run.events = keep.iter().map(|(index, at)| (*at, index.get(&events).clone())).collect();
        run.ledger.truncate(lines);
        render_all(&run.record());
    }
}
