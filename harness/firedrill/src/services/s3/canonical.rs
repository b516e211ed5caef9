//! The canonical form of an object.

use std::collections::BTreeMap;

use crate::services::canonical::Described;

/// Digest, parts, size and write id (metadata `write-id`) of an object. Parts: `body`, `content-type`, `metadata:x`,
/// `tags`.
pub fn describe_object(
    body_sha256: &str,
    size: u64,
    content_type: Option<&str>,
    metadata: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Described {
    unimplemented!("{body_sha256} {size} {content_type:?} {metadata:?} {tags:?}")
}
