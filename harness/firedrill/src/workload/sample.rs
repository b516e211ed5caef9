//! A plan for the tests of this room: the order pipeline in small.

use std::{collections::BTreeMap, path::PathBuf};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    plan::{About, CLOCK_SKEW, Layout, Names, PLAN_SCHEMA, Plan, PlannedProbe, TargetKind, TargetPlan},
    scenario::{Detect, Detector, Expect, Limits, Mix, SizeRange, Traffic},
    stack::{Bucket, KeyAttribute, KeyType, Stack, Table},
    topology::Topology,
    units::{ByteSize, Rate, Span},
    verdict::EnvironmentClass,
};

pub(crate) fn orders() -> ResourceId {
    ResourceId::new(ResourceKind::Table, "orders")
}

pub(crate) fn uploads() -> ResourceId {
    ResourceId::new(ResourceKind::Bucket, "uploads")
}

pub(crate) fn key_attribute(name: &str, kind: KeyType) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), kind }
}

pub(crate) fn table(hash: KeyAttribute, range: Option<KeyAttribute>, data: Option<&str>) -> Table {
    Table {
        hash,
        range,
        indexes: BTreeMap::new(),
        stream: false,
        ttl: None,
        encryption: false,
        tags: BTreeMap::new(),
        data: data.map(str::to_owned),
        delivery_log: false,
    }
}

pub(crate) fn load(resource: ResourceId, writers: u32, rate: u64) -> Traffic {
    Traffic {
        name: resource.name().to_owned(),
        resource,
        writers,
        rate: Rate::per_second(rate),
        mix: Mix { put: 50, update: 30, delete: 20 },
        size: Some(SizeRange { min: ByteSize::new(1 << 10), max: ByteSize::new(64 << 10) }),
        with: None,
        timeout: Span::from_secs(2),
        zone: None,
    }
}

/// Orders and uploads without functions, seeded and with traffic on both.
pub(crate) fn plan(seed: u64) -> Plan {
    let bucket = Bucket {
        versioning: true,
        encryption: None,
        cors: Vec::new(),
        tags: BTreeMap::new(),
        data: Some("upload".into()),
    };
    let orders_table =
        table(key_attribute("customer", KeyType::S), Some(key_attribute("order", KeyType::S)), Some("order"));
    let probe =
        |resource: ResourceId| PlannedProbe { id: resource.as_str().into(), resource, timeout: Span::from_secs(2) };
    Plan {
        schema: PLAN_SCHEMA.into(),
        scenario: About {
            name: "sample".into(),
            summary: "the workload alone".into(),
            owner: None,
            tier: None,
            sha256: String::new(),
            folder: PathBuf::new(),
        },
        seed,
        target: TargetPlan {
            kind: TargetKind::Local,
            layout: Layout::SharedProcess,
            environment_class: EnvironmentClass::Emulator,
            engine: "any".into(),
        },
        topology: Topology { primary: "us-east-1".into(), recovery: "eu-west-1".into() },
        stack: Stack {
            template: None,
            name: "sample".into(),
            version: String::new(),
            roles: BTreeMap::new(),
            buckets: BTreeMap::from([("uploads".into(), bucket)]),
            tables: BTreeMap::from([("orders".into(), orders_table)]),
            queues: BTreeMap::new(),
            functions: BTreeMap::new(),
            triggers: BTreeMap::new(),
        },
        names: Names { primary: BTreeMap::new(), recovery: BTreeMap::new() },
        seeding: BTreeMap::from([(orders(), 200), (uploads(), 40)]),
        placed: BTreeMap::new(),
        traffic: vec![load(orders(), 3, 60), load(uploads(), 2, 20)],
        backups: Vec::new(),
        disaster: Vec::new(),
        detect: Detect {
            canary: orders(),
            reads: false,
            zone: None,
            every: Span::from_ms(100),
            by: Detector::Failures { in_a_row: 3 },
            decide: Span::default(),
        },
        stop_when: Vec::new(),
        recover: Vec::new(),
        probes: vec![probe(orders()), probe(uploads())],
        probe_interval: Span::from_ms(200),
        observe: Span::default(),
        clock_skew: CLOCK_SKEW,
        expect: Expect::default(),
        limits: Limits {
            run: Span::from_secs(600),
            phase: Span::from_secs(120),
            drain: Span::from_secs(20),
            attempts: 1,
        },
        must_fail: Vec::new(),
    }
}
