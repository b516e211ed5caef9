//! Real programs, held to the contract of `docs/commands.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use firedrill_model::{ids::Region, plan::Plan};
use tempfile::TempDir;

use nix::unistd::Pid;

use super::*;
use crate::{
    poll::Look,
    run::sample,
    services::clients::Endpoint,
    target::process::{Standing, record, standing},
    workload,
};

const CONTRACT: &str = include_str!("../../../../../docs/commands.md");

/// Nothing here should take a tenth of this.
const PATIENCE: Span = Span::from_secs(30);

/// A grace for those that do not use it.
const SHORT: Span = Span::from_ms(200);

/// A run with a scenario's folder beside its records.
pub(crate) struct Stage {
    pub(crate) drill: Drill,
    pub(crate) scenario: PathBuf,
    _folder: TempDir,
}

impl Stage {
    /// Both regions "answer", at addresses where nobody listens.
    pub(crate) fn new(change: impl FnOnce(&mut Plan)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (scenario, records) = (root.join("scenario"), root.join("run"));
        fs::create_dir(&scenario).unwrap();
        fs::create_dir(&records).unwrap();
        let mut plan = workload::sample::plan(7);
        plan.scenario.folder.clone_from(&scenario);
        change(&mut plan);
        let drill = sample::drill(&records, plan);
        let endpoint = |region: &Region, port: u16| {
            let url = format!("http://127.0.0.1:{port}");
            (region.clone(), Endpoint { region: region.clone(), plane_url: url.clone(), direct_url: url })
        };
        let topology = &drill.plan.topology;
        let endpoints = BTreeMap::from([endpoint(&topology.primary, 1), endpoint(&topology.recovery, 2)]);
        drill.endpoints.set(endpoints).unwrap();
        drill.tools.set(BTreeMap::from([("FIREDRILL_PYTHON".into(), "/usr/bin/python3".into())])).unwrap();
        Self { drill, scenario, _folder: folder }
    }

    /// The command that runs `text` as `step.sh` of the scenario's folder.
    pub(crate) fn script(&self, text: &str) -> Vec<String> {
        // Not made executable: a file that was open for writing a moment ago may be busy for whoever forked meanwhile.
        fs::write(self.scenario.join("step.sh"), format!("set -eu\n{text}\n")).unwrap();
        vec!["sh".into(), "step.sh".into()]
    }

    /// What is in a log now.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.drill.dir.root().join(format!("steps/{name}.log"))).unwrap_or_default()
    }

    /// Waits until the log holds a line.
    pub(crate) async fn printed(&self, name: &str, line: &str) {
        eventually(&format!("`{line}` in {name}.log"), || self.log(name).lines().any(|printed| printed == line)).await;
    }

    /// The file that the program left in its working folder.
    pub(crate) fn left(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.scenario.join(name)).ok()
    }

    /// The files of the run directory that hold `text`.
    pub(crate) fn holders(&self, text: &str) -> Vec<PathBuf> {
        let mut holders = Vec::new();
        let mut folders = vec![self.drill.dir.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
                    holders.push(path);
                }
            }
        }
        holders
    }

    async fn run(&self, command: &[String], outputs: &[(&str, &str)]) -> Result<Ran, BackupError> {
        run(&self.drill, &step(command, outputs, PATIENCE)).await
    }
}

fn step<'a>(command: &'a [String], outputs: &[(&str, &str)], timeout: Span) -> Run<'a> {
    Run {
        name: "step".to_owned(),
        command,
        action: "restore",
        side: Side::Recovery,
        direct: false,
        recovery_point: Some("/points/rp-0001".into()),
        outputs: outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        timeout,
    }
}

pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let never = CancellationToken::new();
    let look = || {
        let held = holds();
        async move { if held { Look::Ready(()) } else { Look::NotYet("not yet".into()) } }
    };
    poll::until(what, Span::from_ms(5), PATIENCE, &never, look).await.unwrap();
}

/// The names in the first column of the contract's table.
fn documented() -> BTreeSet<String> {
    let rows = CONTRACT.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let names = rows.flat_map(|(names, _)| names.split(", "));
    names.filter_map(|name| Some(name.strip_prefix('`')?.strip_suffix('`')?.to_owned())).collect()
}

