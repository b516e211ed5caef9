//! The canonical form of an object.

use std::collections::BTreeMap;

use firedrill_model::ids::WriteId;
use serde_json::json;

use super::ObjectSettings;
use crate::services::canonical::{Described, digest, part_digest, text};

/// Name of the user metadata that holds the write id of an object.
const WRITE_ID: &str = "write-id";

/// Digest, parts, size and write id (metadata `write-id`) of an object. Parts: `body`, each header that is set by its
/// name (`content-encoding`), `metadata:x`, `tags`. Names of metadata are compared in lower case, as HTTP carries them.
pub fn describe_object(body_sha256: &str, size: u64, settings: &ObjectSettings) -> Described {
    let ObjectSettings { headers, metadata, tags } = settings;
    let metadata: BTreeMap<String, &String> =
        metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let whole = json!({ "body": body_sha256, "headers": headers, "metadata": metadata, "tags": tags });
    let mut parts = BTreeMap::from([
        (String::from("body"), part_digest(body_sha256)),
        (String::from("tags"), part_digest(&text(&json!(tags)))),
    ]);
    parts.extend(headers.iter().map(|(header, value)| (header.to_string(), part_digest(value))));
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::services::s3::SystemHeader;

    fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn settings() -> ObjectSettings {
        ObjectSettings {
            headers: SystemHeader::ALL.map(|header| (header, format!("a {header}"))).into(),
            metadata: pairs(&[("rev", "1")]),
            tags: pairs(&[("k", "v")]),
        }
    }

    /// Names of the parts in which two objects differ.
    fn differing(one: &Described, other: &Described) -> Vec<String> {
        assert_ne!(one.digest, other.digest);
        let names: BTreeSet<&String> = one.parts.keys().chain(other.parts.keys()).collect();
        names.into_iter().filter(|name| one.parts.get(*name) != other.parts.get(*name)).cloned().collect()
    }

    #[test]
    fn each_part_is_in_the_digest_and_named() {
        let of = |settings: &ObjectSettings| describe_object("aa", 3, settings);
        let plain = of(&settings());
        assert_eq!(differing(&plain, &describe_object("ab", 3, &settings())), ["body"]);
        let metadata = ObjectSettings { metadata: pairs(&[("rev", "2")]), ..settings() };
        assert_eq!(differing(&plain, &of(&metadata)), ["metadata:rev"]);
        let tags = ObjectSettings { tags: pairs(&[]), ..settings() };
        assert_eq!(differing(&plain, &of(&tags)), ["tags"]);
        for header in SystemHeader::ALL {
            let (mut lost, mut other) = (settings(), settings());
            lost.headers.remove(&header);
            other.headers.insert(header, String::from("another"));
            assert_eq!(differing(&plain, &of(&lost)), [header.name()]);
            assert_eq!(differing(&plain, &of(&other)), [header.name()]);
        }
    }

    #[test]
    fn metadata_names_are_compared_in_lower_case() {
        let named = |name| ObjectSettings { metadata: pairs(&[(name, "w-1")]), ..ObjectSettings::default() };
        let (upper, lower) =
            (describe_object("aa", 3, &named("Write-Id")), describe_object("aa", 3, &named("write-id")));
        assert_eq!(upper, lower);
        assert_eq!(lower.write_id, Some(WriteId::new("w-1")));
    }
}
