//! Creating a table and switching on what reacts to its content.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, SseSpecification, StreamSpecification, StreamViewType, TableStatus, Tag,
        TimeToLiveSpecification, builders::StreamSpecificationBuilder,
    },
};
use firedrill_model::{
    ids::ResourceKind,
    stack::{KeyAttribute, KeyType as AttributeKind, Table},
    units::Span,
};
use tokio_util::sync::CancellationToken;

use super::describe;
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site},
};

/// Between two looks at the status.
const EVERY: Span = Span::from_ms(200);
/// How long a table may take to become active.
const LIMIT: Span = Span::from_secs(300);

/// Creates the table without stream and TTL, and waits until it is active.
pub(super) async fn create(site: &Site, name: &str, table: &Table) -> Result<(), ServiceError> {
    let physical = site.name_of(ResourceKind::Table, name);
    let operation = format!("DynamoDB CreateTable {name}");
    let incomplete =
        |error: BuildError| ServiceError::Unusable { operation: operation.clone(), what: error.to_string() };
    let mut request = site
        .clients
        .dynamodb
        .create_table()
        .table_name(&physical)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(definitions(table).map_err(incomplete)?))
        .set_key_schema(Some(key_schema(&table.hash, table.range.as_ref()).map_err(incomplete)?));
    for (index, keys) in &table.indexes {
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .set_key_schema(Some(key_schema(&keys.hash, keys.range.as_ref()).map_err(incomplete)?))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build();
        request = request.global_secondary_indexes(index.map_err(incomplete)?);
    }
    if table.encryption {
        request = request.sse_specification(SseSpecification::builder().enabled(true).build());
    }
    for (key, value) in &table.tags {
        request = request.tags(Tag::builder().key(key).value(value).build().map_err(incomplete)?);
    }
    request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
    until_active(site, &physical).await
}

/// Switches on the stream and TTL that the table has.
pub(super) async fn activate(site: &Site, name: &str, table: &Table) -> Result<(), ServiceError> {
    let physical = site.name_of(ResourceKind::Table, name);
    if table.stream && describe::stream_arn(site, &physical).await?.is_none() {
        let on = StreamSpecification::builder().stream_enabled(true);
        switch_stream(site, name, on.stream_view_type(StreamViewType::NewAndOldImages)).await?;
    }
    if let Some(attribute) = &table.ttl
        && describe::ttl_attribute(site, &physical).await?.as_ref() != Some(attribute)
    {
        let operation = format!("DynamoDB UpdateTimeToLive {name}");
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
        let ttl =
            ttl.map_err(|error| ServiceError::Unusable { operation: operation.clone(), what: error.to_string() })?;
        let request = site.clients.dynamodb.update_time_to_live().table_name(&physical).time_to_live_specification(ttl);
        request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    }
    Ok(())
}

/// Switches off the stream of a table, if it is on. Whether it was.
pub async fn drop_stream(site: &Site, name: &str) -> Result<bool, ServiceError> {
    let is_on = describe::stream_arn(site, &site.name_of(ResourceKind::Table, name)).await?.is_some();
    if is_on {
        switch_stream(site, name, StreamSpecification::builder().stream_enabled(false)).await?;
    }
    Ok(is_on)
}

async fn switch_stream(site: &Site, name: &str, stream: StreamSpecificationBuilder) -> Result<(), ServiceError> {
    let (physical, operation) =
        (site.name_of(ResourceKind::Table, name), format!("DynamoDB UpdateTable {name} (stream)"));
    let stream = stream.build();
    let stream =
        stream.map_err(|error| ServiceError::Unusable { operation: operation.clone(), what: error.to_string() })?;
    let request = site.clients.dynamodb.update_table().table_name(&physical).stream_specification(stream);
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    until_active(site, &physical).await
}

/// Switches on the encryption that the table has.
pub(super) async fn encrypt(site: &Site, name: &str, table: &Table) -> Result<(), ServiceError> {
    if !table.encryption {
        return Ok(());
    }
    let physical = site.name_of(ResourceKind::Table, name);
    let encryption = SseSpecification::builder().enabled(true).build();
    let request = site.clients.dynamodb.update_table().table_name(&physical).sse_specification(encryption);
    let operation = format!("DynamoDB UpdateTable {name} (encryption)");
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    until_active(site, &physical).await
}

async fn until_active(site: &Site, physical: &str) -> Result<(), ServiceError> {
    poll::until(format!("table {physical} to become active"), EVERY, LIMIT, &CancellationToken::new(), || async {
        match describe::find(site, physical).await {
            Err(error) => Look::Ready(Err(error)),
            Ok(None) => Look::NotYet(String::from("not there")),
            Ok(Some(table)) => {
                let indexes = table.global_secondary_indexes();
                let indexed = indexes.iter().all(|index| index.index_status().is_none_or(|of| of.as_str() == "ACTIVE"));
                match table.table_status {
                    Some(TableStatus::Active) if indexed => Look::Ready(Ok(())),
                    Some(TableStatus::Active) => Look::NotYet(String::from("an index is being built")),
                    other => Look::NotYet(other.map_or_else(|| String::from("no status"), |of| of.to_string())),
                }
            }
        }
    })
    .await?
}

/// Every key attribute of the table and its indexes, once.
fn definitions(table: &Table) -> Result<Vec<AttributeDefinition>, BuildError> {
    let indexed = table.indexes.values().flat_map(|index| std::iter::once(&index.hash).chain(&index.range));
    let attributes: BTreeMap<&str, AttributeKind> = std::iter::once(&table.hash)
        .chain(&table.range)
        .chain(indexed)
        .map(|attribute| (attribute.name.as_str(), attribute.kind))
        .collect();
    attributes
        .into_iter()
        .map(|(name, kind)| {
            let kind = match kind {
                AttributeKind::S => ScalarAttributeType::S,
                AttributeKind::N => ScalarAttributeType::N,
                AttributeKind::B => ScalarAttributeType::B,
            };
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
        })
        .collect()
}

fn key_schema(hash: &KeyAttribute, range: Option<&KeyAttribute>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |of: &KeyAttribute, kind| KeySchemaElement::builder().attribute_name(&of.name).key_type(kind).build();
    std::iter::once(element(hash, KeyType::Hash)).chain(range.map(|range| element(range, KeyType::Range))).collect()
}
