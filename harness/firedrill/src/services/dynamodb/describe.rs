//! Reading from the service what a table is made of.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType, SseStatus, TableDescription, TimeToLiveStatus,
};
use firedrill_model::{
    ids::ResourceKind,
    stack::{Index, KeyAttribute, KeyType as AttributeKind, Table},
};

use crate::services::{ServiceError, Site, cloudformation};

/// Code of the error for a table that is not there.
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";

/// The service's description of a table, or `None` when it is not there.
pub(super) async fn find(site: &Site, physical: &str) -> Result<Option<TableDescription>, ServiceError> {
    match site.clients.dynamodb.describe_table().table_name(physical).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) => {
            let error = ServiceError::request(format!("DynamoDB DescribeTable {physical}"), &error);
            if error.code() == Some(NOT_FOUND) { Ok(None) } else { Err(error) }
        }
    }
}

/// ARN of the stream that is switched on, or `None`.
pub(crate) async fn stream_arn(site: &Site, physical: &str) -> Result<Option<String>, ServiceError> {
    Ok(find(site, physical).await?.filter(streams).and_then(|table| table.latest_stream_arn))
}

/// Whether the stream is on; `LatestStreamArn` alone stays when it is switched off.
fn streams(table: &TableDescription) -> bool {
    table.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled)
}

/// Attribute that holds the expiry, or `None` when TTL is off.
pub(super) async fn ttl_attribute(site: &Site, physical: &str) -> Result<Option<String>, ServiceError> {
    let answer = site.clients.dynamodb.describe_time_to_live().table_name(physical).send().await;
    let answer =
        answer.map_err(|error| ServiceError::request(format!("DynamoDB DescribeTimeToLive {physical}"), &error))?;
    Ok(answer
        .time_to_live_description
        .filter(|ttl| matches!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
        .and_then(|ttl| ttl.attribute_name))
}

/// What it would take to create the table again. What AWS does not know (the data generator, the delivery log mark) is
/// left empty.
pub(super) async fn describe(site: &Site, name: &str) -> Result<Table, ServiceError> {
    let physical = site.name_of(ResourceKind::Table, name);
    let unusable = |what: &str| ServiceError::Unusable {
        operation: format!("DynamoDB DescribeTable {name}"),
        what: what.to_owned(),
    };
    let table = find(site, &physical).await?.ok_or_else(|| unusable("that the table is not there"))?;
    let (hash, range) = keys(&table).ok_or_else(|| unusable("a key schema without a partition key"))?;
    let mut indexes = BTreeMap::new();
    for index in table.global_secondary_indexes() {
        let keys = key_pair(index.key_schema(), table.attribute_definitions());
        let (hash, range) = keys.ok_or_else(|| unusable("an index without a partition key"))?;
        indexes.insert(index.index_name.clone().unwrap_or_default(), Index { hash, range });
    }
    let arn = table.table_arn.clone().ok_or_else(|| unusable("no ARN"))?;
    Ok(Table {
        hash,
        range,
        indexes,
        stream: streams(&table),
        ttl: ttl_attribute(site, &physical).await?,
        encryption: table
            .sse_description
            .as_ref()
            .is_some_and(|sse| matches!(sse.status, Some(SseStatus::Enabled | SseStatus::Enabling))),
        tags: tags(site, name, &arn).await?,
        data: None,
        delivery_log: false,
    })
}

/// Partition and sort key of a table.
pub(super) fn keys(table: &TableDescription) -> Option<(KeyAttribute, Option<KeyAttribute>)> {
    key_pair(table.key_schema(), table.attribute_definitions())
}

fn key_pair(
    schema: &[KeySchemaElement],
    definitions: &[AttributeDefinition],
) -> Option<(KeyAttribute, Option<KeyAttribute>)> {
    let key = |kind: &KeyType| {
        let name = &schema.iter().find(|element| element.key_type == *kind)?.attribute_name;
        let definition = definitions.iter().find(|definition| definition.attribute_name == *name)?;
        let kind = match definition.attribute_type {
            ScalarAttributeType::N => AttributeKind::N,
            ScalarAttributeType::B => AttributeKind::B,
            _ => AttributeKind::S,
        };
        Some(KeyAttribute { name: name.clone(), kind })
    };
    Some((key(&KeyType::Hash)?, key(&KeyType::Range)))
}

async fn tags(site: &Site, name: &str, arn: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let mut tags = BTreeMap::new();
    let mut next = None;
    loop {
        let request = site.clients.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next);
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| ServiceError::request(format!("DynamoDB ListTagsOfResource {name}"), &error))?;
        let listed = answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
        tags.extend(listed.filter(|(key, _)| !cloudformation::owns_tag(key)));
        next = answer.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}
