//! The canonical form of values: what two of them must share to be equal, whoever wrote them and in whatever order.
//!
//! A canonical text is JSON without spaces, object keys sorted by their bytes. Digests are SHA-256 over it.

use std::collections::BTreeMap;

use firedrill_model::ids::WriteId;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Characters of a part's digest: enough to tell values apart, few enough to keep a ledger of a million lines small.
const PART_DIGEST_CHARS: usize = 12;

/// A value reduced to what the ledger and captures hold of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// SHA-256 over the canonical text of the whole value, hex.
    pub digest: String,
    /// Part name (`attribute:total`, `body`, `content-encoding`, `metadata:x`, `tags`) → first 12 hex characters of the SHA-256 over the
    /// part's canonical text.
    pub parts: BTreeMap<String, String>,
    /// Size in bytes: body of an object, canonical text of an item.
    pub bytes: u64,
    /// Write id inside the value.
    pub write_id: Option<WriteId>,
}

/// `value` as canonical text.
pub fn text(value: &Value) -> String {
    sorted(value).to_string()
}

/// SHA-256 of `text`, hex.
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The short digest of one part.
pub fn part_digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..PART_DIGEST_CHARS / 2])
}

/// The same value with the keys of every object sorted; lists keep their order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let by_key: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(by_key.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
