//! Rules of what counts as evidence.

use firedrill_model::{
    capture::CaptureName,
    findings::{FindingKind, Weight},
    history::{Event, line_digest},
    run_dir::{RunDir, lines_sha256},
    topology::Side,
    units::RunTime,
    verdict::Verdict,
};
use firedrill_verify::verify;
use serde_json::json;

use crate::support::{CUTOVER, ENDS, World, has, orders, uploads};

/// The world without the record of one capture, whose files are still there.
fn without(capture: CaptureName) -> World {
    let mut world = World::whole();
    world.events.retain(|(_, event)| !matches!(event, Event::Captured { capture: one, .. } if *one == capture));
    world
}

#[test]
fn files_of_a_capture_that_the_history_does_not_have_are_no_evidence() {
    for (capture, checks) in [
        (CaptureName::Source, &["state"][..]),
        (CaptureName::Recovered, &["state", "rpo", "consistent-cut", "effects.total-orders"]),
        (CaptureName::Drained, &["effects.total-orders", "effects.describe-upload"]),
    ] {
        let found = without(capture).judge();
        for check in checks {
            assert_eq!(crate::support::verdict(&found, check), Verdict::Inconclusive, "{capture:?}: {check}");
        }
    }
    // A recovery point that is not evidence blames nobody but the backup.
    let blamed = |world: &mut World| {
        world.drop_key(&uploads(), "a b.txt");
        world.point(&uploads(), &["u-a-1", "u-c-1"]);
        world.judge().findings[0].kind
    };
    assert_eq!(blamed(&mut World::whole()), FindingKind::Missing);
    assert_eq!(blamed(&mut without(CaptureName::RecoveryPoint)), FindingKind::BackupIncomplete);
}

#[test]
fn a_file_that_its_capture_does_not_name_is_no_evidence() {
    let root = tempfile::tempdir().unwrap();
    let world = World::whole();
    let later = std::cell::RefCell::new(Vec::new());
    let files = |dir: &RunDir| {
        vec![
            dir.deliveries(CaptureName::Drained),
            dir.configuration(CaptureName::Source),
            dir.content(CaptureName::Recovered, &uploads()),
        ]
    };
    let dir = world.save_with(root.path(), |dir| {
        for path in files(dir) {
            later.borrow_mut().push((path.clone(), std::fs::read(&path).unwrap()));
            std::fs::remove_file(path).unwrap();
        }
    });
    for (path, bytes) in later.into_inner() {
        std::fs::write(path, bytes).unwrap();
    }
    let found = verify(&dir).unwrap();
    assert!(!has(&found, FindingKind::EvidenceAltered, Weight::Undecided));
    for check in ["state", "rpo", "consistent-cut", "effects.describe-upload"] {
        assert_eq!(crate::support::verdict(&found, check), Verdict::Inconclusive, "{check}");
    }
}

#[test]
fn the_side_that_serves_the_traffic_is_the_one_to_read() {
    let of = |name: CaptureName, change: fn(&mut Side, &mut RunTime)| {
        let mut world = World::whole();
        world.each_event(|_, event| {
            if let Event::Captured { capture, side, began_ms, .. } = event
                && *capture == name
            {
                change(side, began_ms);
            }
        });
        world.judge()
    };
    for capture in [CaptureName::Recovered, CaptureName::Drained] {
        for (what, change) in [
            ("another side", (|side, _| *side = Side::Primary) as fn(&mut Side, &mut RunTime)),
            ("before the cutover", |_, began| *began = RunTime::from_ms(CUTOVER - 1)),
        ] {
            let found = of(capture, change);
            assert!(found.checks.values().all(|one| *one == Verdict::Inconclusive), "{capture:?} {what}");
        }
    }
    // The last cutover decides.
    let mut world = World::whole();
    world.event(ENDS + 100, Event::CutOver { to: Side::Primary, epoch: 2 });
    assert_eq!(world.judge().verdict, Verdict::Inconclusive);
}

