//! Reading from the service what a bucket is made of.

use std::collections::BTreeMap;

use aws_sdk_s3::types::BucketVersioningStatus;
use firedrill_model::{
    ids::ResourceKind,
    stack::{Bucket, CorsRule},
};

use crate::services::{ServiceError, Site, cloudformation};

/// Codes of the error for a bucket that is not there; `HeadBucket` has no body to say it in.
pub(super) const NOT_FOUND: [&str; 2] = ["NoSuchBucket", "NotFound"];

pub(crate) async fn exists(site: &Site, name: &str) -> Result<bool, ServiceError> {
    let bucket = site.name_of(ResourceKind::Bucket, name);
    match site.clients.s3.head_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let error = ServiceError::request(format!("S3 HeadBucket {name}"), &error);
            if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) { Ok(false) } else { Err(error) }
        }
    }
}

/// What it would take to create the bucket again. The data generator, which AWS does not know, is left empty.
pub(super) async fn describe(site: &Site, name: &str) -> Result<Bucket, ServiceError> {
    Ok(Bucket {
        versioning: versioning(site, name).await?,
        encryption: encryption(site, name).await?,
        cors: cors(site, name).await?,
        tags: tags(site, name).await?,
        data: None,
    })
}

/// The answer, or `None` when the service says with `code` that there is no such setting.
fn unless_absent<T>(answer: Result<T, ServiceError>, code: &str) -> Result<Option<T>, ServiceError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some(code) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn versioning(site: &Site, name: &str) -> Result<bool, ServiceError> {
    let request = site.clients.s3.get_bucket_versioning().bucket(site.name_of(ResourceKind::Bucket, name));
    let answer = request.send().await;
    let answer = answer.map_err(|error| ServiceError::request(format!("S3 GetBucketVersioning {name}"), &error))?;
    Ok(answer.status == Some(BucketVersioningStatus::Enabled))
}

/// The algorithm of its default encryption, such as `AES256`; `None` when it encrypts nothing by itself.
pub async fn encryption(site: &Site, name: &str) -> Result<Option<String>, ServiceError> {
    let request = site.clients.s3.get_bucket_encryption().bucket(site.name_of(ResourceKind::Bucket, name));
    let answer = request.send().await;
    let answer = answer.map_err(|error| ServiceError::request(format!("S3 GetBucketEncryption {name}"), &error));
    let answer = unless_absent(answer, "ServerSideEncryptionConfigurationNotFoundError")?;
    let rules = answer.and_then(|answer| answer.server_side_encryption_configuration).map(|of| of.rules);
    Ok(rules
        .unwrap_or_default()
        .into_iter()
        .find_map(|rule| rule.apply_server_side_encryption_by_default)
        .map(|default| default.sse_algorithm.as_str().to_owned()))
}

async fn cors(site: &Site, name: &str) -> Result<Vec<CorsRule>, ServiceError> {
    let request = site.clients.s3.get_bucket_cors().bucket(site.name_of(ResourceKind::Bucket, name));
    let answer = request.send().await;
    let answer = answer.map_err(|error| ServiceError::request(format!("S3 GetBucketCors {name}"), &error));
    let answer = unless_absent(answer, "NoSuchCORSConfiguration")?;
    let rules = answer.and_then(|answer| answer.cors_rules).unwrap_or_default();
    Ok(rules
        .into_iter()
        .map(|rule| CorsRule {
            origins: rule.allowed_origins,
            methods: rule.allowed_methods,
            headers: rule.allowed_headers.unwrap_or_default(),
            max_age_s: rule.max_age_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        })
        .collect())
}

async fn tags(site: &Site, name: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let request = site.clients.s3.get_bucket_tagging().bucket(site.name_of(ResourceKind::Bucket, name));
    let answer = request.send().await;
    let answer = answer.map_err(|error| ServiceError::request(format!("S3 GetBucketTagging {name}"), &error));
    let answer = unless_absent(answer, "NoSuchTagSet")?;
    let tags = answer.map(|answer| answer.tag_set).unwrap_or_default().into_iter();
    Ok(tags.map(|tag| (tag.key, tag.value)).filter(|(key, _)| !cloudformation::owns_tag(key)).collect())
}
