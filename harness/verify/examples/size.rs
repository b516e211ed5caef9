//! Verification at size: a ledger of a million lines (or of the number given) against captures of as many entries.
//! Prints how long it took and the peak of this process's memory: `cargo run --release -p firedrill-verify --example size`.
//! A million lines may take 256 MiB at most, else it ends with exit code 1; memory grows with the lines of the ledger.
#![allow(clippy::print_stdout, reason = "what it measures is its output")]
#![allow(clippy::disallowed_methods, reason = "it measures itself")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{env, fs, process::ExitCode, time::Instant};

use firedrill_model::findings::Weight;
use firedrill_verify::verify;

/// What a million lines may take, MiB.
const PEAK_MIB_MAX: u64 = 256;

fn main() -> ExitCode {
    let lines = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let root = tempfile::tempdir().unwrap();
    let dir = support::large::save(root.path(), lines);
    println!("before            {} MiB", peak_mib());
    let start = Instant::now();
    let found = verify(&dir).unwrap();
    println!("verdict           {}", found.verdict);
    for finding in found.findings.iter().filter(|finding| finding.weight != Weight::Note) {
        println!("                  {}", finding.message);
    }
    println!("ledger            {} lines", found.ledger.lines);
    println!("entries compared  {}", found.equivalence.entries_compared);
    println!("effects owed      {}", found.effects["total-orders"].expected);
    println!("time              {:.1} s", start.elapsed().as_secs_f64());
    println!("peak memory       {} MiB", peak_mib());
    if lines <= 1_000_000 && peak_mib() > PEAK_MIB_MAX {
        println!("more than {PEAK_MIB_MAX} MiB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// `VmHWM` of this process.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
