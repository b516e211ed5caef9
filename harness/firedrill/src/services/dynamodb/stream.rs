//! Reading a table's stream from a remembered position.

use std::collections::BTreeMap;

use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, Shard, ShardIteratorType,
};
use firedrill_model::ids::ResourceKind::Table;

use super::{AttributeValue, Item};
use crate::services::{ServiceError, Site};

/// Empty answers in a row after which a shard counts as read to its present end: an answer may be empty although
/// records follow.
const EMPTY_ANSWERS: u32 = 2;

/// A place in a stream. Good for 15 minutes, the life of the iterators in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream.
    pub stream_arn: String,
    /// Shard → iterator that reads on from here; `None` for a shard that was closed and read to its end.
    pub shards: BTreeMap<String, Option<String>>,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Insert,
    /// It replaced another value.
    Modify,
    /// It was deleted or expired.
    Remove,
}

/// One record of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Sequence number, decimal digits; grows within a shard.
    pub sequence: String,
    /// When the service wrote the record, epoch milliseconds (whole seconds on AWS).
    pub at_utc_ms: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// Key attributes.
    pub keys: Item,
    /// The item after the change.
    pub new: Option<Item>,
    /// The item before the change.
    pub old: Option<Item>,
}

/// The end of the stream of a table as it is now: a later [`read`] gives what is written after this call.
/// Fails when the table has no stream.
pub async fn position(site: &Site, name: &str) -> Result<Position, ServiceError> {
    let stream_arn = super::describe::stream_arn(site, &site.name_of(Table, name)).await?.ok_or_else(|| {
        ServiceError::Unusable { operation: format!("DynamoDB DescribeTable of {name}"), what: String::from("no stream") }
    })?;
    let mut shards = BTreeMap::new();
    for shard in list_shards(site, &stream_arn).await? {
        let Some(id) = shard.shard_id.clone() else { continue };
        let iterator = if is_closed(&shard) {
            None
        } else {
            iterator(site, &stream_arn, &id, ShardIteratorType::Latest).await?
        };
        shards.insert(id, iterator);
    }
    Ok(Position { stream_arn, shards })
}

/// Reads from `from` to the present end: the changes, those of one key in the order they happened, and the new position.
pub async fn read(site: &Site, from: &Position) -> Result<(Vec<Change>, Position), ServiceError> {
    let mut changes = Vec::new();
    let mut position = from.clone();
    // Reading may find that a shard was closed; its children are read after it, so that a key's changes stay in order.
    loop {
        let unread = read_known(site, &mut position, &mut changes).await?;
        if !unread {
            return Ok((changes, position));
        }
    }
}

/// Reads every shard of `position` to its end, and takes shards that appeared since into it. True when there are such.
async fn read_known(site: &Site, position: &mut Position, changes: &mut Vec<Change>) -> Result<bool, ServiceError> {
    for iterator in position.shards.values_mut() {
        if let Some(start) = iterator.take() {
            *iterator = read_shard(site, start, changes).await?;
        }
    }
    let mut appeared = false;
    for shard in list_shards(site, &position.stream_arn).await? {
        let Some(id) = shard.shard_id else { continue };
        if !position.shards.contains_key(&id) {
            let start = iterator(site, &position.stream_arn, &id, ShardIteratorType::TrimHorizon).await?;
            position.shards.insert(id, start);
            appeared = true;
        }
    }
    Ok(appeared)
}

/// Reads one shard to its present end; the iterator that reads on, or `None` when the shard is closed and read.
async fn read_shard(site: &Site, start: String, changes: &mut Vec<Change>) -> Result<Option<String>, ServiceError> {
    let mut next = start;
    let mut empty = 0;
    while empty < EMPTY_ANSWERS {
        let answer = site.clients.streams.get_records().shard_iterator(&next).send().await;
        let answer = answer.map_err(|error| ServiceError::request("DynamoDB Streams GetRecords", &error))?;
        let records = answer.records.unwrap_or_default();
        empty = if records.is_empty() { empty + 1 } else { 0 };
        for record in records {
            changes.push(change(record)?);
        }
        match answer.next_shard_iterator {
            Some(iterator) => next = iterator,
            None => return Ok(None),
        }
    }
    Ok(Some(next))
}

