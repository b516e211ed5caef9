//! The canonical form of an object.

use std::collections::BTreeMap;

use firedrill_model::ids::WriteId;
use serde_json::json;

use crate::services::canonical::{Described, digest, part_digest, text};

/// Name of the user metadata that holds the write id of an object.
const WRITE_ID: &str = "write-id";

/// Digest, parts, size and write id (metadata `write-id`) of an object. Parts: `body`, `content-type`, `metadata:x`,
/// `tags`. Names of metadata are compared in lower case, as HTTP carries them.
pub fn describe_object(
    body_sha256: &str,
    size: u64,
    content_type: Option<&str>,
    metadata: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Described {
    let metadata: BTreeMap<String, &String> =
        metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let whole = json!({ "body": body_sha256, "content-type": content_type, "metadata": metadata, "tags": tags });
    let mut parts = BTreeMap::from([
        (String::from("body"), part_digest(body_sha256)),
        (String::from("content-type"), part_digest(content_type.unwrap_or_default())),
        (String::from("tags"), part_digest(&text(&json!(tags)))),
    ]);
    parts.extend(metadata.iter().map(|(name, value)| (format!("metadata:{name}"), part_digest(value))));
    Described {
        digest: digest(&text(&whole)),
        parts,
        bytes: size,
        write_id: metadata.get(WRITE_ID).map(|id| WriteId::new(id.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_part_is_in_the_digest_and_named() {
        let plain = describe_object("aa", 3, Some("text/plain"), &pairs(&[("rev", "1")]), &pairs(&[("k", "v")]));
        for (part, changed) in [
            ("body", describe_object("ab", 3, Some("text/plain"), &pairs(&[("rev", "1")]), &pairs(&[("k", "v")]))),
            ("content-type", describe_object("aa", 3, None, &pairs(&[("rev", "1")]), &pairs(&[("k", "v")]))),
            ("metadata:rev", describe_object("aa", 3, Some("text/plain"), &pairs(&[("rev", "2")]), &pairs(&[("k", "v")]))),
            ("tags", describe_object("aa", 3, Some("text/plain"), &pairs(&[("rev", "1")]), &pairs(&[]))),
        ] {
            assert_ne!(plain.digest, changed.digest, "{part}");
            let differing: Vec<&String> =
                plain.parts.keys().filter(|name| plain.parts.get(*name) != changed.parts.get(*name)).collect();
            assert_eq!(differing, [part]);
        }
    }

    #[test]
    fn metadata_names_are_compared_in_lower_case() {
        let upper = describe_object("aa", 3, None, &pairs(&[("Write-Id", "w-1")]), &pairs(&[]));
        let lower = describe_object("aa", 3, None, &pairs(&[("write-id", "w-1")]), &pairs(&[]));
        assert_eq!(upper, lower);
        assert_eq!(lower.write_id, Some(WriteId::new("w-1")));
    }
}
