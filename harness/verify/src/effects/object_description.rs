//! One item an object: size, SHA-256, title and revision of the last version that was put.

use std::{borrow::Cow, collections::BTreeMap};

use firedrill_model::ledger::item_key;
use serde_json::Value;

use super::{DerivedModel, Fact, Mark, fingerprint, text};
use crate::ledger::short;

/// The facts of an upload that its description shows.
const FACTS: [&str; 4] = ["size", "sha256", "title", "rev"];

/// The fact of this name, given its text. A title of digits is a text all the same.
fn fact<'v>(name: &str, text: &'v str) -> Fact<'v> {
    if matches!(name, "size" | "rev") { Fact::Number(text) } else { Fact::Text(text) }
}

/// The description of an object. A delete raises no event, so the description stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectDescription;

impl DerivedModel for ObjectDescription {
    fn item_key<'k>(&self, cause: &'k str) -> Cow<'k, str> {
        if cause.contains(['%', '#']) { Cow::Owned(item_key(cause, None)) } else { Cow::Borrowed(cause) }
    }

    fn fingerprint(&self, facts: &BTreeMap<String, String>) -> u64 {
        fingerprint(FACTS.map(|name| facts.get(name).map(|text| fact(name, text))))
    }

    fn marks(&self, item: &Value) -> Result<Vec<Mark>, String> {
        let cause = text(item, "id").ok_or("it has no `id`")?;
        let id = text(item, "write_id").ok_or("it has no `write_id`")?;
        let values = FACTS.map(|name| (name, text(item, name)));
        let facts = values.iter().map(|(name, text)| text.as_deref().map(|text| fact(name, text)));
        let fingerprint = fingerprint(facts);
        Ok(vec![Mark { cause, id: short(&id), fingerprint, gone: false }])
    }

    fn shows_deletes(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_shows_the_facts_of_its_upload() {
        let facts = [("size", "12"), ("sha256", "ab"), ("title", ""), ("rev", "3")];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let item =
            serde_json::json!({ "id": "a#b", "size": "12", "sha256": "ab", "title": "", "rev": 3, "write_id": "w" });
        let marks = ObjectDescription.marks(&item).unwrap();
        assert_eq!(marks[0].fingerprint, ObjectDescription.fingerprint(&facts));
        assert_eq!(ObjectDescription.item_key("a#b"), "a%23b");
        let other =
            serde_json::json!({ "id": "a#b", "size": "13", "sha256": "ab", "title": "", "rev": 3, "write_id": "w" });
        assert_ne!(ObjectDescription.marks(&other).unwrap()[0].fingerprint, marks[0].fingerprint);
    }
}
