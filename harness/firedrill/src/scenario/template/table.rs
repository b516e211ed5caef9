//! `AWS::DynamoDB::Table`.
//!
//! Source: AWS CloudFormation Template Reference, `AWS::DynamoDB::Table`.

use std::collections::BTreeMap;

use firedrill_model::stack::{Index, KeyAttribute, KeyType, Table};
use serde::Deserialize;

use super::properties::{Flag, Properties, Tag, Text};
use crate::scenario::stack_raw::ItemData;

pub(super) const TYPE: &str = "AWS::DynamoDB::Table";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Definition {
    attribute_name: String,
    attribute_type: KeyType,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct WrittenIndex {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: Projection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Projection {
    #[serde(default)]
    projection_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Stream {
    stream_view_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TimeToLive {
    attribute_name: Option<String>,
    enabled: Flag,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Encryption {
    #[serde(rename = "SSEEnabled")]
    enabled: Flag,
    #[serde(rename = "KMSMasterKeyId")]
    key: Option<Text>,
}

/// What `Metadata.firedrill` of a table may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    data: Option<ItemData>,
    #[serde(default)]
    delivery_log: bool,
}

pub(super) fn read(of: &mut Properties<'_, '_, '_>) -> Option<Table> {
    let metadata: Metadata = of.metadata();
    let definitions: Vec<Definition> = of.required("AttributeDefinitions").unwrap_or_default();
    let schema: Vec<KeyElement> = of.required("KeySchema")?;
    let (hash, range) = keys(of, "KeySchema", &schema, &definitions)?;
    let mut indexes = BTreeMap::new();
    for index in of.get::<Vec<WrittenIndex>>("GlobalSecondaryIndexes").unwrap_or_default() {
        if index.projection.projection_type != "ALL" {
            let message = format!("the index `{}` does not project all attributes", index.index_name);
            of.wrong("GlobalSecondaryIndexes", message, "firedrill restores indexes with `ProjectionType: ALL`");
        }
        let (hash, range) = keys(of, "GlobalSecondaryIndexes", &index.key_schema, &definitions)?;
        indexes.insert(index.index_name, Index { hash, range });
    }
    if of.get::<String>("BillingMode").as_deref() != Some("PAY_PER_REQUEST") {
        let message = format!("`{}` has provisioned capacity", of.id);
        of.wrong("BillingMode", message, "firedrill restores tables with `BillingMode: PAY_PER_REQUEST`");
    }
    let stream: Option<Stream> = of.get("StreamSpecification");
    if stream.as_ref().is_some_and(|stream| stream.stream_view_type != "NEW_AND_OLD_IMAGES") {
        let message = format!("the stream of `{}` leaves out images", of.id);
        of.wrong("StreamSpecification", message, "firedrill restores streams with `NEW_AND_OLD_IMAGES`");
    }
    let encryption: Option<Encryption> = of.get("SSESpecification");
    if encryption.as_ref().is_some_and(|encryption| encryption.key.is_some()) {
        let message = format!("`{}` is encrypted with a key of its own", of.id);
        of.wrong(
            "SSESpecification",
            message,
            "firedrill restores tables with AWS's own key; leave `KMSMasterKeyId` out",
        );
    }
    let ttl: Option<TimeToLive> = of.get("TimeToLiveSpecification");
    let tags: Vec<Tag> = of.get("Tags").unwrap_or_default();
    Some(Table {
        hash,
        range,
        indexes,
        stream: stream.is_some(),
        ttl: ttl.filter(|ttl| ttl.enabled.0).and_then(|ttl| ttl.attribute_name),
        encryption: encryption.is_some_and(|encryption| encryption.enabled.0),
        tags: super::tags(tags),
        data: metadata.data.map(|ItemData::Order| "order".to_owned()),
        delivery_log: metadata.delivery_log,
    })
}

/// Partition and sort key.
fn keys(
    of: &mut Properties<'_, '_, '_>,
    property: &str,
    schema: &[KeyElement],
    definitions: &[Definition],
) -> Option<(KeyAttribute, Option<KeyAttribute>)> {
    let mut key = |kind: &str| {
        let element = schema.iter().find(|element| element.key_type == kind)?;
        let found = definitions.iter().find(|definition| definition.attribute_name == element.attribute_name);
        if found.is_none() {
            let message = format!("the type of the key `{}` is not defined", element.attribute_name);
            of.wrong(property, message, "name it in `AttributeDefinitions`");
        }
        Some(KeyAttribute { name: element.attribute_name.clone(), kind: found?.attribute_type })
    };
    let (hash, range) = (key("HASH"), key("RANGE"));
    if hash.is_none() && schema.iter().all(|element| element.key_type != "HASH") {
        of.wrong(property, "a key schema has one partition key", "add an element with `KeyType: HASH`");
    }
    Some((hash?, range))
}
