//! `firedrill plan`: what a run would do. Nothing is touched.

use std::path::PathBuf;

use miette::IntoDiagnostic;

use super::{Failure, check::check, failure::exit, screen};
use crate::plan::{self, Choices, describe::describe};

/// Which scenario, and how to print its plan.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The scenario file
    scenario: PathBuf,
    /// Seed of everything that is drawn, in hexadecimal
    #[arg(long, value_parser = plan::parse_seed, default_value = "0")]
    seed: u64,
    /// Print `plan.json`
    #[arg(long)]
    json: bool,
}

/// Prints the plan; what `check` says of the scenario goes to stderr.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let checked = check(&args.scenario);
    let usable = checked.is_usable();
    for problem in checked.problems {
        screen::note(&screen::shown(problem));
    }
    let Some(loaded) = checked.loaded.filter(|_| usable) else { return Ok(exit::USAGE) };
    let plan = plan::plan(&loaded, &Choices { seed: args.seed }).map_err(Failure::usage)?;
    if args.json {
        let text = serde_json::to_string_pretty(&plan::shown(&plan)).into_diagnostic().map_err(Failure::internal)?;
        screen::line(text);
    } else {
        screen::line(describe(&plan).trim_end());
    }
    Ok(0)
}
