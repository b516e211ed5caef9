//! Defects put into a backup or a restore on purpose, to see whether the checks notice.
//!
//! The honest path calls a [`Saboteur`] at its named points and nowhere else; without a [`Sabotage`] each of them hands
//! back what it was given. A victim is one of the keys that the data set keeps still: seeded, older than every recovery
//! point and written by nobody since, so a check that misses it has no excuse.

use std::collections::BTreeSet;

use firedrill_model::{
    history::Event,
    ids::ResourceId,
    ledger::{LedgerLine, Origin, Outcome},
    run_dir::RunDirError,
    scenario::Sabotage,
};

use super::BackupError;
use crate::{
    run::Drill,
    services::{
        Blueprint,
        dynamodb::{AttributeValue, Item},
        flip,
    },
    workload::dataset::Dataset,
};

/// Attributes that functions compute with: a defect there would break the function and not the data alone.
const USED_BY_FUNCTIONS: [&str; 3] = ["amount", "rev", "write_id"];

/// One defect and whom it hits.
#[derive(Clone, Debug, Default)]
pub struct Saboteur {
    sabotage: Option<Sabotage>,
    victim: Option<String>,
    seed: u64,
}

impl Saboteur {
    /// Changes nothing.
    pub fn honest() -> Self {
        Self::default()
    }

    /// Draws the victim of `sabotage` from the keys that the data set keeps still, and writes it into the history: the
    /// verdict must name that key.
    pub fn draw(drill: &Drill, sabotage: Option<&Sabotage>) -> Result<Self, BackupError> {
        let Some(sabotage) = sabotage else { return Ok(Self::honest()) };
        let seed = drill.plan.seed;
        let victim = match sabotage.hits_a_key_of() {
            Some(resource) => victim(drill.dir.read_ledger()?, resource, &still(drill, resource)?)?,
            None => None,
        };
        if let (Some(resource), Some(key)) = (sabotage.hits_a_key_of(), &victim) {
            drill.journal.append(Event::Sabotaged { resource: resource.clone(), key: key.clone() })?;
        }
        Ok(Self { sabotage: Some(sabotage.clone()), victim, seed })
    }

    fn hits(&self, resource: &ResourceId, key: &str) -> bool {
        self.sabotage.as_ref().and_then(Sabotage::hits_a_key_of) == Some(resource)
            && self.victim.as_deref() == Some(key)
    }

    /// Point 1, while keys are listed: whether this one is left out.
    pub fn leaves_out(&self, resource: &ResourceId, key: &str) -> bool {
        matches!(self.sabotage, Some(Sabotage::SkipKey { .. })) && self.hits(resource, key)
    }

    /// Point 2, before an item is restored. `keep` are the attributes of its key and indexes.
    pub fn item(&self, resource: &ResourceId, key: &str, mut item: Item, keep: &[&str]) -> Item {
        if !self.hits(resource, key) {
            return item;
        }
        let change: fn(&AttributeValue) -> Option<AttributeValue> = match self.sabotage {
            Some(Sabotage::FlipByte { .. }) => flip::text,
            Some(Sabotage::NumberToString { .. }) => number_as_text,
            Some(Sabotage::SkipKey { .. } | Sabotage::ForgetTtl { .. } | Sabotage::ReturnEarly) | None => return item,
        };
        let mut changed: Vec<(String, AttributeValue)> = item
            .iter()
            .filter(|(name, _)| !keep.contains(&name.as_str()) && !USED_BY_FUNCTIONS.contains(&name.as_str()))
            .filter_map(|(name, value)| change(value).map(|value| (name.clone(), value)))
            .collect();
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some((name, value)) = pick(changed, self.seed) {
            item.insert(name, value);
        }
        item
    }

    /// Point 3, before the body of an object's newest version is restored: whether [`flip::last_byte`] applies.
    pub fn flips_body(&self, resource: &ResourceId, key: &str) -> bool {
        matches!(self.sabotage, Some(Sabotage::FlipByte { .. })) && self.hits(resource, key)
    }

    /// Point 4, before a resource is made.
    pub fn blueprint(&self, resource: &ResourceId, blueprint: &mut Blueprint) {
        if let Some(Sabotage::ForgetTtl { resource: hit }) = &self.sabotage
            && hit == resource
            && let Blueprint::Table(table) = blueprint
        {
            table.ttl = None;
        }
    }

    /// Point 5, before any content is restored: whether the restore reports success here.
    pub fn returns_early(&self) -> bool {
        matches!(self.sabotage, Some(Sabotage::ReturnEarly))
    }
}

/// The keys that the data set keeps still, in an order of its own draw.
fn still(drill: &Drill, resource: &ResourceId) -> Result<Vec<String>, BackupError> {
    let unusable = |error| BackupError::File { path: "the data set".to_owned(), source: std::io::Error::other(error) };
    let dataset = Dataset::of(&drill.plan).map_err(unusable)?;
    let Some(generator) = dataset.generator(resource) else { return Ok(Vec::new()) };
    Ok(dataset.still(resource).into_iter().map(|number| generator.key(number).text().to_owned()).collect())
}

