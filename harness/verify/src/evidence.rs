//! Opening the evidence: the hash chain of the history, and the digests that the history holds of the other files.
//!
//! A file of a capture is evidence only when the record of that capture names it. What else lies in the run directory,
//! such as the half of a capture that was cut short, is not read.

use std::path::Path;

use firedrill_model::{
    capture::{CaptureName, Configuration, Delivery, Entry},
    findings::FindingKind,
    history::{Record, line_digest},
    ids::ResourceId,
    run_dir::{JsonLines, RunDir, RunDirError, file_sha256, lines_sha256},
    topology::Side,
    units::RunTime,
};

use crate::{
    content::Case,
    findings::{Book, Draft},
    timeline::{CaptureRecord, Timeline},
};

/// Captures that show what the workload's clients find after the recovery.
const OF_THE_SERVING_SIDE: [CaptureName; 2] = [CaptureName::Recovered, CaptureName::Drained];

impl Case<'_> {
    /// The content of a resource in a capture; `None` when the history has no such capture, or one without it.
    pub(crate) fn content(
        self,
        capture: CaptureName,
        resource: &ResourceId,
    ) -> Result<Option<JsonLines<Entry>>, RunDirError> {
        let names = self.names(capture, &self.dir.content(capture, resource));
        if names { self.dir.read_content(capture, resource) } else { Ok(None) }
    }

    /// The configurations in a capture; `None` as for content.
    pub(crate) fn configuration(self, capture: CaptureName) -> Result<Option<Vec<Configuration>>, RunDirError> {
        let names = self.names(capture, &self.dir.configuration(capture));
        if names { self.dir.read_configuration(capture) } else { Ok(None) }
    }

    /// The deliveries in a capture; `None` as for content.
    pub(crate) fn deliveries(self, capture: CaptureName) -> Result<Option<JsonLines<Delivery>>, RunDirError> {
        let names = self.names(capture, &self.dir.deliveries(capture));
        if names { self.dir.read_deliveries(capture) } else { Ok(None) }
    }

    fn names(self, capture: CaptureName, path: &Path) -> bool {
        let record = self.timeline.captures.get(&capture);
        let name = path.file_name().and_then(|name| name.to_str());
        record.zip(name).is_some_and(|(record, name)| record.files.contains_key(name))
            && misplaced(self.timeline, capture).is_none()
    }
}

/// Why a capture does not show what it should: another side was read, or the same side at another time.
pub(crate) fn misplaced(timeline: &Timeline, capture: CaptureName) -> Option<String> {
    let record = timeline.captures.get(&capture)?;
    match capture {
        CaptureName::Source => not_the_source(timeline, record),
        CaptureName::Recovered => {
            let stopped = timeline.ledger.as_ref().map(|sealed| (sealed.since, "the traffic had stopped"));
            not_what_clients_find(timeline, record, stopped)
        }
        CaptureName::Drained => {
            let drained = timeline.drained().map(|at| (at, "the drain was over"));
            not_what_clients_find(timeline, record, drained)
        }
        CaptureName::RecoveryPoint | CaptureName::Returned => None,
    }
    .map(|why| format!("capture {} {why}", capture.folder()))
}

/// The source is the primary side before anything was taken away from it.
fn not_the_source(timeline: &Timeline, record: &CaptureRecord) -> Option<String> {
    if record.side != Side::Primary {
        return Some(format!("was read from the {} side", record.side));
    }
    let bitten = timeline.t0().map(|at| (at, "the fault had bitten"));
    let began = timeline.recovery_began.map(|at| (at, "the recovery had begun"));
    let (over, what) = bitten.or(began)?;
    let too_late = || format!("was complete {}, after {what} {}", timeline.clock(record.ended), timeline.clock(over));
    (record.ended > over).then(too_late)
}

/// Clients find what the serving side holds once the traffic has moved for the last time, and what was waited for is over.
fn not_what_clients_find(
    timeline: &Timeline,
    record: &CaptureRecord,
    waited_for: Option<(RunTime, &str)>,
) -> Option<String> {
    let (side, moved) = timeline.serving();
    if record.side != side {
        return Some(format!("was read from the {} side; traffic went to the {side} side", record.side));
    }
    let began = timeline.clock(record.began);
    let too_early =
        |(at, what)| (record.began < at).then(|| format!("began {began}, before {what} {}", timeline.clock(at)));
    too_early((moved, "the traffic moved")).or_else(|| waited_for.and_then(too_early))
}

/// Captures that do not show what clients find leave every check undecided: they are not read.
pub(crate) fn examine_captures(timeline: &Timeline, book: &mut Book) {
    let wrong: Vec<String> = OF_THE_SERVING_SIDE.iter().filter_map(|capture| misplaced(timeline, *capture)).collect();
    if !wrong.is_empty() {
        let why = "what clients find was not captured where and when they find it";
        let draft = Draft::undecided(FindingKind::NotMeasured, why)
            .detail(wrong)
            .help("what was read says nothing of what clients find");
        book.undecide_all(&draft);
    }
}

