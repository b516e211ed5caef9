//! S3 notifications that go to a queue, from which a mapping brings them to a function.

use async_trait::async_trait;
use aws_sdk_s3::types::{Event, QueueConfiguration};
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource, Via},
};
use serde_json::{Value, json};

use super::{
    Edge,
    mapping::{self, Mapping},
    notification::{self, bucket_of, present},
    queue_arn,
};
use crate::services::{
    ServiceError, Site, arn,
    fields::Fields,
    lambda, s3,
    sqs::{self, statements},
};

/// The edge from a bucket by a queue to a function.
pub(super) struct BucketQueue {
    pub(super) trigger: Trigger,
    pub(super) via: Via,
}

impl BucketQueue {
    /// Logical name of the bucket.
    fn bucket(&self) -> &str {
        bucket_of(&self.trigger).unwrap_or_default()
    }

    fn mapping<'a>(&'a self, site: &'a Site) -> Mapping<'a> {
        Mapping { site, trigger: &self.trigger }
    }

    /// The notification of this edge as the service has it.
    async fn notification(&self, site: &Site) -> Result<Option<QueueConfiguration>, ServiceError> {
        if !s3::exists(site, self.bucket()).await? {
            return Ok(None);
        }
        let own = queue_arn(site, &self.trigger).unwrap_or_default();
        let all = present(site, self.bucket()).await?.queue_configurations.unwrap_or_default();
        Ok(all.into_iter().find(|of| of.queue_arn == own))
    }

    /// The statement by which the queue lets the bucket's events in.
    async fn permission(&self, site: &Site) -> Result<Option<Value>, ServiceError> {
        let all = statements(site, &self.via.queue).await?;
        Ok(all.into_iter().find(|statement| notification::lets_in(site, self.bucket(), statement)))
    }

    /// Lets the bucket's events into the queue, unless they are let in already.
    async fn permit(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let mut all = statements(site, &self.via.queue).await?;
        if all.iter().any(|statement| notification::lets_in(site, self.bucket(), statement)) {
            return Ok(());
        }
        let bucket = site.name_of(ResourceKind::Bucket, self.bucket());
        all.push(json!({
            "Sid": name,
            "Effect": "Allow",
            "Principal": { "Service": notification::PRINCIPAL },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn(site, &self.trigger),
            "Condition": {
                "ArnLike": { "aws:SourceArn": arn::of(site, ResourceKind::Bucket, &bucket) },
                "StringEquals": { "aws:SourceAccount": arn::account(site) },
            },
        }));
        sqs::set_policy(site, &self.via.queue, &all).await
    }

    /// The bucket's notifications without this one, and with `own` if there is one.
    async fn notify(&self, site: &Site, own: Option<QueueConfiguration>) -> Result<(), ServiceError> {
        let arn = queue_arn(site, &self.trigger).unwrap_or_default();
        notification::change(site, self.bucket(), |all| {
            let queues = all.queue_configurations.get_or_insert_default();
            queues.retain(|of| of.queue_arn != arn);
            queues.extend(own);
        })
        .await
    }
}

#[async_trait]
impl Edge for BucketQueue {
    async fn connect(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let TriggerSource::BucketEvents { events, prefix, .. } = &self.trigger.source else {
            return Err(crate::services::wrong_blueprint(ResourceKind::Trigger, name));
        };
        let queue = queue_arn(site, &self.trigger).unwrap_or_default();
        // S3 asks the queue whether it may send there, so that the permission comes first.
        self.permit(site, name).await?;
        let mapping = self.mapping(site);
        // What an earlier attempt left may have other settings.
        mapping.delete().await?;
        let request = site
            .clients
            .lambda
            .create_event_source_mapping()
            .event_source_arn(&queue)
            .function_name(lambda::target_arn(site, &self.trigger.function).await?)
            .batch_size(i32::try_from(self.via.batch_size).unwrap_or(i32::MAX))
            .enabled(true);
        let operation = format!("Lambda CreateEventSourceMapping {name}");
        request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
        mapping.until_enabled(name).await?;
        let own = QueueConfiguration::builder()
            .id(name)
            .queue_arn(queue)
            .set_events(Some(events.iter().map(|event| Event::from(event.as_str())).collect()))
            .set_filter(notification::filter(prefix.as_deref()))
            .build();
        let own = own.map_err(|error| ServiceError::Unusable {
            operation: format!("S3 PutBucketNotificationConfiguration for {name}"),
            what: error.to_string(),
        })?;
        self.notify(site, Some(own)).await
    }

    /// It is connected when what is sent is let in and taken.
    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError> {
        if self.permission(site).await?.is_none() {
            return Ok(None);
        }
        let (Some(sent), Some(taken)) = (self.notification(site).await?, self.mapping(site).find().await?) else {
            return Ok(None);
        };
        let batch_size = taken.batch_size.and_then(|size| u32::try_from(size).ok()).unwrap_or_default();
        Ok(Some(TriggerSource::BucketEvents {
            bucket: self.bucket().to_owned(),
            events: sent.events.iter().map(|event| event.as_str().to_owned()).collect(),
            prefix: notification::prefix_of(sent.filter),
            queue: Some(Via { queue: self.via.queue.clone(), batch_size }),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError> {
        let own = queue_arn(site, &self.trigger).unwrap_or_default();
        let sent = notification::described(site, self.bucket(), notification::QUEUE, |arn| arn == own).await?;
        let taken = self.mapping(site).described().await?;
        if sent.is_none() && taken.is_none() {
            return Ok(None);
        }
        let id = ResourceId::new(ResourceKind::Trigger, name);
        let logical = arn::Logical::new(site, &id);
        let mut fields = Fields::default();
        fields.add("notification", &logical.value(&sent.unwrap_or_default()));
        fields.add("mapping", &logical.value(&taken.unwrap_or_default()));
        fields.add("permission", &logical.value(&self.permission(site).await?.unwrap_or_default()));
        Ok(Some(fields.sorted_by(id, &[notification::RULES, mapping::RULES])))
    }

    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError> {
        if self.notification(site).await?.is_some() {
            self.notify(site, None).await?;
        }
        self.mapping(site).delete().await?;
        let all = statements(site, &self.via.queue).await?;
        let others: Vec<Value> =
            all.iter().filter(|of| !notification::lets_in(site, self.bucket(), of)).cloned().collect();
        if others.len() < all.len() {
            sqs::set_policy(site, &self.via.queue, &others).await?;
        }
        Ok(())
    }
}

/// The statements of a queue's policy that are compared with no trigger of the stack: of those that let one bucket in the first is,
/// and another is one too many.
pub(crate) fn unclaimed(site: &Site, queue: &str, mut statements: Vec<Value>) -> Vec<Value> {
    let own = site.triggers().filter(|trigger| trigger.queue().is_some_and(|via| via.queue == queue));
    for bucket in own.filter_map(bucket_of) {
        if let Some(first) = statements.iter().position(|statement| notification::lets_in(site, bucket, statement)) {
            statements.remove(first);
        }
    }
    statements
}
