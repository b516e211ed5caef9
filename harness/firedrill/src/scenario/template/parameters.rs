//! Parameters of a template: what is given, else its default.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resolve::text_of;
use crate::scenario::{
    diagnostics::{Diagnostics, Problem},
    key_path::KeyPath,
    nearest::suggest,
    source::Source,
};

/// Value of every parameter; a list for the list types.
pub(super) fn values(
    source: &Source,
    body: &Value,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Diagnostics> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut values = BTreeMap::new();
    let mut wrong = |path: &KeyPath, message: String, help: String| {
        problems.push(source.error(message).at(source.place(path), "here").help(help));
    };
    let declared: Vec<(&String, &Value)> = body["Parameters"].as_object().into_iter().flatten().collect();
    for (name, parameter) in &declared {
        let path = KeyPath::of(["Parameters", name]);
        let Some(text) = given.get(*name).cloned().or_else(|| text_of(&parameter["Default"])) else {
            let help = format!(
                "give it in the scenario, as `workload.parameters.{name}`; to `firedrill init`, as `--parameter {name}=VALUE`"
            );
            wrong(&path, format!("the parameter `{name}` has no default and no value"), help);
            continue;
        };
        let allowed: Vec<String> =
            parameter["AllowedValues"].as_array().into_iter().flatten().filter_map(text_of).collect();
        if !allowed.is_empty() && !allowed.contains(&text) {
            let help = format!("one of {}", allowed.join(", "));
            wrong(&path.key("AllowedValues"), format!("`{text}` is not a value of the parameter `{name}`"), help);
        }
        values.insert((*name).clone(), typed(parameter["Type"].as_str().unwrap_or_default(), text));
    }
    for name in given.keys().filter(|name| declared.iter().all(|(declared, _)| declared != name)) {
        let help = suggest(name, declared.iter().map(|(name, _)| name.as_str()));
        wrong(&KeyPath::of(["Parameters"]), format!("the template has no parameter `{name}`"), help);
    }
    Diagnostics::unless_empty(source.shown(), problems)?;
    Ok(values)
}

fn typed(kind: &str, text: String) -> Value {
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        text.split(',').map(str::trim).collect()
    } else {
        text.into()
    }
}
