//! Prints the JSON Schema of `run.json`: `cargo run --release -p firedrill-reports --example run-schema > docs/run.schema.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &firedrill_reports::run_schema())?;
    writeln!(out)
}
