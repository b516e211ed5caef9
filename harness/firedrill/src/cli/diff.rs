//! `firedrill diff RUN_A RUN_B`: what changed from one run to another.

use std::path::PathBuf;

use super::{Failure, screen, verify};

/// Compare two runs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The earlier run directory
    run_a: PathBuf,
    /// The later run directory
    run_b: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let (_, a) = verify::judge(&verify::open(&args.run_a)?)?;
    let (_, b) = verify::judge(&verify::open(&args.run_b)?)?;
    screen::line(firedrill_reports::diff(&a, &b));
    Ok(0)
}
