//! Real drills on the real emulator: what a stopped, killed or finished run leaves behind.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use firedrill::workload::dataset::Draw;
use firedrill_fixtures::oracle;
use firedrill_model::{
    capture::{CaptureName, Entry},
    history::Event,
    ids::{FaultId, ResourceId, ResourceKind},
    ledger::Op,
    run_dir::RunDir,
    topology::Side,
    verdict::Verdict,
};
use support::{gone_within, history, in_the_night, only_run, printed, processes, root, run, start};

/// A small drill with all the parts of the large ones.
const SMALL: &str = "harness/firedrill/tests/data/small.yaml";

#[test]
fn a_drill_passes_and_its_directory_alone_gives_the_same_verdict_again() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let output = run(&["run", SMALL, "--seed", "5eed", "--out", folder, "--quiet", "--keep"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let dir = only_run(out.path());
    let dump = dumped(&dir);
    let healed = run(&["heal", dir.root().to_str().unwrap()]);
    assert_eq!(healed.status.code(), Some(0), "{}", printed(&healed));
    gone_within(Duration::from_secs(5), &processes(&dir));

    for name in ["scenario.yaml", "plan.json", "ledger.jsonl", "target.json", "run.json", "report.html", "summary.md"] {
        assert!(dir.root().join(name).is_file(), "{name} is missing");
    }
    let events: Vec<Event> = history(&dir).into_iter().map(|record| record.event).collect();
    let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).expect("in the history");
    let fenced = at(|event| matches!(event, Event::Fenced { side: Side::Primary }));
    assert_eq!(
        fenced + 1,
        at(|event| matches!(event, Event::CutOver { .. })),
        "the lost side is fenced, then traffic moves"
    );
    assert!(events.iter().any(|event| matches!(event, Event::SchedulingLag { .. })));
    let looks = events.iter().filter(|event| matches!(event, Event::SourceReachability { reachable: false })).count();
    assert_eq!(looks, 2, "the source is away before and after the restore");
    let verification = firedrill_verify::verify(&dir).unwrap();
    assert_eq!(verification.verdict, Verdict::Pass, "{:#?}", verification.findings);
    assert_retention_ran_before_the_restore(&events);
    assert_deleted_objects_came_back_deleted(&dir);
    assert!(verification.rpo.lost_writes > 0, "a region that is lost under traffic loses writes after the backup");

    // The oracle shares no code with verification and reads the same files.
    let oracle = oracle::lost_writes(dir.root()).unwrap();
    assert_eq!(oracle.certain.len() as u64, verification.rpo.lost_writes);
    let mut lost: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for write in &oracle.certain {
        lost.entry(&write.resource).or_default().insert(&write.key);
    }
    for (resource, losses) in verification.rpo.by_resource.iter().filter(|(_, losses)| losses.lost_writes > 0) {
        let named: BTreeSet<&str> = losses.sample.iter().map(String::as_str).collect();
        let all = &lost[resource.as_str()];
        assert!(named.is_subset(all) && named.len() == all.len().min(20), "{resource}: {named:?} of {all:?}");
    }

    // And what the emulator itself holds, read by another program: each difference is one of those keys.
    let differences = oracle::differences_from_dump(dir.root(), &dump).unwrap();
    let possibly = oracle.certain.iter().chain(&oracle.possible);
    let possibly: BTreeSet<(&str, &str)> =
        possibly.map(|write| (write.resource.as_str(), write.key.as_str())).collect();
    let differing: BTreeSet<(&str, &str)> =
        differences.iter().map(|one| (one.resource.as_str(), one.key.as_str())).collect();
    assert!(differing.is_subset(&possibly), "{differences:#?}");
    let certain: BTreeSet<(&str, &str)> =
        oracle.certain.iter().map(|write| (write.resource.as_str(), write.key.as_str())).collect();
    assert!(certain.is_subset(&differing), "{certain:?} are lost, {differing:?} differ");

    let again = run(&["verify", dir.root().to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(0), "{}", printed(&again));
}

/// The first point was removed, and what was restored is a point that shares what the first one was the first to store.
fn assert_retention_ran_before_the_restore(events: &[Event]) {
    let at = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(wanted).expect("in the history");
    let pruned = at(&|event| matches!(event, Event::BackupPruned { id } if id.as_str() == "rp-0001"));
    let restoring = at(&|event| matches!(event, Event::StepBegan { step_kind, .. } if step_kind == "restore"));
    assert!(pruned < restoring, "retention ran before the restore");
    let parents: BTreeMap<&str, &str> = events
        .iter()
        .filter_map(
            |event| if let Event::BackupCompleted { recovery_point } = event { Some(recovery_point) } else { None },
        )
        .filter_map(|point| Some((point.id.as_str(), point.parent.as_ref()?.as_str())))
        .collect();
    let used = events.iter().find_map(|event| {
        if let Event::RecoveryBegan { recovery_point, .. } = event { recovery_point.as_ref() } else { None }
    });
    let mut ancestor = used.expect("a point was restored").as_str();
    while let Some(parent) = parents.get(ancestor) {
        ancestor = parent;
    }
    assert_eq!((ancestor, parents.get("rp-0002")), ("rp-0001", Some(&"rp-0001")), "{parents:?}");
}

/// Uploads that were deleted in time for the recovery point are there as delete markers above their versions.
fn assert_deleted_objects_came_back_deleted(dir: &RunDir) {
    let uploads = ResourceId::new(ResourceKind::Bucket, "uploads");
    let deletes: BTreeSet<String> = dir
        .read_ledger()
        .expect("a ledger")
        .map(|line| line.expect("a line of the ledger"))
        .filter(|line| line.resource == uploads && line.op == Op::Delete && line.epoch == 0)
        .map(|line| line.key)
        .collect();
    let text = fs::read_to_string(dir.content(CaptureName::Recovered, &uploads)).expect("a capture");
    let entries: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
    let restored = |entry: &&Entry| deletes.contains(&entry.key) && entry.deleted && entry.versions.len() > 1;
    let count = entries.iter().filter(restored).count();
    assert!(count > 0, "{} uploads were deleted and none of them came back deleted", deletes.len());
    let packed = entries.iter().filter(|entry| entry.parts.contains_key("content-encoding")).count();
    assert!(packed > 0, "no upload has a `Content-Encoding`");
}

/// What the kept target of a run holds, read straight from the emulator by `fixtures/scripts/dump.py`.
fn dumped(dir: &RunDir) -> PathBuf {
    let target: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.target()).expect("target.json")).expect("JSON");
    let output = Command::new(target["python"].as_str().expect("a Python"))
        .arg(root().join("fixtures/scripts/dump.py"))
        .arg(dir.root())
        .output()
        .expect("it runs");
    assert!(output.status.success() && output.stdout.len() > 1000, "{}", printed(&output));
    let path = dir.root().join("dump.jsonl");
    fs::write(&path, &output.stdout).expect("written");
    path
}

