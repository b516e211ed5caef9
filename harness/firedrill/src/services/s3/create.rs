//! Creating a bucket with its settings.

use aws_sdk_s3::{
    error::BuildError,
    types::{
        BucketLocationConstraint, BucketVersioningStatus, CorsConfiguration, CorsRule as SdkCorsRule,
        CreateBucketConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
        ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
    },
};
use firedrill_model::{
    ids::ResourceKind,
    stack::{Bucket, CorsRule},
};

use crate::services::{ServiceError, Site};

/// The region that S3 takes no location constraint for.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

pub(super) async fn create(site: &Site, name: &str, bucket: &Bucket) -> Result<(), ServiceError> {
    let physical = site.name_of(ResourceKind::Bucket, name);
    let region = site.clients.region.as_str();
    let location = (region != DEFAULT_REGION).then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    let request = site.clients.s3.create_bucket().bucket(&physical).set_create_bucket_configuration(location);
    request.send().await.map_err(|error| ServiceError::request(format!("S3 CreateBucket {name}"), &error))?;
    configure(site, name, bucket).await
}

/// Gives a bucket that is there the settings that it has.
pub(super) async fn configure(site: &Site, name: &str, bucket: &Bucket) -> Result<(), ServiceError> {
    let physical = site.name_of(ResourceKind::Bucket, name);
    if bucket.versioning {
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let request = site.clients.s3.put_bucket_versioning().bucket(&physical).versioning_configuration(versioning);
        request
            .send()
            .await
            .map_err(|error| ServiceError::request(format!("S3 PutBucketVersioning {name}"), &error))?;
    }
    if let Some(algorithm) = &bucket.encryption {
        put_encryption(site, name, &physical, algorithm).await?;
    }
    if !bucket.cors.is_empty() {
        put_cors(site, name, &physical, &bucket.cors).await?;
    }
    if !bucket.tags.is_empty() {
        put_tags(site, name, &physical, bucket).await?;
    }
    Ok(())
}

async fn put_encryption(site: &Site, name: &str, physical: &str, algorithm: &str) -> Result<(), ServiceError> {
    let operation = format!("S3 PutBucketEncryption {name}");
    let default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::from(algorithm)).build();
    let default = default.map_err(|error| incomplete(&operation, &error))?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build();
    let encryption = encryption.map_err(|error| incomplete(&operation, &error))?;
    let request =
        site.clients.s3.put_bucket_encryption().bucket(physical).server_side_encryption_configuration(encryption);
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}

async fn put_cors(site: &Site, name: &str, physical: &str, rules: &[CorsRule]) -> Result<(), ServiceError> {
    let operation = format!("S3 PutBucketCors {name}");
    let rules: Result<Vec<SdkCorsRule>, BuildError> = rules
        .iter()
        .map(|rule| {
            SdkCorsRule::builder()
                .set_allowed_origins(Some(rule.origins.clone()))
                .set_allowed_methods(Some(rule.methods.clone()))
                .set_allowed_headers((!rule.headers.is_empty()).then(|| rule.headers.clone()))
                .set_max_age_seconds(rule.max_age_s.and_then(|seconds| i32::try_from(seconds).ok()))
                .build()
        })
        .collect();
    let rules = rules.map_err(|error| incomplete(&operation, &error))?;
    let cors = CorsConfiguration::builder().set_cors_rules(Some(rules)).build();
    let cors = cors.map_err(|error| incomplete(&operation, &error))?;
    let request = site.clients.s3.put_bucket_cors().bucket(physical).cors_configuration(cors);
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}

async fn put_tags(site: &Site, name: &str, physical: &str, bucket: &Bucket) -> Result<(), ServiceError> {
    let operation = format!("S3 PutBucketTagging {name}");
    let tags: Result<Vec<Tag>, BuildError> =
        bucket.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = tags.map_err(|error| incomplete(&operation, &error))?;
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build();
    let tagging = tagging.map_err(|error| incomplete(&operation, &error))?;
    let request = site.clients.s3.put_bucket_tagging().bucket(physical).tagging(tagging);
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}

fn incomplete(operation: &str, error: &BuildError) -> ServiceError {
    ServiceError::Unusable { operation: operation.to_owned(), what: error.to_string() }
}
