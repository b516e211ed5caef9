//! A plan as files and people may see it: without the values of what is secret by its name.

use std::collections::BTreeMap;

use firedrill_model::plan::Plan;
use serde_json::Value;

use crate::redact::{REDACTED, hide, is_secret_name};

/// The plan without secrets: environment of functions, parameters and body of a template.
pub fn shown(plan: &Plan) -> Plan {
    let mut shown = plan.clone();
    for function in shown.stack.functions.values_mut() {
        hide_values(&mut function.environment);
    }
    if let Some(template) = &mut shown.stack.template {
        hide_values(&mut template.parameters);
        hide_in(&mut template.body);
    }
    shown
}

/// The text of a scenario without the secrets that it gives to its template.
pub fn shown_text(plan: &Plan, scenario: &str) -> String {
    let parameters = plan.stack.template.iter().flat_map(|template| &template.parameters);
    let mut secrets: Vec<String> =
        parameters.filter(|(name, _)| is_secret_name(name)).map(|(_, value)| value.clone()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    hide(scenario, &secrets)
}

fn hide_values(values: &mut BTreeMap<String, String>) {
    for (_, value) in values.iter_mut().filter(|(name, _)| is_secret_name(name)) {
        REDACTED.clone_into(value);
    }
}

fn hide_in(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if value.is_string() && is_secret_name(name) {
                    *value = REDACTED.into();
                } else {
                    hide_in(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide_in),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
