//! The smallest change of content that keeps every size: what silent corruption looks like.

use bytes::Bytes;

use super::dynamodb::{AttributeValue, Item};

/// Every text attribute of an item with one ASCII letter or digit changed to another, in the order of their names; one
/// without such a character is left out.
pub fn texts(item: &Item) -> Vec<(String, AttributeValue)> {
    let mut changed: Vec<(String, AttributeValue)> =
        item.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    changed.sort_by(|one, other| one.0.cmp(&other.0));
    changed
}

/// The text with one ASCII letter or digit changed to another.
pub fn text(value: &AttributeValue) -> Option<AttributeValue> {
    let text = value.as_s().ok()?;
    let at = text.bytes().position(|byte| byte.is_ascii_alphanumeric())?;
    let mut bytes = text.clone().into_bytes();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).ok().map(AttributeValue::S)
}

/// The body with its last byte changed: the size and the first line stay.
pub fn last_byte(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}
