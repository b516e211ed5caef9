//! S3 notifications: object events of a bucket invoke a function.

use async_trait::async_trait;
use aws_sdk_s3::types::{Event, LambdaFunctionConfiguration};
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::{Trigger, TriggerSource},
};
use serde_json::Value;

use super::{
    Edge, names_function,
    notification::{self, bucket_of, present},
};
use crate::services::{ServiceError, Site, arn, fields::Fields, lambda, s3};

const INVOKE: &str = "lambda:InvokeFunction";

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
        Ok(statements.into_iter().find(|statement| notification::lets_in(site, self.bucket(), statement)))
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
            .principal(notification::PRINCIPAL)
            .set_source_arn(arn::of(site, ResourceKind::Bucket, &bucket))
            .source_account(arn::account(site));
        let permitted = request.send().await;
        permitted.map_err(|error| ServiceError::request(format!("Lambda AddPermission for {name}"), &error))?;
        Ok(())
    }

    /// The bucket's notifications without this one, and with `own` if there is one.
    async fn notify(&self, site: &Site, own: Option<LambdaFunctionConfiguration>) -> Result<(), ServiceError> {
        notification::change(site, self.bucket(), |all| {
            let functions = all.lambda_function_configurations.get_or_insert_default();
            functions.retain(|of| !names_function(site, &of.lambda_function_arn, &self.0.function));
            functions.extend(own);
        })
        .await
    }

    fn configured(&self, name: &str, function_arn: String) -> Result<LambdaFunctionConfiguration, ServiceError> {
        let TriggerSource::BucketEvents { events, prefix, .. } = &self.0.source else {
            return Err(crate::services::wrong_blueprint(ResourceKind::Trigger, name));
        };
        LambdaFunctionConfiguration::builder()
            .id(name)
            .lambda_function_arn(function_arn)
            .set_events(Some(events.iter().map(|event| Event::from(event.as_str())).collect()))
            .set_filter(notification::filter(prefix.as_deref()))
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
        self.notify(site, Some(own)).await
    }

    async fn describe(&self, site: &Site) -> Result<Option<TriggerSource>, ServiceError> {
        let Some(found) = self.notification(site).await? else { return Ok(None) };
        Ok(Some(TriggerSource::BucketEvents {
            bucket: self.bucket().to_owned(),
            events: found.events.iter().map(|event| event.as_str().to_owned()).collect(),
            prefix: notification::prefix_of(found.filter),
            queue: None,
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Option<Configuration>, ServiceError> {
        let calls = |arn: &str| names_function(site, arn, &self.0.function);
        let described = notification::described(site, self.bucket(), notification::FUNCTION, calls).await?;
        let Some(own) = described else { return Ok(None) };
        let id = ResourceId::new(ResourceKind::Trigger, name);
        let logical = arn::Logical::new(site, &id);
        let mut fields = Fields::default();
        fields.add("notification", &logical.value(&own));
        if let Some(permission) = self.permission(site).await? {
            fields.add("permission", &logical.value(&permission));
        }
        Ok(Some(fields.sorted(id, notification::RULES)))
    }

    async fn disconnect(&self, site: &Site) -> Result<(), ServiceError> {
        if self.notification(site).await?.is_some() {
            self.notify(site, None).await?;
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
