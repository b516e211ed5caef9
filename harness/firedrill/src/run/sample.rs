//! A run for tests: its records in a folder, and nothing that answers.

use std::{collections::BTreeMap, path::Path};

use firedrill_model::{
    ids::ResourceId,
    ledger::{LedgerLine, Op, Origin, Outcome},
    plan::Plan,
    recovery_point::RecoveryPoint,
    run_dir::RunDir,
    topology::Side,
    units::RunTime,
};
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

/// The first write of a key by the traffic, which the primary side has acknowledged.
pub(crate) fn line(resource: ResourceId, key: &str) -> LedgerLine {
    LedgerLine {
        resource,
        key: key.to_owned(),
        writer: "w".to_owned(),
        seq: 0,
        write_id: "w-1".into(),
        op: Op::Put,
        digest: None,
        parts: BTreeMap::new(),
        bytes: 10,
        amount: None,
        outcome: Outcome::Acknowledged,
        issued_ms: RunTime::from_ms(1),
        completed_ms: Some(RunTime::from_ms(2)),
        side: Side::Primary,
        epoch: 0,
        attempt: 1,
        origin: Origin::Traffic,
        cause: None,
        version: None,
        expires_ms: None,
        txn: None,
        error: None,
        facts: BTreeMap::new(),
    }
}

/// An empty recovery point of the first rule, captured from 10 to 5 ms before `at`.
pub(crate) fn recovery_point(id: &str, verified: bool, at: RunTime) -> RecoveryPoint {
    let before = |ms: u64| RunTime::from_micros(at.micros().saturating_sub(ms * 1000));
    RecoveryPoint {
        id: id.into(),
        rule: 0,
        begun_ms: before(10),
        ended_ms: before(5),
        location: "here".to_owned(),
        digest: String::new(),
        resources: Vec::new(),
        entries: 0,
        bytes: 0,
        parent: None,
        stack_version: String::new(),
        verified,
        defect: None,
        copies: Vec::new(),
    }
}
