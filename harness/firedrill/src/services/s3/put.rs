//! Writing and deleting one object.

use std::collections::BTreeMap;

use super::ByteStream;
use crate::services::{ServiceError, Site};

/// What is written besides the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// Object key.
    pub key: String,
    /// Content type.
    pub content_type: Option<String>,
    /// User metadata; S3 allows ASCII alone.
    pub metadata: BTreeMap<String, String>,
    /// Object tags.
    pub tags: BTreeMap<String, String>,
}

/// Writes an object of `size` bytes, by multipart upload above 8 MiB (aborted when it fails). Returns the version id when
/// the bucket is versioned.
pub async fn put(
    site: &Site,
    name: &str,
    upload: &Upload,
    size: u64,
    body: ByteStream,
) -> Result<Option<String>, ServiceError> {
    unimplemented!("{site:?} {name} {upload:?} {size} {body:?}")
}

/// Deletes the newest version of an object: a delete marker in a versioned bucket, whose version id is returned.
pub async fn delete(site: &Site, name: &str, key: &str) -> Result<Option<String>, ServiceError> {
    unimplemented!("{site:?} {name} {key}")
}
