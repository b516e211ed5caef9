//! A stack file as it is written: the workload's resources by logical name. The JSON Schema and the shape check come
//! from these types.

use std::collections::BTreeMap;

use firedrill_model::{
    stack::{EffectModel, KeyType},
    units::{ByteSize, Span},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::written::Written;

/// The resources of a workload, by logical names that are the same in every region.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStack {
    /// Name of the stack.
    pub stack: String,
    /// IAM roles that functions assume.
    #[serde(default)]
    pub roles: BTreeMap<String, RawRole>,
    /// S3 buckets.
    #[serde(default)]
    pub buckets: BTreeMap<String, RawBucket>,
    /// DynamoDB tables.
    #[serde(default)]
    pub tables: BTreeMap<String, RawTable>,
    /// SQS queues.
    #[serde(default)]
    pub queues: BTreeMap<String, RawQueue>,
    /// Lambda functions.
    #[serde(default)]
    pub functions: BTreeMap<String, RawFunction>,
    /// What invokes functions.
    #[serde(default)]
    pub triggers: BTreeMap<String, RawTrigger>,
}

/// An IAM role that Lambda may assume.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRole {
    /// Action → resources of this stack (`table/orders`), or `*`.
    #[serde(default)]
    pub allow: BTreeMap<String, Vec<String>>,
}

/// An S3 bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBucket {
    /// Versioning switched on.
    #[serde(default)]
    pub versioning: bool,
    /// Default encryption.
    pub encryption: Option<BucketEncryption>,
    /// CORS rules.
    #[serde(default)]
    pub cors: Vec<RawCors>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Generator of its objects; random bytes when left out.
    pub data: Option<ObjectData>,
}

/// Default encryption of a bucket.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum BucketEncryption {
    /// Keys managed by S3.
    #[serde(rename = "AES256")]
    Aes256,
}

/// Generators of objects.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectData {
    /// Uploads with a title, metadata, tags and awkward keys.
    Upload,
}

/// Generators of items.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemData {
    /// Orders with every type that DynamoDB has.
    Order,
}

/// One CORS rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCors {
    /// Origins that may call.
    pub origins: Vec<String>,
    /// HTTP methods.
    pub methods: Vec<String>,
    /// Request headers allowed.
    #[serde(default)]
    pub headers: Vec<String>,
    /// How long a browser may keep the answer.
    pub max_age: Option<Written<Span>>,
}

/// A DynamoDB table with on-demand capacity.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTable {
    /// Partition key: its name and its type, `S`, `N` or `B`.
    pub hash: BTreeMap<String, KeyType>,
    /// Sort key.
    pub range: Option<BTreeMap<String, KeyType>>,
    /// Global secondary indexes; each projects all attributes.
    #[serde(default)]
    pub indexes: BTreeMap<String, RawIndex>,
    /// Stream of new and old images.
    #[serde(default)]
    pub stream: bool,
    /// Attribute that holds the expiry in epoch seconds.
    pub ttl: Option<String>,
    /// Server-side encryption switched on explicitly.
    #[serde(default)]
    pub encryption: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Generator of its items; plain items made from the key schema when left out.
    pub data: Option<ItemData>,
    /// Firedrill's instrument: functions log each delivery here. Not protected, not compared.
    #[serde(default)]
    pub delivery_log: bool,
}

/// A global secondary index.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawIndex {
    /// Partition key.
    pub hash: BTreeMap<String, KeyType>,
    /// Sort key.
    pub range: Option<BTreeMap<String, KeyType>>,
}

/// A Lambda function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFunction {
    /// Runtime.
    #[schemars(example = "python3.12")]
    pub runtime: String,
    /// Handler.
    #[schemars(example = "app.handler")]
    pub handler: String,
    /// Folder of the code, relative to the stack file.
    pub code: String,
    /// Memory.
    #[serde(default = "default_memory")]
    pub memory: Written<ByteSize>,
    /// Time-out of one invocation.
    #[serde(default = "default_function_timeout")]
    pub timeout: Written<Span>,
    /// Environment; `${table/orders}` stands for the physical name of that resource.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The role it assumes.
    pub role: String,
    /// Reserved concurrent executions.
    #[schemars(range(max = 1000))]
    pub reserved_concurrency: Option<u32>,
    /// Alias that points at the published version; triggers call it.
    pub alias: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What invokes a function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTrigger {
    /// Where events come from.
    pub source: RawTriggerSource,
    /// The function.
    pub function: String,
    /// What the function must produce for an event; without it the trigger's effects are not checked. One trigger derives a table.
    pub effect: Option<RawEffectModel>,
}

/// A bucket with `events` and `prefix`, and a `queue` on the way if there is one, or a table with the settings of an event source mapping.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTriggerSource {
    /// The bucket whose notifications invoke the function.
    pub bucket: Option<String>,
    /// S3 event names; `s3:ObjectCreated:*` when left out. What is owed is judged where that is among them.
    pub events: Option<Vec<String>>,
    /// Only keys with this prefix.
    pub prefix: Option<String>,
    /// The queue that they go to, from which a mapping brings them to the function.
    pub queue: Option<String>,
    /// The table whose stream invokes the function.
    pub table: Option<String>,
    /// Records a batch; 100 when left out, 10 of a queue.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_size: Option<u32>,
    /// Time to gather a batch, at most 300 s.
    pub batch_window: Option<Written<Span>>,
    /// Attempts before a batch is given up; until it expires when left out.
    #[schemars(range(max = 10_000))]
    pub retries: Option<u32>,
    /// Split a batch that fails.
    pub bisect: Option<bool>,
}

/// An SQS queue without an order. S3 may send into it what the triggers of this stack say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawQueue {
    /// How long a message is hidden from others that somebody took: at least the time-out of the function behind.
    #[serde(default = "default_visibility")]
    pub visibility_timeout: Written<Span>,
    /// How long a message is kept.
    #[serde(default = "default_retention")]
    pub retention: Written<Span>,
    /// Server-side encryption with SQS's own key.
    #[serde(default)]
    pub encryption: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What a function must produce for an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEffectModel {
    /// The table it writes.
    pub table: String,
    /// How its items follow from the causes.
    pub model: EffectModel,
}

fn default_memory() -> Written<ByteSize> {
    Written(ByteSize::new(128 << 20))
}

fn default_visibility() -> Written<Span> {
    Written(Span::from_secs(30))
}

fn default_retention() -> Written<Span> {
    Written(Span::from_secs(345_600))
}

fn default_function_timeout() -> Written<Span> {
    Written(Span::from_secs(30))
}
