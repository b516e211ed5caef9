//! One pass of one probe: write, read back, read sentinels; or write a cause and see its effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use firedrill_model::{
    ids::{ResourceId, ResourceKind, WriteId},
    ledger::{LedgerLine, Origin, Outcome},
    stack::{Effect, EffectModel, Trigger},
    units::{RunTime, Span},
};
use sha2::{Digest, Sha256};

use super::{
    WorkloadError,
    authority::Standing,
    dataset::{Dataset, Key, KeyNumber, ProbeSlot, Sentinel},
    writer::{Write, Writer},
};
use crate::{
    poll::{self, Look},
    run::Drill,
    services::{
        ServiceError, Site,
        canonical::Described,
        dynamodb::{self, AttributeValue, Item, canonical::describe_item},
        s3::{self, canonical::describe_object},
    },
};

/// Between two looks for an effect.
const LOOK_EVERY: Span = Span::from_ms(100);

/// One pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    pub(super) drill: &'a Drill,
    pub(super) dataset: &'a Arc<Dataset>,
    pub(super) site: &'a Site,
    pub(super) standing: Standing,
    pub(super) began: RunTime,
    pub(super) deadline: RunTime,
    /// Whose keys it writes.
    pub(super) by: By,
}

/// Who passes: each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Probe,
    Canary,
}

/// `Err` says what failed, as one line.
type Seen = Result<(), String>;

/// What a key must hold.
#[derive(Clone, Copy, Debug)]
struct Expected<'a> {
    write_id: &'a WriteId,
    digest: Option<&'a str>,
    parts: &'a BTreeMap<String, String>,
}

impl<'a> Expected<'a> {
    fn of_line(line: &'a LedgerLine) -> Self {
        Self { write_id: &line.write_id, digest: line.digest.as_deref(), parts: &line.parts }
    }

    fn of_sentinel(sentinel: &'a Sentinel) -> Self {
        Self { write_id: &sentinel.write_id, digest: Some(&sentinel.value.digest), parts: &sentinel.value.parts }
    }
}

