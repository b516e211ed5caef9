//! Laws of the data set.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::{
    ids::{ResourceId, ResourceKind, WriteId},
    stack::{Index, KeyType},
};
use proptest::prelude::*;

use super::*;
use crate::{
    services::{
        dynamodb::canonical::describe_item,
        s3::{ObjectSettings, SystemHeader},
    },
    workload::sample::{key_attribute, orders, plan, table, uploads},
};

/// DynamoDB: 400 KB an item, names included. The text of its JSON is longer than what DynamoDB counts.
const ITEM_BYTES_MAX: usize = 400 * 1024;
/// S3: 1,024 bytes of UTF-8 a key, 2 KB of user metadata, 10 tags of 128 and 256 characters.
const OBJECT_KEY_BYTES_MAX: usize = 1024;

fn write_id() -> WriteId {
    WriteId::from("orders.0-00001")
}

/// A plan whose tables also have plain items with every type of key.
fn dataset(seed: u64) -> Dataset {
    let mut plan = plan(seed);
    for (name, kind) in [("by-text", KeyType::S), ("by-number", KeyType::N), ("by-bytes", KeyType::B)] {
        let mut plain = table(key_attribute("k", kind), Some(key_attribute("at", KeyType::N)), None);
        plain.ttl = Some("gone_at".into());
        plain.indexes =
            BTreeMap::from([("other".into(), Index { hash: key_attribute("group", KeyType::S), range: None })]);
        plan.stack.tables.insert(name.into(), plain);
    }
    Dataset::of(&plan).unwrap()
}

fn every_resource() -> Vec<ResourceId> {
    let tables = ["by-text", "by-number", "by-bytes"].map(|name| ResourceId::new(ResourceKind::Table, name));
    [orders(), uploads()].into_iter().chain(tables).collect()
}

fn any_number() -> impl Strategy<Value = KeyNumber> {
    prop_oneof![
        (0..2_000_u64).prop_map(KeyNumber::seed),
        (0..4_u64, 0..2_000_u64).prop_map(|(writer, index)| KeyNumber::traffic(writer, 4, index)),
        (0..1_u64 << 40).prop_map(|micros| KeyNumber::probe(ProbeSlot::Data, micros)),
    ]
}

