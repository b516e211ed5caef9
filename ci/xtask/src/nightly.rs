//! `cargo xtask nightly`: what takes too long for every change. Repeats each shipped drill, stops drills at every moment, kills
//! runs of every disaster in every way, installs clients to compare, sends 5 GiB through the fault plane and fuzzes it, and mutates
//! the judge.

use std::fs;

use crate::{
    commands::{Steps, command, present, root, say},
    fuzz,
    test::{DRILLS, NIGHTLY},
};

/// Options of `cargo xtask nightly`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each shipped drill is run
    #[arg(long, default_value_t = 3)]
    repeat: u32,
    /// Mutate one part in so many of the judge, such as `1/8`
    #[arg(long)]
    shard: Option<String>,
    /// Fuzz each target so many seconds
    #[arg(long, default_value_t = 600)]
    fuzz_seconds: u32,
    /// Run this part alone
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// What can be run by itself, since each takes hours on a small machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Shipped drills, stopped drills, a first installation, clients, verification at size
    Drills,
    /// Mutants of the judge
    Mutants,
    /// Hostile requests and rules for the fault plane
    Fuzz,
}

/// Of the mutants of the judge that can be built, so many in a hundred must be caught by its tests.
const CAUGHT_PERCENT_MIN: usize = 95;
/// A mutant whose tests take longer hangs: unchanged, they take a few seconds.
const TEST_SECONDS_MAX: &str = "60";
/// Where `cargo mutants` writes what became of each mutant, below the target folder.
const MUTANTS: &str = "target/mutants";

/// Runs every step; true when nothing failed.
pub(crate) fn run(args: &Args) -> bool {
    let mut steps = Steps::default();
    let runs = |part| args.only.is_none_or(|only| only == part);
    if runs(Part::Drills) {
        drills(&mut steps, args.repeat);
    }
    if runs(Part::Fuzz) {
        fuzz::run(&mut steps, args.fuzz_seconds);
    }
    if runs(Part::Mutants)
        && (present("cargo", &["mutants", "--version"])
            || steps.run("install cargo-mutants", "cargo", &["install", "--locked", "cargo-mutants"]))
    {
        mutants(&mut steps, args.shard.as_deref());
    }
    steps.finish()
}

fn drills(steps: &mut Steps, repeat: u32) {
    for round in 1..=repeat {
        for folder in DRILLS.iter().chain(&NIGHTLY) {
            let name = format!("drills in {folder}, round {round} of {repeat}");
            steps.run(&name, "cargo", &["run", "--release", "--locked", "--", "run", folder, "--accept-stated"]);
        }
    }
    let stopped = ["test", "--release", "--locked", "-p", "firedrill", "--test", "drills", "--test", "circumstances"];
    let first = ["test", "--release", "--locked", "-p", "firedrill", "--test", "install"];
    let clients = ["test", "--release", "--locked", "-p", "firedrill", "--test", "clients"];
    let killed = ["test", "--release", "--locked", "-p", "firedrill", "--test", "killed"];
    let plane = ["test", "--release", "--locked", "-p", "firedrill-plane", "--test", "plane"];
    let suites = [
        ("drills that are stopped", &stopped[..]),
        ("a first installation", &first),
        ("clients of the plane", &clients),
        ("runs that are killed with all that watch over them", &killed),
        ("the plane at length and at size", &plane),
    ];
    for (name, tests) in suites {
        let mut command = command("cargo");
        command.env("FIREDRILL_NIGHTLY", "1");
        steps.run_tests(name, tests, command);
    }
    let size = ["run", "--release", "--locked", "--package", "firedrill-verify", "--example", "size"];
    steps.run("verification at size", "cargo", &size);
}

/// `cargo mutants` fails when one mutant is missed; what counts here is how many are.
fn mutants(steps: &mut Steps, shard: Option<&str>) {
    let mut words = vec!["mutants", "--package", "firedrill-verify", "--profile", "mutants", "--output", MUTANTS];
    words.extend(["--timeout", TEST_SECONDS_MAX]);
    words.extend(shard.iter().flat_map(|shard| ["--shard", shard]));
    // Examples and benchmarks judge nothing.
    words.extend(["--", "--lib", "--test", "verification"]);
    let name = "mutants of the judge";
    say(&format!("--- {name}: cargo {}", words.join(" ")));
    // A law that is broken is broken in few cases as well, and nobody reads which one was the smallest.
    let mut mutants = command("cargo");
    mutants.args(&words).envs([("PROPTEST_CASES", "32"), ("PROPTEST_MAX_SHRINK_ITERS", "0")]);
    // 0: all caught; 2: some missed; 3: some ran out of time. Otherwise nothing was mutated, and an older result may lie there.
    let ran = mutants.status().ok().and_then(|status| status.code());
    let count = |file: &str| {
        let path = root().join(MUTANTS).join("mutants.out").join(file);
        fs::read_to_string(path).map(|text| text.lines().count())
    };
    let (Some(0 | 2 | 3), Ok(caught), Ok(missed), Ok(hung)) =
        (ran, count("caught.txt"), count("missed.txt"), count("timeout.txt"))
    else {
        return steps.failed(name, "cargo mutants did not say what it found");
    };
    let all = caught + missed + hung;
    let result = format!("{caught} caught, {hung} ran out of time, {missed} missed of {all}");
    if all > 0 && (caught + hung) * 100 >= all * CAUGHT_PERCENT_MIN {
        steps.passed(name, &result);
    } else {
        steps.failed(name, &result);
    }
}
