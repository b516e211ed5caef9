//! How long verification takes: a whole run directory, by lines of its ledger.

#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use firedrill_verify::verify;

fn compare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for lines in [1_000, 10_000] {
        let root = tempfile::tempdir().unwrap();
        let dir = support::large::save(root.path(), lines);
        group.throughput(Throughput::Elements(lines));
        group.sample_size(10).bench_with_input(BenchmarkId::from_parameter(lines), &dir, |bench, dir| {
            bench.iter(|| black_box(verify(dir).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
