//! The stream of a table invokes a function.

use async_trait::async_trait;
use aws_sdk_lambda::types::EventSourcePosition;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource},
};
use serde_json::Value;

use super::{
    Edge,
    mapping::{self, Mapping},
};
use crate::services::{ServiceError, Site, arn, dynamodb, fields::Fields, lambda};

/// What Lambda answers for "until the record expires".
const UNLIMITED: i32 = -1;

/// The edge from a table's stream to a function.
pub(super) struct TableStream(pub(super) Trigger);

impl TableStream {
    /// Logical name of the table.
    fn table(&self) -> &str {
        match &self.0.source {
            TriggerSource::TableStream { table, .. } => table,
            TriggerSource::BucketEvents { .. } => "",
        }
    }

    fn mapping<'a>(&'a self, site: &'a Site) -> Mapping<'a> {
        Mapping { site, trigger: &self.0 }
    }
}

#[async_trait]
impl Edge for TableStream {
    async fn connect(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let TriggerSource::TableStream { table, batch_size, batch_window_s, retries, bisect } = &self.0.source else {
            return Err(crate::services::wrong_blueprint(ResourceKind::Trigger, name));
        };
        let stream = dynamodb::stream_arn(site, &site.name_of(ResourceKind::Table, table)).await?;
        let stream = stream.ok_or_else(|| ServiceError::Unusable {
            operation: format!("connecting trigger {name}"),
            what: format!("that table {table} has no stream"),
        })?;
        let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let request = site
            .clients
            .lambda
            .create_event_source_mapping()
            .event_source_arn(stream)
            .function_name(lambda::target_arn(site, &self.0.function).await?)
            .starting_position(EventSourcePosition::TrimHorizon)
            .batch_size(whole(*batch_size))
            .maximum_batching_window_in_seconds(whole(*batch_window_s))
            .set_maximum_retry_attempts(retries.map(whole))
            .bisect_batch_on_function_error(*bisect)
            .enabled(true);
        let operation = format!("Lambda CreateEventSourceMapping {name}");
        request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
        self.mapping(site).until_enabled(name).await
    }

    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError> {
        let whole = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        Ok(self.mapping(site).find().await?.map(|found| TriggerSource::TableStream {
            table: self.table().to_owned(),
            batch_size: whole(found.batch_size).unwrap_or_default(),
            batch_window_s: whole(found.maximum_batching_window_in_seconds).unwrap_or_default(),
            retries: whole(found.maximum_retry_attempts.filter(|retries| *retries != UNLIMITED)),
            bisect: found.bisect_batch_on_function_error.unwrap_or(false),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError> {
        let Some(described) = self.mapping(site).described().await? else { return Ok(None) };
        let id = ResourceId::new(ResourceKind::Trigger, name);
        let mut fields = Fields::default();
        fields.add("mapping", &described_logically(site, &id, described));
        Ok(Some(fields.sorted(id, mapping::RULES)))
    }

    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError> {
        self.mapping(site).delete().await
    }
}

/// A mapping's description with logical names. The label of the stream differs from table to table.
fn described_logically(site: &Site, id: &ResourceId, mut described: Value) -> Value {
    let arn = described["EventSourceArn"].as_str().unwrap_or_default();
    let unlabelled = arn.split_once("/stream/").map_or(arn, |(table, _)| table);
    described["EventSourceArn"] = Value::String(format!("{unlabelled}/stream"));
    arn::Logical::new(site, id).value(&described)
}
