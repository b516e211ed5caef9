//! A run for tests: its records in a folder, and nothing that answers.

use std::path::Path;

use firedrill_model::{plan::Plan, run_dir::RunDir};
use tokio_util::sync::CancellationToken;

use super::{Drill, Journal};
use crate::{clock::RunClock, workload::ledger::Ledger};

/// A run of `plan` in `folder`.
pub(crate) fn drill(folder: &Path, plan: Plan) -> Drill {
    let (dir, clock) = (RunDir::new(folder), RunClock::start());
    let journal = Journal::create(&dir.history(), clock).unwrap();
    let ledger = Ledger::create(&dir.ledger()).unwrap();
    Drill::new(plan, clock, (dir, journal, ledger), CancellationToken::new())
}
