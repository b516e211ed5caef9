//! Describe answers as field paths, sorted into compared, volatile and unknown.

use std::collections::BTreeMap;

use firedrill_model::{capture::Configuration, ids::ResourceId};
use serde_json::Value;

use super::cloudformation;

/// Members that name an element of a list, best first: elements are keyed by it, so that their order does not matter.
const NAMES: [&str; 7] = ["Key", "AttributeName", "IndexName", "Sid", "Id", "ID", "PolicyName"];

/// What is known of the fields of a service. A pattern is a path in which `*` stands for one step and `**` at the end for
/// any number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Fields that are compared.
    pub(crate) compared: &'static [&'static str],
    /// Fields that are not, each with the reason; they win over `compared`.
    pub(crate) volatile: &'static [(&'static str, &'static str)],
}

/// What a document has under one name: the elements of a list, or the one value.
pub(crate) fn elements(described: &Value, name: &str) -> Vec<Value> {
    match &described[name] {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one.clone()],
    }
}

/// The fields of one resource.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: BTreeMap<Vec<String>, Value>,
    set_aside: BTreeMap<String, String>,
}

impl Fields {
    /// Adds every leaf of `value` below `prefix`. Null, an empty list and an empty mapping are the same as nothing.
    pub(crate) fn add(&mut self, prefix: &str, value: &Value) {
        self.flatten(&mut vec![prefix.to_owned()], value);
    }

    /// The target does not know the call that would describe what is below `prefix`: it cannot be compared there.
    pub(crate) fn not_offered(&mut self, prefix: &str) {
        self.set_aside(prefix, "the target does not offer the call that describes it");
    }

    /// What is below `prefix` is not compared, for a reason that only this resource's other fields give.
    pub(crate) fn set_aside(&mut self, prefix: &str, reason: &str) {
        self.set_aside.insert(prefix.to_owned(), reason.to_owned());
    }

    /// Adds every leaf of `value` below `prefix` and then `name`, which may hold dots.
    pub(crate) fn add_named(&mut self, prefix: &str, name: &str, value: &Value) {
        self.flatten(&mut vec![prefix.to_owned(), name.to_owned()], value);
    }

    fn flatten(&mut self, path: &mut Vec<String>, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (name, member) in map {
                    self.below(path, name, member);
                }
            }
            Value::Array(list) if list.iter().any(|element| element.is_object() || element.is_array()) => {
                for (index, element) in list.iter().enumerate() {
                    let (name, rest) = named(element).unwrap_or_else(|| (format!("[{index}]"), element.clone()));
                    self.below(path, &name, &rest);
                }
            }
            Value::Null | Value::Object(_) => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Array(list) => {
                let mut list = list.clone();
                list.sort_by_key(Value::to_string);
                self.values.insert(path.clone(), Value::Array(list));
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.values.insert(path.clone(), value.clone());
            }
        }
    }

    fn below(&mut self, path: &mut Vec<String>, name: &str, value: &Value) {
        path.push(name.to_owned());
        self.flatten(path, value);
        path.pop();
    }

    /// Sorts the fields by `rules`.
    pub(crate) fn sorted(self, resource: ResourceId, rules: Rules) -> Configuration {
        self.sorted_by(resource, &[rules])
    }

    /// Sorts the fields by the rules of several parts.
    pub(crate) fn sorted_by(self, resource: ResourceId, rules: &[Rules]) -> Configuration {
        let volatile: Vec<_> = rules.iter().flat_map(|of| of.volatile).collect();
        let compared: Vec<_> = rules.iter().flat_map(|of| of.compared).collect();
        let mut configuration = absent(resource);
        configuration.absent = false;
        configuration.volatile.extend(self.set_aside);
        for (path, value) in self.values {
            let text = path.join(".");
            if path.iter().any(|step| cloudformation::owns_tag(step)) {
                configuration
                    .volatile
                    .insert(text, "a tag of CloudFormation's own, which nobody else may set".to_owned());
            } else if let Some((_, reason)) = volatile.iter().find(|(pattern, _)| matches(pattern, &path)) {
                configuration.volatile.insert(text, (*reason).to_owned());
            } else if compared.iter().any(|pattern| matches(pattern, &path)) {
                configuration.compared.insert(text, value);
            } else {
                configuration.unknown.insert(text, value);
            }
        }
        configuration
    }
}

/// The configuration of a resource that is not there.
pub(crate) fn absent(resource: ResourceId) -> Configuration {
    Configuration {
        resource,
        absent: true,
        compared: BTreeMap::new(),
        volatile: BTreeMap::new(),
        unknown: BTreeMap::new(),
    }
}

/// Name of a list's element and what remains of it; a pair of name and one value becomes the value.
fn named(element: &Value) -> Option<(String, Value)> {
    let mut members = element.as_object()?.clone();
    let key = NAMES.into_iter().find(|key| members.get(*key).is_some_and(Value::is_string))?;
    let name = members.shift_remove(key)?.as_str()?.to_owned();
    let single = (members.len() == 1).then(|| members.values().next().cloned()).flatten();
    Some((name, single.filter(|value| !value.is_object()).unwrap_or(Value::Object(members))))
}

fn matches(pattern: &str, path: &[String]) -> bool {
    let mut steps = path.iter();
    for part in pattern.split('.') {
        if part == "**" {
            return true;
        }
        match steps.next() {
            Some(step) if part == "*" || part == step => {}
            _ => return false,
        }
    }
    steps.next().is_none()
}

#[cfg(test)]
mod tests {
    use firedrill_model::ids::ResourceKind;
    use serde_json::json;

    use super::*;

    const RULES: Rules = Rules {
        compared: &["table.Name", "table.Indexes.*.Kind", "tags.**"],
        volatile: &[("table.Created", "each table has its own"), ("table.Indexes.*.Size", "changes with the content")],
    };

    fn configuration(table: &Value, tags: &Value) -> Configuration {
        let mut fields = Fields::default();
        fields.add("table", table);
        fields.add("tags", tags);
        fields.sorted(ResourceId::new(ResourceKind::Table, "t"), RULES)
    }

    #[test]
    fn every_field_is_compared_volatile_or_unknown() {
        let table = json!({
            "Name": "t", "Created": 1, "New": { "Field": true },
            "Indexes": [{ "IndexName": "b", "Kind": "x", "Size": 1 }, { "IndexName": "a", "Kind": "y", "Size": 2 }],
        });
        let seen = configuration(&table, &json!([{ "Key": "k.1", "Value": "v" }]));
        insta::assert_snapshot!(serde_json::to_string_pretty(&seen).unwrap());
    }

    #[test]
    fn order_of_named_things_does_not_matter_and_their_values_do() {
        let one = configuration(
            &json!({ "Indexes": [{ "IndexName": "a", "Kind": 1 }, { "IndexName": "b", "Kind": 2 }] }),
            &json!([]),
        );
        let turned = configuration(
            &json!({ "Indexes": [{ "IndexName": "b", "Kind": 2 }, { "IndexName": "a", "Kind": 1 }] }),
            &json!([]),
        );
        let other = configuration(
            &json!({ "Indexes": [{ "IndexName": "b", "Kind": 1 }, { "IndexName": "a", "Kind": 2 }] }),
            &json!([]),
        );
        assert_eq!(one, turned);
        assert_ne!(one, other);
    }

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b.c", "a.b", false),
            ("a.*", "a.x", true),
            ("a.*", "a", false),
            ("a.**", "a", true),
            ("a.**", "a.b.c", true),
            ("a.**", "b", false),
        ] {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(matches(pattern, &path), expected, "{pattern} on {path:?}");
        }
    }
}
