//! Reading one object.

use std::collections::BTreeMap;

use firedrill_model::ids::ResourceKind::Bucket;

use super::{ByteStream, ObjectSettings};
use crate::services::{ServiceError, Site};

/// An object with its body still to be read.
#[derive(Debug)]
pub struct Object {
    /// The body, streaming.
    pub body: ByteStream,
    /// Bytes of the body.
    pub size: u64,
    /// Headers, metadata and tags; no tags when `tags_unreadable`.
    pub settings: ObjectSettings,
    /// It has tags that the service does not give: some emulators answer `NoSuchKey` for the tags of a version whose key
    /// was deleted since, where S3 answers with the tags.
    pub tags_unreadable: bool,
    /// Version id, when the bucket is versioned.
    pub version_id: Option<String>,
}

/// Opens one version of an object, the newest when `version` is `None`. The code of the error for an object that is not
/// there is `NoSuchKey` (or `NoSuchVersion`).
pub async fn read(site: &Site, name: &str, key: &str, version: Option<&str>) -> Result<Object, ServiceError> {
    let bucket = site.name_of(Bucket, name);
    let request = site.clients.s3.get_object().bucket(&bucket).key(key).set_version_id(version.map(str::to_owned));
    let mut found = request
        .send()
        .await
        .map_err(|error| ServiceError::request(format!("S3 GetObject `{key}` of {name}"), &error))?;
    // S3 counts the tags in the answer, which saves a request for most objects.
    let tags = if found.tag_count.unwrap_or_default() > 0 {
        match object_tags(site, name, key, version.or(found.version_id.as_deref())).await {
            Err(error) if version.is_some() && error.code() == Some("NoSuchKey") => None,
            tags => Some(tags?),
        }
    } else {
        Some(BTreeMap::new())
    };
    let settings = ObjectSettings::of(&mut found);
    Ok(Object {
        tags_unreadable: tags.is_none(),
        settings: ObjectSettings { tags: tags.unwrap_or_default(), ..settings },
        size: found.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        version_id: found.version_id,
        body: found.body,
    })
}

async fn object_tags(
    site: &Site,
    name: &str,
    key: &str,
    version: Option<&str>,
) -> Result<BTreeMap<String, String>, ServiceError> {
    let bucket = site.name_of(Bucket, name);
    let request =
        site.clients.s3.get_object_tagging().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
    let found = request
        .send()
        .await
        .map_err(|error| ServiceError::request(format!("S3 GetObjectTagging `{key}` of {name}"), &error))?;
    Ok(found.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
