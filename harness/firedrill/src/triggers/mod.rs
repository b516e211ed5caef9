//! Triggers: one file per kind of edge in the stack graph, and one line in [`edge`]; what several of them are made of is in
//! [`notification`] and [`mapping`].
//!
//! AWS gives an edge no name of its own. It is found by what it connects, so that one that somebody else's restore made
//! is found too.

mod bucket_events;
pub(crate) mod bucket_queue;
pub(crate) mod mapping;
pub(crate) mod notification;
mod table_stream;

use async_trait::async_trait;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource},
};

use crate::services::{Blueprint, Service, ServiceError, Site, fields, wrong_blueprint};

/// What every kind of edge can do.
#[async_trait]
trait Edge: Send + Sync {
    /// Connects and waits until events flow.
    async fn connect(&self, site: &Site, name: &str) -> Result<(), ServiceError>;

    /// The edge's source as the service describes it; `None` when it is not connected.
    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError>;

    /// Every field that the service describes; `None` when it is not connected.
    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError>;

    /// Disconnects; fine when it is not connected.
    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError>;
}

/// The edge behind a trigger.
fn edge(trigger: &Trigger) -> Box<dyn Edge> {
    match &trigger.source {
        TriggerSource::BucketEvents { queue: Some(via), .. } => {
            Box::new(bucket_queue::BucketQueue { trigger: trigger.clone(), via: via.clone() })
        }
        TriggerSource::BucketEvents { queue: None, .. } => Box::new(bucket_events::BucketEvents(trigger.clone())),
        TriggerSource::TableStream { .. } => Box::new(table_stream::TableStream(trigger.clone())),
    }
}

/// The triggers of a stack. All but [`Service::create`] need a [`Site`] that knows the stack's triggers.
#[derive(Clone, Copy, Debug)]
pub struct Triggers;

fn known<'a>(site: &'a Site, name: &str) -> Result<&'a Trigger, ServiceError> {
    site.trigger(name).ok_or_else(|| ServiceError::Unusable {
        operation: format!("finding {}", ResourceId::new(ResourceKind::Trigger, name)),
        what: String::from("that the stack has no such trigger"),
    })
}

#[async_trait]
impl Service for Triggers {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Trigger(trigger) = blueprint else {
            return Err(wrong_blueprint(ResourceKind::Trigger, name));
        };
        edge(trigger).connect(site, name).await
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        Ok(edge(known(site, name)?).describe(site).await?.is_some())
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        let trigger = known(site, name)?;
        let source = edge(trigger).describe(site).await?.ok_or_else(|| ServiceError::Unusable {
            operation: format!("describing {}", ResourceId::new(ResourceKind::Trigger, name)),
            what: String::from("that it is not there"),
        })?;
        Ok(Blueprint::Trigger(Trigger { source, ..trigger.clone() }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        let found = edge(known(site, name)?).configuration(site, name).await?;
        Ok(found.unwrap_or_else(|| fields::absent(ResourceId::new(ResourceKind::Trigger, name))))
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        edge(known(site, name)?).disconnect(site).await
    }
}

/// Disables the event source mapping of a trigger; whether it had one that was on.
pub(crate) async fn switch_off(site: &Site, name: &str) -> Result<bool, ServiceError> {
    mapping::Mapping { site, trigger: known(site, name)? }.disable(name).await
}

/// ARN of the queue on the way of a trigger.
pub(crate) fn queue_arn(site: &Site, trigger: &Trigger) -> Option<String> {
    let via = trigger.queue()?;
    crate::services::arn::of(site, ResourceKind::Queue, &site.name_of(ResourceKind::Queue, &via.queue))
}

/// Whether an ARN names this function, or a version or alias of it.
fn names_function(site: &Site, arn: &str, function: &str) -> bool {
    let physical = site.name_of(ResourceKind::Function, function);
    let Some(own) = crate::services::arn::of(site, ResourceKind::Function, &physical) else { return false };
    arn.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
