//! Opening the evidence: the hash chain of the history, and the digests that the history holds of the other files.

use std::path::Path;

use firedrill_model::{
    findings::FindingKind,
    history::{Record, line_digest},
    run_dir::{RunDir, RunDirError, file_sha256, lines_sha256},
};

use crate::{
    findings::{Book, Draft},
    timeline::Timeline,
};

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

/// Compares every file with the digest that the history holds of it. What does not agree leaves every check undecided.
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
    if !altered.is_empty() {
        let count = altered.len() as u64;
        altered.truncate(crate::findings::SAMPLE_MAX);
        book.undecide_all(
            &Draft::undecided(
                FindingKind::EvidenceAltered,
                "files of the run directory do not have the digests that the history holds",
            )
            .count(count)
            .detail(altered)
            .help("verify an untouched copy of the run directory, or run the drill again"),
        );
    }
    Ok(())
}

fn compare(path: &Path, what: &str, expected: &str) -> Result<Option<String>, RunDirError> {
    Ok(match file_sha256(path)? {
        None => Some(format!("{what}: not there")),
        Some(found) if found != expected => Some(format!("{what}: SHA-256 is {found}, was {expected}")),
        Some(_) => None,
    })
}

/// The ledger must begin with the lines it held when the traffic had stopped.
pub(crate) fn examine_ledger(dir: &RunDir, timeline: &Timeline, book: &mut Book) -> Result<(), RunDirError> {
    let Some(sealed) = &timeline.ledger else { return Ok(()) };
    let what = match lines_sha256(&dir.ledger(), sealed.lines)? {
        Some(found) if found == sealed.sha256 => return Ok(()),
        Some(found) => format!(
            "the first {} lines of ledger.jsonl have the SHA-256 {found}; it was {} when the traffic had stopped",
            sealed.lines, sealed.sha256
        ),
        None => format!("ledger.jsonl has fewer than the {} lines it had when the traffic had stopped", sealed.lines),
    };
    book.undecide_all(
        &Draft::undecided(FindingKind::EvidenceAltered, what)
            .help("verify an untouched copy of the run directory, or run the drill again"),
    );
    Ok(())
}
