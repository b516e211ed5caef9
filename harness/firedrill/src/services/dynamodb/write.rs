//! Writing many items.

use super::Item;
use crate::services::{ServiceError, Site};

/// Writes items by BatchWriteItem, several batches at a time, until the service has taken every one. No two items may
/// have the same key. Returns the number of items written.
pub async fn write_items(site: &Site, name: &str, items: Vec<Item>) -> Result<u64, ServiceError> {
    unimplemented!("{site:?} {name} {items:?}")
}
