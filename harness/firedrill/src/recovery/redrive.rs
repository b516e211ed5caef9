//! Redrive: invoking the functions of triggers again for everything that is there, with events shaped like the service's.
//!
//! Content that was restored, or seeded before its trigger existed, has caused no event there. Functions that handle an
//! event twice without harm come to the same effects.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::ResourceId,
    stack::{Table, Trigger, TriggerSource},
};
use futures_util::{Stream, TryStreamExt, stream};
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    run::Drill,
    services::{
        ServiceError, Site,
        dynamodb::{self, Item, json::NotAnItem},
        lambda, s3,
    },
    triggers,
};

/// Records in one invocation. An object has to be read by its function, an item comes with its event.
const ITEMS_PER_EVENT: usize = 100;
const OBJECTS_PER_EVENT: usize = 25;

/// Invocations in flight for one trigger.
const IN_FLIGHT: usize = 3;

/// What S3 leaves as it is in the keys of its events; a space becomes `+`.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'*');

/// What was delivered again, by trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedriveSummary {
    /// Logical name of the trigger → counts.
    pub triggers: BTreeMap<String, Redriven>,
}

/// Counts of one trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Events for what is there.
    pub present: u64,
    /// Events for what was removed.
    pub removed: u64,
    /// Calls of the function.
    pub invocations: u64,
}

impl RedriveSummary {
    /// Events of all triggers.
    pub fn events(&self) -> u64 {
        self.triggers.values().map(|counts| counts.present + counts.removed).sum()
    }
}

/// A redrive that did not reach its end; what was delivered stays delivered, and running it again does no harm.
#[derive(Debug, Error)]
pub enum RedriveError {
    /// The plan has no such trigger.
    #[error("there is no trigger `{trigger}` to redrive")]
    UnknownTrigger {
        /// What was named.
        trigger: String,
    },
    /// The source could not be read, or the function failed.
    #[error("cannot redrive `{trigger}`")]
    Service {
        /// Logical name of the trigger.
        trigger: String,
        /// Why.
        source: ServiceError,
    },
    /// A removed item is not DynamoDB JSON.
    #[error("an item removed from the source of `{trigger}` cannot be read")]
    Removed {
        /// Logical name of the trigger.
        trigger: String,
        /// Why.
        source: NotAnItem,
    },
    /// The run was asked to stop.
    #[error("stopped while redriving `{trigger}`")]
    Cancelled {
        /// Logical name of the trigger.
        trigger: String,
    },
}

/// Delivers, to the functions of `triggers` at `site`, an event for every object or item that is there, and one for each
/// of `removed` (table, item as DynamoDB JSON) whose key is not there.
pub async fn redrive(
    drill: &Drill,
    site: &Site,
    triggers: &[String],
    removed: &[(ResourceId, Value)],
) -> Result<RedriveSummary, RedriveError> {
    let mut summary = RedriveSummary::default();
    for name in triggers {
        let trigger = drill
            .plan
            .stack
            .triggers
            .get(name)
            .ok_or_else(|| RedriveError::UnknownTrigger { trigger: name.clone() })?;
        let redriving = Redriving { drill, site, name, trigger };
        let counts = match &trigger.source {
            TriggerSource::BucketEvents { bucket, prefix, .. } => {
                redriving.objects(bucket, prefix.as_deref().unwrap_or_default()).await?
            }
            TriggerSource::TableStream { table, .. } => redriving.items(table, removed).await?,
        };
        summary.triggers.insert(name.clone(), counts);
    }
    Ok(summary)
}

/// The redrive of one trigger.
#[derive(Clone, Copy)]
struct Redriving<'a> {
    drill: &'a Drill,
    site: &'a Site,
    name: &'a str,
    trigger: &'a Trigger,
}

