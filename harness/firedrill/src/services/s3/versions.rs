//! Listing object versions.

use std::collections::HashMap;

use aws_sdk_s3::{
    operation::list_object_versions::ListObjectVersionsOutput,
    primitives::DateTime,
    types::{DeleteMarkerEntry, EncodingType, ObjectVersion as Listed},
};
use firedrill_model::ids::ResourceKind::Bucket;
use futures_util::{Stream, stream};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::services::{ServiceError, Site, raw::BodyTap};

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
    /// The service's digest of the content, whatever it is made of: it changes with the content. None for a delete marker.
    pub etag: Option<String>,
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
    versions_below(site, name, "")
}

/// The same of the objects whose keys begin with `prefix`.
pub fn versions_below<'a>(
    site: &'a Site,
    name: &'a str,
    prefix: &'a str,
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
            .set_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
            .set_key_marker(key)
            .set_version_id_marker(version);
        let operation = format!("S3 ListObjectVersions of {name}");
        let tap = BodyTap::default();
        let sent = request.customize().interceptor(tap.clone()).send().await;
        let page = sent.map_err(|error| ServiceError::request(&operation, &error))?;
        let places = places(&tap.xml_as(&operation, of_either)?);
        let encoded = page.encoding_type == Some(EncodingType::Url);
        let next = page.is_truncated.unwrap_or(false).then(|| {
            (page.next_key_marker.as_deref().map(|key| decoded(key, encoded)), page.next_version_id_marker.clone())
        });
        Ok(Some((page_versions(page, &places, encoded), next)))
    })
}

/// Delete markers stand among the versions of their key.
fn of_either(name: &str) -> &str {
    if name == "DeleteMarker" { "Version" } else { name }
}

/// Where each key and version id stands in a page.
fn places(page: &Value) -> HashMap<(String, String), usize> {
    let listed = match &page["Version"] {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => std::slice::from_ref(one),
    };
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let named = listed.iter().map(|of| (text(of, "Key"), text(of, "VersionId")));
    named.enumerate().map(|(place, named)| (named, place)).collect()
}

/// Versions and delete markers of a page in one list, in the order in which S3 lists them: by key, newest first. The SDK gives
/// them apart, and their times do not tell which of two was first: S3 keeps whole seconds.
fn page_versions(
    page: ListObjectVersionsOutput,
    places: &HashMap<(String, String), usize>,
    encoded: bool,
) -> Vec<ObjectVersion> {
    let place = |key: &Option<String>, version: &Option<String>| {
        let named = (key.clone().unwrap_or_default(), version.clone().unwrap_or_default());
        places.get(&named).copied().unwrap_or(usize::MAX)
    };
    let objects = page.versions.unwrap_or_default().into_iter();
    let objects = objects.filter_map(|of| Some((place(&of.key, &of.version_id), object(of, encoded)?)));
    let markers = page.delete_markers.unwrap_or_default().into_iter();
    let markers = markers.filter_map(|of| Some((place(&of.key, &of.version_id), marker(of, encoded)?)));
    let mut versions: Vec<(usize, ObjectVersion)> = objects.chain(markers).collect();
    versions.sort_by(|(one_place, one), (other_place, other)| one.key.cmp(&other.key).then(one_place.cmp(other_place)));
    versions.into_iter().map(|(_, version)| version).collect()
}

fn object(of: Listed, encoded: bool) -> Option<ObjectVersion> {
    Some(ObjectVersion {
        key: decoded(&of.key?, encoded),
        version_id: of.version_id.unwrap_or_else(|| NULL_VERSION.to_owned()),
        last_modified_ms: millis(of.last_modified),
        size: of.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        etag: of.e_tag,
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
        etag: None,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::services::xml::to_json;

    proptest! {
        /// Whatever comes between what within one second.
        #[test]
        fn versions_and_markers_are_in_the_order_of_the_page(
            of_keys in prop::collection::vec(prop::collection::vec(any::<bool>(), 0..6), 0..4),
        ) {
            let at = DateTime::from_secs(1_764_000_000);
            let (mut xml, mut page, mut expected) = (String::new(), ListObjectVersionsOutput::builder(), Vec::new());
            for (number, markers) in of_keys.iter().enumerate() {
                for (version, is_marker) in markers.iter().enumerate() {
                    let (key, version) = (format!("k{number}%20"), format!("v{version}"));
                    let element = if *is_marker { "DeleteMarker" } else { "Version" };
                    xml.extend([format!("<{element}><Key>{key}</Key><VersionId>{version}</VersionId></{element}>")]);
                    page = if *is_marker {
                        let marker = DeleteMarkerEntry::builder().key(key).version_id(&version).last_modified(at);
                        page.delete_markers(marker.build())
                    } else {
                        page.versions(Listed::builder().key(key).version_id(&version).last_modified(at).build())
                    };
                    expected.push((format!("k{number} "), version, *is_marker));
                }
            }
            let xml = format!("<ListVersionsResult><Name>b</Name>{xml}</ListVersionsResult>");
            let places = places(&to_json(xml.as_bytes(), of_either).unwrap());
            let listed = page_versions(page.build(), &places, true);
            let listed = listed.into_iter().map(|of| (of.key, of.version_id, of.is_marker)).collect::<Vec<_>>();
            prop_assert_eq!(listed, expected);
        }
    }
}