impl Pass<'_> {
    /// Probes `resource`. The outer error means that the pass could not be recorded.
    pub(super) async fn run(&self, resource: &ResourceId) -> Result<Seen, WorkloadError> {
        match self.drill.plan.stack.triggers.get(resource.name()) {
            Some(trigger) if resource.kind() == Some(ResourceKind::Trigger) => self.trigger(trigger).await,
            Some(_) | None => self.data(resource).await,
        }
    }

    /// Writes a key of its own into a bucket or table, and no more.
    pub(super) async fn writes(&self, resource: &ResourceId) -> Result<Seen, WorkloadError> {
        let line = self.write(resource, self.number(ProbeSlot::Data), "data").await?;
        Ok(acknowledged(&line))
    }

    fn number(&self, slot: ProbeSlot) -> KeyNumber {
        let slot = match self.by {
            By::Probe => slot,
            By::Canary => ProbeSlot::Canary,
        };
        KeyNumber::probe(slot, self.began.micros())
    }

    /// A bucket or table: a write of its own, the same value read back, and the sentinels as the seed wrote them.
    async fn data(&self, resource: &ResourceId) -> Result<Seen, WorkloadError> {
        let number = self.number(ProbeSlot::Data);
        let line = self.write(resource, number, "data").await?;
        let reading = async {
            acknowledged(&line)?;
            self.reads(resource, number, &Expected::of_line(&line)).await?;
            for sentinel in self.dataset.sentinel_values(resource) {
                self.reads(resource, sentinel.number, &Expected::of_sentinel(sentinel)).await?;
            }
            Ok(())
        };
        Ok(self.in_time(reading).await)
    }

    /// A trigger: a write to its source, then its effect.
    async fn trigger(&self, trigger: &Trigger) -> Result<Seen, WorkloadError> {
        let source = trigger.source_resource();
        let line = self.write(&source, self.number(ProbeSlot::Trigger), "trigger").await?;
        let looking = async {
            acknowledged(&line)?;
            let effect = trigger.effect.as_ref().ok_or("no effect is declared that could be seen")?;
            let limit = self.deadline.since(self.drill.clock.now());
            let look = || async {
                match self.effect_of(effect, &line).await {
                    Ok(true) => Look::Ready(()),
                    Ok(false) => Look::NotYet(format!("no effect in {}", effect.table)),
                    Err(error) => Look::NotYet(error.to_string()),
                }
            };
            let what = format!("the effect of {} in {}", line.write_id, effect.table);
            poll::until(what, LOOK_EVERY, limit, &self.drill.cancel, look).await.map_err(|error| error.to_string())
        };
        Ok(self.in_time(looking).await)
    }

    /// Writes a key that no other pass has.
    async fn write(&self, resource: &ResourceId, number: KeyNumber, what: &str) -> Result<LedgerLine, WorkloadError> {
        let by = match self.by {
            By::Probe => "probe",
            By::Canary => "canary",
        };
        let name = format!("{by}.{what}.{}.{}", resource.file_stem(), self.began.micros());
        let mut writer = Writer::new(self.drill, self.dataset, name, Origin::Probe);
        writer.attempt(self.site, self.standing, resource, &Write::first(number, None)).await
    }

    async fn in_time(&self, doing: impl Future<Output = Seen>) -> Seen {
        let left = self.deadline.since(self.drill.clock.now());
        poll::at_most(left, doing).await.unwrap_or_else(|| Err("it did not end in time".into()))
    }

    /// Reads a key, which must hold this write and all of its value.
    async fn reads(&self, resource: &ResourceId, number: KeyNumber, expected: &Expected<'_>) -> Seen {
        let generator = self.dataset.generator(resource).ok_or_else(|| format!("{resource} holds no data"))?;
        let key = generator.key(number);
        let text = key.text().to_owned();
        let found = self.read(resource, key).await.map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("`{text}` is not there"))?;
        if found.write_id.as_ref() != Some(expected.write_id) {
            let held = found.write_id.map_or_else(|| "no write id".to_owned(), |id| id.to_string());
            return Err(format!("`{text}` holds {held} instead of {}", expected.write_id));
        }
        if expected.digest != Some(&found.digest) {
            return Err(format!("`{text}` came back as another value{}", in_parts(expected.parts, &found)));
        }
        Ok(())
    }

    async fn read(&self, resource: &ResourceId, key: Key) -> Result<Option<Described>, ServiceError> {
        match key {
            Key::Item { attributes, .. } => {
                let item = dynamodb::get_item(self.site, resource.name(), attributes).await?;
                Ok(item.as_ref().map(describe_item))
            }
            Key::Object(key) => match read_object(self.site, resource.name(), &key).await {
                Ok(described) => Ok(Some(described)),
                Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether the derived table shows that this write was handled.
    async fn effect_of(&self, effect: &Effect, cause: &LedgerLine) -> Result<bool, ServiceError> {
        let (hash, id) = match effect.model {
            EffectModel::ObjectDescription => ("id", cause.key.clone()),
            EffectModel::RunningTotal => ("customer", fact(cause, "customer")),
        };
        let key = Item::from([(hash.to_owned(), AttributeValue::S(id))]);
        let item = dynamodb::get_item(self.site, &effect.table, key).await?;
        Ok(item.is_some_and(|item| shows(effect.model, &item, cause)))
    }
}

/// `: content-encoding, tags`, the parts in which what was found differs from what was written.
fn in_parts(written: &BTreeMap<String, String>, found: &Described) -> String {
    let names: BTreeSet<&String> = written.keys().chain(found.parts.keys()).collect();
    let differing: Vec<&str> =
        names.into_iter().filter(|name| written.get(*name) != found.parts.get(*name)).map(String::as_str).collect();
    if differing.is_empty() { String::new() } else { format!(": {}", differing.join(", ")) }
}

/// Whether a derived item was made from this write.
fn shows(model: EffectModel, item: &Item, cause: &LedgerLine) -> bool {
    let holder = match model {
        EffectModel::ObjectDescription => Some(item),
        EffectModel::RunningTotal => item
            .get("applied")
            .and_then(|applied| applied.as_m().ok())
            .and_then(|applied| applied.get(&fact(cause, "order")))
            .and_then(|entry| entry.as_m().ok()),
    };
    let write_id = holder.and_then(|holder| holder.get("write_id")).and_then(|value| value.as_s().ok());
    write_id.is_some_and(|id| id == cause.write_id.as_str())
}

fn fact(line: &LedgerLine, name: &str) -> String {
    line.facts.get(name).cloned().unwrap_or_default()
}

fn acknowledged(line: &LedgerLine) -> Seen {
    let why = line.error.as_deref().unwrap_or("no answer");
    match line.outcome {
        Outcome::Acknowledged => Ok(()),
        Outcome::Rejected => Err(format!("the write was rejected: {why}")),
        Outcome::Ambiguous => Err(format!("the write was not answered: {why}")),
    }
}

/// Reads an object to its end and describes it as it arrived.
async fn read_object(site: &Site, name: &str, key: &str) -> Result<Described, ServiceError> {
    let mut object = s3::read(site, name, key, None).await?;
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    while let Some(chunk) = object.body.next().await {
        let chunk = chunk.map_err(|error| ServiceError::Unusable {
            operation: format!("S3 GetObject on {name}"),
            what: format!("a body that breaks off: {error}"),
        })?;
        size += chunk.len() as u64;
        hash.update(&chunk);
    }
    let digest = hex::encode(hash.finalize());
    Ok(describe_object(&digest, size, &object.settings))
}

#[cfg(test)]
mod tests;
