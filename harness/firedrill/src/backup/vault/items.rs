//! Keys and entries of items.

use firedrill_model::{capture::Entry, stack::Table};

use crate::services::dynamodb::{self, Item};

/// The key of an item as the ledger writes it; `None` when a key attribute is absent.
pub fn key_of(item: &Item, table: &Table) -> Option<String> {
    dynamodb::key_of(item, &table.hash, table.range.as_ref())
}

/// An item as an entry of a capture.
pub fn entry(item: &Item, table: &Table) -> Option<Entry> {
    Some(dynamodb::entry(key_of(item, table)?, item, false))
}