impl Redriving<'_> {
    async fn objects(&self, bucket: &str, prefix: &str) -> Result<Redriven, RedriveError> {
        let region = self.site.clients.region.as_str();
        let source = self.trigger.source_resource();
        let physical = self.site.physical(&source);
        let pages = s3::versions(self.site, bucket).map_ok(|page| {
            page.into_iter()
                .filter(|version| version.is_latest && !version.is_marker && version.key.starts_with(prefix))
                .map(|version| object_record(region, physical, &version.key, version.size).to_string())
                .collect()
        });
        // Of a queue a function never gets more than its mapping takes at once.
        let batch = self.trigger.queue().and_then(|via| usize::try_from(via.batch_size).ok());
        let (present, invocations) = self.deliver(pages, batch.unwrap_or(OBJECTS_PER_EVENT).max(1)).await?;
        Ok(Redriven { present, removed: 0, invocations })
    }

    async fn items(&self, name: &str, removed: &[(ResourceId, Value)]) -> Result<Redriven, RedriveError> {
        let region = self.site.clients.region.as_str();
        let Some(table) = self.drill.plan.stack.tables.get(name) else { return Ok(Redriven::default()) };
        let mut gone = self.removed_items(table, removed)?;
        let pages = dynamodb::scan_items(self.site, name).map_ok(|page| {
            for item in &page {
                gone.remove(&key_text(table, item));
            }
            page.iter().map(|item| item_record(region, "INSERT", table, item)).collect()
        });
        let (present, invocations) = self.deliver(pages, ITEMS_PER_EVENT).await?;
        let removals: Vec<String> = gone.values().map(|item| item_record(region, "REMOVE", table, item)).collect();
        let (removed, more) = self.deliver(stream::iter([Ok(removals)]), ITEMS_PER_EVENT).await?;
        Ok(Redriven { present, removed, invocations: invocations + more })
    }

    /// The removed items of this trigger's table, by key; the last one of a key counts.
    fn removed_items(
        &self,
        table: &Table,
        removed: &[(ResourceId, Value)],
    ) -> Result<BTreeMap<String, Item>, RedriveError> {
        let source = self.trigger.source_resource();
        let ours = removed.iter().filter(|(resource, _)| *resource == source);
        ours.map(|(_, item)| {
            let item = dynamodb::json::to_item(item)
                .map_err(|source| RedriveError::Removed { trigger: self.name.to_owned(), source })?;
            Ok((key_text(table, &item), item))
        })
        .collect()
    }

    /// Invokes the function with the records of `pages`, at most `batch` at a time. Returns records and invocations.
    async fn deliver(
        &self,
        pages: impl Stream<Item = Result<Vec<String>, ServiceError>>,
        batch: usize,
    ) -> Result<(u64, u64), RedriveError> {
        pages
            .map_ok(|page| {
                let batches: Vec<Result<Vec<String>, ServiceError>> =
                    page.chunks(batch).map(|records| Ok(records.to_vec())).collect();
                stream::iter(batches)
            })
            .try_flatten()
            .map_err(|source| self.failed(source))
            .map_ok(|records| self.invoke(records))
            .try_buffer_unordered(IN_FLIGHT)
            .try_fold((0, 0), |(events, calls), sent| async move { Ok((events + sent, calls + 1)) })
            .await
    }

    /// Invokes the function with records, each a JSON text.
    async fn invoke(&self, records: Vec<String>) -> Result<u64, RedriveError> {
        let count = records.len() as u64;
        let records = match triggers::queue_arn(self.site, self.trigger) {
            Some(queue) => {
                let region = self.site.clients.region.as_str();
                records.iter().map(|record| message(region, &queue, record)).collect()
            }
            None => records,
        };
        let event = format!(r#"{{"Records":[{}],"firedrill":{{"redriven":true}}}}"#, records.join(","));
        tokio::select! {
            biased;
            () = self.drill.cancel.cancelled() => Err(RedriveError::Cancelled { trigger: self.name.to_owned() }),
            answer = lambda::invoke(self.site, &self.trigger.function, event) => {
                answer.map(|_| count).map_err(|source| self.failed(source))
            }
        }
    }

    fn failed(&self, source: ServiceError) -> RedriveError {
        RedriveError::Service { trigger: self.name.to_owned(), source }
    }
}

