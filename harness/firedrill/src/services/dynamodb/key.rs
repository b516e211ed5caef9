//! The key of an item as the ledger writes it: the one place that says how key attributes become text.

use firedrill_model::{ledger::item_key, stack::KeyAttribute};

use super::{AttributeValue, Item, number};

/// The key of an item; `None` when a key attribute is absent.
pub fn key_of(item: &Item, hash: &KeyAttribute, range: Option<&KeyAttribute>) -> Option<String> {
    let part = |of: &KeyAttribute| key_part(item.get(&of.name)?);
    let hash = part(hash)?;
    match range {
        Some(range) => Some(item_key(&hash, Some(&part(range)?))),
        None => Some(item_key(&hash, None)),
    }
}

/// A key attribute as text: numbers in their one normal form, binary in lower-case hexadecimal. No other type can be a key.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enums are open")]
pub fn key_part(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::N(text) => Some(number::normal(text)),
        AttributeValue::B(bytes) => Some(hex::encode(bytes.as_ref())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::Blob;
    use firedrill_model::stack::KeyType;

    use super::*;

    #[test]
    fn every_type_of_key_has_one_text() {
        let attribute = |name: &str, kind| KeyAttribute { name: name.to_owned(), kind };
        let (hash, range) = (attribute("h", KeyType::B), attribute("r", KeyType::N));
        let item = Item::from([
            ("h".to_owned(), AttributeValue::B(Blob::new([0x6b, 0x23]))),
            ("r".to_owned(), AttributeValue::N("1.50".to_owned())),
            ("other".to_owned(), AttributeValue::Bool(true)),
        ]);
        assert_eq!(key_of(&item, &hash, Some(&range)).as_deref(), Some("6b23#1.5"));
        assert_eq!(key_of(&item, &hash, None).as_deref(), Some("6b23"));
        assert_eq!(key_of(&item, &attribute("other", KeyType::S), None), None, "not a type of key");
        assert_eq!(key_of(&item, &hash, Some(&attribute("absent", KeyType::S))), None);
    }
}
