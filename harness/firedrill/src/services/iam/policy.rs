//! The policy documents of a role.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Role,
};
use serde_json::{Value, json};

use crate::services::{Site, arn};

/// Name of a role's inline policy.
pub(super) const NAME: &str = "access";

/// Version of the policy language.
const VERSION: &str = "2012-10-17";

/// Who may assume the role.
pub(super) fn assumed_by_lambda() -> String {
    json!({
        "Version": VERSION,
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    })
    .to_string()
}

/// What the role allows: one statement an action. A bucket or table stands for itself and everything in it (objects,
/// indexes, streams).
pub(super) fn document(site: &Site, role: &Role) -> String {
    let statements: Vec<Value> = role
        .allow
        .iter()
        .map(|(action, resources)| {
            let resources: Vec<String> = resources.iter().flat_map(|resource| arns(site, resource)).collect();
            json!({ "Sid": sid(action), "Effect": "Allow", "Action": action, "Resource": resources })
        })
        .collect();
    json!({ "Version": VERSION, "Statement": statements }).to_string()
}

/// A statement id, of which AWS takes letters and digits alone.
fn sid(action: &str) -> String {
    action.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn arns(site: &Site, resource: &str) -> Vec<String> {
    let known = resource.split_once('/').and_then(|(word, name)| {
        let kind = ResourceKind::ALL.into_iter().find(|kind| kind.word() == word)?;
        arn::of(site, kind, site.physical(&ResourceId::new(kind, name)))
    });
    match known {
        Some(arn) => vec![format!("{arn}/*"), arn],
        None => vec![resource.to_owned()],
    }
}

/// The way back from [`document`]: action → resources of this stack. Statements that allow nothing are left out.
pub(super) fn allowed(site: &Site, document: &Value) -> BTreeMap<String, Vec<String>> {
    let mut allow: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for statement in one_or_many(&document["Statement"]) {
        if statement["Effect"] != "Allow" {
            continue;
        }
        let resources: Vec<String> =
            one_or_many(&statement["Resource"]).into_iter().filter_map(|text| resource(site, text.as_str()?)).collect();
        for action in one_or_many(&statement["Action"]).into_iter().filter_map(Value::as_str) {
            allow.entry(action.to_owned()).or_default().extend(resources.iter().cloned());
        }
    }
    allow
}

/// A resource of the stack by its ARN; `None` for what is in it, which stands beside it. Other ARNs stay as they are.
fn resource(site: &Site, text: &str) -> Option<String> {
    let own = |suffix: &str| {
        site.names().find_map(|(id, physical)| {
            let arn = arn::of(site, id.kind()?, physical)?;
            (format!("{arn}{suffix}") == text).then(|| id.to_string())
        })
    };
    if own("/*").is_some() {
        return None;
    }
    Some(own("").unwrap_or_else(|| text.to_owned()))
}

/// The policy language writes one thing without a list.
fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}
