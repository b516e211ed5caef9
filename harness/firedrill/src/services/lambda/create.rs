//! Creating a function, its version and its alias.

use std::collections::HashMap;

use aws_sdk_lambda::{
    primitives::Blob,
    types::{Environment, FunctionCode, LastUpdateStatus, Runtime, State},
};
use bytes::Bytes;
use firedrill_model::{ids::ResourceKind, stack::Function, units::Span};
use tokio_util::sync::CancellationToken;

use super::{ENDPOINT_VARIABLE, describe};
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site, arn},
};

const EVERY: Span = Span::from_ms(200);
/// How long a function may take to become active.
const LIMIT: Span = Span::from_secs(120);
/// How long a new role may stay unknown to Lambda: IAM spreads its changes slowly.
const ROLE_LIMIT: Span = Span::from_secs(30);

pub(super) async fn create(site: &Site, name: &str, spec: &Function, code: &Bytes) -> Result<(), ServiceError> {
    let physical = site.name_of(ResourceKind::Function, name);
    create_function(site, name, &physical, spec, code).await?;
    until_active(site, &physical).await?;
    let client = &site.clients.lambda;
    let published = client.publish_version().function_name(&physical).send().await;
    let published =
        published.map_err(|error| ServiceError::request(format!("Lambda PublishVersion {name}"), &error))?;
    if let Some(alias) = &spec.alias {
        let version = published.version.unwrap_or_default();
        let request = client.create_alias().function_name(&physical).name(alias).function_version(version);
        request.send().await.map_err(|error| ServiceError::request(format!("Lambda CreateAlias {name}"), &error))?;
    }
    reserve(site, name, spec).await
}

/// Reserves the concurrency that the function has, if it has any.
pub(super) async fn reserve(site: &Site, name: &str, spec: &Function) -> Result<(), ServiceError> {
    let Some(reserved) = spec.reserved_concurrency else { return Ok(()) };
    let request = site
        .clients
        .lambda
        .put_function_concurrency()
        .function_name(site.name_of(ResourceKind::Function, name))
        .reserved_concurrent_executions(i32::try_from(reserved).unwrap_or(i32::MAX));
    let operation = format!("Lambda PutFunctionConcurrency {name}");
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    Ok(())
}

/// Sends `CreateFunction` until Lambda knows the role.
async fn create_function(
    site: &Site,
    name: &str,
    physical: &str,
    spec: &Function,
    code: &Bytes,
) -> Result<(), ServiceError> {
    let role = site.name_of(ResourceKind::Role, &spec.role);
    let role = arn::of(site, ResourceKind::Role, &role).unwrap_or_default();
    let request = site
        .clients
        .lambda
        .create_function()
        .function_name(physical)
        .runtime(Runtime::from(spec.runtime.as_str()))
        .handler(&spec.handler)
        .role(role)
        .code(FunctionCode::builder().zip_file(Blob::new(code.to_vec())).build())
        .memory_size(i32::try_from(spec.memory_mib).unwrap_or(i32::MAX))
        .timeout(i32::try_from(spec.timeout_s).unwrap_or(i32::MAX))
        .environment(Environment::builder().set_variables(Some(environment(site, name, spec))).build())
        .set_tags(Some(spec.tags.clone().into_iter().collect()));
    let operation = format!("Lambda CreateFunction {name}");
    poll::until(format!("Lambda to know the role of {name}"), EVERY, ROLE_LIMIT, &CancellationToken::new(), || async {
        match request.clone().send().await.map_err(|error| ServiceError::request(&operation, &error)) {
            Ok(_) => Look::Ready(Ok(())),
            Err(error) if is_unknown_role(&error) => Look::NotYet(error.to_string()),
            Err(error) => Look::Ready(Err(error)),
        }
    })
    .await?
}

/// Lambda says so in words alone: "The role defined for the function cannot be assumed by Lambda."
fn is_unknown_role(error: &ServiceError) -> bool {
    error.code() == Some("InvalidParameterValueException") && error.to_string().contains("cannot be assumed")
}

fn environment(site: &Site, name: &str, spec: &Function) -> HashMap<String, String> {
    let mut variables: HashMap<String, String> =
        spec.environment.iter().map(|(name, value)| (name.clone(), site.expand(value))).collect();
    variables.insert(ENDPOINT_VARIABLE.to_owned(), site.endpoint_of(name).to_owned());
    variables
}

pub(super) async fn until_active(site: &Site, physical: &str) -> Result<(), ServiceError> {
    poll::until(format!("function {physical} to become active"), EVERY, LIMIT, &CancellationToken::new(), || async {
        let found = match describe::find(site, physical).await {
            Err(error) => return Look::Ready(Err(error)),
            Ok(found) => found.and_then(|function| function.configuration),
        };
        let Some(function) = found else { return Look::NotYet(String::from("not there")) };
        match (function.state, function.last_update_status) {
            (Some(State::Active), None | Some(LastUpdateStatus::Successful)) => Look::Ready(Ok(())),
            (Some(State::Failed), _) => Look::Ready(Err(ServiceError::Unusable {
                operation: format!("Lambda GetFunction {physical}"),
                what: format!("that it failed: {}", function.state_reason.unwrap_or_default()),
            })),
            (state, update) => Look::NotYet(format!("{state:?}, {update:?}")),
        }
    })
    .await?
}
