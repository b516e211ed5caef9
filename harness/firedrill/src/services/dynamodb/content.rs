//! Reading a table's items back.

use base64::{Engine, engine::general_purpose::STANDARD};
use firedrill_model::{capture::Entry, ids::ResourceKind::Table, ledger::item_key, stack::KeyAttribute};
use futures_util::TryStreamExt;

use super::{AttributeValue, Item, canonical::describe_item, describe, json, number, scan_items};
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
            let key = key_text(&item, &hash, range.as_ref()).ok_or_else(|| unusable("an item without its key"))?;
            sink.take(entry(key, &item, with_values))?;
        }
    }
    Ok(())
}

fn entry(key: String, item: &Item, with_values: bool) -> Entry {
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

/// The key of an item as the ledger writes it.
fn key_text(item: &Item, hash: &KeyAttribute, range: Option<&KeyAttribute>) -> Option<String> {
    let part = |of: &KeyAttribute| scalar_text(item.get(&of.name)?);
    let hash = part(hash)?;
    match range {
        Some(range) => Some(item_key(&hash, Some(&part(range)?))),
        None => Some(item_key(&hash, None)),
    }
}

fn scalar_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::N(text) => Some(number::normal(text)),
        AttributeValue::B(bytes) => Some(STANDARD.encode(bytes)),
        _ => None,
    }
}
