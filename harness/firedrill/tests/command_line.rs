//! What the commands print and how they exit when something is amiss. Nothing here starts a target.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use support::{firedrill, printed, root, run};

/// A scenario of the repository under another name, usable from anywhere.
fn scenario(folder: &Path, file: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let text = fs::read_to_string(root().join("scenarios/order-pipeline-region-loss.yaml")).expect("it ships");
    let stacks = root().join("fixtures/stacks").display().to_string();
    let path = folder.join(file);
    fs::write(&path, change(&text.replace("../fixtures/stacks", &stacks))).expect("written");
    path
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Runs in `folder`.
fn run_in(folder: &Path, args: &[&str]) -> Output {
    firedrill(args).current_dir(folder).output().expect("it runs")
}

#[test]
fn what_cannot_be_written_to_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    for args in [&["list"][..], &["--help"], &["plan", "scenarios/order-pipeline-region-loss.yaml"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = firedrill(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let (code, _, stderr) = said(&output);
        assert_eq!(code, Some(70), "{args:?}: {stderr}");
        assert!(stderr.contains("cannot write to standard output"), "{args:?}: {stderr}");

        let mut child = firedrill(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

/// A run directory that has a plan of the scenario and nothing else.
fn only_planned(folder: &Path, scenario: &str) -> String {
    let planned = run(&["plan", scenario, "--json", "--seed", "1"]);
    assert_eq!(planned.status.code(), Some(0), "{}", printed(&planned));
    fs::write(folder.join("plan.json"), &planned.stdout).expect("written");
    fs::copy(root().join(scenario), folder.join("scenario.yaml")).expect("copied");
    for file in ["history.jsonl", "ledger.jsonl"] {
        fs::write(folder.join(file), "").expect("written");
    }
    folder.display().to_string()
}

#[test]
fn judging_again_exits_as_the_verdict_says() {
    let cases = [("scenarios/order-pipeline-region-loss.yaml", 2), ("scenarios/must-fail/nothing-expected.yaml", 3)];
    for (scenario, code) in cases {
        let folder = tempfile::tempdir().unwrap();
        let dir = only_planned(folder.path(), scenario);
        for command in ["verify", "report"] {
            let output = run(&[command, &dir]);
            assert_eq!(output.status.code(), Some(code), "{command} {scenario}: {}", printed(&output));
        }
    }
}

#[test]
fn every_bad_file_is_shown_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        scenario(folder.path(), &format!("{name}.yaml"), |text| {
            text.replace("region-loss\n", &format!("{name}\n"))
                .replace("symptom: timeouts", &format!("symptom: {name}"))
        });
    }
    scenario(folder.path(), "good.yaml", str::to_owned);
    let (code, stdout, stderr) = said(&run(&["run", folder.path().to_str().unwrap()]));
    assert_eq!(code, Some(64));
    assert!(stderr.contains("cannot be `one`") && stderr.contains("cannot be `two`"), "{stderr}");
    assert!(stderr.contains("2 of 3 scenarios cannot be used: nothing was run"), "{stderr}");
    assert!(!stderr.contains("Error:") && stdout.is_empty(), "{stdout}{stderr}");
}

#[test]
fn two_scenarios_with_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["one.yaml", "two.yaml"] {
        scenario(folder.path(), file, str::to_owned);
    }
    for command in ["check", "run"] {
        let output = run(&[command, folder.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(64));
        let text = printed(&output).replace('\n', " ");
        assert!(text.contains("is called") && text.contains("names are unique in a project"), "{text}");
    }
    let one = folder.path().join("one.yaml").display().to_string();
    let output = run(&["check", &one, &one.replace("/one", "/./one")]);
    assert_eq!(output.status.code(), Some(0), "one file by two paths: {}", printed(&output));
}

#[test]
fn problems_look_the_same_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let bad = scenario(folder.path(), "bad.yaml", |text| text.replace("symptom: timeouts", "symptom: slow"));
    let bad = bad.to_str().unwrap();
    let (_, checked, _) = said(&run(&["check", bad]));
    let problem = checked.rsplit_once("1 scenario checked").unwrap().0;
    for command in ["plan", "run"] {
        let (code, stdout, stderr) = said(&run(&[command, bad]));
        assert_eq!((code, stdout.as_str()), (Some(64), ""));
        assert!(stderr.starts_with(problem), "{command}: {stderr}\nnot\n{problem}");
    }
    let warned = "scenarios/must-fail/backup-interval-too-long.yaml";
    let (_, checked, _) = said(&run(&["check", warned]));
    let (code, _, planned) = said(&run(&["plan", warned]));
    assert_eq!((code, planned.as_str()), (Some(0), checked.rsplit_once("1 scenario checked").unwrap().0));
    let (_, _, stderr) = said(&run_in(folder.path(), &["init", "nope.yaml"]));
    assert!(!stderr.contains("Error:") && !stderr.contains("firedrill list"), "{stderr}");
}

#[test]
fn what_is_absent_is_named_once_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| said(&run_in(folder.path(), args));
    for command in ["check", "run", "list"] {
        let (code, _, stderr) = at(&[command]);
        assert_eq!(code, Some(64));
        assert!(
            stderr.contains("there is no folder `scenarios` here") && stderr.contains("firedrill init"),
            "{stderr}"
        );
    }
    for args in [["check", "nope.yaml"], ["plan", "nope"], ["init", "nope.yaml"]] {
        let (code, _, stderr) = at(&args);
        assert_eq!(code, Some(64));
        assert_eq!(stderr.matches("No such file").count(), 1, "{args:?}: {stderr}");
    }
    for args in [&["prune", "--out", "nope"][..], &["heal", "--all", "--out", "nope"]] {
        let (code, _, stderr) = at(args);
        assert_eq!(code, Some(64));
        assert!(stderr.contains("cannot read the folder of runs `nope`"), "{stderr}");
    }
    fs::write(folder.path().join("empty.yaml"), "").unwrap();
    let (_, stdout, _) = at(&["check", "empty.yaml"]);
    assert!(stdout.contains("write at least `scenario`"), "{stdout}");
}

#[test]
fn arguments_say_what_is_wanted() {
    for (args, wanted) in [
        (&["run", "--jobs", "many"][..], "write a whole number from 1 to 16"),
        (&["run", "--jobs", "0"], "write a whole number from 1 to 16"),
        (&["prune", "--keep", "few"], "write a whole number, such as 20"),
        (&["heal"], "<RUN_DIR|--all>"),
        (&["heal", "runs/one", "--all"], "cannot be used with"),
    ] {
        let (code, _, stderr) = said(&run(args));
        assert_eq!(code, Some(64));
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
    }
}
