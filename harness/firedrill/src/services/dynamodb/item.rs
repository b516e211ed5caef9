//! Single items. Names are logical.

use firedrill_model::ids::ResourceKind::Table;

use super::Item;
use crate::services::{ServiceError, Site};

/// Writes one item whole.
pub async fn put_item(site: &Site, name: &str, item: Item) -> Result<(), ServiceError> {
    let request = site.clients.dynamodb.put_item().table_name(site.name_of(Table, name)).set_item(Some(item));
    request.send().await.map_err(|error| ServiceError::request(format!("DynamoDB PutItem on {name}"), &error))?;
    Ok(())
}

/// Deletes one item by its key attributes; fine when it is not there.
pub async fn delete_item(site: &Site, name: &str, key: Item) -> Result<(), ServiceError> {
    let request = site.clients.dynamodb.delete_item().table_name(site.name_of(Table, name)).set_key(Some(key));
    request.send().await.map_err(|error| ServiceError::request(format!("DynamoDB DeleteItem on {name}"), &error))?;
    Ok(())
}

/// Reads one item by its key attributes, strongly consistent; `None` when it is not there.
pub async fn get_item(site: &Site, name: &str, key: Item) -> Result<Option<Item>, ServiceError> {
    let request =
        site.clients.dynamodb.get_item().table_name(site.name_of(Table, name)).consistent_read(true).set_key(Some(key));
    let found =
        request.send().await.map_err(|error| ServiceError::request(format!("DynamoDB GetItem on {name}"), &error))?;
    Ok(found.item)
}
