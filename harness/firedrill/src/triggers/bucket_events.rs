//! S3 notifications: object events of a bucket invoke a function.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter,
};
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource},
};
use serde_json::Value;

use super::{Edge, names_function};
use crate::services::{
    ServiceError, Site, arn,
    fields::{Fields, Rules},
    lambda, s3,
};

const BUCKET_PRINCIPAL: &str = "s3.amazonaws.com";
const INVOKE: &str = "lambda:InvokeFunction";

/// Source: `LambdaFunctionConfiguration` of the S3 API Reference; policy language of IAM.
const RULES: Rules = Rules {
    compared: &[
        "notification.CloudFunction",
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

/// The edge from a bucket to a function.
pub(super) struct BucketEvents(pub(super) Trigger);

impl BucketEvents {
    /// Logical name of the bucket.
    fn bucket(&self) -> &str {
        bucket_of(&self.0).unwrap_or_default()
    }

    /// The notification of this edge as the service describes it.
    async fn notification(&self, site: &Site) -> Result<Option<LambdaFunctionConfiguration>, ServiceError> {
        if !s3::exists(site, self.bucket()).await? {
            return Ok(None);
        }
        let present = present(site, self.bucket()).await?;
        let own = present.lambda_function_configurations.unwrap_or_default().into_iter();
        Ok(own.into_iter().find(|of| names_function(site, &of.lambda_function_arn, &self.0.function)))
    }

    /// The statement by which the function lets the bucket's events in.
    async fn permission(&self, site: &Site) -> Result<Option<Value>, ServiceError> {
        let function = site.name_of(ResourceKind::Function, &self.0.function);
        let qualifier = lambda::alias(site, &self.0.function).await?;
        let statements = lambda::statements(site, &function, qualifier.as_deref()).await?.unwrap_or_default();
        let bucket = site.name_of(ResourceKind::Bucket, self.bucket());
        let arn = arn::of(site, ResourceKind::Bucket, &bucket);
        Ok(statements.into_iter().find(|statement| {
            lets_bucket_in(statement) && arn.as_ref().is_some_and(|arn| statement.to_string().contains(arn.as_str()))
        }))
    }

    /// Lets the bucket's events into the function, unless they are let in already.
    async fn permit(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        if self.permission(site).await?.is_some() {
            return Ok(());
        }
        let bucket = site.name_of(ResourceKind::Bucket, self.bucket());
        let request = site
            .clients
            .lambda
            .add_permission()
            .function_name(site.name_of(ResourceKind::Function, &self.0.function))
            .set_qualifier(lambda::alias(site, &self.0.function).await?)
            .statement_id(name)
            .action(INVOKE)
            .principal(BUCKET_PRINCIPAL)
            .set_source_arn(arn::of(site, ResourceKind::Bucket, &bucket))
            .source_account(arn::account(site));
        let permitted = request.send().await;
        permitted.map_err(|error| ServiceError::request(format!("Lambda AddPermission for {name}"), &error))?;
        Ok(())
    }

    fn configured(&self, name: &str, function_arn: String) -> Result<LambdaFunctionConfiguration, ServiceError> {
        let TriggerSource::BucketEvents { events, prefix, .. } = &self.0.source else {
            return Err(crate::services::wrong_blueprint(ResourceKind::Trigger, name));
        };
        let filter = prefix.as_ref().map(|prefix| {
            let rule = FilterRule::builder().name(FilterRuleName::Prefix).value(prefix).build();
            NotificationConfigurationFilter::builder().key(S3KeyFilter::builder().filter_rules(rule).build()).build()
        });
        LambdaFunctionConfiguration::builder()
            .id(name)
            .lambda_function_arn(function_arn)
            .set_events(Some(events.iter().map(|event| Event::from(event.as_str())).collect()))
            .set_filter(filter)
            .build()
            .map_err(|error| ServiceError::Unusable {
                operation: format!("S3 PutBucketNotificationConfiguration for {name}"),
                what: error.to_string(),
            })
    }
}

#[async_trait]
impl Edge for BucketEvents {
    async fn connect(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        // S3 asks the function whether it may call it, so that the permission comes first.
        self.permit(site, name).await?;
        let own = self.configured(name, lambda::target_arn(site, &self.0.function).await?)?;
        let mut all = present(site, self.bucket()).await?;
        let mut functions = all.lambda_function_configurations.take().unwrap_or_default();
        functions.retain(|of| !names_function(site, &of.lambda_function_arn, &self.0.function));
        functions.push(own);
        all.lambda_function_configurations = Some(functions);
        replace(site, self.bucket(), all).await
    }

    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError> {
        let Some(found) = self.notification(site).await? else { return Ok(None) };
        let rules = found.filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
        Ok(Some(TriggerSource::BucketEvents {
            bucket: self.bucket().to_owned(),
            events: found.events.iter().map(|event| event.as_str().to_owned()).collect(),
            // S3 answers `Prefix` where it was given `prefix`.
            prefix: rules.into_iter().find_map(|rule| {
                rule.name
                    .is_some_and(|name| name.as_str().eq_ignore_ascii_case("prefix"))
                    .then_some(rule.value)
                    .flatten()
            }),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError> {
        if !s3::exists(site, self.bucket()).await? {
            return Ok(None);
        }
        let id = ResourceId::new(ResourceKind::Trigger, name);
        let logical = arn::Logical::new(site, &id);
        let bucket = site.name_of(ResourceKind::Bucket, self.bucket());
        let described = s3::notifications(site, &bucket).await?.unwrap_or_default();
        let own = elements(&described, "CloudFunctionConfiguration").into_iter();
        let Some(own) = own.into_iter().find(|of| calls(site, of, &self.0.function)) else { return Ok(None) };
        let mut fields = Fields::default();
        fields.add("notification", &logical.value(&own));
        if let Some(permission) = self.permission(site).await? {
            fields.add("permission", &logical.value(&permission));
        }
        Ok(Some(fields.sorted(id, RULES)))
    }

    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError> {
        if self.notification(site).await?.is_some() {
            let mut all = present(site, self.bucket()).await?;
            if let Some(functions) = &mut all.lambda_function_configurations {
                functions.retain(|of| !names_function(site, &of.lambda_function_arn, &self.0.function));
            }
            replace(site, self.bucket(), all).await?;
        }
        if !lambda::exists(site, &self.0.function).await? {
            return Ok(());
        }
        let Some(permission) = self.permission(site).await? else { return Ok(()) };
        let request = site
            .clients
            .lambda
            .remove_permission()
            .function_name(site.name_of(ResourceKind::Function, &self.0.function))
            .set_qualifier(lambda::alias(site, &self.0.function).await?)
            .statement_id(permission["Sid"].as_str().unwrap_or_default());
        request.send().await.map_err(|error| ServiceError::request("Lambda RemovePermission", &error))?;
        Ok(())
    }
}

fn bucket_of(trigger: &Trigger) -> Option<&str> {
    match &trigger.source {
        TriggerSource::BucketEvents { bucket, .. } => Some(bucket),
        TriggerSource::TableStream { .. } => None,
    }
}

/// Whether a statement of a resource policy lets events of a bucket in.
pub(crate) fn lets_bucket_in(statement: &Value) -> bool {
    statement["Principal"]["Service"] == BUCKET_PRINCIPAL
}

/// Notifications of a bucket that are compared with no trigger of the stack, by kind: of those that call one function the
/// first is compared, and another is one too many.
pub(crate) async fn unclaimed(site: &Site, bucket: &str) -> Result<Vec<(String, Value)>, ServiceError> {
    let described = s3::notifications(site, &site.name_of(ResourceKind::Bucket, bucket)).await?.unwrap_or_default();
    let Some(kinds) = described.as_object() else { return Ok(Vec::new()) };
    let own = site.triggers().filter(|trigger| bucket_of(trigger) == Some(bucket));
    let mut functions: BTreeSet<&str> = own.map(|trigger| trigger.function.as_str()).collect();
    let mut claimed = |of: &Value| {
        let called = functions.iter().copied().find(|function| calls(site, of, function));
        called.is_some_and(|function| functions.remove(function))
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

/// The elements under one name of a description: the list, or the one value.
fn elements(described: &Value, name: &str) -> Vec<Value> {
    match &described[name] {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one.clone()],
    }
}

/// Whether a described notification calls this function.
fn calls(site: &Site, notification: &Value, function: &str) -> bool {
    notification["CloudFunction"].as_str().is_some_and(|arn| names_function(site, arn, function))
}

/// All notifications of a bucket.
async fn present(site: &Site, bucket: &str) -> Result<NotificationConfiguration, ServiceError> {
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

/// S3 replaces all notifications of a bucket at once.
async fn replace(site: &Site, bucket: &str, all: NotificationConfiguration) -> Result<(), ServiceError> {
    let request = site.clients.s3.put_bucket_notification_configuration();
    let request = request.bucket(site.name_of(ResourceKind::Bucket, bucket)).notification_configuration(all);
    let operation = format!("S3 PutBucketNotificationConfiguration of {bucket}");
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}
