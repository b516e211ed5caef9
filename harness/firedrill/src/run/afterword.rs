//! What is added to the history of a run that crashed. Its monotonic clock is gone: times come from the wall clock, and
//! each record says so.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use firedrill_model::{
    history::{Event, Record, line_digest},
    run_dir::{JsonLines, RunDirError},
    units::RunTime,
};
use jiff::Timestamp;
use thiserror::Error;

use super::lines::WholeLines;
use crate::clock;

/// An afterword that could not be written.
#[derive(Debug, Error)]
pub enum AfterwordError {
    /// The history cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RunDirError),
    /// Nothing can be added to it.
    #[error("cannot add to the history `{path}`")]
    Io {
        /// The history.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Adds the events that `missing` makes of the history so far, chained to its last whole record, and waits until they are
/// on disk; how many there were. Half a line that the crash left counts for nothing and is taken away: what follows it
/// could not be read. Two callers at once write one after the other, so that the second sees what the first has added.
pub fn append(path: &Path, missing: impl FnOnce(&[Record]) -> Vec<Event>) -> Result<usize, AfterwordError> {
    append_at(path, clock::utc_now(), missing)
}

fn append_at(
    path: &Path,
    now: Timestamp,
    missing: impl FnOnce(&[Record]) -> Vec<Event>,
) -> Result<usize, AfterwordError> {
    let io_error = |source| AfterwordError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().append(true).open(path).map_err(io_error)?;
    file.lock().map_err(io_error)?;
    let history = History::read(path)?;
    let events = missing(&history.records);
    if let (Some(last), false) = (history.records.last(), events.is_empty()) {
        history.append(file, last, now, &events).map_err(io_error)?;
        Ok(events.len())
    } else {
        Ok(0)
    }
}

/// The whole records of a history.
struct History {
    records: Vec<Record>,
    /// Their length in bytes, and the digest of the last.
    length: u64,
    digest: String,
}

impl History {
    fn read(path: &Path) -> Result<Self, RunDirError> {
        let mut lines = JsonLines::<Record>::open(path.to_owned())?;
        let mut history = Self { records: Vec::new(), length: 0, digest: String::new() };
        while let Some(record) = lines.next() {
            history.records.push(record?);
            history.length += lines.line_text().len() as u64 + 1;
            history.digest = line_digest(&String::from_utf8_lossy(lines.line_text()));
        }
        Ok(history)
    }

    fn append(&self, file: File, last: &Record, now: Timestamp, events: &[Event]) -> io::Result<()> {
        file.set_len(self.length)?;
        let mut lines = WholeLines::after(file, self.length);
        let at_ms = at(&self.records, now).max(last.at_ms);
        let (mut seq, mut prev) = (last.seq, self.digest.clone());
        for event in events {
            seq += 1;
            let utc = format!("{now:.3}");
            let record = Record { seq, at_ms, utc, prev, wall_clock: true, event: event.clone() };
            let mut line = serde_json::to_string(&record)?;
            prev = line_digest(&line);
            line.push('\n');
            lines.append(&line)?;
        }
        lines.sync()
    }
}

/// `now` on the scale of the run: its zero is what the first record says. Zero when that cannot be told.
fn at(records: &[Record], now: Timestamp) -> RunTime {
    let zero = records.first().and_then(|first| {
        let utc: Timestamp = first.utc.parse().ok()?;
        utc.as_microsecond().checked_sub(i64::try_from(first.at_ms.micros()).ok()?)
    });
    let micros = zero.and_then(|zero| now.as_microsecond().checked_sub(zero)).unwrap_or(0);
    RunTime::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use firedrill_model::history::Phase;
    use proptest::prelude::*;

    use super::*;
    use crate::{clock::RunClock, run::Journal};

    fn history(folder: &Path, records: usize) -> PathBuf {
        let path = folder.join("history.jsonl");
        let journal = Journal::create(&path, RunClock::start()).unwrap();
        for _ in 0..records {
            journal.append(Event::PhaseBegan { phase: Phase::Seed }).unwrap();
        }
        path
    }

    /// Every record, after the whole chain was followed.
    fn chained(path: &Path) -> Vec<Record> {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "half a line is left");
        let mut prev = line_digest("");
        let mut records: Vec<Record> = Vec::new();
        for (seq, line) in (0..).zip(text.lines()) {
            let record: Record = serde_json::from_str(line).unwrap();
            assert_eq!((record.seq, &record.prev), (seq, &prev));
            assert!(records.last().is_none_or(|last| last.at_ms <= record.at_ms), "time goes back at {seq}");
            prev = line_digest(line);
            records.push(record);
        }
        records
    }

    fn torn_down(records: &[Record]) -> Vec<Event> {
        let is_there = records.iter().any(|record| matches!(record.event, Event::TornDown { .. }));
        if is_there { Vec::new() } else { vec![Event::Healed { faults: Vec::new() }, Event::TornDown { kept: false }] }
    }

    #[test]
    fn what_is_added_is_marked_and_counted_from_the_run_s_zero() {
        let folder = tempfile::tempdir().unwrap();
        let path = history(folder.path(), 2);
        let zero: Timestamp = chained(&path)[0].utc.parse().unwrap();
        let later = Timestamp::from_millisecond(zero.as_millisecond() + 90_000).unwrap();
        assert_eq!(append_at(&path, later, torn_down).unwrap(), 2);
        let records = chained(&path);
        assert_eq!(records.iter().map(|record| record.wall_clock).collect::<Vec<_>>(), [false, false, true, true]);
        assert!(records[3].at_ms.ms().abs_diff(90_000) <= 1, "{:?}", records[3].at_ms);
        assert_eq!(append(&path, torn_down).unwrap(), 0, "a second time there is nothing to add");
    }

    #[test]
    fn a_wall_clock_that_was_set_back_does_not_turn_the_order_around() {
        let folder = tempfile::tempdir().unwrap();
        let path = history(folder.path(), 2);
        append_at(&path, Timestamp::UNIX_EPOCH, torn_down).unwrap();
        assert_eq!(chained(&path).len(), 4);
    }

    #[test]
    fn a_history_without_a_record_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        fs::write(&path, "{\"seq\":0,").unwrap();
        assert_eq!(append(&path, torn_down).unwrap(), 0);
    }

    proptest! {
        /// Wherever the crash cut the history off, the chain holds afterwards, and again after a second crash.
        #[test]
        fn the_chain_holds_wherever_the_crash_cut_it(records in 1_usize..5, cut in any::<prop::sample::Index>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = history(folder.path(), records);
            let whole = fs::read(&path).unwrap();
            let kept = &whole[..cut.index(whole.len() + 1)];
            fs::write(&path, kept).unwrap();
            let left = kept.split(|byte| *byte == b'\n').count() - 1;
            let added = append(&path, torn_down).unwrap();
            prop_assert_eq!(added, if left == 0 { 0 } else { 2 });
            if left > 0 {
                prop_assert_eq!(chained(&path).len(), left + 2);
                let healed = fs::read(&path).unwrap();
                prop_assert!(healed.starts_with(&kept[..=kept.iter().rposition(|byte| *byte == b'\n').unwrap()]));
                prop_assert_eq!(append(&path, torn_down).unwrap(), 0);
                prop_assert_eq!(fs::read(&path).unwrap(), healed);
            }
        }
    }
}
