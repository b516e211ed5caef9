//! The writer of `ledger.jsonl`.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::{
    ledger::{LedgerLine, Origin, Outcome},
    verification::LedgerCounts,
};
use sha2::{Digest, Sha256};

use crate::run::lines::WholeLines;

/// Appends lines to the ledger and counts them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    file: WholeLines,
    counts: LedgerCounts,
    digest: Sha256,
}

impl Ledger {
    /// Creates the ledger; fails when the file exists.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(Inner {
            file: WholeLines::new(file),
            counts: LedgerCounts::default(),
            digest: Sha256::new(),
        }))))
    }

    /// Appends one line, written to the file before this returns.
    pub fn record(&self, line: &LedgerLine) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.file.append(&text)?;
        inner.digest.update(text.as_bytes());
        let counts = &mut inner.counts;
        counts.lines += 1;
        match (line.origin, line.outcome) {
            (Origin::Seed, Outcome::Acknowledged) => counts.seeded += 1,
            (_, Outcome::Acknowledged) => counts.acknowledged += 1,
            (_, Outcome::Rejected) => counts.rejected += 1,
            (_, Outcome::Ambiguous) => counts.ambiguous += 1,
        }
        Ok(())
    }

    /// The number of lines so far, and the SHA-256 over them in hexadecimal.
    pub fn sealed(&self) -> (u64, String) {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.counts.lines, hex::encode(inner.digest.clone().finalize()))
    }

    /// Counts so far.
    pub fn counts(&self) -> LedgerCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts
    }
}
