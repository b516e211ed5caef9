//! Content at the recovered cut against the ledger: one pass over the sorted captures beside the sorted ledger.

mod blame;
mod counters;
mod cursor;
mod doubt;
mod versions;

use std::collections::BTreeMap;

use firedrill_model::{
    capture::{CaptureName, Entry, Version},
    findings::FindingKind,
    ids::{ResourceId, ResourceKind},
    ledger::Op,
    plan::Plan,
    run_dir::{RunDir, RunDirError},
    topology::Side,
    units::RunTime,
    verification::Differences,
};

pub(crate) use self::cursor::Cursor;
use crate::{
    admissible::{Circumstances, Observed, Reading, Standing, read},
    asserted::{CONSISTENT_CUT, RPO, STATE},
    findings::{Book, Draft, Handle, SAMPLE_MAX},
    ledger::{Fate, Key, Ledger, ResourceWrites, Seen, Write, short},
    tally::{Tally, counted},
    timeline::Timeline,
};

/// Losses of one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    /// Lost acknowledged writes by key.
    pub(crate) keys: Tally,
    pub(crate) lost_writes: u64,
    pub(crate) lost_bytes: u64,
    /// Completion of the earliest write that is certainly lost.
    pub(crate) certain: Option<RunTime>,
    /// Completion of the earliest that is possibly lost.
    pub(crate) possible: Option<RunTime>,
    /// As `certain`, without writes that a finding of their own blames on the backup or the restore.
    pub(crate) certain_unblamed: Option<RunTime>,
}

/// What was compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) losses: BTreeMap<ResourceId, Losses>,
    pub(crate) differences: BTreeMap<ResourceId, Differences>,
    pub(crate) entries_compared: u64,
    /// Resources whose content was not captured, or is not compared: nothing can be said of their losses.
    pub(crate) unread: Vec<ResourceId>,
}

/// What is known when content is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) dir: &'a RunDir,
    pub(crate) plan: &'a Plan,
    pub(crate) timeline: &'a Timeline,
}

/// Compares the content of every resource that the workload writes, and notes in the ledger what became of each write.
pub(crate) fn compare(case: Case<'_>, ledger: &mut Ledger, book: &mut Book) -> Result<Content, RunDirError> {
    let mut content = Content::default();
    let stack = &case.plan.stack;
    let mut compared = stack.data_resources();
    compared.retain(|resource| stack.derived_by(resource).is_none());
    doubt::not_compared(ledger, &compared, book, &mut content);
    for resource in compared {
        let writes = ledger.resources.entry(resource.clone()).or_default();
        match Comparison::open(case, &resource)? {
            Some(mut comparison) => {
                comparison.run(writes)?;
                comparison.report(case, book, &mut content)?;
            }
            None => doubt::not_captured(resource, book, &mut content),
        }
    }
    Ok(content)
}

/// A value that differs from what was written under its write id.
#[derive(Debug)]
struct Suspect {
    key: String,
    id: u64,
    parts: BTreeMap<String, String>,
}

struct Comparison<'a> {
    resource: ResourceId,
    timeline: &'a Timeline,
    versioned: bool,
    recovered: Cursor,
    point: Option<Cursor>,
    at: Circumstances,
    tallies: BTreeMap<FindingKind, Tally>,
    /// Keys of which the ledger says what no rule covers: nothing of what is found there tells what is lost.
    not_judged: Tally,
    /// Keys that were deleted after the recovery point, which lacks them as well as what was restored from it.
    skipped: Tally,
    /// Keys of a versioned bucket that are gone with their versions, of which nothing says whether they are owed.
    versions_unknown: Tally,
    suspects: Vec<Suspect>,
    losses: Losses,
    entries: u64,
}

