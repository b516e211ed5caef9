//! `firedrill verify RUN_DIR`: judges a run again from its directory alone.

use std::{io::IsTerminal, path::PathBuf};

use firedrill_model::run_dir::RunDir;
use firedrill_reports::RunRecord;

use super::{Failure, screen};

/// Judge a run again from its directory alone; writes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run directory
    run_dir: PathBuf,
    /// Print the whole result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let dir = open(&args.run_dir)?;
    let (verification, record) = judge(&dir)?;
    if args.json {
        let text =
            serde_json::to_string_pretty(&record).map_err(|error| Failure::internal(miette::miette!("{error}")))?;
        screen::line(text);
    } else {
        screen::line(firedrill_reports::terminal(&record, std::io::stdout().is_terminal(), screen::columns()));
    }
    Ok(verification.counted(false).exit_code())
}

/// The run directory at `path`, when it looks like one.
pub(super) fn open(path: &std::path::Path) -> Result<RunDir, Failure> {
    let dir = RunDir::new(path);
    if dir.plan().is_file() {
        return Ok(dir);
    }
    let found = if path.is_dir() { "a folder without `plan.json`" } else { "no such folder" };
    Err(Failure::usage(miette::miette!(
        help = "name a folder that `firedrill run` wrote, such as runs/20261123-140151-7f3a91",
        "`{}` is not a run directory: found {found}",
        path.display()
    )))
}

/// Verifies a run directory and makes its record.
pub(super) fn judge(dir: &RunDir) -> Result<(firedrill_model::verification::Verification, RunRecord), Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(miette::miette!(
            help = "the run directory was written by another version, or a file of it was altered or cut off",
            "cannot judge `{}`: {error}",
            dir.root().display()
        ))
    };
    let verification = firedrill_verify::verify(dir).map_err(|error| unreadable(&error))?;
    let record = firedrill_reports::build(dir, &verification).map_err(|error| unreadable(&error))?;
    Ok((verification, record))
}
