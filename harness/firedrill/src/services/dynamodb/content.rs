//! Reading a table's items back.

use firedrill_model::{capture::Entry, ids::ResourceKind::Table};
use futures_util::TryStreamExt;

use super::{Item, canonical::describe_item, describe, json, key_of, scan_items};
use crate::services::{EntrySink, ServiceError, Site};

/// Gives every item to `sink`.
pub(super) async fn content(
    site: &Site,
    name: &str,
    with_values: bool,
    sink: &mut dyn EntrySink,
) -> Result<(), ServiceError> {
    let unusable =
        |what: &str| ServiceError::Unusable { operation: format!("DynamoDB Scan of {name}"), what: what.to_owned() };
    let table = describe::find(site, &site.name_of(Table, name)).await?;
    let table = table.ok_or_else(|| unusable("that the table is not there"))?;
    let (hash, range) = describe::keys(&table).ok_or_else(|| unusable("a key schema without a partition key"))?;
    let mut pages = std::pin::pin!(scan_items(site, name));
    while let Some(page) = pages.try_next().await? {
        for item in page {
            let key = key_of(&item, &hash, range.as_ref()).ok_or_else(|| unusable("an item without its key"))?;
            sink.take(entry(key, &item, with_values))?;
        }
    }
    Ok(())
}

/// An item as an entry of a capture.
pub(crate) fn entry(key: String, item: &Item, with_values: bool) -> Entry {
    let described = describe_item(item);
    Entry {
        key,
        write_id: described.write_id,
        digest: described.digest,
        parts: described.parts,
        bytes: described.bytes,
        versions: Vec::new(),
        deleted: false,
        counter: None,
        value: with_values.then(|| json::plain(item)),
    }
}