impl<'a> Comparison<'a> {
    fn open(case: Case<'a>, resource: &ResourceId) -> Result<Option<Self>, RunDirError> {
        let Some(record) = case.timeline.captures.get(&CaptureName::Recovered) else { return Ok(None) };
        let Some(recovered) = case.content(CaptureName::Recovered, resource)? else { return Ok(None) };
        let point = case.content(CaptureName::RecoveryPoint, resource)?;
        let versioned = resource.kind() == Some(ResourceKind::Bucket)
            && case.plan.stack.buckets.get(resource.name()).is_some_and(|bucket| bucket.versioning);
        Ok(Some(Self {
            resource: resource.clone(),
            timeline: case.timeline,
            versioned,
            recovered: Cursor::new(recovered),
            point: point.map(Cursor::new),
            at: Circumstances {
                utc_ms: case.timeline.utc_ms(record.ended),
                point: case.timeline.used_point_of(resource).map(|point| (point.begun_ms, point.ended_ms)),
            },
            tallies: BTreeMap::new(),
            not_judged: Tally::default(),
            skipped: Tally::default(),
            versions_unknown: Tally::default(),
            suspects: Vec::new(),
            losses: Losses::default(),
            entries: 0,
        }))
    }

    fn run(&mut self, writes: &mut ResourceWrites) -> Result<(), RunDirError> {
        for index in 0..writes.keys.len() {
            let text = writes.text(&writes.keys[index]).to_owned();
            while let Some(extra) = self.recovered.next_before(&text)? {
                self.extra(&extra);
            }
            let entry = self.recovered.take(&text)?;
            let held = match &mut self.point {
                Some(point) => point.seek(&text)?,
                None => None,
            };
            self.key(writes, index, &text, entry.as_ref(), held.as_ref());
        }
        while let Some(extra) = self.recovered.next_any()? {
            self.extra(&extra);
        }
        Ok(())
    }

    fn tally(&mut self, kind: FindingKind) -> &mut Tally {
        self.tallies.entry(kind).or_default()
    }

    fn extra(&mut self, entry: &Entry) {
        self.entries += 1;
        // Below a delete marker there may be what somebody wrote. A marker alone is nothing that is there.
        let holds = |version: &Version| version.write_id.is_some() || version.digest.is_some();
        if !entry.deleted || entry.versions.iter().any(holds) {
            self.tally(FindingKind::Extra).add(&entry.key, || "nothing wrote this key".to_owned());
        }
    }

    fn key(
        &mut self,
        writes: &mut ResourceWrites,
        index: usize,
        text: &str,
        entry: Option<&Entry>,
        held: Option<&Entry>,
    ) {
        self.entries += u64::from(entry.is_some());
        let range = writes.keys[index].range();
        if writes.writes[range.clone()].iter().any(Write::is_increment) {
            self.counter(writes, index, text, entry, held);
            return;
        }
        let probe = writes.is_probe(&writes.keys[index]);
        let of_key = &mut writes.writes[range.clone()];
        let reading = read(of_key, observed(entry), self.at);
        for position in 0..of_key.len() {
            if of_key[position].possible() {
                let (fate, gone) = (reading.fate(of_key, position), reading.gone(of_key, position));
                (of_key[position].fate, of_key[position].gone) = (fate, gone);
            }
        }
        let left_by = reading.write.filter(|_| reading.standing != Standing::Phantom);
        if doubt::is_hidden(of_key, left_by) {
            doubt::hide(of_key);
            self.not_judged.add(text, || "it was written before the cutover and after it".to_owned());
        }
        let of_key = &*of_key;
        let blame = self.wrong_value(text, entry, of_key, reading, probe);
        let blame = if probe { blame } else { blame.or_else(|| self.lost_after_cutover(text, of_key)) };
        let blame = if probe { blame } else { self.lost(text, of_key, reading, held, blame) };
        let blame = blame.or_else(|| self.version_faults(text, entry, of_key, reading, held, probe));
        let may_be_dropped = !probe && entry.is_none_or(|entry| entry.deleted);
        let blame = if may_be_dropped { blame.or_else(|| self.dropped(text, of_key, held)) } else { blame };
        let first = u32::try_from(range.start).unwrap_or(u32::MAX);
        let key = &mut writes.keys[index];
        key.seen = seen(entry, reading, first);
        key.blame = blame;
    }

