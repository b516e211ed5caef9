//! Single items. Names are logical.

use super::Item;
use crate::services::{ServiceError, Site};

/// Writes one item whole.
pub async fn put_item(site: &Site, name: &str, item: Item) -> Result<(), ServiceError> {
    unimplemented!("{site:?} {name} {item:?}")
}

/// Deletes one item by its key attributes; fine when it is not there.
pub async fn delete_item(site: &Site, name: &str, key: Item) -> Result<(), ServiceError> {
    unimplemented!("{site:?} {name} {key:?}")
}

/// Reads one item by its key attributes, strongly consistent; `None` when it is not there.
pub async fn get_item(site: &Site, name: &str, key: Item) -> Result<Option<Item>, ServiceError> {
    unimplemented!("{site:?} {name} {key:?}")
}
