//! Items as DynamoDB JSON (`{"S": "text"}`, `{"N": "1.50"}` …), exact in both directions: what AWS's own export writes.

use std::collections::HashMap;

use aws_smithy_types::Blob;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::{AttributeValue, Item, number, text::Form};

/// JSON that is not an item.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{path}` is not a DynamoDB value: {what}")]
pub struct NotAnItem {
    /// Where in the item.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// An item as text of DynamoDB JSON: an object of attribute name → `{type: value}`, names sorted. Numbers keep their
/// text.
pub fn text(item: &Item) -> String {
    let mut text = String::new();
    Form::Exact.item(&mut text, item, |_, _| {});
    text
}

/// Reads an item back.
pub fn to_item(json: &Value) -> Result<Item, NotAnItem> {
    members("item", json)
}

/// Reads one value back.
pub fn to_value(json: &Value) -> Result<AttributeValue, NotAnItem> {
    value_at("value", json)
}

/// An item as plain JSON for people and effect models: numbers as text without superfluous zeros, binary in base64, sets as
/// sorted lists.
pub fn plain(item: &Item) -> Value {
    object(item, plain_value)
}

fn plain_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(text) => json!(number::normal(text)),
        AttributeValue::B(bytes) => json!(STANDARD.encode(bytes)),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::Ss(set) => sorted(set.clone()),
        AttributeValue::Ns(set) => sorted(set.iter().map(|text| number::normal(text)).collect()),
        AttributeValue::Bs(set) => sorted(set.iter().map(|bytes| STANDARD.encode(bytes)).collect()),
        AttributeValue::L(list) => Value::Array(list.iter().map(plain_value).collect()),
        AttributeValue::M(map) => object(map, plain_value),
        _ => Value::Null,
    }
}

fn sorted(mut set: Vec<String>) -> Value {
    set.sort_unstable();
    json!(set)
}

/// An object with its names sorted, since a hash map has no order.
fn object(map: &HashMap<String, AttributeValue>, member: impl Fn(&AttributeValue) -> Value) -> Value {
    let mut names: Vec<&String> = map.keys().collect();
    names.sort_unstable();
    Value::Object(names.into_iter().map(|name| (name.clone(), member(&map[name]))).collect())
}

fn value_at(path: &str, json: &Value) -> Result<AttributeValue, NotAnItem> {
    let refuse = |what: &str| NotAnItem { path: path.to_owned(), what: what.to_owned() };
    let mut tagged = json.as_object().ok_or_else(|| refuse("not an object"))?.iter();
    let (Some((kind, inner)), None) = (tagged.next(), tagged.next()) else {
        return Err(refuse("not exactly one type"));
    };
    Ok(match kind.as_str() {
        "S" => AttributeValue::S(text_at(path, inner)?),
        "N" => AttributeValue::N(text_at(path, inner)?),
        "B" => AttributeValue::B(blob_at(path, inner)?),
        "BOOL" => AttributeValue::Bool(inner.as_bool().ok_or_else(|| refuse("not true or false"))?),
        "NULL" => AttributeValue::Null(inner.as_bool().ok_or_else(|| refuse("not true or false"))?),
        "SS" => AttributeValue::Ss(list_at(path, inner, text_at)?),
        "NS" => AttributeValue::Ns(list_at(path, inner, text_at)?),
        "BS" => AttributeValue::Bs(list_at(path, inner, blob_at)?),
        "L" => AttributeValue::L(list_at(path, inner, value_at)?),
        "M" => AttributeValue::M(members(path, inner)?),
        other => return Err(refuse(&format!("unknown type `{other}`"))),
    })
}

fn members(path: &str, json: &Value) -> Result<Item, NotAnItem> {
    let object: &Map<String, Value> =
        json.as_object().ok_or_else(|| NotAnItem { path: path.to_owned(), what: "not an object".to_owned() })?;
    object.iter().map(|(name, value)| Ok((name.clone(), value_at(&format!("{path}.{name}"), value)?))).collect()
}

fn list_at<T>(
    path: &str,
    json: &Value,
    element: impl Fn(&str, &Value) -> Result<T, NotAnItem>,
) -> Result<Vec<T>, NotAnItem> {
    let list = json.as_array().ok_or_else(|| NotAnItem { path: path.to_owned(), what: "not a list".to_owned() })?;
    list.iter().enumerate().map(|(index, value)| element(&format!("{path}[{index}]"), value)).collect()
}

fn text_at(path: &str, json: &Value) -> Result<String, NotAnItem> {
    json.as_str().map(str::to_owned).ok_or_else(|| NotAnItem { path: path.to_owned(), what: "not text".to_owned() })
}

fn blob_at(path: &str, json: &Value) -> Result<Blob, NotAnItem> {
    let bytes = STANDARD
        .decode(text_at(path, json)?)
        .map_err(|error| NotAnItem { path: path.to_owned(), what: format!("not base64: {error}") })?;
    Ok(Blob::new(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    proptest! {
        #[test]
        fn an_item_survives_the_way_there_and_back(item in samples::item()) {
            let read: Value = serde_json::from_str(&text(&item)).unwrap();
            prop_assert_eq!(to_item(&read).unwrap(), item);
        }
    }

    #[test]
    fn what_is_no_item_is_refused_with_its_place() {
        for (json, expected) in [
            (json!([]), "`item` is not a DynamoDB value: not an object"),
            (json!({ "a": 1 }), "`item.a` is not a DynamoDB value: not an object"),
            (json!({ "a": {} }), "`item.a` is not a DynamoDB value: not exactly one type"),
            (json!({ "a": { "S": "x", "N": "1" } }), "`item.a` is not a DynamoDB value: not exactly one type"),
            (json!({ "a": { "N": 1 } }), "`item.a` is not a DynamoDB value: not text"),
            (
                json!({ "a": { "L": [{ "S": "x" }, { "Q": "x" }] } }),
                "`item.a[1]` is not a DynamoDB value: unknown type `Q`",
            ),
            (
                json!({ "a": { "M": { "b": { "BOOL": "x" } } } }),
                "`item.a.b` is not a DynamoDB value: not true or false",
            ),
        ] {
            assert_eq!(to_item(&json).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn plain_json_has_numbers_as_text() {
        let item = to_item(&json!({
            "total": { "N": "12.50" }, "tags": { "SS": ["b", "a"] }, "applied": { "M": { "o": { "L": [{ "BOOL": true }] } } },
        }));
        insta::assert_snapshot!(plain(&item.unwrap()), @r#"{"applied":{"o":[true]},"tags":["a","b"],"total":"12.5"}"#);
    }
}