    /// Values that no history of this key can explain.
    fn wrong_value(
        &mut self,
        text: &str,
        entry: Option<&Entry>,
        writes: &[Write],
        reading: Reading,
        probe: bool,
    ) -> Option<FindingKind> {
        let kind = match reading.standing {
            Standing::Foreign => FindingKind::Foreign,
            Standing::Phantom if !probe => FindingKind::Phantom,
            _ if reading.changed => FindingKind::Changed,
            Standing::Current | Standing::Stale | Standing::Missing | Standing::Resurrected | Standing::Phantom => {
                return None;
            }
        };
        let last = reading.write.map(|index| self.written(&writes[index])).unwrap_or_default();
        self.tally(kind).add(text, || last);
        if let (FindingKind::Changed, Some(index), Some(entry)) = (kind, reading.write, entry)
            && self.suspects.len() < SAMPLE_MAX
        {
            let suspect = Suspect { key: text.to_owned(), id: writes[index].id, parts: entry.parts.clone() };
            self.suspects.push(suspect);
        }
        Some(kind)
    }

    /// A write of a later epoch was never on the copy that was given up: that it is gone is a difference of state.
    fn lost_after_cutover(&mut self, text: &str, writes: &[Write]) -> Option<FindingKind> {
        let lost =
            writes.iter().filter(|write| write.epoch > 0 && write.fate == Fate::Lost).max_by_key(|w| w.issued)?;
        let fact = format!("{}, after the cutover", self.written(lost));
        self.tally(FindingKind::Missing).add(text, || fact);
        Some(FindingKind::Missing)
    }

    /// Acknowledged writes of the copy that was given up which are gone, and who is to blame.
    fn lost(
        &mut self,
        text: &str,
        writes: &[Write],
        reading: Reading,
        held: Option<&Entry>,
        blame: Option<FindingKind>,
    ) -> Option<FindingKind> {
        let begun = self.at.point.map(|(begun, _)| begun);
        let blame = blame.or_else(|| blame::of_key(writes, reading, held, begun));
        let mut youngest: Option<&Write> = None;
        for write in writes.iter().filter(|write| write.given_up() && write.acknowledged()) {
            if matches!(write.fate, Fate::Lost | Fate::PossiblyLost) {
                note_earliest(&mut self.losses.possible, write.completed);
            }
            if write.fate != Fate::Lost {
                continue;
            }
            self.losses.lost_writes += 1;
            self.losses.lost_bytes += write.bytes;
            note_earliest(&mut self.losses.certain, write.completed);
            if blame.is_none() {
                note_earliest(&mut self.losses.certain_unblamed, write.completed);
            }
            youngest = Some(write);
        }
        let Some(youngest) = youngest else { return blame };
        let fact = self.written(youngest);
        self.losses.keys.add(text, || fact.clone());
        // Values that are wrong in themselves are counted where they were found; of foreign and phantom ones nothing is lost.
        if let (Some(kind), false) = (blame, reading.changed) {
            self.tally(kind).add(text, || fact);
        }
        blame
    }

    /// A key that was deleted only after the recovery point and is not there where that was restored. Where a program of one's own
    /// takes part nobody knows whether it has heard of the deletion.
    fn dropped(&mut self, text: &str, writes: &[Write], held: Option<&Entry>) -> Option<FindingKind> {
        if self.point.is_none() || self.timeline.own_program || self.timeline.serving().0 != Side::Recovery {
            return None;
        }
        let kind = blame::of_absence(writes, held, self.at)?;
        let since = self.at.point.map(|(_, ended)| ended);
        let later = |write: &&Write| write.op == Op::Delete && write.possible() && Some(write.issued) > since;
        let deleted = writes.iter().filter(later).min_by_key(|write| write.issued);
        let fact = deleted.map_or_else(|| "it has expired".to_owned(), |delete| self.written(delete));
        let tally = if kind == FindingKind::BackupIncomplete { &mut self.skipped } else { self.tally(kind) };
        tally.add(text, || format!("{fact}, after the recovery point"));
        Some(kind)
    }

