//! `objects.jsonl.gz`: every version of every object of a bucket, sorted by key, then from oldest to newest.

use std::collections::BTreeMap;

use firedrill_model::capture::{Entry, Version};
use serde::{Deserialize, Serialize};

use crate::services::{
    canonical::Described,
    s3::{ObjectSettings, canonical::describe_object},
};

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectLine {
    /// Object key, exactly.
    pub key: String,
    /// Counts the versions of the key from 0, oldest first.
    pub ordinal: u32,
    /// Version id at the source: the next incremental point knows by it what it already holds.
    pub version_id: String,
    /// What it holds; `None` for a delete marker.
    pub content: Option<ObjectContent>,
}

/// What an object version holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectContent {
    /// Path of the body in the vault.
    pub blob: String,
    /// SHA-256 of the body, hex.
    pub sha256: String,
    /// Size of the body.
    pub bytes: u64,
    /// Headers, metadata and tags.
    pub settings: ObjectSettings,
    /// It has tags that the service did not give, so that `settings` is not whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tags_unread: bool,
}

impl ObjectLine {
    /// Nothing of it is known to be left out.
    fn is_whole(&self) -> bool {
        self.content.as_ref().is_none_or(|content| !content.tags_unread)
    }
}

impl ObjectContent {
    /// In the canonical form of the ledger and the captures.
    pub fn described(&self) -> Described {
        describe_object(&self.sha256, self.bytes, &self.settings)
    }
}

/// The lines of a list, key by key.
pub fn by_key(lines: Vec<ObjectLine>) -> Vec<(String, Vec<ObjectLine>)> {
    let mut keys: BTreeMap<String, Vec<ObjectLine>> = BTreeMap::new();
    for line in lines {
        keys.entry(line.key.clone()).or_default().push(line);
    }
    for versions in keys.values_mut() {
        versions.sort_by_key(|line| line.ordinal);
    }
    keys.into_iter().collect()
}

/// What a list holds, as entries of a capture.
pub fn entries(lines: Vec<ObjectLine>) -> Vec<Entry> {
    by_key(lines).into_iter().filter_map(|(key, versions)| entry(key, &versions)).collect()
}

fn entry(key: String, lines: &[ObjectLine]) -> Option<Entry> {
    let newest = lines.last()?.content.as_ref().map(ObjectContent::described);
    let versions = lines
        .iter()
        .map(|line| match line.content.as_ref().map(ObjectContent::described) {
            Some(described) if line.is_whole() => {
                Version { write_id: described.write_id, digest: Some(described.digest) }
            }
            Some(described) => Version { write_id: described.write_id, digest: None },
            None => Version { write_id: None, digest: None },
        })
        .collect();
    Some(match newest {
        Some(described) => Entry {
            key,
            write_id: described.write_id,
            digest: described.digest,
            parts: described.parts,
            bytes: described.bytes,
            versions,
            deleted: false,
            counter: None,
            value: None,
        },
        None => Entry {
            key,
            write_id: None,
            digest: String::new(),
            parts: BTreeMap::new(),
            bytes: 0,
            versions,
            deleted: true,
            counter: None,
            value: None,
        },
    })
}