/// What is compared of a value: everything, the body by its digest.
fn shown(value: &Value) -> (String, BTreeMap<String, String>) {
    let content = match &value.content {
        Content::Item(item) => {
            // Maps inside an item have no order of their own: the canonical form has.
            let described = describe_item(item);
            format!("{} {:?}", described.digest, described.parts)
        }
        Content::Object { upload, body } => format!("{upload:?} {} {}", body.size(), body.sha256()),
    };
    (content, value.facts.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_seed_gives_the_same_keys_and_values(seed: u64, number in any_number(), rev in 1..50_u64) {
        let (one, other) = (dataset(seed), dataset(seed));
        let id = write_id();
        let stamp = Stamp { number, rev, write_id: &id, size: None };
        for resource in every_resource() {
            let (one, other) = (one.generator(&resource).unwrap(), other.generator(&resource).unwrap());
            prop_assert_eq!(one.key(number), other.key(number));
            prop_assert_eq!(shown(&one.value(&stamp)), shown(&other.value(&stamp)));
        }
    }

    #[test]
    fn another_revision_is_another_value_of_the_same_key(seed: u64, number in any_number(), rev in 1..50_u64) {
        let dataset = dataset(seed);
        let id = write_id();
        for resource in every_resource() {
            let generator = dataset.generator(&resource).unwrap();
            let of = |rev| generator.value(&Stamp { number, rev, write_id: &id, size: None });
            prop_assert_ne!(shown(&of(rev)), shown(&of(rev + 1)));
        }
    }

    #[test]
    fn items_and_keys_stay_within_the_limits_of_the_services(seed: u64, number in any_number(), rev in 1..50_u64) {
        let dataset = dataset(seed);
        let id = write_id();
        let stamp = Stamp { number, rev, write_id: &id, size: None };
        for resource in every_resource() {
            let generator = dataset.generator(&resource).unwrap();
            match (generator.key(number), generator.value(&stamp).content) {
                (Key::Item { attributes, .. }, Content::Item(item)) => {
                    let text = format!("{item:?}");
                    prop_assert!(text.len() < ITEM_BYTES_MAX);
                    for (name, value) in attributes {
                        prop_assert_eq!(item.get(&name), Some(&value), "the item holds its own key");
                    }
                }
                (Key::Object(key), Content::Object { upload, .. }) => {
                    prop_assert_eq!(&key, &upload.key);
                    prop_assert!((1..=OBJECT_KEY_BYTES_MAX).contains(&key.len()));
                    let ObjectSettings { headers, metadata, tags } = upload.settings;
                    prop_assert!(headers.values().chain(metadata.values()).all(|value| value.is_ascii()));
                    let metadata: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
                    prop_assert!(metadata < 2048 && tags.len() <= 10);
                }
                (key, content) => prop_assert!(false, "{key:?} does not fit {content:?}"),
            }
        }
    }

    #[test]
    fn probes_are_recognisable_and_nothing_else_is(seed: u64, number in any_number()) {
        let dataset = dataset(seed);
        for resource in [orders(), uploads(), ResourceId::new(ResourceKind::Table, "by-text")] {
            let key = dataset.generator(&resource).unwrap().key(number);
            let marked = key.text().starts_with(PROBE_PREFIX);
            prop_assert_eq!(marked, number.space() == KeySpace::Probe, "{}", key.text());
        }
    }

    #[test]
    fn facts_agree_with_the_value(seed: u64, number in any_number(), rev in 1..50_u64) {
        let dataset = dataset(seed);
        let id = write_id();
        let stamp = Stamp { number, rev, write_id: &id, size: None };
        let order = dataset.generator(&orders()).unwrap().value(&stamp);
        let Content::Item(item) = &order.content else { panic!("orders are items") };
        for name in ["customer", "order", "amount", "rev"] {
            let held = item[name].as_s().or_else(|_| item[name].as_n()).unwrap();
            prop_assert_eq!(held, &order.facts[name]);
        }
        prop_assert_eq!(item["write_id"].as_s().unwrap(), id.as_str());

        let upload = dataset.generator(&uploads()).unwrap().value(&stamp);
        let Content::Object { upload: object, body } = &upload.content else { panic!("uploads are objects") };
        prop_assert_eq!(body.size().to_string(), upload.facts["size"].clone());
        prop_assert_eq!(body.sha256(), &upload.facts["sha256"]);
        prop_assert_eq!(&object.settings.metadata["write-id"], id.as_str());
        prop_assert_eq!(title_of(body), upload.facts["title"].clone());
    }

    #[test]
    fn sentinels_and_still_keys_are_drawn_from_the_seed(seed: u64, count in 0..200_u64) {
        let mut plan = plan(seed);
        plan.seeding.insert(orders(), count);
        let dataset = Dataset::of(&plan).unwrap();
        let sentinels = dataset.sentinels(&orders());
        prop_assert_eq!(sentinels.len() as u64, count.min(SENTINELS));
        prop_assert!(sentinels.iter().all(|number| number.get() < count));
        let distinct: BTreeSet<_> = sentinels.iter().collect();
        prop_assert_eq!(distinct.len(), sentinels.len());
        let still = dataset.still(&orders());
        prop_assert_eq!(still.len() as u64, STILL_MOST.min(count / STILL_ONE_IN));
        prop_assert!(still.iter().all(|number| number.get() < count && !distinct.contains(number)));
        prop_assert_eq!(still.iter().collect::<BTreeSet<_>>().len(), still.len());
    }
}

/// The title as the function that reads uploads finds it: behind `title: ` in the first line.
fn title_of(body: &Body) -> String {
    let bytes: Vec<u8> = body.chunks().flatten().collect();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.strip_prefix(b"title: ").map(|title| String::from_utf8(title.to_vec()).unwrap()).unwrap_or_default()
}

#[test]
fn a_seed_of_300_uploads_is_mostly_small_and_has_its_large_and_empty_ones() {
    let dataset = dataset(7);
    let generator = dataset.generator(&uploads()).unwrap();
    let id = write_id();
    let sizes: Vec<u64> = (0..300)
        .map(|index| Stamp { number: KeyNumber::seed(index), rev: 1, write_id: &id, size: None })
        .map(|stamp| generator.value(&stamp).facts["size"].parse().unwrap())
        .collect();
    let mib = 1 << 20;
    let total: u64 = sizes.iter().sum();
    assert!((35 * mib..45 * mib).contains(&total), "{total} bytes in all");
    assert_eq!(sizes.iter().max(), Some(&(24 * mib)));
    assert_eq!(sizes.iter().filter(|size| **size > 8 * mib).count(), 2, "by multipart upload");
    assert_eq!(sizes.iter().filter(|size| **size == 0).count(), 12, "empty");
    assert!(sizes.iter().filter(|size| **size <= 8 << 10).count() > 200, "small");
}

#[test]
fn uploads_have_headers_and_their_spreadsheets_are_packed() {
    let dataset = dataset(7);
    let generator = dataset.generator(&uploads()).unwrap();
    let id = write_id();
    let mut seen: BTreeMap<SystemHeader, u32> = BTreeMap::new();
    let (mut packed, mut tagged) = (0, 0);
    for number in (0..300).map(KeyNumber::seed) {
        let value = generator.value(&Stamp { number, rev: 1, write_id: &id, size: None });
        let Content::Object { upload, body } = value.content else { panic!("uploads are objects") };
        for header in upload.settings.headers.keys() {
            *seen.entry(*header).or_default() += 1;
        }
        tagged += u32::from(!upload.settings.tags.is_empty());
        assert_eq!(generator.may_be_deleted(number), upload.settings.tags.is_empty(), "{}", upload.key);
        if upload.settings.header(SystemHeader::ContentEncoding).is_some() {
            packed += 1;
            let bytes: Vec<u8> = body.chunks().flatten().collect();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut text).unwrap();
            assert!(upload.key.contains("&c.csv") && text.starts_with("desk,"), "{}: {text}", upload.key);
        }
        if body.size() > 8 << 20 {
            assert!(upload.settings.headers.len() >= 7, "sent in parts with its headers: {:?}", upload.settings);
        }
    }
    assert!(packed >= 10, "{packed} packed");
    assert!((150..210).contains(&tagged), "{tagged} tagged");
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), SystemHeader::ALL, "{seen:?}");
}

