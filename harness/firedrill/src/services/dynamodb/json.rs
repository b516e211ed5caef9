//! Items as DynamoDB JSON (`{"S": "text"}`, `{"N": "1.50"}` …), exact in both directions: what AWS's own export writes.

use serde_json::Value;
use thiserror::Error;

use super::{AttributeValue, Item};

/// JSON that is not an item.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{path}` is not a DynamoDB value: {what}")]
pub struct NotAnItem {
    /// Where in the item.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// An item as DynamoDB JSON: an object of attribute name → `{type: value}`, names sorted. Numbers keep their text.
pub fn from_item(item: &Item) -> Value {
    unimplemented!("{item:?}")
}

/// One value as DynamoDB JSON.
pub fn from_value(value: &AttributeValue) -> Value {
    unimplemented!("{value:?}")
}

/// Reads an item back.
pub fn to_item(json: &Value) -> Result<Item, NotAnItem> {
    unimplemented!("{json:?}")
}

/// An item as plain JSON for people and effect models: numbers as text, binary in base64, sets as sorted lists.
pub fn plain(item: &Item) -> Value {
    unimplemented!("{item:?}")
}
