//! Captures: what was read back, as sorted manifests in `observed/<capture>/`.
//!
//! Content: one file a resource, `bucket.uploads.jsonl`, one [`Entry`] a line, sorted by the bytes of `key`.
//! Configuration: `configuration.json`, a list of [`Configuration`].
//! Deliveries: `deliveries.jsonl`, one [`Delivery`] a line, sorted by event id, then time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ResourceId, WriteId};

/// Which capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaptureName {
    /// Configuration of the source before the fault.
    Source,
    /// Content and configuration of the serving side, before keys of the old epoch may be written again.
    Recovered,
    /// Content, configuration and deliveries of the serving side after the drain.
    Drained,
    /// Content of a source that came back.
    Returned,
    /// What the recovery point that was restored holds, read from the recovery point itself: tells a backup that left a
    /// key out from a restore that did. Never a reference for content.
    RecoveryPoint,
}

impl CaptureName {
    /// Name of its folder below `observed/`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Recovered => "recovered",
            Self::Drained => "drained",
            Self::Returned => "returned",
            Self::RecoveryPoint => "recovery-point",
        }
    }
}

/// One key as it was observed.
///
/// The digest of an object is SHA-256 over the canonical JSON `{ "body": sha256 hex, "headers": { "content-type", … },
/// "metadata": {…}, "tags": {…} }`, in which `headers` are those of S3's own that are set; of an item over its canonical DynamoDB JSON: keys sorted, sets sorted, numbers normalised, binary in
/// base64. The ledger uses the same function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// As in the ledger.
    pub key: String,
    /// Write id inside the value; `None` when it holds none.
    pub write_id: Option<WriteId>,
    /// Canonical digest, hex SHA-256.
    pub digest: String,
    /// Short digests of the parts, as in the ledger.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
    /// Size in bytes, as in the ledger.
    pub bytes: u64,
    /// For a versioned bucket, every version of the key from oldest to newest, the current one last; a delete marker has
    /// no digest. A key whose newest version is a delete marker has an entry with `deleted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// The newest version is a delete marker: the key is absent, and `write_id`, `digest` and `bytes` are empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// For a counter: the number that its item holds, as the service writes it. `None` when the item holds no number there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
    /// For a table that functions write: the item as plain JSON (numbers as text), so that effects can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Write id in its metadata; `None` for a delete marker.
    pub write_id: Option<WriteId>,
    /// Canonical digest; `None` for a delete marker, and for a version that the service does not give whole.
    pub digest: Option<String>,
}

/// Configuration of one resource as the service described it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Which resource.
    pub resource: ResourceId,
    /// It was not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// Field path → value, with region names, account, ARNs and physical names replaced by logical ones.
    pub compared: BTreeMap<String, Value>,
    /// Field path → why it is not compared.
    pub volatile: BTreeMap<String, String>,
    /// Field path → value of fields that the adapter does not know; each is a finding.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, Value>,
}

/// One delivery of an event to a function, as the function logged it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Logical name of the trigger.
    pub trigger: String,
    /// Write id of the cause; for a delete the write id of the value it removed, with `:removed` behind it.
    pub event_id: String,
    /// Unique per delivery.
    pub delivery_id: String,
    /// Key of the cause.
    pub key: String,
    /// UTC milliseconds by the function's clock.
    pub at_utc_ms: u64,
    /// It came from a redrive and not from the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redriven: bool,
}
