//! The YAML of a template as JSON: the short forms of functions (`!Ref Orders`) written out (`{ "Ref": "Orders" }`).
//!
//! Source of the forms: AWS CloudFormation User Guide, "Intrinsic function reference".

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// A value of a template in its long form.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LongForm(pub(super) Value);

impl<'de> Deserialize<'de> for LongForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        Ok(Self(match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
            Some(function) => written_out(function, value),
            None => value,
        }))
    }
}

fn written_out(function: &str, value: Value) -> Value {
    match (function, value) {
        ("Ref" | "Condition", value) => json!({ function: value }),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (function, value) => json!({ format!("Fn::{function}"): value }),
    }
}

/// A value without its own tag; what is in it may have some.
struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(LongForm(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some((key, LongForm(value))) = mapping.next_entry::<String, LongForm>()? {
            entries.insert(key, value);
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::LongForm;
    use crate::scenario::Source;

    #[test]
    fn short_forms_are_written_out() {
        let text = r#"
a: !Ref Orders
b: !GetAtt Orders.StreamArn
c: !Sub "arn:${AWS::Region}"
d: !Join ["-", [!Ref Stage, x]]
e: !If [IsProd, 1, !Ref "AWS::NoValue"]
f: { Fn::GetAtt: [Orders, Arn] }
g: !Not [!Equals [!Ref Stage, prod]]
h: { Version: 2012-10-17, on: yes, n: 1.5 }
i: !Condition IsProd
"#;
        let source = Source::parse(Path::new("t.yaml"), "t.yaml", text.to_owned()).unwrap();
        let LongForm(value) = source.fill().unwrap();
        let expected = json!({
            "a": { "Ref": "Orders" },
            "b": { "Fn::GetAtt": ["Orders", "StreamArn"] },
            "c": { "Fn::Sub": "arn:${AWS::Region}" },
            "d": { "Fn::Join": ["-", [{ "Ref": "Stage" }, "x"]] },
            "e": { "Fn::If": ["IsProd", 1, { "Ref": "AWS::NoValue" }] },
            "f": { "Fn::GetAtt": ["Orders", "Arn"] },
            "g": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Stage" }, "prod"] }] },
            "h": { "Version": "2012-10-17", "on": "yes", "n": 1.5 },
            "i": { "Condition": "IsProd" },
        });
        assert_eq!(value, expected);
    }
}
