//! `cargo xtask nightly`: what takes too long for every change. Repeats each shipped drill and mutates the judge.

use crate::commands::{Steps, present};

/// Options of `cargo xtask nightly`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each shipped drill is run
    #[arg(long, default_value_t = 3)]
    repeat: u32,
}

/// Runs every step; true when nothing failed.
pub(crate) fn run(args: &Args) -> bool {
    let mut steps = Steps::default();
    for round in 1..=args.repeat {
        for folder in crate::test::DRILLS {
            let name = format!("drills in {folder}, round {round} of {}", args.repeat);
            steps.run(&name, "cargo", &["run", "--release", "--locked", "--", "run", folder, "--accept-stated"]);
        }
    }
    if present("cargo", &["mutants", "--version"])
        || steps.run("install cargo-mutants", "cargo", &["install", "--locked", "cargo-mutants"])
    {
        steps.run(
            "mutants of the judge",
            "cargo",
            &["mutants", "--package", "firedrill-verify", "--cargo-arg=--release", "--no-shuffle"],
        );
    }
    steps.finish()
}