/// The first of `still` whose seeding was acknowledged with a body that is not empty.
fn victim(
    ledger: impl Iterator<Item = Result<LedgerLine, RunDirError>>,
    resource: &ResourceId,
    still: &[String],
) -> Result<Option<String>, RunDirError> {
    let mut seeded = BTreeSet::new();
    for line in ledger {
        let line = line?;
        let suitable = line.origin == Origin::Seed && line.outcome == Outcome::Acknowledged && line.bytes > 0;
        if suitable && line.resource == *resource && still.contains(&line.key) {
            seeded.insert(line.key);
        }
    }
    Ok(still.iter().find(|key| seeded.contains(*key)).cloned())
}

fn pick<T>(choices: Vec<T>, seed: u64) -> Option<T> {
    let count = u64::try_from(choices.len()).ok().filter(|count| *count > 0)?;
    let index = usize::try_from(seed % count).unwrap_or(0);
    choices.into_iter().nth(index)
}

fn number_as_text(value: &AttributeValue) -> Option<AttributeValue> {
    value.as_n().ok().cloned().map(AttributeValue::S)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firedrill_model::ids::ResourceKind;
    use proptest::prelude::*;

    use super::*;
    use crate::run::sample;

    fn orders() -> ResourceId {
        ResourceId::new(ResourceKind::Table, "orders")
    }

    fn line(key: &str, origin: Origin) -> LedgerLine {
        LedgerLine { origin, ..sample::line(orders(), key) }
    }

    fn item() -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |text: &str| AttributeValue::N(text.to_owned());
        Item::from([
            ("customer".to_owned(), text("C-00417")),
            ("note".to_owned(), text("grüße")),
            ("weight".to_owned(), number("12.50")),
            ("amount".to_owned(), number("1.00")),
            ("write_id".to_owned(), text("w-1")),
        ])
    }

    fn saboteur(sabotage: Sabotage, seed: u64) -> Saboteur {
        Saboteur { sabotage: Some(sabotage), victim: Some("a".to_owned()), seed }
    }

    /// Names of attributes in which two items differ.
    fn differences(a: &Item, b: &Item) -> Vec<String> {
        let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
    }

    proptest! {
        #[test]
        fn the_victim_is_the_first_still_key_that_was_seeded_with_a_body(
            lines in prop::collection::vec(("[a-f]", any::<bool>(), 0..3_u64, any::<bool>()), 0..30),
            still in prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..4).prop_shuffle(),
        ) {
            let ledger = lines.iter().map(|(key, seeded, bytes, acknowledged)| LedgerLine {
                bytes: *bytes,
                outcome: if *acknowledged { Outcome::Acknowledged } else { Outcome::Rejected },
                ..line(key, if *seeded { Origin::Seed } else { Origin::Traffic })
            });
            let still: Vec<String> = still.into_iter().map(str::to_owned).collect();
            let drawn = victim(ledger.map(Ok), &orders(), &still).unwrap();
            let fits = |key: &String| lines.iter().any(|(other, seeded, bytes, acknowledged)| {
                other == key && *seeded && *bytes > 0 && *acknowledged
            });
            prop_assert_eq!(drawn, still.into_iter().find(fits));
        }

        #[test]
        fn a_flipped_byte_changes_one_text_and_keeps_its_size(seed in any::<u64>()) {
            let changed = saboteur(Sabotage::FlipByte { resource: orders() }, seed)
                .item(&orders(), "a", item(), &["customer"]);
            prop_assert_eq!(differences(&item(), &changed), ["note"]);
            prop_assert_eq!(changed["note"].as_s().unwrap().len(), "grüße".len());
        }

        #[test]
        fn a_flipped_body_differs_in_its_last_byte_alone(body in prop::collection::vec(any::<u8>(), 1..50)) {
            let flipped = flip::last_byte(&bytes::Bytes::from(body.clone()));
            prop_assert_eq!(flipped.len(), body.len());
            prop_assert_eq!(&flipped[..body.len() - 1], &body[..body.len() - 1]);
            prop_assert_ne!(flipped.last(), body.last());
        }
    }

    #[test]
    fn a_number_becomes_the_same_text() {
        let sabotage = Sabotage::NumberToString { resource: orders() };
        let changed = saboteur(sabotage, 7).item(&orders(), "a", item(), &["customer"]);
        assert_eq!(differences(&item(), &changed), ["weight"]);
        assert_eq!(changed["weight"], AttributeValue::S("12.50".to_owned()));
    }

    #[test]
    fn other_keys_other_resources_and_the_honest_path_are_left_alone() {
        let totals = ResourceId::new(ResourceKind::Table, "totals");
        let flipping = saboteur(Sabotage::FlipByte { resource: orders() }, 1);
        let skipping = saboteur(Sabotage::SkipKey { resource: orders() }, 1);
        assert_eq!(flipping.item(&orders(), "b", item(), &[]), item());
        assert_eq!(flipping.item(&totals, "a", item(), &[]), item());
        assert_eq!(skipping.item(&orders(), "a", item(), &[]), item());
        assert_eq!(Saboteur::honest().item(&orders(), "a", item(), &[]), item());
        assert!(skipping.leaves_out(&orders(), "a") && !skipping.leaves_out(&orders(), "b"));
        assert!(!skipping.leaves_out(&totals, "a") && !flipping.leaves_out(&orders(), "a"));
        assert!(flipping.flips_body(&orders(), "a") && !skipping.flips_body(&orders(), "a"));
        assert!(!skipping.returns_early() && saboteur(Sabotage::ReturnEarly, 1).returns_early());
    }
}
