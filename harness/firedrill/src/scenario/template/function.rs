//! `AWS::Lambda::Function` with its version and alias.
//!
//! Source: AWS CloudFormation Template Reference, `AWS::Lambda::Function`, `AWS::Lambda::Alias`.

use std::{collections::BTreeMap, path::PathBuf};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Function,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    properties::{Properties, Tag, Text, Whole},
    resolve::{Referent, Resolver, Unknown, text_of},
};

pub(super) const TYPE: &str = "AWS::Lambda::Function";
pub(super) const ALIAS: &str = "AWS::Lambda::Alias";
pub(super) const VERSION: &str = "AWS::Lambda::Version";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Text>,
}

/// Code is a folder, as `aws cloudformation package` takes it, or stands in the template.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Folder(String),
    Inline {
        #[serde(rename = "ZipFile")]
        _text: Text,
    },
}

/// The function of an alias, and the alias's name.
pub(super) fn alias(resolver: &Resolver<'_>, properties: &Value) -> Result<(ResourceId, String), Unknown> {
    let text = |property: &str| -> Result<String, Unknown> {
        let value = resolver.resolve(&properties[property])?;
        value.as_ref().and_then(text_of).ok_or_else(|| format!("an alias needs its `{property}`"))
    };
    let (function, name) = (text("FunctionName")?, text("Name")?);
    match called(resolver, &function) {
        Some((function, None)) => Ok((function, name)),
        Some((_, Some(_))) | None => Err(format!("`{function}` is not a function of this template")),
    }
}

/// The function of the template that a name or an ARN stands for, and the alias when it is that of one.
pub(super) fn called(resolver: &Resolver<'_>, text: &str) -> Option<(ResourceId, Option<String>)> {
    let functions = resolver.referents.values().filter_map(|referent| match referent {
        Referent::Resource(id) if id.kind() == Some(ResourceKind::Function) => Some(id),
        Referent::Resource(_) | Referent::Alias { .. } | Referent::Other => None,
    });
    let mut matches = functions.filter_map(|id| {
        let arn = id.arn()?;
        let rest = text.strip_prefix(&arn).or_else(|| text.strip_prefix(&format!("${{{id}}}")))?;
        match rest.strip_prefix(':') {
            Some(alias) => Some((id.clone(), Some(alias.to_owned()))),
            None => rest.is_empty().then(|| (id.clone(), None)),
        }
    });
    matches.next()
}

/// The alias that the template gives a function.
pub(super) fn alias_of(resolver: &Resolver<'_>, id: &ResourceId) -> Option<String> {
    let mut aliases = resolver.referents.values().filter_map(|referent| match referent {
        Referent::Alias { function, name } if function == id => Some(name.clone()),
        Referent::Alias { .. } | Referent::Resource(_) | Referent::Other => None,
    });
    aliases.next()
}

pub(super) fn read(of: &mut Properties<'_, '_, '_>) -> Option<Function> {
    let id = ResourceId::new(ResourceKind::Function, of.id);
    let code = of.required::<Code>("Code");
    let environment: Option<Environment> = of.get("Environment");
    if !of.is_plain("Environment") {
        let help =
            "firedrill adds a variable there: write `Environment: { Variables: … }`, functions only in the values";
        of.wrong("Environment", format!("the environment of `{}` is itself a function", of.id), help);
    }
    let role: Option<Text> = of.required("Role");
    let role = role.and_then(|Text(role)| {
        let known = of.referent(&role).filter(|role| role.kind() == Some(ResourceKind::Role));
        if known.is_none() {
            of.wrong("Role", format!("`{role}` is not a role of this template"), "declare the role in the template");
        }
        Some(known?.name().to_owned())
    });
    let tags: Vec<Tag> = of.get("Tags").unwrap_or_default();
    Some(Function {
        runtime: of.required("Runtime")?,
        handler: of.required("Handler")?,
        code: code.map(|code| folder(of, code)).unwrap_or_default(),
        memory_mib: of.get("MemorySize").map_or(128, |Whole(size)| size),
        timeout_s: of.get("Timeout").map_or(3, |Whole(seconds)| seconds),
        environment: environment
            .map(|of| of.variables.into_iter().map(|(name, Text(value))| (name, value)).collect())
            .unwrap_or_default(),
        role: role?,
        reserved_concurrency: of.get("ReservedConcurrentExecutions").map(|Whole(number)| number),
        alias: alias_of(of.reader.resolver, &id),
        tags: super::tags(tags),
    })
}

/// The folder of the code; empty for code that stands in the template.
fn folder(of: &mut Properties<'_, '_, '_>, code: Code) -> PathBuf {
    let Code::Folder(written) = code else { return PathBuf::new() };
    let folder = of.reader.folder().join(&written);
    if !folder.is_dir() {
        of.wrong("Code", format!("the code folder `{written}` is not there"), "the path is relative to the template");
    }
    folder.canonicalize().unwrap_or(folder)
}
