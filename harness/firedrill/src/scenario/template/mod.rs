//! CloudFormation templates: text → [`Stack`], and the template that the target is given.
//!
//! Logical ids of the template are the stack's logical names. What firedrill has to know and CloudFormation does not
//! (which data a resource holds, what a function must produce) stands in `Metadata: { firedrill: … }` of the resource.
//! Resources and properties that firedrill does not know are deployed, and named in [`Template::beyond`].

mod bucket;
mod function;
mod long_form;
mod parameters;
mod properties;
mod resolve;
mod table;
mod trigger;

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::{Role, Stack, Template},
};
use serde_json::{Map, Value, json};

use self::{
    long_form::LongForm,
    properties::{Found, Reader},
    resolve::{Referent, Resolver, text_of},
};
use super::{
    diagnostics::{Diagnostics, Problem},
    key_path::KeyPath,
    source::Source,
    stack::broken_name_rule,
};

/// Largest template that AWS takes in a request, in bytes.
/// Source: AWS CloudFormation API Reference, `CreateStack`, `TemplateBody`.
const SIZE_MAX: usize = 51_200;

const ROLE: &str = "AWS::IAM::Role";

/// Whether a file is a template and not a native stack file.
pub(super) fn is_template(source: &Source) -> bool {
    source.has(&KeyPath::of(["Resources"])) || source.has(&KeyPath::of(["AWSTemplateFormatVersion"]))
}

/// Reads a template; [`Stack::version`] is left empty.
pub(super) fn load(source: &Source, given: &BTreeMap<String, String>) -> Result<Stack, Diagnostics> {
    let LongForm(body) = source.fill()?;
    whole(source, &body)?;
    let parameters = parameters::values(source, &body, given)?;
    let stack = stack_name(source);
    let mut resolver = Resolver { body: &body, stack: stack.clone(), parameters, referents: BTreeMap::new() };
    let problems = refer(source, &mut resolver);
    Diagnostics::unless_empty(source.shown(), problems)?;

    let mut reader = Reader::new(source, &resolver);
    let mut read = Stack {
        name: stack,
        version: String::new(),
        roles: reader.each(ROLE, |of| Some(role(of))),
        buckets: reader.each(bucket::TYPE, |of| Some(bucket::read(of))),
        tables: reader.each(table::TYPE, table::read),
        queues: BTreeMap::new(),
        functions: reader.each(function::TYPE, function::read),
        triggers: BTreeMap::new(),
        template: None,
    };
    let mut triggers = reader.each(trigger::MAPPING, trigger::read);
    triggers.extend(trigger::notifications(&mut reader));
    reader.each(trigger::PERMISSION, trigger::permission);
    read.triggers = triggers;
    trigger::effects(&mut reader, &mut read);
    let Found { problems, names, beyond, cross_region } = reader.finish();
    Diagnostics::unless_empty(source.shown(), problems)?;
    read.template = Some(Template { body, parameters: given.clone(), names, beyond, cross_region });
    Ok(read)
}

/// Refuses what cannot be given to the target as it stands.
fn whole(source: &Source, body: &Value) -> Result<(), Diagnostics> {
    let wrong = |key: &str, message: &str, help: &str| -> Diagnostics {
        source.error(message).at(source.place(&KeyPath::of([key])), "here").help(help).into()
    };
    if body.get("Transform").is_some() {
        let help = "give firedrill the template that is deployed in the end, as `aws cloudformation get-template \
                    --template-stage Processed` prints it";
        return Err(wrong("Transform", "macros of a template run on AWS alone", help));
    }
    if body["Resources"].as_object().is_none_or(Map::is_empty) {
        return Err(wrong("Resources", "the template has no resources", "a template has `Resources`, by logical id"));
    }
    if body.to_string().len() > SIZE_MAX {
        let help = "split it into stacks; firedrill does not upload templates";
        return Err(wrong("Resources", "the template is larger than the 51,200 bytes that a request may hold", help));
    }
    Ok(())
}

/// The file's name, as far as a stack may be called so.
fn stack_name(source: &Source) -> String {
    let stem = source.path.file_stem().unwrap_or_default().to_string_lossy();
    let legal: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let trimmed = legal.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    if trimmed.is_empty() { "stack".to_owned() } else { trimmed.chars().take(100).collect() }
}