/// A history and the places where its chain is broken.
#[derive(Debug)]
pub(crate) struct OpenedHistory {
    pub(crate) records: Vec<Record>,
    pub(crate) broken: Vec<String>,
}

/// Reads the history, checking that each record follows from the one before.
pub(crate) fn open_history(dir: &RunDir) -> Result<OpenedHistory, RunDirError> {
    let mut lines = dir.read_history()?;
    let (mut records, mut broken) = (Vec::<Record>::new(), Vec::new());
    let mut prev = line_digest("");
    while let Some(record) = lines.next() {
        let record = record?;
        let expected = records.len() as u64;
        if record.seq != expected {
            broken.push(format!("history.jsonl line {}: record {} where {expected} belongs", expected + 1, record.seq));
        } else if record.prev != prev {
            broken.push(format!("history.jsonl line {expected}: changed after the next record was written"));
        }
        prev = line_digest(&String::from_utf8_lossy(lines.line_text()));
        records.push(record);
    }
    Ok(OpenedHistory { records, broken })
}

/// Compares every file with the digest that the history holds of it, and the history with what the record of the run says
/// of it, if there is one. What does not agree leaves every check undecided: one finding, whatever the number of files.
pub(crate) fn examine(
    dir: &RunDir,
    timeline: &Timeline,
    broken: Vec<String>,
    book: &mut Book,
) -> Result<(), RunDirError> {
    let mut altered = broken;
    match &timeline.plan_sha256 {
        Some(expected) => altered.extend(compare(&dir.plan(), "plan.json", expected)?),
        None => altered.push("history.jsonl: the record that holds the digest of plan.json is not there".to_owned()),
    }
    for (capture, record) in &timeline.captures {
        for (name, expected) in &record.files {
            // A name is that of a file of the capture, or a path below the run directory.
            let path = if name.contains('/') { dir.root().join(name) } else { dir.capture(*capture).join(name) };
            altered.extend(compare(&path, &format!("{} of capture {}", name, capture.folder()), expected)?);
        }
    }
    altered.extend(shortened(dir)?);
    altered.extend(ledger(dir, timeline)?);
    if !altered.is_empty() {
        let count = altered.len() as u64;
        altered.truncate(crate::findings::SAMPLE_MAX);
        let draft =
            Draft::undecided(FindingKind::EvidenceAltered, "files of the run directory are not as the run left them")
                .count(count)
                .detail(altered)
                .help("verify an untouched copy of the run directory, or run the drill again");
        let finding = book.undecide_all(&draft);
        book.remember_unseen(finding);
    }
    Ok(())
}

/// The record of a run says how long its history was and what its digest: a history that lost its end is still a chain.
fn shortened(dir: &RunDir) -> Result<Option<String>, RunDirError> {
    let head = match dir.read_history_head() {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(None),
        Err(error) => return Ok(Some(format!("run.json: {error}"))),
    };
    Ok(match lines_sha256(&dir.history(), head.records)? {
        None => Some(format!("history.jsonl: fewer than the {} records that run.json says it had", head.records)),
        Some(found) if found != head.sha256 => Some(format!(
            "history.jsonl: the first {} records have the SHA-256 {found}; run.json says {}",
            head.records, head.sha256
        )),
        Some(_) => None,
    })
}

fn compare(path: &Path, what: &str, expected: &str) -> Result<Option<String>, RunDirError> {
    Ok(match file_sha256(path)? {
        None => Some(format!("{what}: not there")),
        Some(found) if found != expected => Some(format!("{what}: SHA-256 is {found}, was {expected}")),
        Some(_) => None,
    })
}

/// The ledger must be the lines it held when the traffic had stopped, no fewer and no more.
fn ledger(dir: &RunDir, timeline: &Timeline) -> Result<Option<String>, RunDirError> {
    let Some(sealed) = &timeline.ledger else { return Ok(None) };
    Ok(match lines_sha256(&dir.ledger(), sealed.lines)? {
        // Nothing writes any more after that: a line added later could explain a loss away.
        Some(found) if found == sealed.sha256 => lines_sha256(&dir.ledger(), sealed.lines + 1)?
            .map(|_| format!("ledger.jsonl: lines after the {} it had when the traffic had stopped", sealed.lines)),
        Some(found) => Some(format!(
            "ledger.jsonl: the first {} lines have the SHA-256 {found}; it was {} when the traffic had stopped",
            sealed.lines, sealed.sha256
        )),
        None => {
            Some(format!("ledger.jsonl: fewer than the {} lines it had when the traffic had stopped", sealed.lines))
        }
    })
}