#[test]
fn objects_of_probes_have_every_header() {
    let dataset = dataset(7);
    let id = write_id();
    for micros in 0..50 {
        let number = KeyNumber::probe(ProbeSlot::Data, micros);
        let value = dataset.generator(&uploads()).unwrap().value(&Stamp { number, rev: 1, write_id: &id, size: None });
        let Content::Object { upload, .. } = value.content else { panic!("uploads are objects") };
        assert_eq!(upload.settings.headers.keys().copied().collect::<Vec<_>>(), SystemHeader::ALL);
    }
}

#[test]
fn no_two_numbers_give_the_same_key() {
    let dataset = dataset(7);
    for resource in every_resource() {
        let generator = dataset.generator(&resource).unwrap();
        let numbers =
            (0..3_000).map(KeyNumber::seed).chain((0..500).map(|index| KeyNumber::traffic(index % 3, 3, index)));
        let keys: Vec<String> = numbers.map(|number| generator.key(number).text().to_owned()).collect();
        let distinct: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{resource}");
    }
}

#[test]
fn an_order_is_realistic_and_awkward() {
    let dataset = dataset(7);
    let id = write_id();
    let stamp = Stamp { number: KeyNumber::seed(812), rev: 2, write_id: &id, size: None };
    let value = dataset.generator(&orders()).unwrap().value(&stamp);
    let Content::Item(item) = value.content else { panic!("orders are items") };
    let mut kinds: Vec<String> = item.iter().map(|(name, value)| format!("{name} {}", kind(value))).collect();
    kinds.sort();
    insta::assert_snapshot!(kinds.join("\n"), @r"
    address M
    amount N
    coupon NULL
    customer S
    expires_at N
    gift BOOL
    labels SS
    ledger_number N
    lines L
    name S
    note S
    order S
    placed_at S
    rate N
    rev N
    signature B
    stamps BS
    status S
    weights NS
    write_id S
    ");
    assert_eq!(item["ledger_number"].as_n().unwrap().len(), 38);
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enums are open")]
fn kind(value: &AttributeValue) -> &'static str {
    match value {
        AttributeValue::S(_) => "S",
        AttributeValue::N(_) => "N",
        AttributeValue::B(_) => "B",
        AttributeValue::M(_) => "M",
        AttributeValue::L(_) => "L",
        AttributeValue::Ss(_) => "SS",
        AttributeValue::Ns(_) => "NS",
        AttributeValue::Bs(_) => "BS",
        AttributeValue::Bool(_) => "BOOL",
        AttributeValue::Null(_) => "NULL",
        _ => "?",
    }
}

#[test]
fn a_generator_that_nobody_wrote_is_named() {
    let mut plan = plan(7);
    plan.stack.tables.insert("x".into(), table(key_attribute("k", KeyType::S), None, Some("ordr")));
    let error = Dataset::of(&plan).unwrap_err();
    assert_eq!(error.to_string(), "`table/x` names the generator `ordr`, which there is not");
}

#[test]
fn every_listed_generator_exists() {
    for name in TABLE_GENERATORS {
        let listed = table(key_attribute("k", KeyType::S), None, Some(name));
        assert!(table_generator(1, &orders(), &listed).is_ok(), "{name}");
    }
    for name in BUCKET_GENERATORS {
        let mut listed = plan(1).stack.buckets["uploads"].clone();
        listed.data = Some(name.into());
        assert!(bucket_generator(1, &uploads(), &listed).is_ok(), "{name}");
    }
}
