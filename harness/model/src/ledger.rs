//! The ledger: every attempt to write, with its outcome. One JSON object a line in `ledger.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ResourceId, WriteId},
    topology::Side,
    units::RunTime,
};

/// One attempt to write one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// The bucket or table.
    pub resource: ResourceId,
    /// Object key, or the item's key as canonical text: `hash` or `hash#range`, each part escaped by
    /// [`item_key`].
    pub key: String,
    /// Who wrote: one writer's lines are sequential in time.
    pub writer: String,
    /// Counts the lines of one writer from 0.
    pub seq: u64,
    /// Unique in the run; also inside the value, unless it is a counter's.
    pub write_id: WriteId,
    /// What was done.
    pub op: Op,
    /// Canonical digest of the value written (see `capture`), hex SHA-256; `None` for a delete, which writes *absent*, and
    /// for an increment.
    pub digest: Option<String>,
    /// Short digests of the value's parts, so that a difference can be named: `attribute:total`, `body`, `metadata:x`, `tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
    /// Size of the value in bytes: body of an object, canonical text of an item.
    pub bytes: u64,
    /// By how much an increment raises the counter, at least 1; `None` for every other operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// When the request was issued.
    pub issued_ms: RunTime,
    /// When the answer was complete; `None` for an ambiguous outcome, which never ends.
    pub completed_ms: Option<RunTime>,
    /// Region written to.
    pub side: Side,
    /// 0 before the cutover, 1 after the first, …
    pub epoch: u32,
    /// Counts attempts of the same write from 1.
    pub attempt: u32,
    /// Who caused it.
    pub origin: Origin,
    /// Write or event that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// S3 version id or stream sequence number, when the service gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the item expires, for a table with TTL: epoch milliseconds, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// Transaction the write belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// Class of the error, for an outcome that is not acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What an effect model needs of the value: for orders `customer`, `order`, `amount`, `rev`; for uploads `size`,
    /// `sha256`, `title`, `rev`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What was done to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// The whole value.
    Put,
    /// The whole value again, of a key that existed.
    Update,
    /// Absent.
    Delete,
    /// An increment of a counter by `amount`. Counters have keys of their own, which nothing else writes; one that was never
    /// incremented is 0 or not there. The item holds no write id, and the line no digest.
    Add,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The service said yes.
    Acknowledged,
    /// It cannot have happened: connection refused, request never sent, a definite 4xx.
    Rejected,
    /// May or may not have happened: time-out, reset, 5xx, an error injected on the response.
    Ambiguous,
}

/// Who caused a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Seeding before the traffic.
    Seed,
    /// The traffic.
    Traffic,
    /// Firedrill's own probes and canaries, on keys of their own.
    Probe,
    /// A function.
    Function,
    /// A restore.
    Restore,
    /// A redrive.
    Redrive,
}

/// The text of an item's key: parts joined by `#`, with `#` and `%` inside a part written `%23` and `%25`.
pub fn item_key(hash: &str, range: Option<&str>) -> String {
    let escape = |part: &str| part.replace('%', "%25").replace('#', "%23");
    match range {
        Some(range) => format!("{}#{}", escape(hash), escape(range)),
        None => escape(hash),
    }
}