/// Finds out what logical ids stand for: first the resources, then the aliases, whose names may be made from them.
fn refer(source: &Source, resolver: &mut Resolver<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let body = resolver.body;
    let resources = || body["Resources"].as_object().into_iter().flatten();
    for (id, resource) in resources() {
        let path = KeyPath::of(["Resources", id]);
        match resource.get("Condition").and_then(Value::as_str).map_or(Ok(true), |condition| resolver.holds(condition))
        {
            Ok(false) => continue,
            Ok(true) => {}
            Err(unknown) => problems.push(unresolved(source, &path.key("Condition"), &unknown)),
        }
        let Some(kind) = resource["Type"].as_str().map(kind_of) else {
            let problem = source.error(format!("`{id}` has no type")).at(source.place(&path), "here");
            problems.push(problem.help("every resource has a `Type`, such as `AWS::S3::Bucket`"));
            continue;
        };
        let referent = kind.map_or(Referent::Other, |kind| Referent::Resource(ResourceId::new(kind, id)));
        resolver.referents.insert(id.clone(), referent);
        if let Some((kind, rule)) = kind.and_then(|kind| Some((kind, broken_name_rule(kind, &id.to_lowercase())?))) {
            let message = format!("`{id}` cannot be the name of a {}", kind.word());
            problems.push(source.error(message).at(source.place(&path), "not a legal name").help(rule));
        }
    }
    for (id, resource) in resources().filter(|(_, resource)| resource["Type"] == function::ALIAS) {
        if !resolver.referents.contains_key(id) {
            continue;
        }
        match function::alias(resolver, &resource["Properties"]) {
            Ok((function, _)) if function::alias_of(resolver, &function).is_some() => {
                let path = KeyPath::of(["Resources", id]);
                let message = format!("`{}` has a second alias", function.name());
                let help = "firedrill restores one alias of a function: the one that its triggers call";
                problems.push(source.error(message).at(source.place(&path), "the second").help(help));
            }
            Ok((function, name)) => {
                resolver.referents.insert(id.clone(), Referent::Alias { function, name });
            }
            Err(unknown) => problems.push(unresolved(source, &KeyPath::of(["Resources", id]), &unknown)),
        }
    }
    problems
}

/// The resources of a template that have a name of their own: type, kind, and the property in which the name is.
const NAMED: [(&str, ResourceKind, &str); 4] = [
    (ROLE, ResourceKind::Role, "RoleName"),
    (bucket::TYPE, ResourceKind::Bucket, "BucketName"),
    (table::TYPE, ResourceKind::Table, "TableName"),
    (function::TYPE, ResourceKind::Function, "FunctionName"),
];

/// The kind of a type of resource; `None` for what has no name of its own, or is not known.
fn kind_of(resource_type: &str) -> Option<ResourceKind> {
    NAMED.iter().find(|(of, ..)| *of == resource_type).map(|(_, kind, _)| *kind)
}

/// Property in which a kind of resource has its physical name.
pub fn name_property(kind: ResourceKind) -> Option<&'static str> {
    NAMED.iter().find(|(_, of, _)| *of == kind).map(|(.., property)| *property)
}

fn unresolved(source: &Source, path: &KeyPath, unknown: &str) -> Problem {
    source
        .error(format!("firedrill cannot work out `{path}`: {unknown}"))
        .at(source.place(path), "here")
        .help("write it with parameters, conditions, mappings and the resources of this template, or out in full")
}

/// A role. The target makes it from the template and recovery from what is found there, so that its policies need not be
/// known beforehand.
fn role(of: &mut properties::Properties<'_, '_, '_>) -> Role {
    for known in ["AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns"] {
        of.known(known);
    }
    Role { assumed_by: json!({}), policies: BTreeMap::new(), managed: Vec::new() }
}

/// A tag list as a map.
fn tags(list: Vec<properties::Tag>) -> BTreeMap<String, String> {
    list.into_iter().filter_map(|tag| Some((tag.key, text_of(&tag.value)?))).collect()
}

#[cfg(test)]
mod tests;
