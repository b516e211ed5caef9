//! Reading one object.

use std::collections::BTreeMap;

use super::ByteStream;
use crate::services::{ServiceError, Site};

/// An object with its body still to be read.
#[derive(Debug)]
pub struct Object {
    /// The body, streaming.
    pub body: ByteStream,
    /// Bytes of the body.
    pub size: u64,
    /// Content type.
    pub content_type: Option<String>,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Object tags.
    pub tags: BTreeMap<String, String>,
    /// Version id, when the bucket is versioned.
    pub version_id: Option<String>,
}

/// Opens one version of an object, the newest when `version` is `None`. The code of the error for an object that is not
/// there is `NoSuchKey` (or `NoSuchVersion`).
pub async fn read(site: &Site, name: &str, key: &str, version: Option<&str>) -> Result<Object, ServiceError> {
    unimplemented!("{site:?} {name} {key} {version:?}")
}
