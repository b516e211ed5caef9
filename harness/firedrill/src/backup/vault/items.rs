//! Keys and entries of items.

use firedrill_model::{capture::Entry, stack::Table};

use crate::services::dynamodb::{self, Item};

/// The key of an item as the ledger writes it; `None` when a key attribute is absent.
pub fn key_of(item: &Item, table: &Table) -> Option<String> {
    dynamodb::key_of(item, &table.hash, table.range.as_ref())
}

/// Attributes of the table's key, its indexes' keys and its TTL.
pub fn key_attributes(table: &Table) -> Vec<&str> {
    let own = std::iter::once(&table.hash).chain(&table.range);
    let indexes = table.indexes.values().flat_map(|index| std::iter::once(&index.hash).chain(&index.range));
    own.chain(indexes).map(|attribute| attribute.name.as_str()).chain(table.ttl.as_deref()).collect()
}

/// An item as an entry of a capture.
pub fn entry(item: &Item, table: &Table) -> Option<Entry> {
    Some(dynamodb::entry(key_of(item, table)?, item, false))
}
