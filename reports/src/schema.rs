//! JSON Schema of `run.json`, generated from its types.

use serde_json::Value;

use crate::record::{RUN_SCHEMA, RunRecord};

/// JSON Schema (2020-12) of `run.json`. Saved as `docs/run.schema.json`; a test keeps the file up to date.
pub fn run_schema() -> Value {
    let mut schema = schemars::schema_for!(RunRecord);
    schema.insert("title".to_owned(), "firedrill run record".into());
    let mut schema = schema.to_value();
    if let Some(version) = schema.pointer_mut("/properties/schema") {
        *version = serde_json::json!({ "const": RUN_SCHEMA, "description": "version of this format" });
    }
    schema
}
