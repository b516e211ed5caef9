//! The canonical form of an item.

use std::collections::HashMap;

use super::AttributeValue;
use crate::services::canonical::Described;

/// Digest, parts, size and write id of an item. Sets are unordered, numbers are compared by value (`1.0` = `1`), lists
/// are ordered, and a number never equals a string.
pub fn describe_item(item: &HashMap<String, AttributeValue>) -> Described {
    unimplemented!("{item:?}")
}