    fn version_faults(
        &mut self,
        text: &str,
        entry: Option<&Entry>,
        writes: &[Write],
        reading: Reading,
        held: Option<&Entry>,
        probe: bool,
    ) -> Option<FindingKind> {
        if !self.versioned || probe {
            return None;
        }
        let begun = self.at.point.map(|(begun, _)| begun);
        let marker = [Version { write_id: None, digest: None }];
        // A capture that lists no versions shows the newest one alone.
        let versions = match entry {
            Some(entry) if entry.versions.is_empty() && entry.deleted => &marker[..],
            Some(entry) => &entry.versions,
            None => &[],
        };
        let current = reading.write.map(|index| &writes[index]);
        let mut faults = versions::examine(writes, versions, current, begun);
        // What the recovery point lacks as well the restore did not lose.
        let held = held.map_or(&[][..], |held| &held.versions);
        let lacks = || versions::examine(writes, held, None, begun).contains_key(&FindingKind::Missing);
        if self.point.is_some() && writes.iter().all(|write| write.epoch == 0) && lacks() {
            let gone = faults.remove(&FindingKind::Missing).map(|fact| (FindingKind::BackupIncomplete, fact));
            faults.extend(gone);
        }
        let may_be_owed = |write: &Write| write.acknowledged() && write.digest != 0 && write.fate == Fate::Unknown;
        if entry.is_none() && begun.is_none() && faults.is_empty() && writes.iter().any(may_be_owed) {
            self.versions_unknown.add(text, || "neither it nor its versions are there".to_owned());
        }
        for (kind, fact) in &faults {
            self.tally(*kind).add(text, || fact.clone());
        }
        faults.keys().next().copied()
    }

    fn written(&self, write: &Write) -> String {
        let verb = match write.op {
            Op::Put | Op::Update => "written",
            Op::Delete => "deleted",
            Op::Add => "added",
        };
        format!("{verb} {}", self.timeline.clock(if write.acknowledged() { write.completed } else { write.issued }))
    }

    fn report(mut self, case: Case<'_>, book: &mut Book, content: &mut Content) -> Result<(), RunDirError> {
        if let Some(fault) = self.recovered.disorder() {
            let draft = Draft::undecided(
                FindingKind::NotMeasured,
                format!("the capture of {} is not sorted by key", self.resource),
            )
            .resource(self.resource.clone())
            .detail([format!("first key out of order: {fault}")]);
            book.undecide(&[STATE, RPO], &draft);
            content.unread.push(self.resource);
            return Ok(());
        }
        let duplicates = self.recovered.duplicates();
        if duplicates.count > 0 {
            self.tally(FindingKind::Duplicated).absorb(duplicates);
        }
        blame::name_changes(case.dir, &self.resource, &self.suspects, self.tallies.get_mut(&FindingKind::Changed))?;
        if self.not_judged.count > 0 {
            let what = counted(self.not_judged.count, "key");
            let why = format!("{what} of {} cannot be judged", self.resource);
            let draft = Draft::undecided(FindingKind::NotMeasured, why).resource(self.resource.clone());
            book.undecide(&[STATE, RPO, CONSISTENT_CUT], &draft.detail(self.not_judged.lines()));
        }
        if self.versions_unknown.count > 0 {
            let what = counted(self.versions_unknown.count, "deleted key");
            let why = format!("no recovery point says whether the versions of {what} of {} are owed", self.resource);
            let draft = Draft::undecided(FindingKind::NotMeasured, why).resource(self.resource.clone());
            book.undecide(&[STATE], &draft.detail(self.versions_unknown.lines()));
        }
        let root = book.root(FindingKind::ConfigurationMissing, &self.resource);
        for (kind, tally) in &self.tallies {
            book.add(difference(*kind, &self.resource, tally, self.timeline, book).follows(root));
        }
        if self.skipped.count > 0 {
            // Nothing of them is lost: they are wrong in the state alone.
            let kind = FindingKind::BackupIncomplete;
            let draft = difference(kind, &self.resource, &self.skipped, self.timeline, book);
            book.add(draft.check(STATE).follows(root));
        }
        content.entries_compared += self.entries;
        content.differences.insert(self.resource.clone(), differences(&self.tallies));
        content.losses.insert(self.resource, self.losses);
        Ok(())
    }
}

