//! The ledger in memory: compact, sorted by key, so that a million lines are compared with sorted captures in one pass.
//!
//! A write takes less than 100 bytes besides its key. Texts of ids, parts and facts stay on disk; what has to be printed
//! is read in a second pass over the file.

use std::{
    collections::{BTreeMap, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    ops::Range,
};

use firedrill_model::{
    findings::FindingKind,
    ids::ResourceId,
    ledger::{LedgerLine, Op, Origin, Outcome},
    run_dir::{RunDir, RunDirError},
    topology::Side,
    units::RunTime,
    verification::LedgerCounts,
};

use crate::effects::SourceModels;

/// A short digest of a text. Two texts are only ever compared on one key, so that 64 bits do not collide by chance.
pub(crate) fn short(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What became of an acknowledged write of the copy that was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing says so or so: nothing is observed, and nothing shows that a delete is the reason.
    #[default]
    Unknown,
    /// The observed value is this write or a later one.
    Survived,
    /// One explanation of what is observed has it lost, another has not.
    PossiblyLost,
    /// Lost however the observation is explained.
    Lost,
}

/// Whether what is observed can hold a write, whoever was promised it. Of an acknowledged one its [`Fate`] says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It is there, or what is there may have come after it.
    #[default]
    No,
    /// One explanation of what is observed has it, another has not.
    Possibly,
    /// However the observation is explained, the write has not taken effect in it.
    Certainly,
}

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) id: u64,
    /// Of the canonical digest's text; 0 for a delete and for an increment.
    pub(crate) digest: u64,
    pub(crate) issued: RunTime,
    /// The greatest time for an ambiguous write: it never ends.
    pub(crate) completed: RunTime,
    pub(crate) expires_ms: u64,
    pub(crate) bytes: u64,
    /// By how much it raises a counter; 0 for what is no increment.
    pub(crate) amount: u64,
    key_start: u32,
    key_len: u32,
    /// Line of its resource, counted from 0: the index of its facts.
    pub(crate) ordinal: u32,
    pub(crate) writer: u32,
    pub(crate) seq: u32,
    /// 0 for none; an index into the transactions.
    pub(crate) txn: u32,
    pub(crate) epoch: u32,
    pub(crate) op: Op,
    pub(crate) outcome: Outcome,
    pub(crate) side: Side,
    pub(crate) origin: Origin,
    pub(crate) fate: Fate,
    pub(crate) gone: Gone,
}

const NEVER: RunTime = RunTime::from_micros(u64::MAX);

impl Write {
    /// It may have happened.
    pub(crate) fn possible(&self) -> bool {
        self.outcome != Outcome::Rejected
    }

    /// The service said yes.
    pub(crate) fn acknowledged(&self) -> bool {
        self.outcome == Outcome::Acknowledged
    }

    /// It raises a counter.
    pub(crate) fn is_increment(&self) -> bool {
        self.op == Op::Add
    }

    /// It went to the copy that was given up, and is one that counts: probes are firedrill's own, and what functions write
    /// is derived.
    pub(crate) fn given_up(&self) -> bool {
        self.epoch == 0 && matches!(self.origin, Origin::Seed | Origin::Traffic)
    }

    /// It completed before `later` was issued.
    pub(crate) fn precedes(&self, later: &Self) -> bool {
        self.completed < later.issued
    }

    /// Its value is gone by itself at `utc_ms`.
    pub(crate) fn expired(&self, utc_ms: Option<u64>) -> bool {
        self.expires_ms != 0 && utc_ms.is_some_and(|now| self.expires_ms <= now)
    }
}

/// What a capture shows of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The resource was not captured, or the key has not been looked at.
    #[default]
    NotCaptured,
    /// Nothing.
    Absent,
    /// The value of this write, by its index in the resource.
    Write(u32),
    /// A value that is not that of one write: what a counter holds, or what cannot be one of the ledger's.
    Stranger,
}

/// A key and its writes.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    first: u32,
    len: u32,
    pub(crate) seen: Seen,
    /// The kind of root finding that names this key.
    pub(crate) blame: Option<FindingKind>,
}

impl Key {
    /// Indexes of its writes.
    pub(crate) fn range(&self) -> Range<usize> {
        self.first as usize..(self.first + self.len) as usize
    }
}

/// All writes of one resource, sorted by key, then by line.
#[derive(Debug, Default)]
pub(crate) struct ResourceWrites {
    texts: String,
    pub(crate) writes: Vec<Write>,
    pub(crate) keys: Vec<Key>,
    /// By trigger, for each line: the fingerprint of what its effect must show.
    pub(crate) facts: BTreeMap<String, Vec<u64>>,
}

impl ResourceWrites {
    /// The text of a write's key.
    pub(crate) fn key_of(&self, write: &Write) -> &str {
        &self.texts[write.key_start as usize..(write.key_start + write.key_len) as usize]
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &Key) -> &str {
        self.key_of(&self.writes[key.first as usize])
    }

    /// The writes of a key.
    pub(crate) fn writes_of(&self, key: &Key) -> &[Write] {
        &self.writes[key.range()]
    }

    /// The key with this text.
    pub(crate) fn find(&self, text: &str) -> Option<&Key> {
        self.keys.binary_search_by(|key| self.text(key).cmp(text)).ok().map(|index| &self.keys[index])
    }

    /// Firedrill's own key: nothing but probes ever wrote it.
    pub(crate) fn is_probe(&self, key: &Key) -> bool {
        self.writes_of(key).iter().all(|write| write.origin == Origin::Probe)
    }

