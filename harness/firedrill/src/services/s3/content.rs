//! Reading a bucket's objects back, every version of them.

use firedrill_model::capture::{Entry, Version};
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{ObjectVersion, canonical::describe_object, read, versions, versions::NULL_VERSION};
use crate::services::{EntrySink, ServiceError, Site, canonical::Described};

/// Keys that are read at the same time.
const KEYS_AT_ONCE: usize = 4;

/// Gives every key to `sink`, with all its versions from oldest to newest. A body is never held whole.
pub(super) async fn content(site: &Site, name: &str, sink: &mut dyn EntrySink) -> Result<(), ServiceError> {
    let mut pages = std::pin::pin!(versions(site, name));
    let mut begun: Vec<ObjectVersion> = Vec::new();
    while let Some(page) = pages.try_next().await? {
        begun.extend(page);
        // The last key of a page may go on in the next one.
        let last = begun.last().map(|version| version.key.clone());
        let whole = begun.iter().position(|version| Some(&version.key) == last.as_ref()).unwrap_or_default();
        let rest = begun.split_off(whole);
        read_keys(site, name, std::mem::replace(&mut begun, rest), sink).await?;
    }
    read_keys(site, name, begun, sink).await
}

/// Reads whole keys, whose versions stand together from newest to oldest.
async fn read_keys(
    site: &Site,
    name: &str,
    listed: Vec<ObjectVersion>,
    sink: &mut dyn EntrySink,
) -> Result<(), ServiceError> {
    let keys: Vec<Vec<ObjectVersion>> =
        listed.chunk_by(|one, other| one.key == other.key).map(<[ObjectVersion]>::to_vec).collect();
    let mut entries = stream::iter(keys).map(|versions| read_key(site, name, versions)).buffer_unordered(KEYS_AT_ONCE);
    while let Some(entry) = entries.try_next().await? {
        sink.take(entry)?;
    }
    Ok(())
}

async fn read_key(site: &Site, name: &str, newest_first: Vec<ObjectVersion>) -> Result<Entry, ServiceError> {
    let versioned = newest_first.iter().any(|version| version.version_id != NULL_VERSION);
    let key = newest_first.first().map(|version| version.key.clone()).unwrap_or_default();
    let mut versions = Vec::new();
    let mut newest = None;
    for listed in newest_first.iter().rev() {
        let read = if listed.is_marker { None } else { Some(digest_version(site, name, listed, versioned).await?) };
        versions.push(Version {
            write_id: read.as_ref().and_then(|(described, _)| described.write_id.clone()),
            digest: read.as_ref().filter(|(_, whole)| *whole).map(|(described, _)| described.digest.clone()),
        });
        newest = read.map(|(described, _)| described);
    }
    Ok(entry(key, newest, if versioned { versions } else { Vec::new() }))
}

/// The entry of a key whose newest version is `newest`, or a delete marker.
fn entry(key: String, newest: Option<Described>, versions: Vec<Version>) -> Entry {
    let deleted = newest.is_none();
    let newest = newest.unwrap_or_else(|| Described {
        digest: String::new(),
        parts: std::collections::BTreeMap::new(),
        bytes: 0,
        write_id: None,
    });
    Entry {
        key,
        write_id: newest.write_id,
        digest: newest.digest,
        parts: newest.parts,
        bytes: newest.bytes,
        versions,
        deleted,
        counter: None,
        value: None,
    }
}

/// Reads one version through SHA-256, a chunk at a time; false when its tags could not be read, so that the digest is
/// not that of the whole.
async fn digest_version(
    site: &Site,
    name: &str,
    version: &ObjectVersion,
    versioned: bool,
) -> Result<(Described, bool), ServiceError> {
    let mut object = read(site, name, &version.key, versioned.then_some(version.version_id.as_str())).await?;
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    while let Some(chunk) = object.body.next().await {
        let chunk = chunk.map_err(|error| ServiceError::Unusable {
            operation: format!("S3 GetObject `{}` of {name}", version.key),
            what: format!("a body that ended early: {error}"),
        })?;
        bytes += chunk.len() as u64;
        digest.update(&chunk);
    }
    let sha256 = hex::encode(digest.finalize());
    let described = describe_object(&sha256, bytes, &object.settings);
    Ok((described, !object.tags_unreadable))
}
