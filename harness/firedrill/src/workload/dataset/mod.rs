//! The data set: what keys and values look like, drawn from the plan's seed.
//!
//! A generator is one file behind [`Generator`] and one line in `table_generator` or `bucket_generator`. Every value follows from (seed, resource,
//! key number, revision), so that a run can be repeated and an expected value computed without reading anything back.

pub mod below;
pub mod body;
pub mod draw;
mod gzip;
pub mod number;
pub mod order;
pub mod plain;
pub mod upload;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::OnceLock,
};

use firedrill_model::{
    ids::{ResourceId, ResourceKind, WriteId},
    ledger::item_key,
    plan::Plan,
    scenario::SizeRange,
    stack::{Bucket, Table},
};
use thiserror::Error;

pub use self::{
    below::{Below, watched_prefix},
    body::Body,
    draw::Draw,
    number::{KeyNumber, KeySpace, PROBE_PREFIX, ProbeSlot},
};
use self::{
    order::Orders,
    plain::{PlainItems, PlainObjects},
    upload::Uploads,
};
use crate::services::{
    canonical::Described,
    dynamodb::{AttributeValue, Item, canonical::describe_item, key_part},
    s3::{Upload, canonical::describe_object},
};

/// Keys of each resource that nothing writes after seeding; probes read them.
const SENTINELS: u64 = 3;

/// Further keys that nothing writes after seeding: one in so many, and at most so many. Sabotage hits one of these.
const STILL_ONE_IN: u64 = 10;
const STILL_MOST: u64 = 9;

/// Names of the generators of tables; a table without one gets plain items.
pub const TABLE_GENERATORS: [&str; 1] = ["order"];

/// Names of the generators of buckets; a bucket without one gets plain objects.
pub const BUCKET_GENERATORS: [&str; 1] = ["upload"];

/// Makes the keys and values of one resource.
pub trait Generator: Debug + Send + Sync {
    /// The key with this number. Two numbers never give the same key.
    fn key(&self, number: KeyNumber) -> Key;

    /// The value of `stamp`'s key at `stamp`'s revision.
    fn value(&self, stamp: &Stamp<'_>) -> Value;

    /// Whether traffic may delete this key.
    fn may_be_deleted(&self, number: KeyNumber) -> bool {
        let _ = number;
        true
    }
}

/// What identifies a value.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Which key.
    pub number: KeyNumber,
    /// Counts the writes of this key from 1.
    pub rev: u64,
    /// Goes into the value.
    pub write_id: &'a WriteId,
    /// Sizes of objects, when the traffic declares them.
    pub size: Option<SizeRange>,
}

/// A key of a bucket or table.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Object key.
    Object(String),
    /// Key attributes of an item.
    Item {
        /// The attributes.
        attributes: Item,
        /// The key as in the ledger.
        text: String,
    },
}

impl Key {
    /// The key of an item from its attributes: name and value of the hash key, and of the range key if there is one.
    fn item(hash: (&str, AttributeValue), range: Option<(&str, AttributeValue)>) -> Self {
        let part = |value: &AttributeValue| key_part(value).unwrap_or_default(); // no other type can be a key
        let text = item_key(&part(&hash.1), range.as_ref().map(|(_, value)| part(value)).as_deref());
        let attributes = [Some(hash), range].into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
        Self::Item { attributes: attributes.collect(), text }
    }

    /// The key as in the ledger.
    pub fn text(&self) -> &str {
        match self {
            Self::Object(text) | Self::Item { text, .. } => text,
        }
    }
}

/// A value ready to be written.
#[derive(Clone, Debug)]
pub struct Value {
    /// What is written.
    pub content: Content,
    /// What an effect model needs of it, as in the ledger.
    pub facts: BTreeMap<String, String>,
    /// When it expires, epoch milliseconds.
    pub expires_ms: Option<u64>,
}

/// What is written.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value at a time is held, and not for long")]
pub enum Content {
    /// A whole item, key attributes included.
    Item(Item),
    /// An object.
    Object {
        /// Key, headers, metadata and tags.
        upload: Upload,
        /// The body, generated while it is sent.
        body: Body,
    },
}

impl Value {
    /// Digest, parts, size and write id, as the ledger and captures hold them.
    pub fn describe(&self) -> Described {
        match &self.content {
            Content::Item(item) => describe_item(item),
            Content::Object { upload, body } => describe_object(body.sha256(), body.size(), &upload.settings),
        }
    }
}

/// A stack that names a generator nobody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{resource}` names the generator `{name}`, which there is not")]
pub struct UnknownGenerator {
    /// The bucket or table.
    pub resource: ResourceId,
    /// What its `data` says.
    pub name: String,
}

/// The generators of every bucket and table of a plan.
#[derive(Debug)]
pub struct Dataset {
    seed: u64,
    seeding: BTreeMap<ResourceId, u64>,
    generators: BTreeMap<ResourceId, Box<dyn Generator>>,
    sentinel_values: BTreeMap<ResourceId, OnceLock<Vec<Sentinel>>>,
}

/// A seeded key that nothing writes again, and what it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinel {
    /// Its number.
    pub number: KeyNumber,
    /// Write id of its value.
    pub write_id: WriteId,
    /// Digest and parts of its value.
    pub value: Described,
}

