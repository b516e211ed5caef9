//! Stack files: text → [`Stack`]. A native file is read here, a CloudFormation template in [`super::template`].

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::{
        Bucket, CorsRule, EVERY_OBJECT, Effect, Function, Index, KeyAttribute, KeyType, Queue, Role, Stack, Table,
        Trigger, TriggerSource, Via,
    },
    units::Span,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    diagnostics::{Diagnostics, Problem},
    key_path::KeyPath,
    nearest::suggest,
    schema,
    source::Source,
    stack_raw::{
        RawBucket, RawFunction, RawIndex, RawQueue, RawRole, RawStack, RawTable, RawTrigger, RawTriggerSource,
    },
    template,
};

/// Messages that Lambda takes at once from a queue of which it gathers no batches.
const QUEUE_BATCH: u32 = 10;

/// Version of IAM's policy language.
const POLICY_LANGUAGE: &str = "2012-10-17";

/// Reads a stack file or a template with its `parameters`, and the digests of its functions' code. Problems name the file
/// `shown`.
pub fn load(path: &Path, shown: &str, parameters: &BTreeMap<String, String>) -> Result<Stack, Diagnostics> {
    let source = Source::read_as(path, shown)?;
    let mut stack = if template::is_template(&source) {
        template::load(&source, parameters)?
    } else if let Some(name) = parameters.keys().next() {
        let problem = source.error(format!("a native stack file takes no parameters, and `{name}` is given"));
        return Err(problem.help("only a CloudFormation template has parameters").into());
    } else {
        resolve(&source.decode(&schema::stack())?, &source)?
    };
    stack.version = version(&stack, &source).map_err(|(folder, error)| {
        source.error(format!("the code in `{}` cannot be read: {error}", folder.display())).help("check the folder")
    })?;
    Ok(stack)
}

