//! Items for property tests: every type, nested.

use aws_smithy_types::Blob;
use proptest::{collection, prelude::*};

use super::{AttributeValue, Item};

/// Any item.
pub(super) fn item() -> impl Strategy<Value = Item> {
    collection::hash_map("[a-zé]{1,4}", value(), 0..5)
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let number = "-?[1-9][0-9]{0,36}(\\.[0-9])?";
    let leaf = prop_oneof![
        "\\PC{0,6}".prop_map(AttributeValue::S),
        number.prop_map(AttributeValue::N),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        collection::vec(any::<u8>(), 0..6).prop_map(|bytes| AttributeValue::B(Blob::new(bytes))),
        collection::hash_set("[a-z]{1,3}", 1..4).prop_map(|set| AttributeValue::Ss(set.into_iter().collect())),
        collection::hash_set("[1-9][0-9]{0,3}", 1..4).prop_map(|set| AttributeValue::Ns(set.into_iter().collect())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            collection::hash_map("[a-z]{1,3}", inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}