fn observed(entry: Option<&Entry>) -> Observed {
    match entry {
        None => Observed::Absent,
        Some(entry) if entry.deleted => Observed::Deleted,
        Some(entry) => {
            Observed::Value { id: entry.write_id.as_ref().map(|id| short(id.as_str())), digest: short(&entry.digest) }
        }
    }
}

fn seen(entry: Option<&Entry>, reading: Reading, first: u32) -> Seen {
    match (observed(entry), reading.write) {
        (Observed::Absent | Observed::Deleted, _) => Seen::Absent,
        (Observed::Value { .. }, Some(index)) if reading.standing != Standing::Phantom => {
            Seen::Write(first + u32::try_from(index).unwrap_or(0))
        }
        (Observed::Value { .. }, _) => Seen::Stranger,
    }
}

fn note_earliest(known: &mut Option<RunTime>, next: RunTime) {
    *known = Some(known.map_or(next, |known| known.min(next)));
}

fn differences(tallies: &BTreeMap<FindingKind, Tally>) -> Differences {
    let count =
        |kinds: &[FindingKind]| kinds.iter().filter_map(|kind| tallies.get(kind)).map(|tally| tally.count).sum();
    let mut sample: Vec<String> = tallies
        .iter()
        .filter(|(kind, _)| **kind != FindingKind::BackupIncomplete)
        .flat_map(|(_, tally)| tally.keys())
        .collect();
    sample.truncate(SAMPLE_MAX);
    Differences {
        missing: count(&[FindingKind::Missing]),
        extra: count(&[FindingKind::Extra]),
        changed: count(&[FindingKind::Changed, FindingKind::Foreign, FindingKind::Phantom, FindingKind::Resurrected]),
        duplicated: count(&[FindingKind::Duplicated]),
        reordered: count(&[FindingKind::Reordered]),
        sample,
    }
}

/// The finding for one kind of difference of one resource, as the engineer who is paged reads it.
fn difference(kind: FindingKind, resource: &ResourceId, tally: &Tally, timeline: &Timeline, book: &Book) -> Draft {
    let point = timeline.used_point_of(resource).map_or_else(
        || "the recovery point".to_owned(),
        |point| format!("recovery point {} (captured from {})", point.id, timeline.clock(point.begun_ms)),
    );
    let (message, help) = blame::words(kind, resource, tally.count, &point);
    let checks = if kind == FindingKind::BackupIncomplete { [RPO, STATE] } else { [STATE, RPO] };
    Draft::failure(kind, message)
        .check(book.asserted().first(&checks).unwrap_or(checks[0]))
        .resource(resource.clone())
        .key(tally.first_key())
        .count(tally.count)
        .detail(tally.lines())
        .help(help)
}

/// The root finding that names a key of this resource.
pub(crate) fn root_of(book: &Book, resource: &ResourceId, key: &Key) -> Option<Handle> {
    key.blame
        .and_then(|kind| book.root(kind, resource))
        .or_else(|| book.root(FindingKind::ConfigurationMissing, resource))
}
