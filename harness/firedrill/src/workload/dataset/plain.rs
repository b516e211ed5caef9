//! What resources without a generator of their own hold: items made from the key schema, objects of random bytes.

use std::collections::BTreeMap;

use aws_smithy_types::Blob;
use firedrill_model::{
    ids::ResourceId,
    scenario::SizeRange,
    stack::{KeyAttribute, KeyType, Table},
    units::ByteSize,
};

use super::{
    AttributeValue, Body, Content, Generator, Key, KeyNumber, KeySpace, PROBE_PREFIX, Stamp, Value, draw_value,
    upload::spread,
};
use crate::services::s3::{ObjectSettings, SystemHeader, Upload};

/// Sizes of plain objects when the traffic declares none.
const SIZES: SizeRange = SizeRange { min: ByteSize::new(0), max: ByteSize::new(64 << 10) };

/// When plain items of a table with TTL expire, epoch seconds: 2036-11-20, far from any drill.
const EXPIRES_S: u64 = 2_110_752_000;

/// Plain items of a table.
#[derive(Debug)]
pub struct PlainItems {
    seed: u64,
    resource: ResourceId,
    table: Table,
}

impl PlainItems {
    /// Items with the keys that `table` asks for.
    pub fn new(seed: u64, resource: &ResourceId, table: &Table) -> Self {
        Self { seed, resource: resource.clone(), table: table.clone() }
    }

    /// Attributes that indexes ask for, besides those of the key.
    fn index_attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        let wanted = self.table.indexes.values().flat_map(|index| std::iter::once(&index.hash).chain(&index.range));
        wanted.filter(|wanted| {
            wanted.name != self.table.hash.name
                && self.table.range.as_ref().is_none_or(|range| range.name != wanted.name)
        })
    }
}

impl Generator for PlainItems {
    fn key(&self, number: KeyNumber) -> Key {
        let range = self.table.range.as_ref().map(|range| (range.name.as_str(), attribute(range.kind, number)));
        Key::item((&self.table.hash.name, attribute(self.table.hash.kind, number)), range)
    }

    fn value(&self, stamp: &Stamp<'_>) -> Value {
        let mut draw = draw_value(self.seed, &self.resource, stamp);
        let Key::Item { attributes: mut item, .. } = self.key(stamp.number) else {
            unreachable!("keys of a table are items")
        };
        let payload_bytes = draw.between(0, 512);
        let rev = stamp.rev.to_string();
        item.insert("payload".into(), AttributeValue::B(Blob::new(draw.bytes(payload_bytes))));
        item.insert("digits".into(), AttributeValue::N(draw.digits(38)));
        item.insert("rev".into(), AttributeValue::N(rev.clone()));
        item.insert("write_id".into(), AttributeValue::S(stamp.write_id.as_str().to_owned()));
        for wanted in self.index_attributes() {
            item.entry(wanted.name.clone()).or_insert_with(|| attribute(wanted.kind, stamp.number));
        }
        if let Some(ttl) = &self.table.ttl {
            item.insert(ttl.clone(), AttributeValue::N(EXPIRES_S.to_string()));
        }
        Value {
            content: Content::Item(item),
            facts: BTreeMap::from([("rev".into(), rev)]),
            expires_ms: self.table.ttl.as_ref().map(|_| EXPIRES_S * 1000),
        }
    }
}

/// A key attribute of this type that no other number gives.
fn attribute(kind: KeyType, number: KeyNumber) -> AttributeValue {
    match kind {
        KeyType::S => AttributeValue::S(named(number)),
        KeyType::N => AttributeValue::N(number.get().to_string()),
        KeyType::B => AttributeValue::B(Blob::new(named(number))),
    }
}

/// `key-000812`, or below the probes' prefix.
fn named(number: KeyNumber) -> String {
    match number.space() {
        KeySpace::Probe => format!("{PROBE_PREFIX}/{number}"),
        KeySpace::Seed | KeySpace::Traffic => format!("key-{number}"),
    }
}

/// Plain objects of a bucket.
#[derive(Debug)]
pub struct PlainObjects {
    seed: u64,
    resource: ResourceId,
}

impl PlainObjects {
    /// Objects of random bytes.
    pub fn new(seed: u64, resource: &ResourceId) -> Self {
        Self { seed, resource: resource.clone() }
    }
}

impl Generator for PlainObjects {
    fn key(&self, number: KeyNumber) -> Key {
        Key::Object(named(number))
    }

    fn value(&self, stamp: &Stamp<'_>) -> Value {
        let mut draw = draw_value(self.seed, &self.resource, stamp);
        let size = spread(&mut draw, stamp.size.unwrap_or(SIZES));
        let body = Body::new(&[], draw, size);
        let rev = stamp.rev.to_string();
        let upload = Upload {
            key: named(stamp.number),
            settings: ObjectSettings {
                headers: BTreeMap::from([(SystemHeader::ContentType, "application/octet-stream".into())]),
                metadata: BTreeMap::from([
                    ("write-id".into(), stamp.write_id.as_str().to_owned()),
                    ("rev".into(), rev.clone()),
                ]),
                tags: BTreeMap::new(),
            },
        };
        let facts = BTreeMap::from([
            ("size".into(), size.to_string()),
            ("sha256".into(), body.sha256().to_owned()),
            ("title".into(), String::new()),
            ("rev".into(), rev),
        ]);
        Value { content: Content::Object { upload, body }, facts, expires_ms: None }
    }
}
