//! JSON Schemas of the files that users write, made from the raw types.

use std::sync::LazyLock;

use firedrill_plane::format::RawRule;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::{raw::RawScenario, stack_raw::RawStack};

/// Schema of a scenario file.
pub fn scenario() -> Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| generate::<RawScenario>("firedrill scenario"));
    SCHEMA.clone()
}

/// Schema of a stack file.
pub fn stack() -> Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| generate::<RawStack>("firedrill stack"));
    SCHEMA.clone()
}

/// Schema of a file of rules for the fault plane.
pub fn rules() -> Value {
    generate::<Vec<RawRule>>("firedrill rules")
}

/// A schema as it is kept in the repository.
pub fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

fn generate<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    if let Value::Object(root) = &mut schema {
        root.insert("title".to_owned(), title.into());
    }
    without_null(&mut schema);
    schema
}

/// An optional key may be left out; it may not be there and empty, which would look like an assertion and be none.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(object) => {
            object.values_mut().for_each(without_null);
            object.retain(|key, value| !(key == "default" && value.is_null()));
            if let Some(Value::Object(default)) = object.get_mut("default") {
                default.retain(|_, value| !value.is_null());
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            drop_null_alternative(object);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn drop_null_alternative(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|alternative| alternative["type"] != "null");
    if let [Value::Object(only)] = alternatives.as_slice() {
        let only = only.clone();
        object.shift_remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// The schema that a `$ref` leads to, or the schema itself.
pub fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#')));
    match target {
        Some(target) => resolve(root, target),
        None => schema,
    }
}

/// The ways in which a value may be written: `schema` itself, or what its `anyOf` and `oneOf` lead to.
pub fn alternatives<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(root, schema);
    match schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        Some(several) => several.iter().flat_map(|one| alternatives(root, one)).collect(),
        None => vec![schema],
    }
}

/// The words that an alternative allows.
pub fn words(schema: &Value) -> Vec<&str> {
    schema["const"]
        .as_str()
        .into_iter()
        .chain(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str))
        .collect()
}
