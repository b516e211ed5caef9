//! The writer of `history.jsonl`: append-only, hash-chained, flushed with every record.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::{
    history::{Event, Record, line_digest},
    units::RunTime,
};
use thiserror::Error;

use super::lines::WholeLines;
use crate::{
    clock::RunClock,
    step::{STEP, word},
};

/// A record could not be written: without a history there is no evidence, so the run stops.
#[derive(Debug, Error)]
#[error("cannot write the history")]
pub struct JournalError(#[from] io::Error);

/// Appends events to the history. Cheap to clone; records are written in the order of the calls.
#[derive(Clone, Debug)]
pub struct Journal {
    clock: RunClock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: WholeLines,
    seq: u64,
    prev: String,
}

impl Journal {
    /// Creates the history; fails when the file exists.
    pub fn create(path: &Path, clock: RunClock) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self {
            clock,
            inner: Arc::new(Mutex::new(Inner { file: WholeLines::new(file), seq: 0, prev: line_digest("") })),
        })
    }

    /// Appends one event with the current time, which is returned.
    pub fn append(&self, event: Event) -> Result<RunTime, JournalError> {
        let record = self.write(event)?;
        tracing::trace!(target: STEP, "{} is written", word(&record.event));
        Ok(record.at_ms)
    }

    /// [`Journal::append`], then waits until it is on disk: for what must be known after a crash.
    pub fn append_synced(&self, event: Event) -> Result<RunTime, JournalError> {
        let record = self.write(event)?;
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).file.sync()?;
        tracing::trace!(target: STEP, "{} is on disk", word(&record.event));
        Ok(record.at_ms)
    }

    fn write(&self, event: Event) -> Result<Record, JournalError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let at_ms = self.clock.now();
        let utc = self.clock.utc_text(at_ms);
        let record = Record { seq: inner.seq, at_ms, utc, prev: inner.prev.clone(), wall_clock: false, event };
        let mut line = serde_json::to_string(&record).map_err(io::Error::from)?;
        let digest = line_digest(&line);
        line.push('\n');
        inner.file.append(&line)?;
        inner.prev = digest;
        inner.seq += 1;
        Ok(record)
    }
}