#[test]
fn a_history_that_lost_its_end_is_noticed_by_whoever_has_the_record() {
    let root = tempfile::tempdir().unwrap();
    let dir = World::whole().save(root.path());
    let text = std::fs::read_to_string(dir.history()).unwrap();
    let records = text.lines().count() as u64;
    let sha256 = lines_sha256(&dir.history(), records).unwrap().unwrap();
    let say = |value: serde_json::Value| std::fs::write(dir.record(), value.to_string()).unwrap();
    let altered = || has(&verify(&dir).unwrap(), FindingKind::EvidenceAltered, Weight::Undecided);
    assert!(!altered(), "there is no record");
    say(json!({ "schema": "firedrill.run/1" }));
    assert!(!altered(), "a record of an earlier version");
    say(json!({ "history": { "records": records, "sha256": sha256 } }));
    assert!(!altered());
    // The run goes on to report and teardown after its record was written.
    let last = text.lines().last().unwrap().len() + 1;
    let shorter = lines_sha256(&dir.history(), records - 1).unwrap().unwrap();
    say(json!({ "history": { "records": records - 1, "sha256": shorter } }));
    assert!(!altered());
    say(json!({ "history": { "records": records, "sha256": sha256 } }));
    std::fs::write(dir.history(), &text[..text.len() - last]).unwrap();
    assert!(altered(), "one record less");
    let found = verify(&dir).unwrap();
    assert!(found.checks.values().all(|one| *one == Verdict::Inconclusive));
    say(json!({ "history": { "records": records - 1, "sha256": sha256 } }));
    assert!(altered(), "another digest");
    std::fs::write(dir.record(), "half of a rec").unwrap();
    assert!(altered(), "no record");
}

#[test]
fn altered_evidence_is_one_root_before_all_others() {
    let root = tempfile::tempdir().unwrap();
    let mut world = World::whole();
    // Something fails, and several things were altered: the ledger, a capture that is gone, the end of the history.
    world.drop_key(&uploads(), "a b.txt");
    let dir = world.save(root.path());
    let ledger = std::fs::read_to_string(dir.ledger()).unwrap();
    std::fs::write(dir.ledger(), format!("{ledger}{ledger}")).unwrap();
    std::fs::remove_file(dir.content(CaptureName::Recovered, &orders())).unwrap();
    let history = std::fs::read_to_string(dir.history()).unwrap();
    let (shorter, _) = history.trim_end().rsplit_once("{\"seq\"").unwrap();
    let head = json!({ "records": history.lines().count(), "sha256": line_digest(&history) });
    std::fs::write(dir.record(), json!({ "history": head }).to_string()).unwrap();
    std::fs::write(dir.history(), shorter).unwrap();
    let found = verify(&dir).unwrap();
    let first = &found.findings[0];
    assert_eq!((first.kind, first.weight, first.count), (FindingKind::EvidenceAltered, Weight::Undecided, 3));
    assert_eq!(first.message, "files of the run directory are not as the run left them");
    for file in ["ledger.jsonl", "of capture recovered", "run.json"] {
        assert!(first.detail.iter().any(|line| line.contains(file)), "{file}: {:#?}", first.detail);
    }
    for finding in found.findings.iter().filter(|finding| finding.weight == Weight::Undecided).skip(1) {
        assert_eq!(finding.root.as_deref(), Some(first.id.as_str()), "{finding:#?}");
    }
    assert!(found.checks.values().all(|verdict| *verdict != Verdict::Pass), "{:?}", found.checks);
}

#[test]
fn content_that_is_not_sorted_by_key_leaves_state_and_recovery_point_undecided() {
    for turned in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let dir = World::whole().save_with(root.path(), |dir| {
            let path = dir.content(CaptureName::Recovered, &orders());
            let text = std::fs::read_to_string(&path).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            if turned {
                lines.reverse();
            }
            std::fs::write(path, lines.join("\n") + "\n").unwrap();
        });
        let found = verify(&dir).unwrap();
        let expected = if turned { Verdict::Inconclusive } else { Verdict::Pass };
        assert_eq!(["state", "rpo"].map(|check| crate::support::verdict(&found, check)), [expected; 2], "{turned}");
    }
}
