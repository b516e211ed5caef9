//! Event source mappings: the stream of a table invokes a function.

use async_trait::async_trait;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition};
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource},
    units::Span,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Edge, names_function};
use crate::{
    poll::{self, Look},
    services::{
        ServiceError, Site, arn, dynamodb,
        fields::{Fields, Rules},
        lambda,
        raw::read_raw,
    },
};

const EVERY: Span = Span::from_ms(200);
/// How long a mapping may take to be enabled or gone.
const LIMIT: Span = Span::from_secs(120);
/// What Lambda answers for "until the record expires".
const UNLIMITED: i32 = -1;

/// Source: `EventSourceMappingConfiguration` of the Lambda API Reference.
const RULES: Rules = Rules {
    compared: &[
        "mapping.BatchSize",
        "mapping.MaximumBatchingWindowInSeconds",
        "mapping.ParallelizationFactor",
        "mapping.EventSourceArn",
        "mapping.FunctionArn",
        "mapping.Qualifier",
        "mapping.State",
        "mapping.FilterCriteria.**",
        "mapping.DestinationConfig.**",
        "mapping.MaximumRecordAgeInSeconds",
        "mapping.BisectBatchOnFunctionError",
        "mapping.MaximumRetryAttempts",
        "mapping.TumblingWindowInSeconds",
        "mapping.FunctionResponseTypes",
        "mapping.StartingPosition",
        "mapping.MetricsConfig.**",
        "mapping.LoggingConfig.**",
        "mapping.KMSKeyArn",
    ],
    volatile: &[
        ("mapping.UUID", "each mapping has its own"),
        ("mapping.EventSourceMappingArn", "each mapping has its own"),
        ("mapping.LastModified", "each mapping has its own"),
        ("mapping.LastProcessingResult", "follows the events"),
        ("mapping.StateTransitionReason", "passing state; the state itself is compared"),
        ("mapping.StartingPositionTimestamp", "where reading began"),
    ],
};

/// The edge from a table's stream to a function.
pub(super) struct TableStream(pub(super) Trigger);

impl TableStream {
    /// Logical name of the table.
    fn table(&self) -> &str {
        table_of(&self.0).unwrap_or_default()
    }

    /// The mapping of this edge; of several (an old stream's may linger) the one that is enabled.
    async fn mapping(&self, site: &Site) -> Result<Option<EventSourceMappingConfiguration>, ServiceError> {
        let mut own: Vec<_> =
            mappings(site, &self.0.function).await?.into_iter().filter(|of| self.claims(site, of)).collect();
        own.sort_by_key(|of| of.state.as_deref() != Some("Enabled"));
        Ok(own.into_iter().next())
    }

    fn claims(&self, site: &Site, mapping: &EventSourceMappingConfiguration) -> bool {
        connects(site, mapping.event_source_arn(), mapping.function_arn(), &self.0)
    }

