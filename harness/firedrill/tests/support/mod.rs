//! Runs the real program as a user would and looks at what it leaves behind.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![expect(clippy::disallowed_methods, reason = "tests watch the program from outside, by their own clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(unreachable_pub, reason = "support of tests alone")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use firedrill_model::{
    history::{Event, ProcessRecord, Record},
    run_dir::RunDir,
};

/// The workspace's root.
pub fn root() -> PathBuf {
    fs::canonicalize(Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..")).unwrap()
}

/// The program with its arguments, in the workspace's root.
pub fn firedrill(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.current_dir(root()).args(args).stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(args: &[&str]) -> Output {
    firedrill(args).output().unwrap()
}

/// What was printed to stdout and stderr.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A drill that goes on beside the test, printing JSON lines.
pub struct Going {
    pub child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pub seen: Vec<String>,
}

/// Starts a drill with `--json` into `out`.
pub fn start(scenario: &str, out: &Path) -> Going {
    let mut child = firedrill(&["run", scenario, "--json", "--seed", "5eed", "--out", out.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Going { child, lines, seen: Vec::new() }
}

impl Going {
    /// Reads on until a line holds all of `parts`; panics with what was printed when the run ends before.
    pub fn until(&mut self, parts: &[&str]) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            let found = parts.iter().all(|part| line.contains(part));
            self.seen.push(line);
            if found {
                return;
            }
        }
        panic!("the run ended before {parts:?}; it printed\n{}", self.seen.join("\n"));
    }

    /// Sends a signal to the runner alone.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end; the exit code, or `None` when a signal ended it.
    pub fn wait(mut self) -> Option<i32> {
        for line in self.lines.by_ref() {
            drop(line);
        }
        self.child.wait().unwrap().code()
    }
}

/// Says by name which test is skipped, and why: `cargo xtask test` repeats in its summary what is written to the file that
/// `FIREDRILL_SKIPPED` names. Standard error of a test that passes is not shown.
pub fn skip(test: &str, why: &str) {
    if let Ok(path) = std::env::var("FIREDRILL_SKIPPED") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{test} ({why})").unwrap();
    }
}

/// Whether this is the nightly job, which has time for every real drill: a change is tried with at most twenty.
pub fn nightly() -> bool {
    std::env::var("FIREDRILL_NIGHTLY").is_ok()
}

/// Whether `test`, a real drill, is run: in the nightly job alone.
pub fn in_the_night(test: &str) -> bool {
    if !nightly() {
        skip(test, "a drill of the nightly job");
    }
    nightly()
}

/// The only run directory below `out`.
pub fn only_run(out: &Path) -> RunDir {
    let mut runs: Vec<PathBuf> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    RunDir::new(runs.remove(0))
}

/// Every event of a history.
pub fn history(dir: &RunDir) -> Vec<Record> {
    dir.read_history().unwrap().map(Result::unwrap).collect()
}

/// The processes that a run started.
pub fn processes(dir: &RunDir) -> Vec<ProcessRecord> {
    history(dir)
        .into_iter()
        .find_map(|record| if let Event::TargetStarted { processes } = record.event { Some(processes) } else { None })
        .expect("the target was started")
}

/// Those of `processes` that are still there.
pub fn alive(processes: &[ProcessRecord]) -> Vec<ProcessRecord> {
    let same = |process: &&ProcessRecord| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after_name.split_whitespace();
        let zombie = fields.clone().next() == Some("Z");
        !zombie && fields.nth(19) == Some(process.start_ticks.to_string().as_str())
    };
    processes.iter().filter(same).cloned().collect()
}

/// Waits until none of `processes` is left; panics after `limit`.
pub fn gone_within(limit: Duration, processes: &[ProcessRecord]) {
    within(limit, "the end of every process", || alive(processes).is_empty());
}

/// Waits until `happened`; panics after `limit`.
pub fn within(limit: Duration, what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < limit, "{what} did not come within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