#[test]
fn an_interrupted_drill_heals_reports_and_leaves_nothing() {
    let moments = [
        ("TERM", 143, ["phase-began", "\"detect\""]),
        ("INT", 130, ["phase-began", "\"traffic\""]),
        ("HUP", 143, ["phase-ended", "\"provision\""]),
    ];
    for (number, (signal, code, moment)) in moments.into_iter().enumerate() {
        if number > 0 && !in_the_night(&format!("SIG{signal} at {}", moment.join(" "))) {
            continue;
        }
        let out = tempfile::tempdir().unwrap();
        let mut going = start(SMALL, out.path());
        going.until(&moment);
        going.signal(signal);
        assert_eq!(going.wait(), Some(code), "SIG{signal}");
        let dir = only_run(out.path());
        gone_within(Duration::from_secs(1), &processes(&dir));
        assert!(dir.record().is_file(), "the evidence so far is written");
        let verification = firedrill_verify::verify(&dir).unwrap();
        assert_eq!(verification.verdict, Verdict::Inconclusive, "an interrupted run proves nothing");
        assert!(history(&dir).iter().any(|record| matches!(record.event, Event::Interrupted { .. })));
    }
}

#[test]
fn a_killed_drill_leaves_no_process_and_heals_from_its_journal() {
    let moments = [["phase-began", "\"recover\""], ["phase-ended", "\"preflight\""], ["phase-began", "\"traffic\""]];
    for (number, moment) in moments.into_iter().enumerate() {
        if number > 0 && !in_the_night(&format!("kill -9 at {}", moment.join(" "))) {
            continue;
        }
        kill_and_heal(SMALL, &moment);
    }
}

/// Kills the runner of a drill at a moment: nothing outlives it, and its journal alone heals it.
fn kill_and_heal(scenario: &str, moment: &[&str]) {
    let out = tempfile::tempdir().expect("a folder");
    let mut going = start(scenario, out.path());
    going.until(moment);
    going.signal("KILL");
    assert_eq!(going.wait(), None, "{scenario} at {moment:?}: ended by the signal");
    let dir = only_run(out.path());
    gone_within(Duration::from_secs(6), &processes(&dir));
    for _ in 0..2 {
        let healed = run(&["heal", dir.root().to_str().expect("UTF-8")]);
        assert_eq!(healed.status.code(), Some(0), "{}", printed(&healed));
    }
    let records = history(&dir);
    let added: Vec<&Event> = records.iter().filter(|record| record.wall_clock).map(|record| &record.event).collect();
    assert!(matches!(&added[..], [.., Event::Healed { .. }, Event::TornDown { kept: false }]), "{added:?}");
    let twice = added.iter().filter(|event| matches!(event, Event::TornDown { .. })).count();
    assert_eq!(twice, 1, "a second heal adds nothing");
    let ids = |wanted: fn(&Event) -> Option<&FaultId>| {
        records.iter().filter_map(|record| wanted(&record.event)).collect::<BTreeSet<_>>()
    };
    let begun =
        ids(
            |event| {
                if let Event::FaultArming { id, .. } | Event::Isolating { id, .. } = event { Some(id) } else { None }
            },
        );
    let ended = ids(|event| if let Event::FaultEnded { id, .. } = event { Some(id) } else { None });
    assert!(begun.is_subset(&ended), "{begun:?} were switched on, {ended:?} are over");
    assert_ne!(firedrill_verify::verify(&dir).expect("judged").verdict, Verdict::Pass, "a crashed run proves nothing");
}

