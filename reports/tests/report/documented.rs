//! The page on the run directory names every field that is written there.

use std::{collections::BTreeSet, fs, path::Path};

use firedrill_model::history::Event;
use serde::Serialize;
use serde_json::Value;

use super::sample;

/// Every word between backticks on the page.
fn named_on_the_page() -> BTreeSet<String> {
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../docs/run-directory.md");
    let page = fs::read_to_string(path).unwrap();
    page.split('`').skip(1).step_by(2).flat_map(|words| words.split([' ', '.', ','])).map(str::to_owned).collect()
}

fn fields(of: &impl Serialize) -> Vec<String> {
    let Value::Object(fields) = serde_json::to_value(of).unwrap() else { return Vec::new() };
    fields.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn every_field_of_plan_history_and_ledger_is_on_the_page() {
    let page = named_on_the_page();
    let runs = [sample::pass(), sample::fail(), sample::interrupted(), sample::killed(), sample::altered()];
    let mut written = BTreeSet::new();
    for run in &runs {
        written.extend(fields(&run.plan));
        written.extend(run.ledger.iter().flat_map(fields));
        for (_, event) in &run.events {
            let value = serde_json::to_value(event).unwrap();
            written.insert(value["kind"].as_str().unwrap().to_owned());
            written.extend(fields(event));
            if let Event::BackupCompleted { recovery_point } = event {
                written.extend(fields(recovery_point));
            }
        }
        written.extend(fields(&run.record()));
    }
    assert!(written.len() > 100, "{written:?}");
    let silent: Vec<&String> = written.iter().filter(|field| !page.contains(field.as_str())).collect();
    assert!(silent.is_empty(), "not on the page: {silent:?}");
}