#[tokio::test]
async fn a_program_finds_the_documented_environment_and_nothing_else() {
    let stage = Stage::new(|_| {});
    let ran =
        stage.run(&["env".to_owned()], &[("VAULT", "abc"), ("AWS_REGION", "from an earlier step")]).await.unwrap();
    assert_eq!(ran.outputs, Outputs::new());
    let log = stage.log("step");
    let found: BTreeMap<&str, &str> = log.lines().map(|line| line.split_once('=').unwrap()).collect();
    let mut expected = documented();
    assert!(expected.len() > 10, "{expected:?}");
    expected.insert("VAULT".to_owned());
    assert_eq!(found.keys().map(ToString::to_string).collect::<BTreeSet<_>>(), expected);
    let run_dir = stage.drill.dir.root().display().to_string();
    for (name, value) in [
        ("FIREDRILL_ACTION", "restore"),
        ("FIREDRILL_RUN_DIR", &run_dir),
        ("FIREDRILL_RECOVERY_POINT", "/points/rp-0001"),
        ("FIREDRILL_PRIMARY_REGION", "us-east-1"),
        ("FIREDRILL_RECOVERY_REGION", "eu-west-1"),
        ("FIREDRILL_NAMES", r#"{"primary":{},"recovery":{}}"#),
        ("FIREDRILL_PYTHON", "/usr/bin/python3"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("VAULT", "abc"),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_program_runs_in_the_scenarios_folder_and_is_found_there() {
    let stage = Stage::new(|_| {});
    std::os::unix::fs::symlink("/bin/sh", stage.scenario.join("own-shell")).unwrap();
    let command = ["./own-shell", "-c", "pwd; cat"].map(str::to_owned);
    let ran = stage.run(&command, &[]).await.unwrap();
    assert_eq!(ran.last_line, stage.scenario.display().to_string(), "and its input is empty");
    let error = stage.run(&["./absent".to_owned()], &[]).await.unwrap_err().to_string();
    assert!(error.starts_with("`./absent` could not be started: "), "{error}");
}

#[tokio::test]
async fn an_exit_code_other_than_0_is_a_failure_with_the_last_words() {
    let stage = Stage::new(|_| {});
    let failing = stage.script("echo one; echo 'password=hunter2' >&2; exit 3");
    let error = stage.run(&failing, &[]).await.unwrap_err().to_string();
    assert!(error.starts_with("`sh` ended with exit status: 3; it last printed: "), "{error}");
    assert!(error.contains("one") && error.contains("password=[redacted]"), "{error}");
    let log = stage.log("step");
    assert!(log.lines().collect::<BTreeSet<_>>() == BTreeSet::from(["one", "password=[redacted]"]), "{log}");
    let silent = stage.script("exit 4");
    let error = stage.run(&silent, &[]).await.unwrap_err().to_string();
    assert_eq!(error, "`sh` ended with exit status: 4; it printed nothing");
}

#[tokio::test]
async fn outputs_are_handed_on_and_their_secrets_are_nowhere_in_the_evidence() {
    let stage = Stage::new(|_| {});
    let emits = stage.script(
        r#"echo "printed before: s3kr1t-1"
        echo "VAULT=orders" >> "$FIREDRILL_OUTPUT"
        echo "VAULT_TOKEN=s3kr1t-1" >> "$FIREDRILL_OUTPUT"
        printf 'DB_PASSWORD=s3kr1t-2' >> "$FIREDRILL_OUTPUT"
        echo "from an earlier step: $EARLIER_SECRET"
        echo "$FIREDRILL_OUTPUT" > where
        echo "printed last: s3kr1t-2""#,
    );
    let ran = stage.run(&emits, &[("EARLIER_SECRET", "s3kr1t-0")]).await.unwrap();
    let outputs = [("VAULT", "orders"), ("VAULT_TOKEN", "s3kr1t-1"), ("DB_PASSWORD", "s3kr1t-2")];
    assert_eq!(ran.outputs, outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(ran.last_line, "printed last: [redacted]");
    assert_eq!(
        stage.log("step"),
        "printed before: [redacted]\nfrom an earlier step: [redacted]\nprinted last: [redacted]\n"
    );
    assert_eq!(stage.holders("s3kr1t"), [""; 0].map(PathBuf::from));
    assert!(!Path::new(stage.left("where").unwrap().trim()).exists(), "the file is gone");
}

#[tokio::test]
async fn a_failure_shows_no_secret_either() {
    let stage = Stage::new(|_| {});
    let failing = stage.script(
        r#"echo "VAULT_TOKEN=s3kr1t-1" >> "$FIREDRILL_OUTPUT"
        echo "$FIREDRILL_OUTPUT" > where
        echo "refused: s3kr1t-1"
        exit 1"#,
    );
    let error = stage.run(&failing, &[]).await.unwrap_err().to_string();
    assert_eq!(error, "`sh` ended with exit status: 1; it last printed: refused: [redacted]");
    let malformed = stage.script(r#"printf 'A=b\nVAULT_KEY=s3kr1t-2\ns3kr1t-3\n' >> "$FIREDRILL_OUTPUT""#);
    let error = stage.run(&malformed, &[]).await.unwrap_err().to_string();
    assert_eq!(error, "`sh` wrote outputs of which line 3 is not NAME=value");
    assert_eq!(stage.holders("s3kr1t"), [""; 0].map(PathBuf::from));
    assert!(!Path::new(stage.left("where").unwrap().trim()).exists());
}

/// Why a program has to end.
#[derive(Clone, Copy, Debug)]
enum Why {
    TimeOut,
    /// The run is stopped.
    Stop,
    /// Whoever waits for it waits no longer, as when a phase takes too long or the backups end.
    Dropped,
}

/// Runs a script that prints `ready`, has it ended, and waits until it is gone.
async fn ended(script: &str, why: Why, grace: Span) -> (Stage, Option<BackupError>) {
    let mut stage = Stage::new(|_| {});
    stage.drill.programs = Programs::with_grace(grace);
    let command = stage.script(script);
    let timeout = if matches!(why, Why::TimeOut) { Span::from_secs(1) } else { PATIENCE };
    let going = step(&command, &[], timeout);
    let going = run(&stage.drill, &going);
    let error = match why {
        Why::TimeOut => Some(going.await.unwrap_err()),
        Why::Stop => {
            let stop = async {
                stage.printed("step", "ready").await;
                stage.drill.cancel.cancel();
            };
            Some(tokio::join!(going, stop).0.unwrap_err())
        }
        Why::Dropped => {
            tokio::select! {
                ran = going => panic!("{ran:?}"),
                () = stage.printed("step", "ready") => None,
            }
        }
    };
    stage.drill.programs.ended().await;
    match (why, &error) {
        (Why::TimeOut, Some(BackupError::Command { what, .. })) => {
            assert!(what.starts_with("was ended after 1 s; it last printed: ready"), "{what}");
        }
        (Why::Stop, Some(BackupError::Stopped)) | (Why::Dropped, None) => {}
        _ => panic!("{why:?}: {error:?}"),
    }
    (stage, error)
}

const EVERY: [Why; 3] = [Why::TimeOut, Why::Stop, Why::Dropped];

async fn all_ended(script: &str, grace: Span) -> [(Why, Stage, Option<BackupError>); 3] {
    let [first, second, third] = EVERY;
    let (a, b, c) =
        tokio::join!(ended(script, first, grace), ended(script, second, grace), ended(script, third, grace));
    [(first, a.0, a.1), (second, b.0, b.1), (third, c.0, c.1)]
}

#[tokio::test]
async fn a_program_is_told_to_end_and_its_last_words_are_kept() {
    let polite = r"trap 'echo told > told; echo bye; exit 0' TERM
        echo ready
        sleep 600 & wait";
    for (why, stage, error) in all_ended(polite, GRACE).await {
        assert_eq!(stage.left("told").as_deref(), Some("told\n"), "{why:?}");
        assert_eq!(stage.log("step"), "ready\nbye\n", "{why:?}");
        if let Some(BackupError::Command { what, .. }) = error {
            assert_eq!(what, "was ended after 1 s; it last printed: ready / bye");
        }
    }
}

#[tokio::test]
async fn a_program_that_will_not_end_is_killed_and_what_it_printed_is_kept() {
    let stubborn = r"trap '' TERM
        echo $$ > pid
        echo ready
        printf 'no end of this line'
        while :; do sleep 600; done";
    for (why, stage, _) in all_ended(stubborn, SHORT).await {
        assert_eq!(stage.log("step"), "ready\nno end of this line\n", "{why:?}");
        dead(&stage, "pid").await;
    }
}

#[tokio::test]
async fn the_grace_is_the_whole_groups() {
    // The leader ends at its SIGTERM, and what it had started cleans up after that.
    let leader = r#"sh -c 'trap "while kill -0 $PPID; do sleep 0.01; done; echo cleaned > cleaned; exit 0" TERM
            echo ready; sleep 600 & wait' 2>/dev/null &
        wait"#;
    for (why, stage, _) in all_ended(leader, GRACE).await {
        assert_eq!(stage.left("cleaned").as_deref(), Some("cleaned\n"), "{why:?}");
    }
}

#[tokio::test]
async fn nothing_of_the_group_survives() {
    let forking = r#"sh -c 'trap "" TERM; echo $$ > child; echo ready; while :; do sleep 600; done' &
        wait"#;
    for (_, stage, _) in all_ended(forking, SHORT).await {
        dead(&stage, "child").await;
    }
}

/// Waits until the process whose id the program left in a file is dead.
async fn dead(stage: &Stage, file: &str) {
    let pid = stage.left(file).unwrap().trim().parse().unwrap();
    let alive = || record("child", pid).is_some_and(|child| standing(&child) != Standing::Gone);
    eventually(&format!("{pid} to be dead"), || !alive()).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_it() {
    let stage = Stage::new(|_| {});
    let command = stage.script("sleep 600 & echo $! > child; echo done");
    assert_eq!(stage.run(&command, &[]).await.unwrap().last_line, "done");
    dead(&stage, "child").await;
}

#[tokio::test]
async fn a_program_ends_with_the_firedrill_that_started_it() {
    let stage = Stage::new(|_| {});
    stage.script("sleep 600 & echo $! > child; wait");
    let script = stage.scenario.join("step.sh");
    let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let mut child = spawn(Path::new("sh"), &[script.display().to_string()], &stage.scenario, &environment).unwrap();
    let lifeline = child.stdin.take();
    eventually("the child", || stage.left("child").is_some_and(|pid| pid.ends_with('\n'))).await;
    // What the system does with the pipes of a process that was killed.
    drop(lifeline);
    dead(&stage, "child").await;
    assert!(!child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_hold_the_run_up() {
    let mut stage = Stage::new(|_| {});
    stage.drill.programs = Programs::with_grace(SHORT);
    let command = stage.script("setsid sleep 600 & echo $! > child; printf done");
    assert_eq!(stage.run(&command, &[]).await.unwrap().last_line, "done");
    let pid = Pid::from_raw(stage.left("child").unwrap().trim().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_run_that_is_already_stopped_lets_no_program_go_on() {
    let stage = Stage::new(|_| {});
    let command = stage.script("sleep 600");
    stage.drill.cancel.cancel();
    assert!(matches!(stage.run(&command, &[]).await, Err(BackupError::Stopped)));
}

#[test]
fn a_program_with_a_slash_is_found_in_the_scenario_s_folder() {
    assert_eq!(resolved("./backup.sh", Path::new("/scenarios")), Path::new("/scenarios/./backup.sh"));
    assert_eq!(resolved("python3", Path::new("/scenarios")), Path::new("python3"));
}

#[test]
fn the_last_lines_are_those_that_say_something() {
    assert_eq!(last_lines("one\ntwo  \n\n10 %\r100 %\r\n\n", 3), ["two", "10 %", "100 %"]);
    assert_eq!(last_lines(&"x".repeat(5000), 3), ["x".repeat(NOTE_BYTES_MAX)]);
    assert_eq!(last_lines(" \n", 3), [""; 0]);
}
