//! Keys and entries of items.

use firedrill_model::{capture::Entry, ledger::item_key, stack::Table};

use crate::services::dynamodb::{AttributeValue, Item, canonical::describe_item};

/// The key of an item as the ledger writes it; `None` when a key attribute is absent.
pub fn key_of(item: &Item, table: &Table) -> Option<String> {
    let part = |name: &str| item.get(name).and_then(key_text);
    let hash = part(&table.hash.name)?;
    match &table.range {
        Some(range) => Some(item_key(&hash, Some(&part(&range.name)?))),
        None => Some(item_key(&hash, None)),
    }
}

fn key_text(value: &AttributeValue) -> Option<String> {
    let text = value.as_s().or_else(|_| value.as_n()).ok().cloned();
    text.or_else(|| value.as_b().ok().map(|blob| hex::encode(blob.as_ref())))
}

/// Attributes of the table's key, its indexes' keys and its TTL.
pub fn key_attributes(table: &Table) -> Vec<&str> {
    let own = std::iter::once(&table.hash).chain(&table.range);
    let indexes = table.indexes.values().flat_map(|index| std::iter::once(&index.hash).chain(&index.range));
    own.chain(indexes).map(|attribute| attribute.name.as_str()).chain(table.ttl.as_deref()).collect()
}

/// An item as an entry of a capture.
pub fn entry(item: &Item, table: &Table) -> Option<Entry> {
    let described = describe_item(item);
    Some(Entry {
        key: key_of(item, table)?,
        write_id: described.write_id,
        digest: described.digest,
        parts: described.parts,
        bytes: described.bytes,
        versions: Vec::new(),
        deleted: false,
        counter: None,
        value: None,
    })
}
