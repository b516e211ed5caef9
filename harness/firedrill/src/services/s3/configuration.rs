//! Every setting of a bucket that the service describes.

use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
};
use serde_json::Value;

use super::{create::DEFAULT_REGION, describe::NOT_FOUND, settings::NOT_COMPARED};
use crate::{
    services::{
        ServiceError, Site, arn,
        fields::{self, Fields, Rules},
        raw::read_raw,
    },
    triggers,
};

/// Source: the `GetBucket*` operations of the S3 API Reference.
const RULES: Rules = Rules {
    compared: &[
        "location.**",
        "versioning.**",
        "encryption.Rule.*.ApplyServerSideEncryptionByDefault.**",
        "encryption.Rule.*.BucketKeyEnabled",
        "encryption.Rule.*.BlockedEncryptionTypes.**",
        "encryption",
        "cors.CORSRule.**",
        "tagging.TagSet.**",
        "policy.Version",
        "policy.Id",
        "policy.Statement.**",
        "lifecycle.Rule.**",
        "lifecycle.TransitionDefaultMinimumObjectSize",
        "ownership.Rule.**",
        "public-access.*",
        "website.**",
        "replication.**",
        "object-lock.**",
        "logging.**",
        "accelerate.**",
        "request-payment.**",
        "acl.AccessControlList.**",
        "notification.**",
    ],
    volatile: &[
        ("acl.Owner.**", "the account that owns the bucket"),
        ("acl.AccessControlList.Grant.*.Grantee.ID", "the account that owns the bucket"),
        ("acl.AccessControlList.Grant.*.Grantee.DisplayName", "the account that owns the bucket"),
    ],
};

/// One describe operation of buckets whose absence has its own error code.
macro_rules! aspect {
    ($fields:ident, $logical:ident, $site:ident, $bucket:expr, $operation:ident, $name:literal, $absent:expr) => {{
        let request = $site.clients.s3.$operation().bucket($bucket);
        let operation = format!("S3 {} of {}", stringify!($operation), $bucket);
        let body: Result<Option<Value>, ServiceError> = read_raw!(request, operation, xml, absent: $absent);
        match body {
            Ok(Some(body)) => $fields.add($name, &$logical.value(&body)),
            Ok(None) => {}
            Err(ServiceError::Unusable { .. }) => $fields.not_offered($name),
            Err(error) => return Err(error),
        }
    }};
}

pub(super) async fn configuration(site: &Site, name: &str) -> Result<Configuration, ServiceError> {
    let id = ResourceId::new(ResourceKind::Bucket, name);
    if !super::describe::exists(site, name).await? {
        return Ok(fields::absent(id));
    }
    let bucket = site.physical(&id).to_owned();
    let logical = arn::Logical::new(site, &id);
    let mut fields = Fields::default();
    add_location(&mut fields, &logical, site, &bucket).await?;
    aspect!(fields, logical, site, &bucket, get_bucket_versioning, "versioning", []);
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_bucket_encryption,
        "encryption",
        ["ServerSideEncryptionConfigurationNotFoundError"]
    );
    aspect!(fields, logical, site, &bucket, get_bucket_cors, "cors", ["NoSuchCORSConfiguration"]);
    aspect!(fields, logical, site, &bucket, get_bucket_tagging, "tagging", ["NoSuchTagSet"]);
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_bucket_lifecycle_configuration,
        "lifecycle",
        ["NoSuchLifecycleConfiguration"]
    );
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_bucket_ownership_controls,
        "ownership",
        ["OwnershipControlsNotFoundError"]
    );
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_public_access_block,
        "public-access",
        ["NoSuchPublicAccessBlockConfiguration"]
    );
    aspect!(fields, logical, site, &bucket, get_bucket_website, "website", ["NoSuchWebsiteConfiguration"]);
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_bucket_replication,
        "replication",
        ["ReplicationConfigurationNotFoundError"]
    );
    aspect!(
        fields,
        logical,
        site,
        &bucket,
        get_object_lock_configuration,
        "object-lock",
        ["ObjectLockConfigurationNotFoundError"]
    );
    aspect!(fields, logical, site, &bucket, get_bucket_logging, "logging", []);
    aspect!(fields, logical, site, &bucket, get_bucket_accelerate_configuration, "accelerate", []);
    aspect!(fields, logical, site, &bucket, get_bucket_request_payment, "request-payment", []);
    aspect!(fields, logical, site, &bucket, get_bucket_acl, "acl", []);
    add_policy(&mut fields, &logical, site, &bucket).await?;
    let unclaimed = triggers::notification::unclaimed(site, name).await?;
    for (kind, notifications) in unclaimed {
        fields.add_named("notification", &kind, &logical.value(&notifications));
    }
    for (field, reason) in NOT_COMPARED {
        fields.set_aside(field, reason);
    }
    Ok(fields.sorted(id, RULES))
}

/// S3 answers nothing for the region that takes no location constraint.
async fn add_location(
    fields: &mut Fields,
    logical: &arn::Logical,
    site: &Site,
    bucket: &str,
) -> Result<(), ServiceError> {
    let operation = format!("S3 GetBucketLocation of {bucket}");
    let request = site.clients.s3.get_bucket_location().bucket(bucket);
    let location: Option<Value> = read_raw!(request, operation, xml, absent: [])?;
    let region = location.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or(DEFAULT_REGION);
    fields.add("location", &Value::String(logical.text(region)));
    Ok(())
}

/// The bucket policy is the one answer that is JSON.
async fn add_policy(
    fields: &mut Fields,
    logical: &arn::Logical,
    site: &Site,
    bucket: &str,
) -> Result<(), ServiceError> {
    let operation = format!("S3 GetBucketPolicy of {bucket}");
    let request = site.clients.s3.get_bucket_policy().bucket(bucket);
    let policy: Option<Value> = read_raw!(request, operation, json, absent: ["NoSuchBucketPolicy"])?;
    if let Some(policy) = policy {
        fields.add("policy", &logical.value(&policy));
    }
    Ok(())
}

/// The notifications of a bucket as the service describes them, each under the name of its kind of target.
pub(crate) async fn notifications(site: &Site, bucket: &str) -> Result<Option<Value>, ServiceError> {
    let operation = format!("S3 GetBucketNotificationConfiguration of {bucket}");
    let request = site.clients.s3.get_bucket_notification_configuration().bucket(bucket);
    read_raw!(request, operation, xml, absent: NOT_FOUND)
}
