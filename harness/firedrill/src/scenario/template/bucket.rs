//! `AWS::S3::Bucket`, without its notifications, which are triggers.
//!
//! Source: AWS CloudFormation Template Reference, `AWS::S3::Bucket`.

use firedrill_model::stack::{Bucket, CorsRule};
use serde::Deserialize;

use super::properties::{Properties, Tag, Whole};
use crate::scenario::stack_raw::ObjectData;

pub(super) const TYPE: &str = "AWS::S3::Bucket";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Versioning {
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Encryption {
    server_side_encryption_configuration: Vec<EncryptionRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct EncryptionRule {
    server_side_encryption_by_default: DefaultEncryption,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultEncryption {
    #[serde(rename = "SSEAlgorithm")]
    algorithm: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Cors {
    cors_rules: Vec<WrittenCors>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct WrittenCors {
    allowed_origins: Vec<String>,
    allowed_methods: Vec<String>,
    #[serde(default)]
    allowed_headers: Vec<String>,
    max_age: Option<Whole>,
}

/// What `Metadata.firedrill` of a bucket may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    data: Option<ObjectData>,
}

pub(super) fn read(of: &mut Properties<'_, '_, '_>) -> Bucket {
    of.known("NotificationConfiguration");
    let metadata: Metadata = of.metadata();
    let encryption: Option<Encryption> = of.get("BucketEncryption");
    let rules = encryption.map(|of| of.server_side_encryption_configuration).unwrap_or_default();
    let encryption = rules.into_iter().next().map(|rule| rule.server_side_encryption_by_default.algorithm);
    if encryption.as_ref().is_some_and(|algorithm| algorithm != "AES256") {
        let message = format!("`{}` is encrypted with a key of its own", of.id);
        of.wrong("BucketEncryption", message, "firedrill restores buckets with `SSEAlgorithm: AES256`");
    }
    let versioning: Option<Versioning> = of.get("VersioningConfiguration");
    let cors: Option<Cors> = of.get("CorsConfiguration");
    let tags: Vec<Tag> = of.get("Tags").unwrap_or_default();
    Bucket {
        versioning: versioning.is_some_and(|versioning| versioning.status == "Enabled"),
        encryption,
        cors: cors
            .map(|cors| cors.cors_rules)
            .unwrap_or_default()
            .into_iter()
            .map(|rule| CorsRule {
                origins: rule.allowed_origins,
                methods: rule.allowed_methods,
                headers: rule.allowed_headers,
                max_age_s: rule.max_age.map(|age| age.0),
            })
            .collect(),
        tags: super::tags(tags),
        data: metadata.data.map(|ObjectData::Upload| "upload".to_owned()),
    }
}