/// A record as S3 sends it (Amazon S3 user guide, "Event message structure"), without a version: the function reads the
/// newest.
fn object_record(region: &str, bucket: &str, key: &str, size: u64) -> Value {
    let key = utf8_percent_encode(key, KEPT).to_string().replace("%20", "+");
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": { "key": key, "size": size },
        },
    })
}

/// A message of a queue with a record of S3 in it, as Lambda gives it to a function (AWS Lambda Developer Guide, "Using Lambda
/// with Amazon SQS").
fn message(region: &str, queue: &str, record: &str) -> String {
    let body = format!(r#"{{"Records":[{record}]}}"#);
    let id = hex::encode(&Sha256::digest(&body)[..16]);
    json!({
        "messageId": id,
        "receiptHandle": id,
        "md5OfBody": hex::encode(<Md5 as md5::Digest>::digest(&body)),
        "body": body,
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": region,
    })
    .to_string()
}

/// A record as a table's stream has it (DynamoDB streams API, "Record").
fn item_record(region: &str, event_name: &str, table: &Table, item: &Item) -> String {
    let image = if event_name == "REMOVE" { "OldImage" } else { "NewImage" };
    format!(
        concat!(
            r#"{{"eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{}","eventName":"{}","#,
            r#""dynamodb":{{"StreamViewType":"NEW_AND_OLD_IMAGES","Keys":{},"{}":{}}}}}"#,
        ),
        region,
        event_name,
        key_text(table, item),
        image,
        dynamodb::json::text(item),
    )
}

/// The key attributes of an item as DynamoDB JSON: a text that two items share only when they are the same item.
fn key_text(table: &Table, item: &Item) -> String {
    let names = std::iter::once(&table.hash).chain(&table.range).map(|attribute| &attribute.name);
    let keys: Item = names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect();
    dynamodb::json::text(&keys)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{services::dynamodb::AttributeValue, workload::sample};

    #[test]
    fn an_item_event_is_what_a_stream_sends() {
        let plan = sample::plan(7);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item = HashMap::from([
            ("customer".to_owned(), text("C-1")),
            ("order".to_owned(), text("o\"1")),
            ("amount".to_owned(), AttributeValue::N("1.50".to_owned())),
        ]);
        for (event_name, image) in [("INSERT", "NewImage"), ("REMOVE", "OldImage")] {
            let record: Value =
                serde_json::from_str(&item_record("eu-west-1", event_name, &plan.stack.tables["orders"], &item))
                    .unwrap();
            assert_eq!((&record["eventName"], &record["awsRegion"]), (&json!(event_name), &json!("eu-west-1")));
            let keys = json!({ "customer": { "S": "C-1" }, "order": { "S": "o\"1" } });
            assert_eq!(record["dynamodb"]["Keys"], keys);
            assert_eq!(record["dynamodb"][image]["amount"], json!({ "N": "1.50" }));
        }
    }

    #[test]
    fn a_message_of_a_queue_holds_the_record_as_its_body() {
        let (record, arn) = (object_record("eu-west-1", "uploads-eu", "a b", 3), "arn:aws:sqs:eu-west-1:0:q");
        let message: Value = serde_json::from_str(&message("eu-west-1", arn, &record.to_string())).unwrap();
        assert_eq!((&message["eventSource"], &message["eventSourceARN"]), (&json!("aws:sqs"), &json!(arn)));
        let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, json!({ "Records": [record] }));
    }

    #[test]
    fn an_object_event_has_the_key_as_s3_writes_it() {
        let cases = [
            ("uploads/a b.txt", "uploads/a+b.txt"),
            ("a+b=c&d", "a%2Bb%3Dc%26d"),
            ("100%25 #1?", "100%2525+%231%3F"),
            ("写真/1.jpg", "%E5%86%99%E7%9C%9F/1.jpg"),
        ];
        for (key, expected) in cases {
            let record = object_record("eu-west-1", "uploads-eu", key, 3);
            assert_eq!(record["s3"]["object"]["key"], expected, "{key}");
            assert!(record["s3"]["object"].get("versionId").is_none());
        }
    }
}
