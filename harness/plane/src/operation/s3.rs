//! Operations of Amazon S3, from method, address, subresource and headers.
//!
//! Source: Amazon S3 API Reference, "Actions"; for addresses the Amazon S3 User Guide, "Virtual hosting of buckets" and
//! "Amazon S3 endpoints". Names are those of the SDKs. A hint like `x-id=PutObject` is not heeded, as S3 does not.
//!
//! Not read: S3 Control (its operations are those of another API under the same signature), website endpoints, and hosts
//! that are a bucket's name in whole.

use http::{HeaderName, Method};

use super::{
    Asked, Head,
    classify::{asks, decoded, host_before, is_region, parameters},
    protocol,
};

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
const ACCOUNT_ID: HeaderName = HeaderName::from_static("x-amz-account-id");

/// A subresource and the operations on it; a method that it does not have is empty.
struct Subresource {
    name: &'static str,
    get: &'static str,
    put: &'static str,
    post: &'static str,
    delete: &'static str,
}

const fn on(
    name: &'static str,
    get: &'static str,
    put: &'static str,
    post: &'static str,
    delete: &'static str,
) -> Subresource {
    Subresource { name, get, put, post, delete }
}

/// Some operations go by one more parameter, see [`refined`].
#[rustfmt::skip]
const OF_BUCKETS: &[Subresource] = &[
    on("abac", "GetBucketAbac", "PutBucketAbac", "", ""),
    on("accelerate", "GetBucketAccelerateConfiguration", "PutBucketAccelerateConfiguration", "", ""),
    on("acl", "GetBucketAcl", "PutBucketAcl", "", ""),
    on("analytics", "GetBucketAnalyticsConfiguration", "PutBucketAnalyticsConfiguration", "", "DeleteBucketAnalyticsConfiguration"),
    on("cors", "GetBucketCors", "PutBucketCors", "", "DeleteBucketCors"),
    on("delete", "", "", "DeleteObjects", ""),
    on("encryption", "GetBucketEncryption", "PutBucketEncryption", "", "DeleteBucketEncryption"),
    on("intelligent-tiering", "GetBucketIntelligentTieringConfiguration", "PutBucketIntelligentTieringConfiguration", "", "DeleteBucketIntelligentTieringConfiguration"),
    on("inventory", "GetBucketInventoryConfiguration", "PutBucketInventoryConfiguration", "", "DeleteBucketInventoryConfiguration"),
    on("lifecycle", "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "", "DeleteBucketLifecycle"),
    on("location", "GetBucketLocation", "", "", ""),
    on("logging", "GetBucketLogging", "PutBucketLogging", "", ""),
    on("metadataAnnotationTable", "", "UpdateBucketMetadataAnnotationTableConfiguration", "", ""),
    on("metadataConfiguration", "GetBucketMetadataConfiguration", "", "CreateBucketMetadataConfiguration", "DeleteBucketMetadataConfiguration"),
    on("metadataInventoryTable", "", "UpdateBucketMetadataInventoryTableConfiguration", "", ""),
    on("metadataJournalTable", "", "UpdateBucketMetadataJournalTableConfiguration", "", ""),
    on("metadataTable", "GetBucketMetadataTableConfiguration", "", "CreateBucketMetadataTableConfiguration", "DeleteBucketMetadataTableConfiguration"),
    on("metrics", "GetBucketMetricsConfiguration", "PutBucketMetricsConfiguration", "", "DeleteBucketMetricsConfiguration"),
    on("notification", "GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration", "", ""),
    on("object-lock", "GetObjectLockConfiguration", "PutObjectLockConfiguration", "", ""),
    on("ownershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls", "", "DeleteBucketOwnershipControls"),
    on("policy", "GetBucketPolicy", "PutBucketPolicy", "", "DeleteBucketPolicy"),
    on("policyStatus", "GetBucketPolicyStatus", "", "", ""),
    on("publicAccessBlock", "GetPublicAccessBlock", "PutPublicAccessBlock", "", "DeletePublicAccessBlock"),
    on("replication", "GetBucketReplication", "PutBucketReplication", "", "DeleteBucketReplication"),
    on("requestPayment", "GetBucketRequestPayment", "PutBucketRequestPayment", "", ""),
    on("session", "CreateSession", "", "", ""),
    on("tagging", "GetBucketTagging", "PutBucketTagging", "", "DeleteBucketTagging"),
    on("uploads", "ListMultipartUploads", "", "", ""),
    on("versioning", "GetBucketVersioning", "PutBucketVersioning", "", ""),
    on("versions", "ListObjectVersions", "", "", ""),
    on("website", "GetBucketWebsite", "PutBucketWebsite", "", "DeleteBucketWebsite"),
];

#[rustfmt::skip]
const OF_OBJECTS: &[Subresource] = &[
    on("acl", "GetObjectAcl", "PutObjectAcl", "", ""),
    on("annotation", "GetObjectAnnotation", "PutObjectAnnotation", "", "DeleteObjectAnnotation"),
    on("attributes", "GetObjectAttributes", "", "", ""),
    on("encryption", "", "UpdateObjectEncryption", "", ""),
    on("legal-hold", "GetObjectLegalHold", "PutObjectLegalHold", "", ""),
    on("renameObject", "", "RenameObject", "", ""),
    on("restore", "", "", "RestoreObject", ""),
    on("retention", "GetObjectRetention", "PutObjectRetention", "", ""),
    on("select", "", "", "SelectObjectContent", ""),
    on("tagging", "GetObjectTagging", "PutObjectTagging", "", "DeleteObjectTagging"),
    on("torrent", "GetObjectTorrent", "", "", ""),
    on("uploadId", "ListParts", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"),
    on("uploads", "", "", "CreateMultipartUpload", ""),
];

pub(super) fn asked(head: &Head<'_>) -> Asked {
    let mut asked = Asked::default();
    let path = head.uri.path();
    if head.service == "s3-object-lambda" && path == "/WriteGetObjectResponse" {
        asked.operation = (head.method == Method::POST).then(|| "WriteGetObjectResponse".to_owned());
        return asked;
    }
    if is_control(head) {
        return asked;
    }
    let (bucket, key) = address(head.host, path);
    asked.name("s3", &bucket);
    asked.operation = operation(head, !bucket.is_empty(), !key.is_empty()).map(str::to_owned);
    if matches!(asked.operation.as_deref(), Some("CopyObject" | "UploadPartCopy")) {
        asked.name("s3", &source_bucket(&protocol::value(head.headers, &COPY_SOURCE)));
    }
    asked
}

fn operation(head: &Head<'_>, names_bucket: bool, names_object: bool) -> Option<&'static str> {
    let known = |name: &str| OF_BUCKETS.iter().chain(OF_OBJECTS).map(|row| row.name).find(|known| *known == name);
    let mut subresources = parameters(head.uri).filter_map(|(name, _)| known(&name));
    let Some(subresource) = subresources.next() else {
        return plain(head, names_bucket, names_object);
    };
    // S3 refuses a request for two subresources at once.
    if subresources.any(|other| other != subresource) || !names_bucket {
        return None;
    }
    let table = if names_object { OF_OBJECTS } else { OF_BUCKETS };
    let row = table.iter().find(|row| row.name == subresource)?;
    let operation = match *head.method {
        Method::GET => row.get,
        Method::PUT => row.put,
        Method::POST => row.post,
        Method::DELETE => row.delete,
        _ => "",
    };
    refined(head, operation)
}

/// The operations that share method and subresource with another one.
fn refined(head: &Head<'_>, operation: &'static str) -> Option<&'static str> {
    let or_list = |parameter: &str, list: &'static str| if asks(head.uri, parameter) { operation } else { list };
    Some(match operation {
        "" => return None,
        "GetBucketAnalyticsConfiguration" => or_list("id", "ListBucketAnalyticsConfigurations"),
        "GetBucketIntelligentTieringConfiguration" => or_list("id", "ListBucketIntelligentTieringConfigurations"),
        "GetBucketInventoryConfiguration" => or_list("id", "ListBucketInventoryConfigurations"),
        "GetBucketMetricsConfiguration" => or_list("id", "ListBucketMetricsConfigurations"),
        "GetObjectAnnotation" => or_list("annotationName", "ListObjectAnnotations"),
        "UploadPart" if !asks(head.uri, "partNumber") => return None,
        "UploadPart" if copies(head) => "UploadPartCopy",
        _ => operation,
    })
}

/// The operation of a request for no subresource.
fn plain(head: &Head<'_>, names_bucket: bool, names_object: bool) -> Option<&'static str> {
    let second = |(name, value): (String, String)| name == "list-type" && value == "2";
    Some(match (head.method, names_bucket, names_object) {
        (&Method::GET, true, true) => "GetObject",
        (&Method::HEAD, true, true) => "HeadObject",
        (&Method::PUT, true, true) if copies(head) => "CopyObject",
        (&Method::PUT, true, true) => "PutObject",
        (&Method::DELETE, true, true) => "DeleteObject",
        (&Method::GET, true, false) if parameters(head.uri).any(second) => "ListObjectsV2",
        (&Method::GET, true, false) => "ListObjects",
        (&Method::HEAD, true, false) => "HeadBucket",
        (&Method::PUT, true, false) => "CreateBucket",
        (&Method::DELETE, true, false) => "DeleteBucket",
        (&Method::POST, true, false) if protocol::content_type(head.headers) == "multipart/form-data" => "PostObject",
        (&Method::GET, false, false) if head.service == "s3express" => "ListDirectoryBuckets",
        (&Method::GET, false, false) => "ListBuckets",
        _ => return None,
    })
}

fn copies(head: &Head<'_>) -> bool {
    head.headers.contains_key(COPY_SOURCE)
}

/// S3 Control: `/v20180820/…` with the account in a header or before the host name.
fn is_control(head: &Head<'_>) -> bool {
    let by_host = host_before(head.host, "s3-control").is_some();
    by_host || (head.uri.path().starts_with("/v20180820/") && head.headers.contains_key(ACCOUNT_ID))
}

/// Bucket and key; either may be empty.
fn address(host: &str, path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or_default();
    if let Some(bucket) = bucket_of(host) {
        return (bucket, path.to_owned());
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decoded(bucket), key.to_owned())
}

/// The bucket before the endpoint in a host name, or the access point. The rightmost label that may begin an endpoint
/// counts: a bucket's name may look like one.
fn bucket_of(host: &str) -> Option<String> {
    let before = host.rmatch_indices('.').find_map(|(dot, _)| {
        let label = host[dot + 1..].split('.').next().unwrap_or_default();
        begins_endpoint(label).then(|| &host[..dot])
    })?;
    (!before.is_empty()).then(|| before.to_owned())
}

fn begins_endpoint(label: &str) -> bool {
    let Some(kind) = label.strip_prefix("s3") else { return false };
    let legacy_region = || kind.strip_prefix('-').is_some_and(is_region);
    matches!(kind, "" | "-fips" | "-accelerate" | "-accesspoint" | "-accesspoint-fips" | "-object-lambda" | "-outposts")
        || kind.starts_with("express-")
        || legacy_region()
}

/// The bucket of a copy's source, `bucket/key` or `/bucket/key`, or the access point of an ARN.
fn source_bucket(source: &str) -> String {
    let source = decoded(source);
    if source.starts_with("arn:") {
        return source;
    }
    let source = source.strip_prefix('/').unwrap_or(&source);
    source.split('/').next().unwrap_or_default().to_owned()
}
