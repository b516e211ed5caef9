//! The JSON Schema of `run.json`.

use std::{fs, path::Path};

use firedrill_reports::run_schema;

use super::sample;

#[test]
fn the_saved_schema_is_up_to_date() {
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../docs/run.schema.json");
    let saved: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        saved == run_schema(),
        "docs/run.schema.json is out of date: `cargo run --release -p firedrill-reports --example run-schema > docs/run.schema.json`"
    );
}

#[test]
fn every_record_is_valid_and_a_damaged_one_is_not() {
    let schema = jsonschema::validator_for(&run_schema()).unwrap();
    let samples = [
        sample::pass(),
        sample::fail(),
        sample::inconclusive(),
        sample::nothing_checked(),
        sample::interrupted(),
        sample::hostile(),
    ];
    for sample in samples {
        let mut record = serde_json::to_value(sample.record()).unwrap();
        let errors: Vec<String> = schema.iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        record["verdict"] = "passed".into();
        assert!(!schema.is_valid(&record));
    }
}
