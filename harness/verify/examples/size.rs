//! Verification at size: a ledger of a million lines (or of the number given) against captures of as many entries.
//! Prints how long it took and the peak of this process's memory: `cargo run --release -p firedrill-verify --example size`.
#![allow(clippy::print_stdout, reason = "what it measures is its output")]
#![allow(clippy::disallowed_methods, reason = "it measures itself")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{env, fs, time::Instant};

use firedrill_verify::verify;

fn main() {
    let lines = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let root = tempfile::tempdir().unwrap();
    let dir = support::large::save(root.path(), lines);
    println!("before            {}", peak());
    let start = Instant::now();
    let found = verify(&dir).unwrap();
    println!("verdict           {}", found.verdict);
    println!("ledger            {} lines", found.ledger.lines);
    println!("entries compared  {}", found.equivalence.entries_compared);
    println!("effects owed      {}", found.effects["total-orders"].expected);
    println!("time              {:.1} s", start.elapsed().as_secs_f64());
    println!("peak memory       {}", peak());
}

/// `VmHWM` of this process.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
