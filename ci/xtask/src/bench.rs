//! `cargo xtask bench`: the region-loss drill by phase with firedrill's own CPU and memory, verification at size, and what
//! both do most.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::commands::{Steps, command, root, say};

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario to time
    #[arg(default_value = "scenarios/order-pipeline-region-loss.yaml")]
    scenario: String,
}

/// Clock ticks a second in `/proc/<pid>/stat`: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// Prints both tables in Markdown; true when everything ran.
pub(crate) fn run(args: &Args) -> bool {
    let mut steps = Steps::default();
    if steps.run("build", "cargo", &["build", "--release", "--locked"]) {
        match drill(&args.scenario) {
            Ok(status) if status.success() => steps.passed("drill", "passed"),
            Ok(status) => steps.failed("drill", &status.to_string()),
            Err(error) => steps.failed("drill", &format!("cannot start it: {error}")),
        }
    }
    steps.run(
        "verification at size",
        "cargo",
        &["run", "--release", "--locked", "--package", "firedrill-verify", "--example", "size"],
    );
    let benches = [
        "bench",
        "--profile",
        "release",
        "--locked",
        "-p",
        "firedrill-verify",
        "-p",
        "firedrill",
        "--bench",
        "compare",
        "--bench",
        "records",
    ];
    steps.run("digests, comparison, journal", "cargo", &benches);
    steps.finish()
}

/// Runs one drill and prints its phases, and what the runner and the supervisor used; emulators are not counted.
fn drill(scenario: &str) -> io::Result<ExitStatus> {
    let program = root().join(target_folder()).join("release/firedrill");
    let began = Instant::now();
    let mut child = command(&program.to_string_lossy())
        .args(["run", scenario, "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let ended = Arc::new(AtomicBool::new(false));
    let sampler = {
        let (ended, pid) = (Arc::clone(&ended), child.id());
        thread::spawn(move || sample(pid, &ended))
    };
    say(&format!("| phase of `{scenario}` | seconds |\n|---|---:|"));
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let (Some(phase), Some(took)) = (field(&line, "\"phase\":\""), field(&line, "\"took_ms\":")) {
                let seconds = took.parse::<f64>().unwrap_or_default() / 1000.0;
                say(&format!("| {phase} | {seconds:.1} |"));
            }
        }
    }
    let status = child.wait()?;
    ended.store(true, Ordering::Relaxed);
    let used = sampler.join().unwrap_or_default();
    say(&format!("| all, {status} | {:.1} |", began.elapsed().as_secs_f64()));
    say("\n| process | CPU seconds | peak memory |\n|---|---:|---:|");
    for (process, usage) in used {
        let seconds = f64::from(u32::try_from(usage.ticks).unwrap_or(u32::MAX)) / TICKS_PER_SECOND;
        say(&format!("| {process} | {seconds:.1} | {} MiB |", usage.peak_kib / 1024));
    }
    Ok(status)
}

/// Where cargo puts what it builds, relative to the root or absolute.
fn target_folder() -> String {
    std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into())
}

/// The value behind `name` in a line of flat JSON.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(name)?.1;
    rest.split(['"', ',', '}']).next()
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    ticks: u64,
    peak_kib: u64,
}

/// Reads what the runner and its supervisor have used, until told to end.
fn sample(runner: u32, ended: &AtomicBool) -> BTreeMap<&'static str, Usage> {
    let mut used: BTreeMap<&'static str, Usage> = BTreeMap::new();
    let mut supervisor = None;
    while !ended.load(Ordering::Relaxed) {
        supervisor = supervisor.or_else(|| child_of(runner));
        for (name, pid) in [("runner", Some(runner)), ("supervisor", supervisor)] {
            if let Some(usage) = pid.and_then(usage) {
                used.insert(name, usage);
            }
        }
        thread::sleep(SAMPLE_EVERY);
    }
    used
}

/// The first process whose parent is `pid`.
fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(Usage { ticks, peak_kib: peak.trim().trim_end_matches(" kB").parse().ok()? })
}
