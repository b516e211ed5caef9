//! The workload's resources by logical name, as one value that is the same in every region.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ResourceId, ResourceKind};

/// All resources of a workload, keyed by logical name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Name of the stack.
    pub name: String,
    /// SHA-256 of the stack file and of every function's code, hex: what a recovery point was made of.
    pub version: String,
    /// IAM roles that functions assume.
    pub roles: BTreeMap<String, Role>,
    /// S3 buckets.
    pub buckets: BTreeMap<String, Bucket>,
    /// DynamoDB tables.
    pub tables: BTreeMap<String, Table>,
    /// SQS queues.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, Queue>,
    /// Lambda functions.
    pub functions: BTreeMap<String, Function>,
    /// What invokes functions.
    pub triggers: BTreeMap<String, Trigger>,
    /// The CloudFormation template that the resources above were read from, and that stands them up; `None` for a native
    /// stack file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// A CloudFormation template. Logical names of the stack are the template's logical ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The template, short forms of functions written out, code as local folders.
    pub body: Value,
    /// Parameters that are given to it.
    pub parameters: BTreeMap<String, String>,
    /// Physical names that it chooses itself, in which `${region}` and `${account}` stand for those of a side. Every
    /// other resource is given the name that the plan has for it.
    pub names: BTreeMap<ResourceId, String>,
    /// What it has besides, as people call it: deployed, but neither protected nor compared.
    pub beyond: Vec<String>,
    /// What of that the service itself copies between regions, which only one emulator process for all regions does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross_region: Vec<String>,
}

impl Stack {
    /// Every resource, in the order in which they are created.
    pub fn resources(&self) -> Vec<ResourceId> {
        let names = |kind: ResourceKind| -> Vec<&String> {
            match kind {
                ResourceKind::Role => self.roles.keys().collect(),
                ResourceKind::Bucket => self.buckets.keys().collect(),
                ResourceKind::Table => self.tables.keys().collect(),
                ResourceKind::Queue => self.queues.keys().collect(),
                ResourceKind::Function => self.functions.keys().collect(),
                ResourceKind::Trigger => self.triggers.keys().collect(),
            }
        };
        ResourceKind::ALL
            .into_iter()
            .flat_map(|kind| names(kind).into_iter().map(move |name| ResourceId::new(kind, name)))
            .collect()
    }

    /// The resources that hold data, instrumentation tables left out.
    pub fn data_resources(&self) -> Vec<ResourceId> {
        let holds_data = |id: &ResourceId| id.kind().is_some_and(ResourceKind::holds_data);
        let is_log = |id: &ResourceId| {
            id.kind() == Some(ResourceKind::Table) && self.tables.get(id.name()).is_some_and(|table| table.delivery_log)
        };
        self.resources().into_iter().filter(|id| holds_data(id) && !is_log(id)).collect()
    }

    /// The table in which functions log each delivery, if the stack has one.
    pub fn delivery_log(&self) -> Option<&str> {
        self.tables.iter().find(|(_, table)| table.delivery_log).map(|(name, _)| name.as_str())
    }

    /// Whether the log of deliveries can know of what this function was invoked for: its environment names that table.
    pub fn logs(&self, function: &str) -> bool {
        let Some(log) = self.delivery_log() else { return false };
        let name = format!("${{{}}}", ResourceId::new(ResourceKind::Table, log));
        let environment = self.functions.get(function).map(|function| &function.environment);
        environment.is_some_and(|variables| variables.values().any(|value| value.contains(&name)))
    }

    /// The trigger whose function writes to `resource`: what makes its content *derived*.
    pub fn derived_by(&self, resource: &ResourceId) -> Option<(&String, &Trigger)> {
        self.triggers.iter().find(|(_, trigger)| {
            trigger
                .effect
                .as_ref()
                .is_some_and(|effect| ResourceId::new(ResourceKind::Table, &effect.table) == *resource)
        })
    }

