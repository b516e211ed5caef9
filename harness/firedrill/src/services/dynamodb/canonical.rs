//! The canonical form of an item.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use firedrill_model::ids::WriteId;

use super::text::Form;
use crate::services::canonical::{Described, digest, part_digest};

/// Attribute that holds the write id of an item.
pub(crate) const WRITE_ID: &str = "write_id";

/// Digest, parts, size and write id of an item. Sets are unordered, numbers are compared by value (`1.0` = `1`), lists
/// are ordered, and a number never equals a string.
pub fn describe_item(item: &super::Item) -> Described {
    let mut parts = BTreeMap::new();
    let mut whole = String::new();
    Form::Canonical.item(&mut whole, item, |name, text| {
        parts.insert(format!("attribute:{name}"), part_digest(text));
    });
    Described {
        digest: digest(&whole),
        parts,
        bytes: whole.len() as u64,
        write_id: item.get(WRITE_ID).and_then(|value| value.as_s().ok()).map(WriteId::new),
    }
}

/// Tells items apart while one process looks at them again and again; for evidence there is [`describe_item`].
pub fn fingerprint(item: &super::Item) -> u64 {
    let mut text = String::new();
    Form::Canonical.item(&mut text, item, |_, _| {});
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{
        super::{AttributeValue, json as dynamodb_json, number, samples},
        *,
    };
    use crate::services::{canonical::text, dynamodb::Item};

    fn item(json: &Value) -> Item {
        dynamodb_json::to_item(json).unwrap()
    }

    #[test]
    fn equal_values_have_one_digest() {
        let first = item(&json!({ "a": { "N": "1.0" }, "s": { "SS": ["x", "y"] }, "n": { "NS": ["1", "20"] } }));
        let second = item(&json!({ "n": { "NS": ["2e1", "1.00"] }, "s": { "SS": ["y", "x"] }, "a": { "N": "1e0" } }));
        assert_eq!(describe_item(&first), describe_item(&second));
    }

    #[test]
    fn different_values_have_different_digests_and_the_part_says_which() {
        for (one, other) in [
            (json!({ "N": "1" }), json!({ "S": "1" })),
            (json!({ "L": [{ "N": "1" }, { "N": "2" }] }), json!({ "L": [{ "N": "2" }, { "N": "1" }] })),
            (json!({ "SS": ["a"] }), json!({ "L": [{ "S": "a" }] })),
            (json!({ "S": "" }), json!({ "NULL": true })),
            (json!({ "B": "AA==" }), json!({ "S": "AA==" })),
            (json!({ "S": "a" }), json!({ "S": "A" })),
            (
                json!({ "N": "12345678901234567890123456789012345678" }),
                json!({ "N": "12345678901234567890123456789012345679" }),
            ),
            (json!({ "M": { "x": { "N": "1" } } }), json!({ "M": { "y": { "N": "1" } } })),
        ] {
            let one = describe_item(&item(&json!({ "same": { "S": "s" }, "v": one })));
            let other = describe_item(&item(&json!({ "same": { "S": "s" }, "v": other })));
            assert_ne!(one.digest, other.digest);
            assert_eq!(one.parts["attribute:same"], other.parts["attribute:same"]);
            assert_ne!(one.parts["attribute:v"], other.parts["attribute:v"]);
        }
    }

    #[test]
    fn the_write_id_is_the_attribute_of_that_name() {
        let described = describe_item(&item(&json!({ "write_id": { "S": "w-1" }, "a": { "N": "1" } })));
        assert_eq!(described.write_id, Some(WriteId::new("w-1")));
        assert_eq!(describe_item(&item(&json!({ "write_id": { "N": "1" } }))).write_id, None);
    }

    #[test]
    fn the_form_does_not_change_by_accident() {
        let described = describe_item(&item(&json!({ "a": { "N": "1.50" }, "b": { "M": { "x": { "BOOL": true } } } })));
        insta::assert_snapshot!(described.digest, @"00c2ceeadc399e5492185dc8f68090b85500be4fe3749f8f69ea67c48bb9cce6");
        assert_eq!(described.bytes, 47);
    }

    /// The same item with every set and map in another order.
    fn reordered(value: &AttributeValue) -> AttributeValue {
        match value {
            AttributeValue::Ss(set) => AttributeValue::Ss(set.iter().rev().cloned().collect()),
            AttributeValue::Ns(set) => AttributeValue::Ns(set.iter().rev().map(|text| format!("{text}e0")).collect()),
            AttributeValue::L(list) => AttributeValue::L(list.iter().map(reordered).collect()),
            AttributeValue::M(map) => {
                AttributeValue::M(map.iter().map(|(name, value)| (name.clone(), reordered(value))).collect())
            }
            AttributeValue::N(text) => AttributeValue::N(format!("{text}e0")),
            other => other.clone(),
        }
    }

    /// The canonical form as a value, by another way than the text.
    fn members(map: &HashMap<String, AttributeValue>) -> Value {
        Value::Object(map.iter().map(|(name, value)| (name.clone(), canonical(value))).collect::<Map<_, _>>())
    }

    fn canonical(value: &AttributeValue) -> Value {
        match value {
            AttributeValue::N(text) => json!({ "N": number::normal(text) }),
            AttributeValue::Ns(set) => json!({ "NS": sorted(set.iter().map(|text| number::normal(text))) }),
            AttributeValue::Ss(set) => json!({ "SS": sorted(set.iter().cloned()) }),
            AttributeValue::Bs(set) => json!({ "BS": sorted(set.iter().map(|bytes| STANDARD.encode(bytes))) }),
            AttributeValue::L(list) => json!({ "L": list.iter().map(canonical).collect::<Vec<_>>() }),
            AttributeValue::M(map) => json!({ "M": members(map) }),
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
            AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
            AttributeValue::Null(flag) => json!({ "NULL": flag }),
            _ => json!({ "UNKNOWN": null }),
        }
    }

    fn sorted(set: impl Iterator<Item = String>) -> Vec<String> {
        let mut set: Vec<String> = set.collect();
        set.sort_unstable();
        set
    }

    proptest! {
        #[test]
        fn the_text_is_sorted_json(item in samples::item()) {
            let mut whole = String::new();
            Form::Canonical.item(&mut whole, &item, |_, _| {});
            prop_assert_eq!(&whole, &text(&members(&item)));
            let described = describe_item(&item);
            for (name, value) in &item {
                let part = part_digest(&text(&canonical(value)));
                prop_assert_eq!(&described.parts[&format!("attribute:{name}")], &part);
            }
        }

        #[test]
        fn order_of_keys_and_sets_and_the_writing_of_numbers_do_not_matter(item in samples::item()) {
            let other: Item = item.iter().map(|(name, value)| (name.clone(), reordered(value))).collect();
            prop_assert_eq!(describe_item(&item), describe_item(&other));
        }

        #[test]
        fn equal_digests_mean_equal_items(one in samples::item(), other in samples::item()) {
            prop_assume!(members(&one) != members(&other));
            prop_assert_ne!(describe_item(&one).digest, describe_item(&other).digest);
        }

        #[test]
        fn dropping_an_attribute_is_seen(item in samples::item()) {
            let Some(name) = item.keys().min().cloned() else { return Ok(()) };
            let mut other = item.clone();
            other.remove(&name);
            prop_assert_ne!(describe_item(&item).digest, describe_item(&other).digest);
        }
    }
}
