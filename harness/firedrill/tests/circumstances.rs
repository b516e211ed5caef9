//! Circumstances that a drill does not choose: a target that dies, a disk that is full, files that are no scenarios.

mod support;

use std::{fs, path::Path, process::Command, time::Duration};

use firedrill_model::{history::Event, run_dir::RunDir, verdict::Verdict};
use support::{gone_within, history, in_the_night, only_run, printed, processes, root, run, start};

const SMALL: &str = "harness/firedrill/tests/data/small.yaml";

#[test]
fn an_emulator_that_dies_halfway_ends_the_drill_and_keeps_its_evidence() {
    if !in_the_night("an_emulator_that_dies_halfway_ends_the_drill_and_keeps_its_evidence") {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let mut going = start(SMALL, out.path());
    going.until(&["phase-began", "\"traffic\""]);
    let dir = only_run(out.path());
    let started = processes(&dir);
    let victim = started.iter().find(|process| process.role == "eu-west-1").expect("the recovery region's emulator");
    // Its guard leads the group; without the guard nothing of it is left.
    let status = Command::new("kill").args(["-KILL", "--", &format!("-{}", victim.pid)]).status().unwrap();
    assert!(status.success());
    assert_eq!(going.wait(), Some(75), "the target is unavailable");
    gone_within(Duration::from_secs(6), &started);

    let verification = firedrill_verify::verify(&dir).unwrap();
    assert_eq!(verification.verdict, Verdict::Inconclusive);
    assert!(dir.record().is_file(), "the evidence so far is written");
    let said = |record: &firedrill_model::history::Record| matches!(&record.event, Event::Interrupted { reason } if reason == "the loss of the emulator of eu-west-1");
    assert!(history(&dir).iter().any(said), "the history says what died");
}

/// Runs the small drill with its run directory on a file system of one MiB; what it left is copied to `kept`.
fn on_a_full_disk(kept: &Path) -> Option<std::process::Output> {
    let disk = tempfile::tempdir().ok()?;
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs '{disk}' || exit 99; '{program}' run {SMALL} --seed 5eed --quiet --out '{disk}'; \
         code=$?; cp -r '{disk}'/. '{kept}'; exit $code",
        disk = disk.path().display(),
        program = env!("CARGO_BIN_EXE_firedrill"),
        kept = kept.display(),
    );
    let output = Command::new("unshare").args(["-rm", "sh", "-c", &script]).current_dir(root()).output().ok()?;
    (output.status.code() != Some(99) && !printed(&output).contains("unshare failed")).then_some(output)
}

#[test]
fn a_full_disk_is_said_and_what_was_written_can_be_judged() {
    if !in_the_night("a_full_disk_is_said_and_what_was_written_can_be_judged") {
        return;
    }
    let kept = tempfile::tempdir().unwrap();
    let Some(output) = on_a_full_disk(kept.path()) else {
        support::skip("a_full_disk_is_said_and_what_was_written_can_be_judged", "no mount in a user namespace here");
        return;
    };
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(70), "{text}");
    assert!(text.contains("No space left on device") && text.contains("firedrill heal"), "{text}");
    let dir: RunDir = only_run(kept.path());
    gone_within(Duration::from_secs(6), &processes(&dir));
    assert!(history(&dir).iter().any(|record| matches!(record.event, Event::TargetStarted { .. })));
    for line in dir.read_ledger().unwrap() {
        line.expect("every line of the ledger is whole");
    }
    assert_eq!(firedrill_verify::verify(&dir).unwrap().verdict, Verdict::Inconclusive);
    let healed = run(&["heal", dir.root().to_str().unwrap()]);
    assert_eq!(healed.status.code(), Some(0), "{}", printed(&healed));
}

#[test]
fn files_that_are_no_scenarios_are_refused_at_once_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let deep = format!("scenario: deep\ntopology: {}{}\n", "[".repeat(200_000), "]".repeat(200_000));
    let huge = fs::File::create(folder.path().join("huge.yaml")).unwrap();
    huge.set_len(100 << 20).unwrap();
    let huge = folder.path().join("huge.yaml").to_str().unwrap().to_owned();
    let bomb = format!("a: &a [x,x,x,x,x,x,x,x,x]\n{}", "b: [*a,*a,*a,*a,*a,*a,*a,*a]\n".repeat(1000));
    for (path, says) in [
        (huge, "is larger than 1 MiB"),
        (file("deep.yaml", deep.as_bytes()), "at line 2, column 1: `topology: [[["),
        (file("bomb.yaml", bomb.as_bytes()), "not YAML that firedrill reads"),
        (file("binary.yaml", &[0xff, 0xfe, 0, 1]), "is not UTF-8 text"),
        (file("empty.yaml", b""), "the file is empty"),
    ] {
        for command in ["run", "check", "plan"] {
            let output = run(&[command, &path]);
            let text = printed(&output).split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
            assert_eq!(output.status.code(), Some(64), "{command} {path}: {text}");
            assert!(text.contains(says), "{command} {path}: {text}");
            assert!(text.len() < 3000, "{command} {path}: {} characters", text.len());
        }
    }
}

#[test]
fn a_run_directory_that_cannot_be_made_is_the_users_to_mend() {
    let output = run(&["run", SMALL, "--out", "/proc/nowhere"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("cannot make the run directory") && text.contains("--out"), "{text}");
}
