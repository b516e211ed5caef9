//! A run for tests: its records in a folder, and nothing that answers.

use std::{path::Path, sync::Arc};

use firedrill_model::{plan::Plan, run_dir::RunDir};
use tokio_util::sync::CancellationToken;

use super::{Drill, FaultsOn, Journal};
use crate::{
    backup::process::Programs,
    clock::RunClock,
    workload::{authority::Authority, lag::Lag, ledger::Ledger},
};

/// A run of `plan` in `folder`.
pub(crate) fn drill(folder: &Path, plan: Plan) -> Drill {
    let (dir, clock) = (RunDir::new(folder), RunClock::start());
    Drill {
        plan: Arc::new(plan),
        clock,
        journal: Journal::create(&dir.history(), clock).unwrap(),
        ledger: Ledger::create(&dir.ledger()).unwrap(),
        dir,
        authority: Authority::default(),
        endpoints: Arc::default(),
        tools: Arc::default(),
        struck: Arc::default(),
        faults_on: FaultsOn::default(),
        lag: Lag::default(),
        programs: Programs::default(),
        cancel: CancellationToken::new(),
    }
}
