//! The cost of what a drill digests and writes down: items, bodies, journal, ledger, manifests.

use std::collections::BTreeMap;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use firedrill::{
    clock::RunClock,
    run::{Journal, manifest::ManifestWriter},
    services::{
        canonical::digest,
        dynamodb::{AttributeValue, Item, canonical::describe_item},
    },
    workload::ledger::Ledger,
};
use firedrill_model::{
    capture::Entry,
    history::Event,
    ids::{ProbeId, ResourceId, ResourceKind, WriteId},
    ledger::{LedgerLine, Op, Origin, Outcome},
    topology::Side,
    units::RunTime,
};

const ENTRIES: u64 = 20_000;
const BODY_BYTES: usize = 1 << 20;

fn ledger_line(number: u64) -> LedgerLine {
    LedgerLine {
        resource: ResourceId::new(ResourceKind::Table, "orders"),
        key: format!("C-{number:05}#2026-11-23%23{number:06}"),
        writer: "orders-1".into(),
        seq: number,
        write_id: WriteId::new(format!("orders-1-{number}")),
        op: Op::Put,
        digest: Some("5".repeat(64)),
        parts: (0..12).map(|part| (format!("attribute:{part}"), "0123456789ab".to_owned())).collect(),
        bytes: 700,
        amount: None,
        outcome: Outcome::Acknowledged,
        issued_ms: RunTime::from_micros(number * 1000),
        completed_ms: Some(RunTime::from_micros(number * 1000 + 700)),
        side: Side::Primary,
        epoch: 0,
        attempt: 1,
        origin: Origin::Traffic,
        cause: None,
        version: None,
        expires_ms: None,
        txn: None,
        error: None,
        facts: BTreeMap::from([("customer".into(), "C-1".into()), ("amount".into(), "12.50".into())]),
    }
}

fn entry(number: u64) -> Entry {
    // Multiplying by an odd number visits the keys in an order far from sorted.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Entry {
        key: format!("{scattered:016x}"),
        write_id: Some(WriteId::new(format!("w-{number}"))),
        digest: "5".repeat(64),
        parts: BTreeMap::new(),
        bytes: 700,
        versions: Vec::new(),
        deleted: false,
        counter: None,
        value: None,
    }
}

/// About what an order of the pipeline is: texts, a number, a list of maps, a set.
fn item() -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let line = |n: u32| {
        let fields = [("sku", text(&format!("SKU-{n:05}"))), ("quantity", AttributeValue::N(n.to_string()))];
        AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).into())
    };
    [
        ("customer", text("C-00042")),
        ("order", text("2026-11-23#000812")),
        ("amount", AttributeValue::N("1299.50".to_owned())),
        ("lines", AttributeValue::L((1..6).map(line).collect())),
        ("labels", AttributeValue::Ss(vec!["express".to_owned(), "gift".to_owned()])),
        ("note", text(&"Bitte beim Nachbarn abgeben. ".repeat(6))),
        ("write_id", text("orders.1-00042")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn digests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digests");
    let item = item();
    group.throughput(Throughput::Elements(1));
    group.bench_function("describe one item", |bencher| bencher.iter(|| describe_item(&item)));
    let body = "x".repeat(BODY_BYTES);
    group.throughput(Throughput::Bytes(BODY_BYTES as u64));
    group.bench_function("digest a body of 1 MiB", |bencher| bencher.iter(|| digest(&body)));
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("records");

    let journal = Journal::create(&folder.path().join("history.jsonl"), RunClock::start()).expect("a history");
    group.throughput(Throughput::Elements(1));
    group.bench_function("journal one event", |bencher| {
        bencher.iter(|| {
            journal.append(Event::Probed {
                probe: ProbeId::from("table/orders"),
                began_ms: RunTime::from_ms(12),
                ok: true,
                detail: String::new(),
            })
        });
    });

    let ledger = Ledger::create(&folder.path().join("ledger.jsonl")).expect("a ledger");
    let line = ledger_line(7);
    group.bench_function("ledger one line", |bencher| bencher.iter(|| ledger.record(&line)));

    let path = folder.path().join("table.orders.jsonl");
    group.throughput(Throughput::Elements(ENTRIES));
    group.sample_size(10);
    group.bench_function("sort a manifest", |bencher| {
        bencher.iter_batched(
            || (0..ENTRIES).map(entry).collect::<Vec<_>>(),
            |entries| {
                let mut writer = ManifestWriter::new();
                for entry in &entries {
                    writer.add(entry).expect("room in the temporary folder");
                }
                writer.finish(&path).expect("room in the temporary folder")
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, digests, records);
criterion_main!(benches);