/// Every shard of a stream, parents before children as the service lists them.
async fn list_shards(site: &Site, stream_arn: &str) -> Result<Vec<Shard>, ServiceError> {
    let mut shards = Vec::new();
    let mut after = None;
    loop {
        let request = site.clients.streams.describe_stream().stream_arn(stream_arn).set_exclusive_start_shard_id(after);
        let answer = request
            .send()
            .await
            .map_err(|error| ServiceError::request("DynamoDB Streams DescribeStream", &error))?;
        let Some(description) = answer.stream_description else { return Ok(shards) };
        shards.extend(description.shards.unwrap_or_default());
        after = description.last_evaluated_shard_id;
        if after.is_none() {
            return Ok(shards);
        }
    }
}

async fn iterator(
    site: &Site,
    stream_arn: &str,
    shard: &str,
    kind: ShardIteratorType,
) -> Result<Option<String>, ServiceError> {
    let request = site.clients.streams.get_shard_iterator().stream_arn(stream_arn).shard_id(shard);
    let answer = request.shard_iterator_type(kind).send().await;
    let answer = answer.map_err(|error| ServiceError::request("DynamoDB Streams GetShardIterator", &error))?;
    Ok(answer.shard_iterator)
}

fn is_closed(shard: &Shard) -> bool {
    shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_some())
}

fn change(record: Record) -> Result<Change, ServiceError> {
    let unusable = |what: &str| ServiceError::Unusable {
        operation: String::from("DynamoDB Streams GetRecords"),
        what: format!("a record {what}"),
    };
    let kind = match record.event_name {
        Some(OperationType::Insert) => ChangeKind::Insert,
        Some(OperationType::Modify) => ChangeKind::Modify,
        Some(OperationType::Remove) => ChangeKind::Remove,
        _ => return Err(unusable("without a known event name")),
    };
    let Some(image) = record.dynamodb else { return Err(unusable("without an image")) };
    let at = image.approximate_creation_date_time.and_then(|at| at.to_millis().ok());
    Ok(Change {
        sequence: image.sequence_number.ok_or_else(|| unusable("without a sequence number"))?,
        at_utc_ms: at.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
        kind,
        keys: item(image.keys.unwrap_or_default()).ok_or_else(|| unusable("with an unknown type"))?,
        new: image.new_image.map(|image| item(image).ok_or_else(|| unusable("with an unknown type"))).transpose()?,
        old: image.old_image.map(|image| item(image).ok_or_else(|| unusable("with an unknown type"))).transpose()?,
    })
}

/// The streams SDK has a type of its own for the same values.
fn item(image: std::collections::HashMap<String, StreamValue>) -> Option<Item> {
    image.into_iter().map(|(name, value)| Some((name, attribute(value)?))).collect()
}

fn attribute(value: StreamValue) -> Option<AttributeValue> {
    Some(match value {
        StreamValue::S(text) => AttributeValue::S(text),
        StreamValue::N(number) => AttributeValue::N(number),
        StreamValue::B(bytes) => AttributeValue::B(bytes),
        StreamValue::Bool(flag) => AttributeValue::Bool(flag),
        StreamValue::Null(flag) => AttributeValue::Null(flag),
        StreamValue::Ss(set) => AttributeValue::Ss(set),
        StreamValue::Ns(set) => AttributeValue::Ns(set),
        StreamValue::Bs(set) => AttributeValue::Bs(set),
        StreamValue::L(list) => AttributeValue::L(list.into_iter().map(attribute).collect::<Option<_>>()?),
        StreamValue::M(map) => AttributeValue::M(item(map)?),
        _ => return None,
    })
}
