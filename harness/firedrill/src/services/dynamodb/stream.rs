//! Reading a table's stream from a remembered position.

use std::collections::BTreeMap;

use super::Item;
use crate::services::{ServiceError, Site};

/// A place in a stream. Good for 15 minutes, the life of the iterators in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream.
    pub stream_arn: String,
    /// Shard → iterator that reads on from here; `None` for a shard that was closed and read to its end.
    pub shards: BTreeMap<String, Option<String>>,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Insert,
    /// It replaced another value.
    Modify,
    /// It was deleted or expired.
    Remove,
}

/// One record of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Sequence number, decimal digits; grows within a shard.
    pub sequence: String,
    /// When the service wrote the record, epoch milliseconds (whole seconds on AWS).
    pub at_utc_ms: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// Key attributes.
    pub keys: Item,
    /// The item after the change.
    pub new: Option<Item>,
    /// The item before the change.
    pub old: Option<Item>,
}

/// The end of the stream of a table as it is now: a later [`read`] gives what is written after this call.
/// Fails when the table has no stream.
pub async fn position(site: &Site, name: &str) -> Result<Position, ServiceError> {
    unimplemented!("{site:?} {name}")
}

/// Reads from `from` to the present end: the changes, those of one key in the order they happened, and the new position.
pub async fn read(site: &Site, from: &Position) -> Result<(Vec<Change>, Position), ServiceError> {
    unimplemented!("{site:?} {from:?}")
}
