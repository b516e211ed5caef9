//! Single items. Names are logical.

use firedrill_model::ids::ResourceKind::Table;

use super::{AttributeValue, Item};
use crate::services::{ServiceError, Site};

/// Writes one item whole.
pub async fn put_item(site: &Site, name: &str, item: Item) -> Result<(), ServiceError> {
    let request = site.clients.dynamodb.put_item().table_name(site.name_of(Table, name)).set_item(Some(item));
    request.send().await.map_err(|error| ServiceError::request(format!("DynamoDB PutItem on {name}"), &error))?;
    Ok(())
}

/// Replaces the value of one attribute, if it is what it was and nobody has changed it meanwhile; whether it was.
pub async fn replace_attribute(
    site: &Site,
    name: &str,
    key: Item,
    attribute: &str,
    (old, new): (AttributeValue, AttributeValue),
) -> Result<bool, ServiceError> {
    let request = site.clients.dynamodb.update_item().table_name(site.name_of(Table, name)).set_key(Some(key));
    let request = request
        .update_expression("SET #attribute = :new")
        .condition_expression("#attribute = :old")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":old", old)
        .expression_attribute_values(":new", new);
    let sent = request.send().await;
    match sent.map_err(|error| ServiceError::request(format!("DynamoDB UpdateItem on {name}"), &error)) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(error),
    }
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