    fn sort(&mut self) {
        let texts = std::mem::take(&mut self.texts);
        let text = |write: &Write| &texts[write.key_start as usize..(write.key_start + write.key_len) as usize];
        self.writes.sort_unstable_by(|left, right| text(left).cmp(text(right)).then(left.ordinal.cmp(&right.ordinal)));
        let mut first = 0;
        for same in self.writes.chunk_by(|left, right| text(left) == text(right)) {
            let len = narrow(same.len());
            self.keys.push(Key { first, len, seen: Seen::NotCaptured, blame: None });
            first += len;
        }
        self.texts = texts;
    }
}

/// The whole ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) resources: BTreeMap<ResourceId, ResourceWrites>,
    pub(crate) counts: LedgerCounts,
    pub(crate) writers: u32,
    pub(crate) transactions: u32,
    /// The last write that a restore made, which is no write of the workload.
    pub(crate) last_restore_write: Option<RunTime>,
}

/// Of a resource that nothing wrote.
static NO_WRITES: ResourceWrites =
    ResourceWrites { texts: String::new(), writes: Vec::new(), keys: Vec::new(), facts: BTreeMap::new() };

/// When a write of a restore was over. One that never ended was still to come when it was issued, and one that cannot have
/// been executed never came.
fn restored_at(line: &LedgerLine) -> Option<RunTime> {
    let ended = line.completed_ms.filter(|_| line.outcome == Outcome::Acknowledged);
    (line.outcome != Outcome::Rejected).then(|| ended.unwrap_or(line.issued_ms))
}

impl Ledger {
    /// Reads and sorts the ledger. `models` say what has to be kept of a write for the effects it owes.
    pub(crate) fn load(dir: &RunDir, models: &SourceModels) -> Result<Self, RunDirError> {
        let mut ledger = Self::default();
        let (mut writers, mut transactions) = (Numbering::default(), Numbering::default());
        for line in dir.read_ledger()? {
            let line = line?;
            ledger.count(&line);
            if line.origin == Origin::Restore {
                ledger.last_restore_write = ledger.last_restore_write.max(restored_at(&line));
                continue;
            }
            let writer = writers.number(&line.writer);
            let txn = line.txn.as_deref().map_or(0, |txn| transactions.number(txn) + 1);
            if !ledger.resources.contains_key(&line.resource) {
                ledger.resources.insert(line.resource.clone(), ResourceWrites::default());
            }
            if let Some(writes) = ledger.resources.get_mut(&line.resource) {
                take(writes, &line, writer, txn, models);
            }
        }
        ledger.writers = writers.next();
        ledger.transactions = transactions.next() + 1;
        ledger.resources.values_mut().for_each(ResourceWrites::sort);
        Ok(ledger)
    }

    /// The writes of a resource, of which there may be none.
    pub(crate) fn of(&self, resource: &ResourceId) -> &ResourceWrites {
        self.resources.get(resource).unwrap_or(&NO_WRITES)
    }

    fn count(&mut self, line: &LedgerLine) {
        let counts = &mut self.counts;
        counts.lines += 1;
        match (line.origin, line.outcome) {
            (Origin::Seed, Outcome::Acknowledged) => counts.seeded += 1,
            (_, Outcome::Acknowledged) => counts.acknowledged += 1,
            (_, Outcome::Rejected) => counts.rejected += 1,
            (_, Outcome::Ambiguous) => counts.ambiguous += 1,
        }
    }
}

fn take(writes: &mut ResourceWrites, line: &LedgerLine, author: u32, txn: u32, models: &SourceModels) {
    let ordinal = narrow(writes.writes.len());
    let key_start = narrow(writes.texts.len());
    writes.texts.push_str(&line.key);
    for (trigger, model) in models.of(&line.resource) {
        writes.facts.entry(trigger.to_owned()).or_default().push(model.fingerprint(&line.facts));
    }
    writes.writes.push(Write {
        id: short(line.write_id.as_str()),
        digest: line.digest.as_deref().map_or(0, short),
        issued: line.issued_ms,
        // A rejected attempt has an end too, but it cannot have happened and is never asked for it.
        completed: if line.outcome == Outcome::Ambiguous { NEVER } else { line.completed_ms.unwrap_or(NEVER) },
        expires_ms: line.expires_ms.unwrap_or(0),
        bytes: line.bytes,
        amount: line.amount.unwrap_or(0),
        key_start,
        key_len: narrow(line.key.len()),
        ordinal,
        writer: author,
        seq: u32::try_from(line.seq).unwrap_or(u32::MAX),
        txn,
        epoch: line.epoch,
        op: line.op,
        outcome: line.outcome,
        side: line.side,
        origin: line.origin,
        fate: Fate::Unknown,
        gone: Gone::No,
    });
}

/// Offsets are 32 bits wide: 4 GiB of keys and four thousand million writes of one resource.
fn narrow(value: usize) -> u32 {
    u32::try_from(value).expect("a resource of one run has less than 2^32 writes and bytes of keys")
}

/// Numbers texts in the order in which they are met.
#[derive(Debug, Default)]
struct Numbering(HashMap<String, u32>);

impl Numbering {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.0.get(text) {
            return number;
        }
        let number = self.next();
        self.0.insert(text.to_owned(), number);
        number
    }

    fn next(&self) -> u32 {
        narrow(self.0.len())
    }
}
