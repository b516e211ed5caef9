//! Every field of a queue that the service describes.

use aws_sdk_sqs::types::QueueAttributeName;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
};
use serde_json::Value;

use super::{NOT_FOUND, of_policy, url};
use crate::{
    services::{
        ServiceError, Site, arn,
        fields::{self, Fields, Rules},
        raw::read_raw,
    },
    triggers,
};

/// Source: `GetQueueAttributes` of the Amazon SQS API Reference.
const RULES: Rules = Rules {
    compared: &[
        "queue.QueueArn",
        "queue.VisibilityTimeout",
        "queue.MessageRetentionPeriod",
        "queue.MaximumMessageSize",
        "queue.DelaySeconds",
        "queue.ReceiveMessageWaitTimeSeconds",
        "queue.SqsManagedSseEnabled",
        "queue.KmsMasterKeyId",
        "queue.KmsDataKeyReusePeriodSeconds",
        "queue.RedrivePolicy",
        "queue.RedriveAllowPolicy",
        "queue.FifoQueue",
        "queue.ContentBasedDeduplication",
        "queue.DeduplicationScope",
        "queue.FifoThroughputLimit",
        "policy.**",
        "tags.**",
    ],
    volatile: &[
        ("queue.ApproximateNumberOfMessages", "follows the messages"),
        ("queue.ApproximateNumberOfMessagesNotVisible", "follows the messages"),
        ("queue.ApproximateNumberOfMessagesDelayed", "follows the messages"),
        ("queue.CreatedTimestamp", "each queue has its own"),
        ("queue.LastModifiedTimestamp", "each queue has its own"),
    ],
};

pub(super) async fn configuration(site: &Site, name: &str) -> Result<Configuration, ServiceError> {
    let id = ResourceId::new(ResourceKind::Queue, name);
    let Some(url) = url(site, name).await? else { return Ok(fields::absent(id)) };
    let operation = format!("SQS GetQueueAttributes {name}");
    let request = site.clients.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let described: Option<Value> = read_raw!(request, operation, json, absent: NOT_FOUND)?;
    let Some(mut described) = described else { return Ok(fields::absent(id)) };
    let attributes = &mut described["Attributes"];
    let policy = attributes.as_object_mut().and_then(|all| all.shift_remove("Policy"));
    let policy = of_policy(policy.as_ref().and_then(Value::as_str).unwrap_or_default(), &operation)?;
    let logical = arn::Logical::new(site, &id);
    let mut fields = Fields::default();
    fields.add("queue", &logical.value(attributes));
    // What lets the events of a trigger in belongs to the trigger.
    let unclaimed = triggers::bucket_queue::unclaimed(site, name, policy);
    fields.add("policy", &logical.value(&Value::Array(unclaimed)));
    let operation = format!("SQS ListQueueTags {name}");
    let request = site.clients.sqs.list_queue_tags().queue_url(&url);
    let tags: Option<Value> = read_raw!(request, operation, json, absent: NOT_FOUND)?;
    fields.add("tags", &logical.value(&tags.unwrap_or_default()["Tags"]));
    Ok(fields.sorted(id, RULES))
}
