//! The notifications of a bucket, which S3 has as one whole.

use std::collections::BTreeSet;

use aws_sdk_s3::types::{
    FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter, S3KeyFilter,
};
use firedrill_model::{
    ids::ResourceKind,
    stack::{Trigger, TriggerSource},
};
use serde_json::Value;

use super::names_function;
use crate::services::{
    ServiceError, Site, arn,
    fields::{Rules, elements},
    s3,
};

/// Who sends them, in policies.
pub(super) const PRINCIPAL: &str = "s3.amazonaws.com";

/// What a described notification calls the function or the queue that it goes to.
pub(super) const FUNCTION: &str = "CloudFunction";
pub(super) const QUEUE: &str = "Queue";

/// A notification and the statement that lets it in. Source: `LambdaFunctionConfiguration` and `QueueConfiguration` of the S3
/// API Reference; policy language of IAM.
pub(super) const RULES: Rules = Rules {
    compared: &[
        "notification.CloudFunction",
        "notification.Queue",
        "notification.Event",
        "notification.Filter.**",
        "permission.Effect",
        "permission.Principal.**",
        "permission.Action",
        "permission.Resource",
        "permission.Condition.**",
    ],
    volatile: &[
        ("notification.Id", "a label, chosen by whoever connected it"),
        ("permission.Sid", "a label, chosen by whoever connected it"),
    ],
};

/// Logical name of the bucket behind a trigger.
pub(super) fn bucket_of(trigger: &Trigger) -> Option<&str> {
    match &trigger.source {
        TriggerSource::BucketEvents { bucket, .. } => Some(bucket),
        TriggerSource::TableStream { .. } => None,
    }
}

/// Whether a statement of a resource policy lets events of a bucket in.
pub(crate) fn lets_bucket_in(statement: &Value) -> bool {
    statement["Principal"]["Service"] == PRINCIPAL
}

/// Whether it is those of this bucket that it lets in.
pub(super) fn lets_in(site: &Site, bucket: &str, statement: &Value) -> bool {
    let arn = arn::of(site, ResourceKind::Bucket, &site.name_of(ResourceKind::Bucket, bucket));
    let allows = statement["Effect"] == "Allow" && lets_bucket_in(statement);
    allows && arn.is_some_and(|arn| names(&statement["Condition"], &arn))
}

/// Whether some text in a value is this one.
fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(list) => list.iter().any(|one| names(one, text)),
        Value::Object(map) => map.values().any(|one| names(one, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A filter by prefix.
pub(super) fn filter(prefix: Option<&str>) -> Option<NotificationConfigurationFilter> {
    let rule = FilterRule::builder().name(FilterRuleName::Prefix).value(prefix?).build();
    Some(NotificationConfigurationFilter::builder().key(S3KeyFilter::builder().filter_rules(rule).build()).build())
}

/// The prefix that a filter asks for.
pub(super) fn prefix_of(filter: Option<NotificationConfigurationFilter>) -> Option<String> {
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    // S3 answers `Prefix` where it was given `prefix`.
    let is_prefix = |name: &FilterRuleName| name.as_str().eq_ignore_ascii_case("prefix");
    rules.into_iter().find_map(|rule| rule.name.as_ref().is_some_and(is_prefix).then_some(rule.value).flatten())
}

/// The one of a bucket's notifications that goes where `goes_there` says, as the service describes it.
pub(super) async fn described(
    site: &Site,
    bucket: &str,
    kind: &str,
    goes_there: impl Fn(&str) -> bool,
) -> Result<Option<Value>, ServiceError> {
    if !s3::exists(site, bucket).await? {
        return Ok(None);
    }
    let described = s3::notifications(site, &site.name_of(ResourceKind::Bucket, bucket)).await?.unwrap_or_default();
    let all = elements(&described, &format!("{kind}Configuration"));
    Ok(all.into_iter().find(|of| of[kind].as_str().is_some_and(&goes_there)))
}

/// Notifications of a bucket that are compared with no trigger of the stack, by kind: of those that go to one function or queue
/// the first is compared, and another is one too many.
pub(crate) async fn unclaimed(site: &Site, bucket: &str) -> Result<Vec<(String, Value)>, ServiceError> {
    let described = s3::notifications(site, &site.name_of(ResourceKind::Bucket, bucket)).await?.unwrap_or_default();
    let Some(kinds) = described.as_object() else { return Ok(Vec::new()) };
    let own = || site.triggers().filter(|trigger| bucket_of(trigger) == Some(bucket));
    let mut functions: BTreeSet<&str> =
        own().filter(|trigger| trigger.queue().is_none()).map(|trigger| trigger.function.as_str()).collect();
    let mut queues: BTreeSet<String> = own().filter_map(|trigger| super::queue_arn(site, trigger)).collect();
    let mut claimed = |of: &Value| {
        let function = functions.iter().copied().find(|function| calls(site, of, function));
        function.is_some_and(|function| functions.remove(function))
            || of[QUEUE].as_str().is_some_and(|arn| queues.remove(arn))
    };
    Ok(kinds
        .keys()
        .map(|kind| {
            let left = elements(&described, kind).into_iter().filter(|of| !claimed(of)).collect::<Vec<_>>();
            (kind.clone(), Value::Array(left))
        })
        .filter(|(_, left)| left.as_array().is_some_and(|left| !left.is_empty()))
        .collect())
}

/// Whether a described notification calls this function.
fn calls(site: &Site, notification: &Value, function: &str) -> bool {
    notification[FUNCTION].as_str().is_some_and(|arn| names_function(site, arn, function))
}

/// All notifications of a bucket.
pub(super) async fn present(site: &Site, bucket: &str) -> Result<NotificationConfiguration, ServiceError> {
    let request = site.clients.s3.get_bucket_notification_configuration();
    let answer = request.bucket(site.name_of(ResourceKind::Bucket, bucket)).send().await;
    let answer = answer
        .map_err(|error| ServiceError::request(format!("S3 GetBucketNotificationConfiguration of {bucket}"), &error))?;
    Ok(NotificationConfiguration::builder()
        .set_topic_configurations(answer.topic_configurations)
        .set_queue_configurations(answer.queue_configurations)
        .set_lambda_function_configurations(answer.lambda_function_configurations)
        .set_event_bridge_configuration(answer.event_bridge_configuration)
        .build())
}

/// Changes the notifications of a bucket, which S3 replaces all at once.
pub(super) async fn change(
    site: &Site,
    bucket: &str,
    how: impl FnOnce(&mut NotificationConfiguration),
) -> Result<(), ServiceError> {
    let mut all = present(site, bucket).await?;
    how(&mut all);
    let request = site.clients.s3.put_bucket_notification_configuration();
    let request = request.bucket(site.name_of(ResourceKind::Bucket, bucket)).notification_configuration(all);
    let operation = format!("S3 PutBucketNotificationConfiguration of {bucket}");
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}