impl Dataset {
    /// The data set of a plan.
    pub fn of(plan: &Plan) -> Result<Self, UnknownGenerator> {
        let buckets = plan.stack.buckets.iter().map(|(name, bucket)| {
            let id = ResourceId::new(ResourceKind::Bucket, name);
            let made = bucket_generator(plan.seed, &id, bucket);
            (id, made.map(|made| Below::watched(&plan.stack, name, made)))
        });
        let tables = plan.stack.tables.iter().map(|(name, table)| {
            let id = ResourceId::new(ResourceKind::Table, name);
            (id.clone(), table_generator(plan.seed, &id, table))
        });
        let generators: BTreeMap<_, _> =
            buckets.chain(tables).map(|(id, made)| made.map(|made| (id, made))).collect::<Result<_, _>>()?;
        let sentinel_values = generators.keys().map(|id| (id.clone(), OnceLock::new())).collect();
        Ok(Self { seed: plan.seed, seeding: plan.seeding.clone(), generators, sentinel_values })
    }

    /// The generator of a bucket or table; `None` for what is neither.
    pub fn generator(&self, resource: &ResourceId) -> Option<&dyn Generator> {
        self.generators.get(resource).map(AsRef::as_ref)
    }

    /// How many keys the seed of a resource has.
    pub fn seeded(&self, resource: &ResourceId) -> u64 {
        self.seeding.get(resource).copied().unwrap_or(0)
    }

    /// The seeded keys that nothing writes again: at most three, drawn from the seed, in order.
    pub fn sentinels(&self, resource: &ResourceId) -> Vec<KeyNumber> {
        let sentinels = self.drawn_seeds(resource, "sentinels", SENTINELS, &BTreeSet::new());
        sentinels.into_iter().map(KeyNumber::seed).collect()
    }

    /// The sentinels with the values that the seed gave them. Computed once: some are large.
    pub fn sentinel_values(&self, resource: &ResourceId) -> &[Sentinel] {
        let (Some(generator), Some(values)) = (self.generator(resource), self.sentinel_values.get(resource)) else {
            return &[];
        };
        values.get_or_init(|| {
            let valued = |number| {
                let write_id = self.seed_write_id(resource, number);
                let value = generator.value(&Stamp { number, rev: 1, write_id: &write_id, size: None });
                Sentinel { number, value: value.describe(), write_id }
            };
            self.sentinels(resource).into_iter().map(valued).collect()
        })
    }

    /// The seeded keys beside the sentinels that nothing writes again, in order: older than every recovery point, and
    /// no probe reads them.
    pub fn still(&self, resource: &ResourceId) -> Vec<KeyNumber> {
        let sentinels = self.drawn_seeds(resource, "sentinels", SENTINELS, &BTreeSet::new());
        let count = STILL_MOST.min(self.seeded(resource) / STILL_ONE_IN);
        self.drawn_seeds(resource, "still", count, &sentinels).into_iter().map(KeyNumber::seed).collect()
    }

    /// Whether traffic may delete this key.
    pub fn may_be_deleted(&self, resource: &ResourceId, number: KeyNumber) -> bool {
        self.generator(resource).is_some_and(|generator| generator.may_be_deleted(number))
    }

    /// At most `count` different keys of the seed, none of them among `taken`.
    fn drawn_seeds(&self, resource: &ResourceId, purpose: &str, count: u64, taken: &BTreeSet<u64>) -> BTreeSet<u64> {
        let seeded = self.seeded(resource);
        let free = seeded.saturating_sub(taken.len() as u64);
        let mut draw = Draw::at(self.seed, &[purpose, resource.as_str()]);
        let mut drawn = BTreeSet::new();
        while (drawn.len() as u64) < count.min(free) {
            drawn.extend(Some(draw.below(seeded)).filter(|number| !taken.contains(number)));
        }
        drawn
    }

    /// The write id under which a key of the seed was written.
    pub fn seed_write_id(&self, resource: &ResourceId, number: KeyNumber) -> WriteId {
        WriteId::new(format!("seed.{}-{number}", resource.file_stem()))
    }
}

fn table_generator(seed: u64, id: &ResourceId, table: &Table) -> Result<Box<dyn Generator>, UnknownGenerator> {
    match table.data.as_deref() {
        Some("order") => Ok(Box::new(Orders::new(seed, id))),
        None => Ok(Box::new(PlainItems::new(seed, id, table))),
        Some(name) => Err(UnknownGenerator { resource: id.clone(), name: name.to_owned() }),
    }
}

fn bucket_generator(seed: u64, id: &ResourceId, bucket: &Bucket) -> Result<Box<dyn Generator>, UnknownGenerator> {
    match bucket.data.as_deref() {
        Some("upload") => Ok(Box::new(Uploads::new(seed, id))),
        None => Ok(Box::new(PlainObjects::new(seed, id))),
        Some(name) => Err(UnknownGenerator { resource: id.clone(), name: name.to_owned() }),
    }
}

/// The stream of draws of one value: its resource, key number and revision.
fn draw_value(seed: u64, resource: &ResourceId, stamp: &Stamp<'_>) -> Draw {
    Draw::at(seed, &["value", resource.as_str(), &stamp.number.to_string(), &stamp.rev.to_string()])
}

/// The stream of draws of one key, the same for all its revisions.
fn draw_key(seed: u64, resource: &ResourceId, number: KeyNumber) -> Draw {
    Draw::at(seed, &["key", resource.as_str(), &number.to_string()])
}

#[cfg(test)]
mod tests;
