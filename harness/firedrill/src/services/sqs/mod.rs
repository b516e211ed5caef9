//! SQS queues.

mod configuration;

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::Queue,
    units::Span,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Blueprint, Service, ServiceError, Site, fields, wrong_blueprint};
use crate::poll::{self, Look};

/// A queue is not there, in SQS's own words and in those of its older protocol.
pub(crate) const NOT_FOUND: [&str; 2] = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];
/// For 60 s after a queue was deleted there can be no other of its name (Amazon SQS API Reference, `DeleteQueue`).
const DELETED_RECENTLY: [&str; 2] = ["QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"];
const EVERY: Span = Span::from_ms(500);
const LIMIT: Span = Span::from_secs(120);

/// The queues of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Queues;

#[async_trait]
impl Service for Queues {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Queue(queue) = blueprint else { return Err(wrong_blueprint(ResourceKind::Queue, name)) };
        let what = format!("queue {name} to be created");
        poll::until(what, EVERY, LIMIT, &CancellationToken::new(), || async {
            let request = site.clients.sqs.create_queue().queue_name(site.name_of(ResourceKind::Queue, name));
            let tags = (!queue.tags.is_empty()).then(|| queue.tags.clone().into_iter().collect());
            let made = request.set_attributes(Some(attributes(queue))).set_tags(tags).send().await;
            match made.map_err(|error| ServiceError::request(format!("SQS CreateQueue {name}"), &error)) {
                Err(error) if error.code().is_some_and(|code| DELETED_RECENTLY.contains(&code)) => {
                    Look::NotYet(error.to_string())
                }
                made => Look::Ready(made.map(drop)),
            }
        })
        .await?
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        Ok(url(site, name).await?.is_some())
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        let url = url(site, name).await?.ok_or_else(|| not_there("describing", name))?;
        let operation = format!("SQS GetQueueAttributes {name}");
        let request = site.clients.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
        let answer = request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
        let found = answer.attributes.unwrap_or_default();
        let seconds = |of: QueueAttributeName| found.get(&of).and_then(|text| text.parse().ok()).unwrap_or_default();
        let operation = format!("SQS ListQueueTags {name}");
        let tags = site.clients.sqs.list_queue_tags().queue_url(&url).send().await;
        let tags = tags.map_err(|error| ServiceError::request(operation, &error))?.tags.unwrap_or_default();
        Ok(Blueprint::Queue(Queue {
            visibility_timeout_s: seconds(QueueAttributeName::VisibilityTimeout),
            retention_s: seconds(QueueAttributeName::MessageRetentionPeriod),
            encryption: found.get(&QueueAttributeName::SqsManagedSseEnabled).is_some_and(|on| on == "true"),
            tags: tags.into_iter().filter(|(key, _)| !super::cloudformation::owns_tag(key)).collect(),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let Some(url) = url(site, name).await? else { return Ok(()) };
        let deleted = site.clients.sqs.delete_queue().queue_url(url).send().await;
        match deleted.map_err(|error| ServiceError::request(format!("SQS DeleteQueue {name}"), &error)) {
            Err(error) if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        poll::until(format!("queue {name} to be gone"), EVERY, LIMIT, &CancellationToken::new(), || async {
            match self.exists(site, name).await {
                Ok(true) => Look::NotYet("still there".to_owned()),
                gone => Look::Ready(gone.map(drop)),
            }
        })
        .await?
    }
}

fn attributes(queue: &Queue) -> HashMap<QueueAttributeName, String> {
    HashMap::from([
        (QueueAttributeName::VisibilityTimeout, queue.visibility_timeout_s.to_string()),
        (QueueAttributeName::MessageRetentionPeriod, queue.retention_s.to_string()),
        (QueueAttributeName::SqsManagedSseEnabled, queue.encryption.to_string()),
    ])
}

/// Where a queue is addressed; `None` when it is not there.
pub(crate) async fn url(site: &Site, name: &str) -> Result<Option<String>, ServiceError> {
    let request = site.clients.sqs.get_queue_url().queue_name(site.name_of(ResourceKind::Queue, name));
    match request.send().await.map_err(|error| ServiceError::request(format!("SQS GetQueueUrl {name}"), &error)) {
        Ok(answer) => Ok(answer.queue_url),
        Err(error) if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The statements of a queue's policy; none when it is not there or has none.
pub(crate) async fn statements(site: &Site, name: &str) -> Result<Vec<Value>, ServiceError> {
    let Some(url) = url(site, name).await? else { return Ok(Vec::new()) };
    let operation = format!("SQS GetQueueAttributes {name}");
    let request = site.clients.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::Policy);
    let answer = request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
    let policy = answer.attributes.unwrap_or_default().remove(&QueueAttributeName::Policy).unwrap_or_default();
    of_policy(&policy, &operation)
}

/// The statements of a policy's text.
fn of_policy(text: &str, operation: &str) -> Result<Vec<Value>, ServiceError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let policy: Value = serde_json::from_str(text).map_err(|error| ServiceError::Unusable {
        operation: operation.to_owned(),
        what: format!("a policy that is not JSON: {error}"),
    })?;
    Ok(fields::elements(&policy, "Statement"))
}

/// Puts these statements in the place of a queue's policy.
pub(crate) async fn set_policy(site: &Site, name: &str, statements: &[Value]) -> Result<(), ServiceError> {
    let url = url(site, name).await?.ok_or_else(|| not_there("setting the policy of", name))?;
    let policy = if statements.is_empty() {
        String::new()
    } else {
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    };
    let request = site.clients.sqs.set_queue_attributes().queue_url(url).attributes(QueueAttributeName::Policy, policy);
    request.send().await.map_err(|error| ServiceError::request(format!("SQS SetQueueAttributes {name}"), &error))?;
    Ok(())
}

fn not_there(doing: &str, name: &str) -> ServiceError {
    ServiceError::Unusable {
        operation: format!("{doing} {}", ResourceId::new(ResourceKind::Queue, name)),
        what: "that it is not there".to_owned(),
    }
}
