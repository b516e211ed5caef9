//! Event source mappings: what brings the records of a stream and the messages of a queue to a function.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use firedrill_model::{
    ids::ResourceKind,
    stack::{Trigger, TriggerSource},
    units::Span,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::names_function;
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site, arn, fields::Rules, lambda, raw::read_raw},
};

const ENABLED: &str = "Enabled";
const DISABLED: &str = "Disabled";

const EVERY: Span = Span::from_ms(200);
/// How long a mapping may take to be enabled or gone.
const LIMIT: Span = Span::from_secs(120);

/// Source: `EventSourceMappingConfiguration` of the Lambda API Reference.
pub(super) const RULES: Rules = Rules {
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
        "mapping.ScalingConfig.**",
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

/// The mapping behind a trigger.
pub(super) struct Mapping<'a> {
    pub(super) site: &'a Site,
    pub(super) trigger: &'a Trigger,
}

impl Mapping<'_> {
    /// The mapping; of several (an old stream's may linger) the one that is enabled.
    pub(super) async fn find(&self) -> Result<Option<EventSourceMappingConfiguration>, ServiceError> {
        let all = mappings(self.site, &self.trigger.function).await?;
        let mut own: Vec<_> = all.into_iter().filter(|of| self.claims(of)).collect();
        own.sort_by_key(|of| of.state.as_deref() != Some(ENABLED));
        Ok(own.into_iter().next())
    }

    /// Whether a mapping is this trigger's: from any stream of its table or from its queue, to any version of its function.
    fn claims(&self, mapping: &EventSourceMappingConfiguration) -> bool {
        let from = match &self.trigger.source {
            TriggerSource::TableStream { table, .. } => {
                let table = self.site.name_of(ResourceKind::Table, table);
                let table = arn::of(self.site, ResourceKind::Table, &table).unwrap_or_default();
                mapping.event_source_arn().is_some_and(|arn| arn.starts_with(&format!("{table}/stream/")))
            }
            TriggerSource::BucketEvents { .. } => {
                let queue = super::queue_arn(self.site, self.trigger);
                queue.is_some() && mapping.event_source_arn() == queue.as_deref()
            }
        };
        from && mapping.function_arn().is_some_and(|arn| names_function(self.site, arn, &self.trigger.function))
    }

    /// Every field that the service describes.
    pub(super) async fn described(&self) -> Result<Option<Value>, ServiceError> {
        match self.find().await?.and_then(|found| found.uuid) {
            Some(uuid) => described(self.site, &uuid, &self.trigger.function).await,
            None => Ok(None),
        }
    }

    pub(super) async fn until_enabled(&self, name: &str) -> Result<(), ServiceError> {
        self.until(name, ENABLED).await
    }

    async fn until(&self, name: &str, wanted: &str) -> Result<(), ServiceError> {
        let what = format!("the mapping of trigger {name} to be {}", wanted.to_lowercase());
        poll::until(what, EVERY, LIMIT, &CancellationToken::new(), || async {
            match self.find().await {
                Err(error) => Look::Ready(Err(error)),
                Ok(None) => Look::NotYet(String::from("not there")),
                Ok(Some(mapping)) => match mapping.state.as_deref() {
                    Some(state) if state == wanted => Look::Ready(Ok(())),
                    state => Look::NotYet(state.unwrap_or("no state").to_owned()),
                },
            }
        })
        .await?
    }

    /// Disables it, or all of them, and waits until it is; whether there was one to disable.
    pub(super) async fn disable(&self, name: &str) -> Result<bool, ServiceError> {
        let all = mappings(self.site, &self.trigger.function).await?;
        let on = all.into_iter().filter(|of| self.claims(of) && of.state.as_deref() != Some(DISABLED));
        let on: Vec<String> = on.filter_map(|of| of.uuid).collect();
        for uuid in &on {
            let request = self.site.clients.lambda.update_event_source_mapping().uuid(uuid).enabled(false);
            let operation = format!("Lambda UpdateEventSourceMapping {name}");
            request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
        }
        if !on.is_empty() {
            self.until(name, DISABLED).await?;
        }
        Ok(!on.is_empty())
    }

    /// Deletes it and waits until it is gone; fine when it is not there.
    pub(super) async fn delete(&self) -> Result<(), ServiceError> {
        for mapping in mappings(self.site, &self.trigger.function).await? {
            let Some(uuid) = mapping.uuid.as_ref().filter(|_| self.claims(&mapping)) else { continue };
            let deleted = self.site.clients.lambda.delete_event_source_mapping().uuid(uuid).send().await;
            match deleted.map_err(|error| ServiceError::request("Lambda DeleteEventSourceMapping", &error)) {
                Err(error) if error.code() == Some(lambda::NOT_FOUND) => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        let what = format!("the mapping to {} to be gone", self.trigger.function);
        poll::until(what, EVERY, LIMIT, &CancellationToken::new(), || async {
            match self.find().await {
                Err(error) => Look::Ready(Err(error)),
                Ok(None) => Look::Ready(Ok(())),
                Ok(Some(mapping)) => Look::NotYet(mapping.state.unwrap_or_default()),
            }
        })
        .await?
    }
}

async fn described(site: &Site, uuid: &str, function: &str) -> Result<Option<Value>, ServiceError> {
    let operation = format!("Lambda GetEventSourceMapping of {function}");
    let request = site.clients.lambda.get_event_source_mapping().uuid(uuid);
    read_raw!(request, operation, json, absent: [lambda::NOT_FOUND])
}

/// Mappings of a function that are compared with no trigger of the stack, by their id. Of several from one source one is
/// compared; another that is on is one too many, one that is off may linger from an earlier stream.
pub(crate) async fn unclaimed(site: &Site, function: &str) -> Result<Vec<(String, Value)>, ServiceError> {
    let own = site.triggers().filter(|trigger| trigger.function == function);
    let edges: Vec<Mapping<'_>> = own.map(|trigger| Mapping { site, trigger }).collect();
    let mut compared = Vec::new();
    for edge in &edges {
        compared.extend(edge.find().await?.and_then(|mapping| mapping.uuid));
    }
    let mut left = Vec::new();
    for mapping in mappings(site, function).await? {
        let lingers = is_off(&mapping) && edges.iter().any(|edge| edge.claims(&mapping));
        let Some(uuid) = mapping.uuid.filter(|uuid| !lingers && !compared.contains(uuid)) else { continue };
        left.extend(described(site, &uuid, function).await?.map(|described| (uuid, described)));
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
