//! Writes what exists before the traffic begins. Every key is ledgered like traffic.

use std::{collections::BTreeMap, fmt};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Origin, Outcome},
    units::ByteSize,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    WorkloadError,
    dataset::{Dataset, Generator, KeyNumber},
    writer::{Answered, Author, Draft, Write},
};
use crate::{
    poll::WaitError,
    run::Drill,
    services::{Site, dynamodb},
};

/// Requests in flight for one resource: what an emulator on two cores holds without queueing.
const LANES: u64 = 4;

/// Items of one `BatchWriteItem`, the most that DynamoDB takes.
const BATCH_ITEMS: usize = 25;

/// What was seeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedSummary {
    /// Items and objects by resource.
    pub entries: BTreeMap<ResourceId, u64>,
    /// Bytes of all of them, as the ledger counts.
    pub bytes: u64,
}

impl fmt::Display for SeedSummary {
    /// `2,000 orders, 300 uploads, 41.2 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (resource, count) in &self.entries {
            write!(f, "{} {}, ", grouped(*count), resource.name())?;
        }
        write!(f, "{}", ByteSize::new(self.bytes))
    }
}

/// `2,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes the plan's seed to `site`, resource after resource. Fails on the first key that is not acknowledged.
pub async fn seed(drill: &Drill, site: &Site) -> Result<SeedSummary, WorkloadError> {
    let dataset = Dataset::of(&drill.plan)?;
    let mut summary = SeedSummary::default();
    for (resource, count) in &drill.plan.seeding {
        let generator =
            dataset.generator(resource).ok_or_else(|| WorkloadError::NotWritable { resource: resource.clone() })?;
        let seeding = Seeding { drill, site, resource, generator, dataset: &dataset };
        let lanes = (0..LANES.min(*count)).map(|lane| seeding.lane(lane, *count));
        let bytes: Vec<u64> =
            stream::iter(lanes).buffer_unordered(usize::try_from(LANES).unwrap_or(1)).try_collect().await?;
        summary.entries.insert(resource.clone(), *count);
        summary.bytes += bytes.into_iter().sum::<u64>();
    }
    Ok(summary)
}

/// The seeding of one resource.
#[derive(Clone, Copy)]
struct Seeding<'a> {
    drill: &'a Drill,
    site: &'a Site,
    resource: &'a ResourceId,
    generator: &'a dyn Generator,
    dataset: &'a Dataset,
}

impl Seeding<'_> {
    /// Writes every [`LANES`]-th key from `lane` on, one request after the other; returns their bytes.
    async fn lane(self, lane: u64, count: u64) -> Result<u64, WorkloadError> {
        let writer = format!("seed.{}.{lane}", self.resource.file_stem());
        let batch = if self.resource.kind() == Some(ResourceKind::Table) { BATCH_ITEMS } else { 1 };
        let numbers: Vec<KeyNumber> =
            (lane..count).step_by(usize::try_from(LANES).unwrap_or(1)).map(KeyNumber::seed).collect();
        let (mut seq, mut bytes) = (0, 0);
        for numbers in numbers.chunks(batch) {
            if self.drill.cancel.is_cancelled() {
                return Err(WaitError::Cancelled { what: format!("the seed of {}", self.resource) }.into());
            }
            let drafts: Vec<Draft> = numbers.iter().map(|number| self.draft(*number)).collect();
            let answered = self.send(&drafts).await;
            let mut refused = None; // every item of a failed batch is ledgered before the seed gives up
            for draft in &drafts {
                let author = Author { resource: self.resource, name: &writer, seq, origin: Origin::Seed };
                let line = draft.line(author, self.site.side, 0, &answered);
                self.drill.ledger.record(&line)?;
                seq += 1;
                bytes += line.bytes;
                refused = refused.or_else(|| self.refusal(&line));
            }
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(bytes)
    }

    fn draft(&self, number: KeyNumber) -> Draft {
        Draft::of(self.generator, &Write::first(number, None), self.dataset.seed_write_id(self.resource, number))
    }

    /// Items go together in one batch, an object alone.
    async fn send(&self, drafts: &[Draft]) -> Answered {
        let name = self.resource.name();
        let items: Vec<dynamodb::Item> = drafts.iter().filter_map(Draft::item).collect();
        let clock = self.drill.clock;
        let issued = clock.now();
        match drafts {
            [object] if items.is_empty() => {
                let answer = object.send(self.site, name).await;
                Answered::to_one(answer, issued, clock.now())
            }
            _ => {
                let answer = dynamodb::write_items(self.site, name, items).await;
                Answered::to_batch(&answer, issued, clock.now())
            }
        }
    }

    /// A seed with a hole could not be compared with anything later.
    fn refusal(&self, line: &LedgerLine) -> Option<WorkloadError> {
        (line.outcome != Outcome::Acknowledged).then(|| WorkloadError::NotSeeded {
            resource: self.resource.clone(),
            key: line.key.clone(),
            reason: line.error.clone().unwrap_or_else(|| "no answer".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_reads_as_people_say_it() {
        let entries = [("table/orders", ResourceKind::Table, 2_000), ("bucket/uploads", ResourceKind::Bucket, 300)];
        let entries = entries.map(|(id, kind, count)| (ResourceId::new(kind, id.split_once('/').unwrap().1), count));
        let summary = SeedSummary { entries: entries.into_iter().collect(), bytes: 43_201_331 };
        insta::assert_snapshot!(summary.to_string(), @"300 uploads, 2,000 orders, 41.1 MiB");
        assert_eq!(["0", "999", "1,000", "1,234,567"].map(String::from), [0, 999, 1_000, 1_234_567].map(grouped));
    }
}
