//! `cargo xtask`: what contributors and continuous integration run.

mod bench;
mod commands;
mod fuzz;
mod nightly;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "What contributors and continuous integration run")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every test: format, lints, licences, docs, unit and property tests, and real drills on the emulator
    Test(test::Args),
    /// How fast: the region-loss drill by phase, and verification at size
    Bench(bench::Args),
    /// What takes too long for every change: every drill several times, and mutants of the judge
    Nightly(nightly::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Nightly(args) => nightly::run(&args),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
