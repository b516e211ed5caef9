//! `firedrill supervise`: the process that owns a run's emulators and fault plane. Started by firedrill itself.

use clap::Args as ClapArgs;
use miette::IntoDiagnostic;

use super::Failure;
use crate::target::supervisor;

/// Serves the runner at the other end of standard input and output.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {}

/// Runs until the runner is gone or says stop.
pub(super) async fn run(_args: Args) -> Result<u8, Failure> {
    supervisor::run().await.into_diagnostic().map_err(Failure::internal)?;
    Ok(0)
}