/// SHA-256 over the stack file and every file of every function's code, each with its name and length.
fn version(stack: &Stack, source: &Source) -> Result<String, (PathBuf, io::Error)> {
    let mut digest = Sha256::new();
    let mut add = |name: &str, bytes: &[u8]| {
        digest.update((name.len() as u64).to_be_bytes());
        digest.update(name);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    add("stack", source.text.as_bytes());
    for (name, value) in stack.template.iter().flat_map(|template| &template.parameters) {
        add(&format!("parameter {name}"), value.as_bytes());
    }
    // Code that stands in the template has no folder.
    for (name, function) in stack.functions.iter().filter(|(_, function)| function.code != Path::new("")) {
        let failed = |error| (function.code.clone(), error);
        let mut files = Vec::new();
        code_files(&function.code, &mut files).map_err(failed)?;
        files.sort();
        for file in files {
            let below = file.strip_prefix(&function.code).unwrap_or(&file);
            add(&format!("{name}/{}", below.display()), &fs::read(&file).map_err(failed)?);
        }
    }
    Ok(hex::encode(digest.finalize()))
}

/// The files of a function's code; what Python leaves behind when it runs is not code.
fn code_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "__pycache__" {
                code_files(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Checks names and references; [`Stack::version`] is left empty.
fn resolve(raw: &RawStack, source: &Source) -> Result<Stack, Diagnostics> {
    let mut reader = Reader { source, raw, problems: Vec::new() };
    reader.names();
    reader.roles();
    reader.queues();
    let tables = raw.tables.iter().map(|(name, table)| (name.clone(), reader.table(name, table))).collect();
    let functions = raw.functions.iter().map(|(name, one)| (name.clone(), reader.function(name, one))).collect();
    let triggers =
        raw.triggers.iter().filter_map(|(name, one)| Some((name.clone(), reader.trigger(name, one)?))).collect();
    reader.one_trigger_a_pair();
    reader.one_trigger_a_queue();
    reader.one_trigger_an_effect();
    reader.one_delivery_log();
    Diagnostics::unless_empty(source.shown(), reader.problems)?;
    Ok(Stack {
        name: raw.stack.clone(),
        version: String::new(),
        roles: raw.roles.iter().map(|(name, one)| (name.clone(), role(one))).collect(),
        buckets: raw.buckets.iter().map(|(name, one)| (name.clone(), bucket(one))).collect(),
        tables,
        queues: raw.queues.iter().map(|(name, one)| (name.clone(), queue(one))).collect(),
        functions,
        triggers,
        template: None,
    })
}

/// A role that Lambda may assume, with one statement an action. A bucket or table stands for itself and everything in it
/// (objects, indexes, streams).
fn role(raw: &RawRole) -> Role {
    let arns = |resource: &String| match ResourceId::parse(resource).and_then(|id| id.arn()) {
        Some(arn) => vec![format!("{arn}/*"), arn],
        None => vec![resource.clone()],
    };
    let statements = raw.allow.iter().map(|(action, resources)| {
        // A statement id may have letters and digits alone.
        let sid: String = action.chars().filter(char::is_ascii_alphanumeric).collect();
        let resources: Vec<String> = resources.iter().flat_map(arns).collect();
        json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resources })
    });
    let access = json!({ "Version": POLICY_LANGUAGE, "Statement": statements.collect::<Vec<_>>() });
    let lambda = json!({
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    });
    Role {
        assumed_by: json!({ "Version": POLICY_LANGUAGE, "Statement": [lambda] }),
        policies: BTreeMap::from([("access".to_owned(), access)]),
        managed: Vec::new(),
    }
}

fn bucket(raw: &RawBucket) -> Bucket {
    let cors = raw.cors.iter().map(|rule| CorsRule {
        origins: rule.origins.clone(),
        methods: rule.methods.clone(),
        headers: rule.headers.clone(),
        max_age_s: rule.max_age.map(|age| whole_seconds(age.0)),
    });
    Bucket {
        versioning: raw.versioning,
        encryption: raw.encryption.map(|_| "AES256".to_owned()),
        cors: cors.collect(),
        tags: raw.tags.clone(),
        data: raw.data.map(|_| "upload".to_owned()),
    }
}

fn queue(raw: &RawQueue) -> Queue {
    Queue {
        visibility_timeout_s: whole_seconds(raw.visibility_timeout.0),
        retention_s: whole_seconds(raw.retention.0),
        encryption: raw.encryption,
        tags: raw.tags.clone(),
    }
}

/// AWS takes whole seconds here; a fraction is rounded up.
fn whole_seconds(span: Span) -> u32 {
    u32::try_from(span.micros().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

struct Reader<'a> {
    source: &'a Source,
    raw: &'a RawStack,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Records an error at `path`.
    fn wrong(&mut self, path: &KeyPath, message: impl Into<String>, found: &str, help: impl Into<String>) {
        let problem = self.source.error(message).at(self.source.place(path), found);
        self.problems.push(problem.help(help));
    }

    fn known(&self, kind: ResourceKind) -> Vec<&str> {
        match kind {
            ResourceKind::Role => self.raw.roles.keys().map(String::as_str).collect(),
            ResourceKind::Bucket => self.raw.buckets.keys().map(String::as_str).collect(),
            ResourceKind::Table => self.raw.tables.keys().map(String::as_str).collect(),
            ResourceKind::Queue => self.raw.queues.keys().map(String::as_str).collect(),
            ResourceKind::Function => self.raw.functions.keys().map(String::as_str).collect(),
            ResourceKind::Trigger => self.raw.triggers.keys().map(String::as_str).collect(),
        }
    }

    /// Whether the stack has it; an error at `path` when not.
    fn exists(&mut self, kind: ResourceKind, name: &str, path: &KeyPath) -> bool {
        if self.known(kind).contains(&name) {
            return true;
        }
        let help = suggest(name, self.known(kind));
        self.wrong(path, format!("the stack has no {} `{name}`", kind.word()), "not in this file", help);
        false
    }

    fn names(&mut self) {
        for kind in ResourceKind::ALL {
            let group = KeyPath::root().key(&format!("{}s", kind.word()));
            let names: Vec<String> = self.known(kind).into_iter().map(str::to_owned).collect();
            for name in names {
                if let Some(rule) = broken_name_rule(kind, &name) {
                    let message = format!("`{name}` cannot be the name of a {}", kind.word());
                    self.wrong(&group.key(&name), message, "not a legal name", rule);
                }
            }
        }
    }

    fn roles(&mut self) {
        let raw = self.raw;
        for (name, role) in &raw.roles {
            for (action, resources) in &role.allow {
                let path = KeyPath::of(["roles", name, "allow", action]);
                if !action.contains(':') && action != "*" {
                    self.wrong(&path, format!("`{action}` is not an action"), "here", "write it like `s3:GetObject`");
                }
                for (index, resource) in resources.iter().enumerate().filter(|(_, resource)| *resource != "*") {
                    self.reference(resource, &path.index(index));
                }
            }
        }
    }

    fn queues(&mut self) {
        let raw = self.raw;
        for (name, queue) in &raw.queues {
            let path = KeyPath::of(["queues", name]);
            if whole_seconds(queue.visibility_timeout.0) > 43_200 {
                let key = path.key("visibility_timeout");
                self.wrong(&key, "SQS hides no message for so long", "here", "at most 12h");
            }
            if !(60..=1_209_600).contains(&whole_seconds(queue.retention.0)) {
                self.wrong(
                    &path.key("retention"),
                    "SQS keeps no message for so long or so short",
                    "here",
                    "60s to 14d",
                );
            }
        }
    }

    /// A resource named as `table/orders`.
    fn reference(&mut self, id: &str, path: &KeyPath) {
        if let Some((id, kind)) = ResourceId::parse(id).and_then(|id| Some((id.clone(), id.kind()?))) {
            self.exists(kind, id.name(), path);
        } else {
            let message = format!("`{id}` is not a resource");
            self.wrong(path, message, "here", "write its kind and name, like `table/orders`");
        }
    }

    fn table(&mut self, name: &str, raw: &RawTable) -> Table {
        let path = KeyPath::of(["tables", name]);
        let indexes =
            raw.indexes.iter().map(|(index, one)| (index.clone(), self.index(&path.key("indexes").key(index), one)));
        let indexes: BTreeMap<String, Index> = indexes.collect();
        let (hash, range) = self.key_schema(&path, &raw.hash, raw.range.as_ref());
        if raw.data.is_some() && (hash.kind != KeyType::S || range.as_ref().is_none_or(|key| key.kind != KeyType::S)) {
            let help = "`data: order` needs the keys `customer` and `order`, both of type `S`";
            self.wrong(&path.key("data"), "this generator does not fit the table's key", "here", help);
        }
        Table {
            hash,
            range,
            indexes,
            stream: raw.stream,
            ttl: raw.ttl.clone(),
            encryption: raw.encryption,
            tags: raw.tags.clone(),
            data: raw.data.map(|_| "order".to_owned()),
            delivery_log: raw.delivery_log,
        }
    }

    fn index(&mut self, path: &KeyPath, raw: &RawIndex) -> Index {
        let (hash, range) = self.key_schema(path, &raw.hash, raw.range.as_ref());
        Index { hash, range }
    }

    fn key_schema(
        &mut self,
        path: &KeyPath,
        hash: &BTreeMap<String, KeyType>,
        range: Option<&BTreeMap<String, KeyType>>,
    ) -> (KeyAttribute, Option<KeyAttribute>) {
        let hash = self.key_attribute(&path.key("hash"), hash);
        let range = range.map(|range| self.key_attribute(&path.key("range"), range));
        if range.as_ref().is_some_and(|range| range.name == hash.name) {
            let message = format!("`{}` is both the partition key and the sort key", hash.name);
            self.wrong(&path.key("range"), message, "here", "name another attribute, or leave `range` out");
        }
        (hash, range)
    }

    fn key_attribute(&mut self, path: &KeyPath, raw: &BTreeMap<String, KeyType>) -> KeyAttribute {
        let mut attributes = raw.iter();
        if let (Some((name, kind)), None) = (attributes.next(), attributes.next()) {
            return KeyAttribute { name: name.clone(), kind: *kind };
        }
        let message = format!("`{path}` must be one attribute");
        self.wrong(path, message, "none, or several", "write its name and type, like `{ customer: S }`");
        KeyAttribute { name: String::new(), kind: KeyType::S }
    }

    fn function(&mut self, name: &str, raw: &RawFunction) -> Function {
        let path = KeyPath::of(["functions", name]);
        self.exists(ResourceKind::Role, &raw.role, &path.key("role"));
        let code = self.source.folder().join(&raw.code);
        if !code.is_dir() {
            let message = format!("the code folder `{}` is not there", raw.code);
            self.wrong(&path.key("code"), message, "no such folder", "the path is relative to the stack file");
        }
        for (variable, value) in &raw.environment {
            let path = path.key("environment").key(variable);
            for id in references(value) {
                self.reference(id, &path);
            }
        }
        let memory_mib = u32::try_from(raw.memory.0.bytes() >> 20).unwrap_or(u32::MAX);
        if !(128..=10_240).contains(&memory_mib) {
            self.wrong(&path.key("memory"), "Lambda does not offer this memory", "here", "128MiB to 10240MiB");
        }
        let timeout_s = whole_seconds(raw.timeout.0);
        if !(1..=900).contains(&timeout_s) {
            self.wrong(&path.key("timeout"), "Lambda does not offer this time-out", "here", "1s to 900s");
        }
        Function {
            runtime: raw.runtime.clone(),
            handler: raw.handler.clone(),
            code: code.canonicalize().unwrap_or(code),
            memory_mib,
            timeout_s,
            environment: raw.environment.clone(),
            role: raw.role.clone(),
            reserved_concurrency: raw.reserved_concurrency,
            alias: raw.alias.clone(),
            tags: raw.tags.clone(),
        }
    }

    fn trigger(&mut self, name: &str, raw: &RawTrigger) -> Option<Trigger> {
        let path = KeyPath::of(["triggers", name]);
        self.exists(ResourceKind::Function, &raw.function, &path.key("function"));
        let effect = raw.effect.as_ref().map(|effect| {
            self.exists(ResourceKind::Table, &effect.table, &path.key("effect").key("table"));
            Effect { table: effect.table.clone(), model: effect.model }
        });
        let source = self.trigger_source(&raw.source, &path.key("source"))?;
        self.visible_for_long_enough(&raw.source, &raw.function, &path);
        Some(Trigger { source, function: raw.function.clone(), effect })
    }

    fn trigger_source(&mut self, raw: &RawTriggerSource, path: &KeyPath) -> Option<TriggerSource> {
        let of_a_stream = raw.retries.is_some() || raw.bisect.is_some() || raw.batch_window.is_some();
        let batched = raw.batch_size.is_none() || raw.queue.is_some();
        match (&raw.bucket, &raw.table) {
            (Some(bucket), None) if !of_a_stream && batched => {
                self.exists(ResourceKind::Bucket, bucket, &path.key("bucket"));
                let queue = raw.queue.as_ref().map(|queue| {
                    self.exists(ResourceKind::Queue, queue, &path.key("queue"));
                    let batch_size = raw.batch_size.unwrap_or(QUEUE_BATCH);
                    if batch_size > QUEUE_BATCH {
                        let help = format!("at most {QUEUE_BATCH}");
                        self.wrong(
                            &path.key("batch_size"),
                            "firedrill gathers no batches from a queue, so that one has 10 messages at most",
                            "here",
                            help,
                        );
                    }
                    Via { queue: queue.clone(), batch_size }
                });
                Some(TriggerSource::BucketEvents {
                    bucket: bucket.clone(),
                    events: raw.events.clone().unwrap_or_else(|| vec![EVERY_OBJECT.to_owned()]),
                    prefix: raw.prefix.clone(),
                    queue,
                })
            }
            (None, Some(table)) if raw.events.is_none() && raw.prefix.is_none() && raw.queue.is_none() => {
                let there = self.exists(ResourceKind::Table, table, &path.key("table"));
                if there && !self.raw.tables.get(table).is_some_and(|table| table.stream) {
                    let message = format!("the table `{table}` has no stream that could invoke a function");
                    self.wrong(&path.key("table"), message, "here", format!("add `stream: true` to `tables.{table}`"));
                }
                Some(TriggerSource::TableStream {
                    table: table.clone(),
                    batch_size: raw.batch_size.unwrap_or(100),
                    batch_window_s: raw.batch_window.map_or(0, |window| whole_seconds(window.0)),
                    retries: raw.retries,
                    bisect: raw.bisect.unwrap_or(false),
                })
            }
            _ => {
                let help = "a bucket with `events`, `prefix` and `queue`, or a table with `batch_size`, `batch_window`, `retries` and `bisect`";
                self.wrong(
                    path,
                    format!("`{path}` must be one bucket or one table, with its own settings"),
                    "here",
                    help,
                );
                None
            }
        }
    }

    /// Lambda takes no queue whose messages come back while they are worked on.
    fn visible_for_long_enough(&mut self, source: &RawTriggerSource, function: &str, path: &KeyPath) {
        let queue = source.queue.as_ref().and_then(|name| self.raw.queues.get_key_value(name));
        let (Some((name, queue)), Some(function)) = (queue, self.raw.functions.get(function)) else { return };
        if queue.visibility_timeout.0 < function.timeout.0 {
            let message = format!("messages of `{name}` come back before the function has had its time");
            let help = format!("let its `visibility_timeout` be {} or more", function.timeout.0);
            self.wrong(&path.key("source").key("queue"), message, "hidden for too short a time", help);
        }
    }

    /// Recovery finds a notification or mapping again by what it joins.
    fn one_trigger_a_pair(&mut self) {
        let mut joined = BTreeMap::new();
        for (name, raw) in &self.raw.triggers {
            let source = raw.source.bucket.as_ref().or(raw.source.table.as_ref());
            if let Some(first) = joined.insert((&raw.source.bucket, &raw.source.table, &raw.function), name)
                && let Some(source) = source
            {
                let message = format!("`{source}` invokes `{}` by `triggers.{first}` already", raw.function);
                let help = "one trigger joins a bucket or table with a function; it takes several `events`";
                self.wrong(&KeyPath::of(["triggers", name]), message, "the second", help);
            }
        }
    }

    /// Two functions would compete for its messages, and two buckets would share one mapping.
    fn one_trigger_a_queue(&mut self) {
        let mut taken = BTreeMap::new();
        let queues = self.raw.triggers.iter().filter_map(|(name, raw)| Some((raw.source.queue.as_ref()?, name)));
        for (queue, name) in queues {
            if let Some(first) = taken.insert(queue, name) {
                let path = KeyPath::of(["triggers", name, "source", "queue"]);
                let message = format!("`{queue}` is on the way of `triggers.{first}` already");
                self.wrong(&path, message, "the second", "give each trigger a queue of its own");
            }
        }
    }

    /// What caused an item of a derived table is told by one trigger.
    fn one_trigger_an_effect(&mut self) {
        let mut derived = BTreeMap::new();
        let effects = self.raw.triggers.iter().filter_map(|(name, raw)| Some((&raw.effect.as_ref()?.table, name)));
        for (table, name) in effects {
            if let Some(first) = derived.insert(table, name) {
                let path = KeyPath::of(["triggers", name, "effect", "table"]);
                let message = format!("`{table}` is derived by `triggers.{first}` already");
                self.wrong(&path, message, "the second", "give the effects of each trigger a table of their own");
            }
        }
    }

    fn one_delivery_log(&mut self) {
        let raw = self.raw;
        let logs: Vec<&String> =
            raw.tables.iter().filter(|(_, table)| table.delivery_log).map(|(name, _)| name).collect();
        if let [_, second, ..] = logs.as_slice() {
            let path = KeyPath::of(["tables", second, "delivery_log"]);
            self.wrong(&path, "a stack has one delivery log", "the second", "let all functions log to one table");
        }
    }
}

/// The ids in `${kind/name}` references of a text.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(id, _)| id))
}

/// The rule that a logical name breaks, so that AWS would refuse the names made from it.
pub(super) fn broken_name_rule(kind: ResourceKind, name: &str) -> Option<&'static str> {
    let of = |also: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.as_bytes().contains(&byte));
    let (legal, rule) = match kind {
        // The region and a suffix are added, and the whole may have 63 characters.
        ResourceKind::Bucket => (
            super::meaning::bucket_name_is_legal(&format!("{name}-0")) && name.len() <= 37 && !name.contains('.'),
            "1 to 37 lowercase letters, digits and `-`, beginning with a letter or digit",
        ),
        ResourceKind::Table => {
            ((3..=255).contains(&name.len()) && of("_-."), "3 to 255 letters, digits, `_`, `-` and `.`")
        }
        ResourceKind::Queue => ((1..=80).contains(&name.len()) && of("_-"), "1 to 80 letters, digits, `_` and `-`"),
        ResourceKind::Function | ResourceKind::Trigger => {
            ((1..=64).contains(&name.len()) && of("_-"), "1 to 64 letters, digits, `_` and `-`")
        }
        // The region is added, and the whole may have 64 characters.
        ResourceKind::Role => {
            ((1..=48).contains(&name.len()) && of("_-+=,.@"), "1 to 48 letters, digits and `_-+=,.@`")
        }
    };
    (!legal).then_some(rule)
}

/// A stack's resources as ids, for messages.
pub fn resource_list(ids: &[ResourceId]) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}
