//! Listing object versions.

use aws_sdk_s3::{
    operation::list_object_versions::ListObjectVersionsOutput,
    primitives::DateTime,
    types::{DeleteMarkerEntry, EncodingType, ObjectVersion as Listed},
};
use firedrill_model::ids::ResourceKind::Bucket;
use futures_util::{Stream, stream};
use percent_encoding::percent_decode_str;

use crate::services::{ServiceError, Site};

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Object key.
    pub key: String,
    /// Version id; `null` for an object written while versioning was off.
    pub version_id: String,
    /// When it was written, by the service's clock, epoch milliseconds. S3 itself keeps whole seconds.
    pub last_modified_ms: u64,
    /// Bytes; 0 for a delete marker.
    pub size: u64,
    /// It is a delete marker.
    pub is_marker: bool,
    /// It is the newest version of its key.
    pub is_latest: bool,
}

/// Version id of an object that was written while versioning was off.
pub const NULL_VERSION: &str = "null";

/// Every version of every object, a page at a time: by key, and within a key from newest to oldest.
pub fn versions<'a>(
    site: &'a Site,
    name: &'a str,
) -> impl Stream<Item = Result<Vec<ObjectVersion>, ServiceError>> + Send + 'a {
    stream::try_unfold(Some((None, None)), move |next: Option<(Option<String>, Option<String>)>| async move {
        let Some((key, version)) = next else { return Ok(None) };
        // Keys may hold characters that XML cannot: they are sent URL-encoded.
        let request = site
            .clients
            .s3
            .list_object_versions()
            .bucket(site.name_of(Bucket, name))
            .encoding_type(EncodingType::Url)
            .set_key_marker(key)
            .set_version_id_marker(version);
        let page = request
            .send()
            .await
            .map_err(|error| ServiceError::request(format!("S3 ListObjectVersions of {name}"), &error))?;
        let encoded = page.encoding_type == Some(EncodingType::Url);
        let next = page
            .is_truncated
            .unwrap_or(false)
            .then(|| (page.next_key_marker.as_deref().map(|key| decoded(key, encoded)), page.next_version_id_marker.clone()));
        Ok(Some((page_versions(page, encoded), next)))
    })
}

/// Versions and delete markers of a page, which come apart, in one list in the order of S3.
fn page_versions(page: ListObjectVersionsOutput, encoded: bool) -> Vec<ObjectVersion> {
    let objects = page.versions.unwrap_or_default().into_iter().filter_map(|of| object(of, encoded));
    let markers = page.delete_markers.unwrap_or_default().into_iter().filter_map(|of| marker(of, encoded));
    let mut versions: Vec<ObjectVersion> = objects.chain(markers).collect();
    // Stable: versions of one key and one second stay in the order of the service, newest first.
    versions.sort_by(|one, other| {
        one.key
            .cmp(&other.key)
            .then(other.is_latest.cmp(&one.is_latest))
            .then(other.last_modified_ms.cmp(&one.last_modified_ms))
    });
    versions
}

fn object(of: Listed, encoded: bool) -> Option<ObjectVersion> {
    Some(ObjectVersion {
        key: decoded(&of.key?, encoded),
        version_id: of.version_id.unwrap_or_else(|| NULL_VERSION.to_owned()),
        last_modified_ms: millis(of.last_modified),
        size: of.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        is_marker: false,
        is_latest: of.is_latest.unwrap_or(false),
    })
}

fn marker(of: DeleteMarkerEntry, encoded: bool) -> Option<ObjectVersion> {
    Some(ObjectVersion {
        key: decoded(&of.key?, encoded),
        version_id: of.version_id.unwrap_or_else(|| NULL_VERSION.to_owned()),
        last_modified_ms: millis(of.last_modified),
        size: 0,
        is_marker: true,
        is_latest: of.is_latest.unwrap_or(false),
    })
}

fn millis(at: Option<DateTime>) -> u64 {
    at.and_then(|at| at.to_millis().ok()).and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default()
}

/// A key as it was written; S3 encodes a space as `+`.
fn decoded(key: &str, encoded: bool) -> String {
    if !encoded {
        return key.to_owned();
    }
    percent_decode_str(&key.replace('+', "%20")).decode_utf8_lossy().into_owned()
}
