//! `firedrill plan`: what a run would do. Nothing is touched.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Report};

use super::{Failure, screen};
use crate::{
    plan::{self, Choices, describe::describe, lint::lint},
    scenario,
};

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

/// Prints the plan; warnings of the lint go to stderr.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let loaded = scenario::load(&args.scenario).map_err(Failure::usage)?;
    let plan = plan::plan(&loaded, &Choices { seed: args.seed }).map_err(Failure::usage)?;
    for warning in lint(&loaded) {
        tracing::warn!("{:?}", Report::new(warning));
    }
    if args.json {
        let text = serde_json::to_string_pretty(&plan).into_diagnostic().map_err(Failure::internal)?;
        screen::line(text);
    } else {
        screen::line(describe(&plan).trim_end());
    }
    Ok(0)
}
