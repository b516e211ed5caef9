//! Writes what exists before the traffic begins. Every key is ledgered like traffic.

use std::{collections::BTreeMap, fmt};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Origin, Outcome},
    stack::Table,
    units::ByteSize,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    WorkloadError,
    dataset::{Dataset, Generator, KeyNumber},
    writer::{Answered, Author, Draft, Write},
};
use crate::{
    poll::{self, WaitError},
    run::Drill,
    services::{
        Site,
        dynamodb::{self, write},
    },
};

/// Requests in flight for one resource: what an emulator on two cores holds without queueing.
const LANES: u64 = 4;

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
        let table = drill.plan.stack.tables.get(resource.name());
        let table = table.filter(|_| resource.kind() == Some(ResourceKind::Table));
        let seeding = Seeding { drill, site, resource, table, generator, dataset: &dataset };
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
    /// For a table.
    table: Option<&'a Table>,
    generator: &'a dyn Generator,
    dataset: &'a Dataset,
}

impl Seeding<'_> {
    /// Writes every [`LANES`]-th key from `lane` on, one request after the other; returns their bytes.
    async fn lane(self, lane: u64, count: u64) -> Result<u64, WorkloadError> {
        let writer = format!("seed.{}.{lane}", self.resource.file_stem());
        let batch = if self.table.is_some() { write::BATCH } else { 1 };
        let numbers: Vec<KeyNumber> =
            (lane..count).step_by(usize::try_from(LANES).unwrap_or(1)).map(KeyNumber::seed).collect();
        let (mut seq, mut bytes) = (0, 0);
        for numbers in numbers.chunks(batch) {
            if self.drill.cancel.is_cancelled() {
                return Err(self.cancelled());
            }
            let drafts = numbers.iter().map(|number| self.draft(*number)).collect();
            bytes += self.write(&writer, &mut seq, drafts).await?;
        }
        Ok(bytes)
    }

    /// Writes `drafts` with one request, and what the service left unprocessed with another, until each has been
    /// acknowledged; returns their bytes.
    async fn write(&self, writer: &str, seq: &mut u64, drafts: Vec<Draft>) -> Result<u64, WorkloadError> {
        let clock = self.drill.clock;
        let until = clock.now().plus(write::LIMIT);
        let (mut left, mut attempt, mut bytes) = (drafts, 1, 0);
        loop {
            let answers = self.send(&left, attempt).await;
            let (mut again, mut refused) = (Vec::new(), None); // every item is ledgered before the seed gives up
            for (draft, answered) in left.into_iter().zip(answers) {
                let author = Author { resource: self.resource, name: writer, seq: *seq, origin: Origin::Seed };
                let line = draft.line(author, self.site.side, 0, &answered);
                self.drill.ledger.record(&line)?;
                *seq += 1;
                if line.outcome == Outcome::Acknowledged {
                    bytes += line.bytes;
                } else if answered.unprocessed && clock.now() < until {
                    again.push(draft);
                } else {
                    refused = refused.or_else(|| Some(self.refusal(&line)));
                }
            }
            if let Some(error) = refused {
                return Err(error);
            }
            if again.is_empty() {
                return Ok(bytes);
            }
            if !poll::pause(write::PAUSE, &self.drill.cancel).await {
                return Err(self.cancelled());
            }
            (left, attempt) = (again, attempt + 1);
        }
    }

    fn draft(&self, number: KeyNumber) -> Draft {
        Draft::of(self.generator, &Write::first(number, None), self.dataset.seed_write_id(self.resource, number))
    }

    /// Items go together in one batch, an object alone. The answer for each.
    async fn send(&self, drafts: &[Draft], attempt: u32) -> Vec<Answered> {
        let (name, clock) = (self.resource.name(), self.drill.clock);
        let Some(table) = self.table else {
            let mut answers = Vec::new();
            for object in drafts {
                let issued = clock.now();
                let answer = object.send(self.site, name).await;
                answers.push(Answered::to_one(answer, issued, clock.now()));
            }
            return answers;
        };
        let keys: Vec<&str> = drafts.iter().map(Draft::key).collect();
        let items: Vec<dynamodb::Item> = drafts.iter().filter_map(Draft::item).collect();
        let issued = clock.now();
        let answer = dynamodb::offer_items(self.site, name, items).await;
        let completed = clock.now();
        let key = |item: &dynamodb::Item| dynamodb::key_of(item, &table.hash, table.range.as_ref()).unwrap_or_default();
        let unprocessed = answer.map(|items| items.iter().map(key).collect());
        Answered::to_batch(&keys, unprocessed, attempt, (issued, completed))
    }

    /// A seed with a hole could not be compared with anything later.
    fn refusal(&self, line: &LedgerLine) -> WorkloadError {
        WorkloadError::NotSeeded {
            resource: self.resource.clone(),
            key: line.key.clone(),
            reason: line.error.clone().unwrap_or_else(|| "no answer".into()),
        }
    }

    fn cancelled(&self) -> WorkloadError {
        WaitError::Cancelled { what: format!("the seed of {}", self.resource) }.into()
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::{topology::Side, units::Span};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        run,
        services::{
            Clients,
            clients::{Conduct, Endpoint},
            stand_in,
        },
        workload::sample,
    };

    /// A table that takes the first item of each batch and leaves the others unprocessed.
    fn narrow_table() -> Site {
        let url = stand_in::answering(|request| {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let left = &asked["RequestItems"]["orders"].as_array().unwrap()[1..];
            let unprocessed = if left.is_empty() { json!({}) } else { json!({ "orders": left }) };
            ("200 OK", json!({ "UnprocessedItems": unprocessed }).to_string())
        });
        let endpoint = Endpoint { region: "us-east-1".into(), plane_url: url.clone(), direct_url: url.clone() };
        let clients = Clients::connect(&endpoint, Conduct::Traffic { timeout: Span::from_secs(30) }, None);
        Site::new(Side::Primary, clients, url, BTreeMap::new())
    }

    #[tokio::test]
    async fn what_a_batch_left_unprocessed_is_sent_again_and_each_attempt_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = sample::plan(7);
        let count = 3 * LANES;
        plan.seeding = BTreeMap::from([(sample::orders(), count)]);
        let drill = run::sample::drill(folder.path(), plan);
        let summary = seed(&drill, &narrow_table()).await.unwrap();
        assert_eq!(summary.entries, BTreeMap::from([(sample::orders(), count)]));

        let mut attempts: BTreeMap<String, Vec<LedgerLine>> = BTreeMap::new();
        for line in drill.dir.read_ledger().unwrap() {
            let line = line.unwrap();
            attempts.entry(line.write_id.to_string()).or_default().push(line);
        }
        let mut ended: Vec<Vec<(u32, Outcome)>> = Vec::new();
        for lines in attempts.values() {
            assert!(lines.is_sorted_by(|one, next| one.completed_ms < Some(next.issued_ms) && one.seq < next.seq));
            ended.push(lines.iter().map(|line| (line.attempt, line.outcome)).collect());
        }
        ended.sort_by_key(Vec::len);
        let history = |attempts: u32| -> Vec<(u32, Outcome)> {
            let refused = (1..attempts).map(|attempt| (attempt, Outcome::Rejected));
            refused.chain([(attempts, Outcome::Acknowledged)]).collect()
        };
        let of_each_lane = [history(1), history(2), history(3)];
        let expected = of_each_lane.into_iter().flat_map(|history| std::iter::repeat_n(history, 4)).collect::<Vec<_>>();
        assert_eq!(ended, expected);
        let bytes = attempts.values().map(|lines| lines[0].bytes).sum::<u64>();
        assert_eq!(summary.bytes, bytes, "what was sent twice counts once");
    }

    #[test]
    fn the_summary_reads_as_people_say_it() {
        let entries = [("table/orders", ResourceKind::Table, 2_000), ("bucket/uploads", ResourceKind::Bucket, 300)];
        let entries = entries.map(|(id, kind, count)| (ResourceId::new(kind, id.split_once('/').unwrap().1), count));
        let summary = SeedSummary { entries: entries.into_iter().collect(), bytes: 43_201_331 };
        insta::assert_snapshot!(summary.to_string(), @"300 uploads, 2,000 orders, 41.1 MiB");
        assert_eq!(["0", "999", "1,000", "1,234,567"].map(String::from), [0, 999, 1_000, 1_234_567].map(grouped));
    }
}