    /// What lies on the way of a trigger from a write to its effect, the trigger first: without any of it no effect comes.
    /// Nothing when the stack has no such trigger.
    pub fn way_of(&self, trigger: &str) -> Vec<ResourceId> {
        let Some((name, trigger)) = self.triggers.get_key_value(trigger) else { return Vec::new() };
        let role = self.functions.get(&trigger.function).map(|function| &function.role);
        let table = trigger.effect.as_ref().map(|effect| &effect.table);
        let mut way = vec![
            ResourceId::new(ResourceKind::Trigger, name),
            ResourceId::new(ResourceKind::Function, &trigger.function),
        ];
        way.extend(role.map(|role| ResourceId::new(ResourceKind::Role, role)));
        way.extend(table.map(|table| ResourceId::new(ResourceKind::Table, table)));
        way.extend(trigger.queue().map(|via| ResourceId::new(ResourceKind::Queue, &via.queue)));
        way.push(trigger.source_resource());
        way
    }
}

/// An IAM role. In its documents `${table/orders}` stands for the physical name of that resource, `${region}` and
/// `${account}` for those of the side it is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Trust policy: who may assume it.
    pub assumed_by: Value,
    /// Inline policies by name.
    pub policies: BTreeMap<String, Value>,
    /// ARNs of managed policies that are attached.
    pub managed: Vec<String>,
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Versioning switched on.
    pub versioning: bool,
    /// Default encryption: `AES256` or none.
    pub encryption: Option<String>,
    /// CORS rules.
    pub cors: Vec<CorsRule>,
    /// Bucket tags.
    pub tags: BTreeMap<String, String>,
    /// Which generator makes the objects of seed and traffic: `upload`, or none for plain random bytes.
    pub data: Option<String>,
}

/// One CORS rule of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// Origins that may call.
    pub origins: Vec<String>,
    /// HTTP methods.
    pub methods: Vec<String>,
    /// Request headers allowed.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Seconds a browser may keep the answer.
    #[serde(default)]
    pub max_age_s: Option<u32>,
}

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// Attribute name.
    pub name: String,
    /// Attribute type.
    pub kind: KeyType,
}

/// A global secondary index; projects all attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Partition key.
    pub hash: KeyAttribute,
    /// Sort key.
    pub range: Option<KeyAttribute>,
}

/// A DynamoDB table, on-demand capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Partition key.
    pub hash: KeyAttribute,
    /// Sort key.
    pub range: Option<KeyAttribute>,
    /// Global secondary indexes by name.
    pub indexes: BTreeMap<String, Index>,
    /// Stream of new and old images switched on.
    pub stream: bool,
    /// Attribute that holds the expiry in epoch seconds.
    pub ttl: Option<String>,
    /// Server-side encryption switched on explicitly.
    pub encryption: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Which generator makes the items of seed and traffic: `order`, or none for plain items made from the key schema.
    pub data: Option<String>,
    /// Firedrill's instrument: functions log each delivery here. Not protected, not compared.
    pub delivery_log: bool,
}

impl Stack {
    /// Whether a resource is part of it.
    pub fn has(&self, resource: &ResourceId) -> bool {
        self.resources().contains(resource)
    }
}

impl Table {
    /// Attributes of its key, its indexes' keys and its TTL.
    pub fn key_attributes(&self) -> Vec<&str> {
        let own = std::iter::once(&self.hash).chain(&self.range);
        let indexes = self.indexes.values().flat_map(|index| std::iter::once(&index.hash).chain(&index.range));
        own.chain(indexes).map(|attribute| attribute.name.as_str()).chain(self.ttl.as_deref()).collect()
    }
}

