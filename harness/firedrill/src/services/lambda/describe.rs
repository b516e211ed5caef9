//! Reading from the service what a function is made of.

use std::{collections::BTreeMap, path::PathBuf};

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Function,
};

use super::{ENDPOINT_VARIABLE, NOT_FOUND, code};
use crate::services::{Blueprint, ServiceError, Site, arn, cloudformation};

/// An alias of a function.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) arn: String,
}

/// The service's description of a function, or `None` when it is not there.
pub(super) async fn find(site: &Site, physical: &str) -> Result<Option<GetFunctionOutput>, ServiceError> {
    match site.clients.lambda.get_function().function_name(physical).send().await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let error = ServiceError::request(format!("Lambda GetFunction {physical}"), &error);
            if error.code() == Some(NOT_FOUND) { Ok(None) } else { Err(error) }
        }
    }
}

/// The alias that triggers call; a stack gives a function at most one. `None` when it has none or is not
/// there.
pub(super) async fn alias_of(site: &Site, physical: &str) -> Result<Option<Alias>, ServiceError> {
    let answer = match site.clients.lambda.list_aliases().function_name(physical).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = ServiceError::request(format!("Lambda ListAliases {physical}"), &error);
            return if error.code() == Some(NOT_FOUND) { Ok(None) } else { Err(error) };
        }
    };
    let aliases = answer
        .aliases
        .unwrap_or_default()
        .into_iter()
        .filter_map(|alias| Some(Alias { name: alias.name?, arn: alias.alias_arn? }));
    Ok(aliases.min_by(|one, other| one.name.cmp(&other.name)))
}

/// What it would take to create the function again: its settings, and the code of the version that its alias points at.
pub(super) async fn describe(site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
    let physical = site.name_of(ResourceKind::Function, name);
    let operation = format!("Lambda GetFunction {name}");
    let unusable = |what: &str| ServiceError::Unusable { operation: operation.clone(), what: what.to_owned() };
    let alias = alias_of(site, &physical).await?;
    let request = site.clients.lambda.get_function().function_name(&physical);
    let answer = request.set_qualifier(alias.as_ref().map(|alias| alias.name.clone())).send().await;
    let answer = answer.map_err(|error| ServiceError::request(&operation, &error))?;
    let function = answer.configuration.ok_or_else(|| unusable("no configuration"))?;
    let location = answer.code.and_then(|code| code.location).ok_or_else(|| unusable("no place of its code"))?;
    let sha256 = function.code_sha256.clone().unwrap_or_default();
    let code = code::download(&operation, &location, &sha256).await?;
    let logical = arn::Logical::new(site, &ResourceId::new(ResourceKind::Function, name));
    let variables = function.environment.and_then(|environment| environment.variables).unwrap_or_default();
    let spec = Function {
        runtime: function.runtime.map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
        handler: function.handler.unwrap_or_default(),
        code: PathBuf::new(),
        memory_mib: positive(function.memory_size),
        timeout_s: positive(function.timeout),
        environment: variables
            .into_iter()
            .filter(|(name, _)| name != ENDPOINT_VARIABLE)
            .map(|(name, value)| (name, logical.environment(&value)))
            .collect(),
        role: role_name(site, &function.role.unwrap_or_default()),
        reserved_concurrency: answer
            .concurrency
            .and_then(|concurrency| concurrency.reserved_concurrent_executions)
            .and_then(|reserved| u32::try_from(reserved).ok()),
        alias: alias.map(|alias| alias.name),
        tags: answer
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter(|(key, _)| !cloudformation::owns_tag(key))
            .collect::<BTreeMap<_, _>>(),
    };
    Ok(Blueprint::Function { spec, code })
}

fn positive(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}

/// Logical name of the role with this ARN; its physical name when the stack does not have it.
fn role_name(site: &Site, arn: &str) -> String {
    let physical = arn.rsplit('/').next().unwrap_or_default();
    let logical = site.logical(physical, |id| id.kind() == Some(ResourceKind::Role));
    logical.map_or(physical, ResourceId::name).to_owned()
}