/// Ten drills are drawn from those of the nightly job that pass, which have every disaster but `quota-exhausted`, and for each a
/// moment from the boundaries of its phases.
#[test]
fn a_killed_drill_of_any_disaster_heals_from_its_journal() {
    const DRAWN: usize = 10;
    const PHASES: [&str; 11] = [
        "preflight",
        "provision",
        "seed",
        "steady-state",
        "traffic",
        "fault",
        "detect",
        "recover",
        "observe",
        "quiesce",
        "capture",
    ];
    if !in_the_night(&format!("kill -9 at {DRAWN} moments drawn from the drills of the nightly job")) {
        return;
    }
    let mut scenarios: Vec<PathBuf> =
        fs::read_dir(root().join("scenarios/nightly")).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    scenarios.sort();
    let mut draw = Draw::at(0x5eed, &["kill"]);
    for _ in 0..DRAWN {
        let scenario = scenarios.swap_remove(draw.index(scenarios.len())).display().to_string();
        let edge = if draw.chance(50) { "phase-began" } else { "phase-ended" };
        let phase = format!("\"{}\"", PHASES[draw.index(PHASES.len())]);
        kill_and_heal(&scenario, &[edge, &phase]);
    }
}

/// The small drill with parts of its text replaced, usable from anywhere.
fn altered(folder: &std::path::Path, replacements: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(root().join(SMALL)).expect("readable");
    let stack = root().join("fixtures/stacks/order-pipeline.yaml").display().to_string();
    for (from, to) in replacements.iter().chain(&[("../../../../fixtures/stacks/order-pipeline.yaml", stack.as_str())])
    {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let path = folder.join("altered.yaml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn a_run_that_takes_longer_than_its_limit_heals_and_is_inconclusive() {
    if !in_the_night("a run that takes longer than its limit") {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let limit = "consistent_cut: true\nlimits: { run: 12s }";
    let path = altered(out.path(), &[("every: 3s", "every: 60s"), ("consistent_cut: true", limit)]);
    let output = run(&["run", &path, "--out", out.path().join("runs").to_str().unwrap(), "--quiet"]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
    let dir = only_run(&out.path().join("runs"));
    gone_within(Duration::from_secs(1), &processes(&dir));
    let said = |record: &firedrill_model::history::Record| matches!(&record.event, Event::Interrupted { reason } if reason == "time-out");
    assert!(history(&dir).iter().any(said), "{}", printed(&output));
    assert!(dir.record().is_file(), "the evidence so far is written");
}

#[test]
fn a_restore_that_fails_for_good_misses_the_recovery_time_objective() {
    if !in_the_night("a restore that fails for good") {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let path = altered(
        out.path(),
        &[
            ("- restore: { from: latest, into: eu-west-1 }", "- command: { run: \"false\", timeout: 10s }"),
            ("within: 60s, stable_for: 3s", "within: 20s, stable_for: 2s"),
        ],
    );
    let output = run(&["run", &path, "--out", out.path().join("runs").to_str().unwrap(), "--quiet"]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let dir = only_run(&out.path().join("runs"));
    let found = firedrill_verify::verify(&dir).unwrap();
    let kinds: BTreeSet<String> = found.findings.iter().map(|finding| finding.kind.to_string()).collect();
    assert!(kinds.contains("rto-missed") && kinds.contains("recovery-failed"), "{:#?}", found.findings);
}

#[test]
fn a_drill_that_must_fail_fails_unless_what_it_states_is_accepted() {
    if !in_the_night("a drill that must fail, without --accept-stated") {
        return;
    }
    for (scenario, code) in [("nothing-expected", 3), ("forgotten-ttl", 1)] {
        let out = tempfile::tempdir().unwrap();
        let path = format!("scenarios/must-fail/{scenario}.yaml");
        let output = run(&["run", &path, "--out", out.path().to_str().unwrap(), "--quiet"]);
        assert_eq!(output.status.code(), Some(code), "{scenario}: {}", printed(&output));
        let dir = only_run(out.path());
        let again = run(&["verify", dir.root().to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(code), "{scenario}: {}", printed(&again));
    }
}

#[test]
fn exit_codes_tell_whose_fault_it_is() {
    let cases: [(&[&str], i32); 5] = [
        (&["run", "no/such/file.yaml"], 64),
        (&["run", "--seed", "xyz"], 64),
        (&["nonsense"], 64),
        (&["verify", "scenarios"], 64),
        (&["--version"], 0),
    ];
    for (args, code) in cases {
        let output = run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", printed(&output));
    }
}