/// An SQS queue, in no particular order (FIFO queues take no events of S3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Seconds for which a message that somebody took is hidden from others.
    pub visibility_timeout_s: u32,
    /// Seconds for which a message is kept.
    pub retention_s: u32,
    /// Server-side encryption with SQS's own key.
    pub encryption: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Runtime, such as `python3.12`.
    pub runtime: String,
    /// Handler, such as `app.handler`.
    pub handler: String,
    /// Folder of the code, absolute after planning.
    pub code: PathBuf,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Time-out in seconds.
    pub timeout_s: u32,
    /// Environment. `${table/orders}` stands for the physical name of that resource.
    pub environment: BTreeMap<String, String>,
    /// Logical name of the role.
    pub role: String,
    /// Reserved concurrent executions.
    pub reserved_concurrency: Option<u32>,
    /// Alias that points at the published version; triggers call it.
    pub alias: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Function {
    /// Whether it brings its own runtime along, which need not heed the handler.
    ///
    /// Source: AWS Lambda developer guide, "Using the Lambda runtime API to create custom runtimes" for `provided…`.
    pub fn has_own_runtime(&self) -> bool {
        self.runtime.starts_with("provided")
    }
}

/// The event that S3 raises for every object, however it was written (Amazon S3 User Guide, "Event notification types").
pub const EVERY_OBJECT: &str = "s3:ObjectCreated:*";

/// What invokes a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Where events come from.
    pub source: TriggerSource,
    /// Logical name of the function.
    pub function: String,
    /// What the function must produce for an event; `None` when nothing is known of it.
    pub effect: Option<Effect>,
}

impl Trigger {
    /// The resource whose writes are the causes of this trigger's events.
    pub fn source_resource(&self) -> ResourceId {
        match &self.source {
            TriggerSource::BucketEvents { bucket, .. } => ResourceId::new(ResourceKind::Bucket, bucket),
            TriggerSource::TableStream { table, .. } => ResourceId::new(ResourceKind::Table, table),
        }
    }

    /// Whether every value that is written is an event of it. Of one that watches for some events of a bucket alone, such as
    /// `s3:ObjectCreated:Put`, the ledger does not say which writes raise them.
    pub fn raises_every_write(&self) -> bool {
        match &self.source {
            TriggerSource::BucketEvents { events, .. } => events.iter().any(|event| event == EVERY_OBJECT),
            TriggerSource::TableStream { .. } => true,
        }
    }

    /// The queue on the way of its events.
    pub fn queue(&self) -> Option<&Via> {
        match &self.source {
            TriggerSource::BucketEvents { queue, .. } => queue.as_ref(),
            TriggerSource::TableStream { .. } => None,
        }
    }
}

/// Kinds of edge in the stack graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TriggerSource {
    /// S3 notification: to the function, or to a queue from which an event source mapping brings it there.
    BucketEvents {
        /// Logical name of the bucket.
        bucket: String,
        /// S3 event names, such as `s3:ObjectCreated:*`.
        events: Vec<String>,
        /// Only keys with this prefix.
        prefix: Option<String>,
        /// The queue on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<Via>,
    },
    /// Event source mapping on a table's stream.
    TableStream {
        /// Logical name of the table.
        table: String,
        /// Records a batch.
        batch_size: u32,
        /// Seconds to gather a batch.
        batch_window_s: u32,
        /// Attempts before a batch is given up; `None` until it expires.
        retries: Option<u32>,
        /// Split a batch that fails.
        bisect: bool,
    },
}

/// A queue on the way from an event to a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// Logical name of the queue.
    pub queue: String,
    /// Messages a batch.
    pub batch_size: u32,
}

/// What a trigger must produce for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Logical name of the table that the function writes.
    pub table: String,
    /// How its items follow from the causes.
    pub model: EffectModel,
}

/// How derived items follow from the writes that caused them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectModel {
    /// One item per object: `{ id: object key, size, sha256, title, rev, write_id }` of the last version that was put.
    ObjectDescription,
    /// One item per customer: `{ customer, total, count, applied: { order: { rev, amount, write_id } } }`, where
    /// `total` and `count` are over the orders in `applied` that are not marked `gone`.
    RunningTotal,
}
