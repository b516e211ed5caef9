//! Writing and deleting one object.

use firedrill_model::ids::ResourceKind::Bucket;

use super::{ByteStream, ObjectSettings, multipart, settings::with_settings};
use crate::services::{ServiceError, Site};

/// Above this many bytes an object is written in parts.
const WHOLE_MAX: u64 = 8 << 20;

/// What is written besides the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// Object key.
    pub key: String,
    /// Headers, metadata and tags.
    pub settings: ObjectSettings,
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
    if size > WHOLE_MAX {
        return multipart::put(site, name, upload, body).await;
    }
    let request = site
        .clients
        .s3
        .put_object()
        .bucket(site.name_of(Bucket, name))
        .key(&upload.key)
        .content_length(i64::try_from(size).unwrap_or(i64::MAX)) // a streaming body does not know its own
        .body(body);
    let written = with_settings!(request, &upload.settings)
        .send()
        .await
        .map_err(|error| ServiceError::request(format!("S3 PutObject `{}` to {name}", upload.key), &error))?;
    Ok(written.version_id)
}

/// Deletes the newest version of an object: a delete marker in a versioned bucket, whose version id is returned.
pub async fn delete(site: &Site, name: &str, key: &str) -> Result<Option<String>, ServiceError> {
    let request = site.clients.s3.delete_object().bucket(site.name_of(Bucket, name)).key(key);
    let deleted = request
        .send()
        .await
        .map_err(|error| ServiceError::request(format!("S3 DeleteObject `{key}` of {name}"), &error))?;
    Ok(deleted.version_id)
}