    async fn until_enabled(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        poll::until(format!("trigger {name} to be enabled"), EVERY, LIMIT, &CancellationToken::new(), || async {
            match self.mapping(site).await {
                Err(error) => Look::Ready(Err(error)),
                Ok(None) => Look::NotYet(String::from("not there")),
                Ok(Some(mapping)) => match mapping.state.as_deref() {
                    Some("Enabled") => Look::Ready(Ok(())),
                    state => Look::NotYet(state.unwrap_or("no state").to_owned()),
                },
            }
        })
        .await?
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
        self.until_enabled(site, name).await
    }

    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError> {
        let whole = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        Ok(self.mapping(site).await?.map(|found| TriggerSource::TableStream {
            table: self.table().to_owned(),
            batch_size: whole(found.batch_size).unwrap_or_default(),
            batch_window_s: whole(found.maximum_batching_window_in_seconds).unwrap_or_default(),
            retries: whole(found.maximum_retry_attempts.filter(|retries| *retries != UNLIMITED)),
            bisect: found.bisect_batch_on_function_error.unwrap_or(false),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError> {
        let Some(found) = self.mapping(site).await? else { return Ok(None) };
        let operation = format!("Lambda GetEventSourceMapping {name}");
        let request = site.clients.lambda.get_event_source_mapping().set_uuid(found.uuid);
        let described: Option<Value> = read_raw!(request, operation, json, absent: [lambda::NOT_FOUND])?;
        let Some(described) = described else { return Ok(None) };
        let id = ResourceId::new(ResourceKind::Trigger, name);
        let mut fields = Fields::default();
        fields.add("mapping", &described_logically(site, &id, described));
        Ok(Some(fields.sorted(id, RULES)))
    }

    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError> {
        for mapping in mappings(site, &self.0.function).await? {
            let Some(uuid) = mapping.uuid.as_ref().filter(|_| self.claims(site, &mapping)) else { continue };
            let deleted = site.clients.lambda.delete_event_source_mapping().uuid(uuid).send().await;
            match deleted.map_err(|error| ServiceError::request("Lambda DeleteEventSourceMapping", &error)) {
                Err(error) if error.code() == Some(lambda::NOT_FOUND) => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        let what = format!("the mapping to {} to be gone", self.0.function);
        poll::until(what, EVERY, LIMIT, &CancellationToken::new(), || async {
            match self.mapping(site).await {
                Err(error) => Look::Ready(Err(error)),
                Ok(None) => Look::Ready(Ok(())),
                Ok(Some(mapping)) => Look::NotYet(mapping.state.unwrap_or_default()),
            }
        })
        .await?
    }
}

fn table_of(trigger: &Trigger) -> Option<&str> {
    match &trigger.source {
        TriggerSource::TableStream { table, .. } => Some(table),
        TriggerSource::BucketEvents { .. } => None,
    }
}

/// Whether a mapping between these ARNs is this trigger: any stream of its table, any version of its function.
fn connects(site: &Site, source: Option<&str>, function: Option<&str>, trigger: &Trigger) -> bool {
    let table = table_of(trigger).map(|table| site.name_of(ResourceKind::Table, table));
    let table = table.and_then(|physical| arn::of(site, ResourceKind::Table, &physical));
    let from = source.zip(table).is_some_and(|(source, table)| source.starts_with(&format!("{table}/stream/")));
    from && function.is_some_and(|arn| names_function(site, arn, &trigger.function))
}

/// Mappings of a function that are compared with no trigger of the stack, by their id. Of several from one table one is
/// compared; another that is on is one too many, one that is off may linger from an earlier stream.
pub(crate) async fn unclaimed(site: &Site, function: &str) -> Result<Vec<(String, Value)>, ServiceError> {
    let edges: Vec<TableStream> = site
        .triggers()
        .filter(|trigger| trigger.function == function)
        .map(|trigger| TableStream(trigger.clone()))
        .collect();
    let mut compared = Vec::new();
    for edge in &edges {
        compared.extend(edge.mapping(site).await?.and_then(|mapping| mapping.uuid));
    }
    let mut left = Vec::new();
    for mapping in mappings(site, function).await? {
        let lingers = is_off(&mapping) && edges.iter().any(|edge| edge.claims(site, &mapping));
        let Some(uuid) = mapping.uuid.filter(|uuid| !lingers && !compared.contains(uuid)) else { continue };
        let operation = format!("Lambda GetEventSourceMapping of {function}");
        let request = site.clients.lambda.get_event_source_mapping().set_uuid(Some(uuid.clone()));
        let described: Option<Value> = read_raw!(request, operation, json, absent: [lambda::NOT_FOUND])?;
        left.extend(described.map(|described| (uuid, described)));
    }
    Ok(left)
}

fn is_off(mapping: &EventSourceMappingConfiguration) -> bool {
    matches!(mapping.state.as_deref(), Some("Disabled" | "Disabling" | "Deleting"))
}

/// All mappings of a function and its aliases; none when the function is not there.
async fn mappings(site: &Site, function: &str) -> Result<Vec<EventSourceMappingConfiguration>, ServiceError> {
    let mut mappings = Vec::new();
    let mut marker = None;
    loop {
        // Without a function name: a filter by name leaves out the mappings of aliases on some servers.
        let answer = site.clients.lambda.list_event_source_mappings().set_marker(marker).send().await;
        let answer = answer.map_err(|error| ServiceError::request("Lambda ListEventSourceMappings", &error))?;
        let listed = answer.event_source_mappings.unwrap_or_default();
        mappings.extend(
            listed.into_iter().filter(|of| of.function_arn().is_some_and(|arn| names_function(site, arn, function))),
        );
        marker = answer.next_marker;
        if marker.is_none() {
            return Ok(mappings);
        }
    }
}

/// A mapping's description with logical names. The label of the stream differs from table to table.
fn described_logically(site: &Site, id: &ResourceId, mut described: Value) -> Value {
    let arn = described["EventSourceArn"].as_str().unwrap_or_default();
    let unlabelled = arn.split_once("/stream/").map_or(arn, |(table, _)| table);
    described["EventSourceArn"] = Value::String(format!("{unlabelled}/stream"));
    arn::Logical::new(site, id).value(&described)
}
