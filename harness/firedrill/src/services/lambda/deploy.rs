//! Changing a function that is there: what a deployment does. Its alias is moved to what was deployed, if it has one.

use aws_sdk_lambda::{primitives::Blob, types::Environment};
use bytes::Bytes;
use firedrill_model::ids::ResourceKind::Function;

use super::{create::until_active, describe};
use crate::services::{ServiceError, Site};

/// What Lambda calls the code and settings that no version holds yet.
const LATEST: &str = "$LATEST";

/// Replaces the code of a function.
pub async fn code(site: &Site, name: &str, archive: Bytes) -> Result<(), ServiceError> {
    let request = site.clients.lambda.update_function_code().function_name(site.name_of(Function, name));
    let updated = request.zip_file(Blob::new(archive.to_vec())).send().await;
    updated.map_err(|error| ServiceError::request(format!("Lambda UpdateFunctionCode {name}"), &error))?;
    release(site, name).await
}

/// Gives a function another handler.
pub async fn handler(site: &Site, name: &str, handler: &str) -> Result<(), ServiceError> {
    let request = site.clients.lambda.update_function_configuration().function_name(site.name_of(Function, name));
    let operation = format!("Lambda UpdateFunctionConfiguration {name}");
    request.handler(handler).send().await.map_err(|error| ServiceError::request(operation, &error))?;
    release(site, name).await
}

/// Points the alias of a function at `$LATEST`: what is deployed there runs at once. Whether it has an alias that pointed
/// elsewhere.
pub async fn unpin(site: &Site, name: &str) -> Result<bool, ServiceError> {
    let physical = site.name_of(Function, name);
    let Some(alias) = describe::alias_of(site, &physical).await? else { return Ok(false) };
    let request = site.clients.lambda.get_alias().function_name(&physical).name(&alias.name);
    let found = request.send().await;
    let found = found.map_err(|error| ServiceError::request(format!("Lambda GetAlias {name}"), &error))?;
    if found.function_version.as_deref() == Some(LATEST) {
        return Ok(false);
    }
    point(site, name, alias.name, LATEST).await?;
    Ok(true)
}

/// Takes a variable out of the environment of a function; fine when it has none of this name.
pub async fn without_variable(site: &Site, name: &str, variable: &str) -> Result<(), ServiceError> {
    let physical = site.name_of(Function, name);
    let operation = format!("Lambda GetFunctionConfiguration {name}");
    let found = site.clients.lambda.get_function_configuration().function_name(&physical).send().await;
    let found = found.map_err(|error| ServiceError::request(operation, &error))?;
    let mut variables = found.environment.and_then(|of| of.variables).unwrap_or_default();
    variables.remove(variable);
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = site.clients.lambda.update_function_configuration().function_name(&physical).environment(environment);
    let operation = format!("Lambda UpdateFunctionConfiguration {name}");
    request.send().await.map_err(|error| ServiceError::request(operation, &error))?;
    release(site, name).await
}

/// Publishes what was deployed as a version, and moves the alias there.
async fn release(site: &Site, name: &str) -> Result<(), ServiceError> {
    let physical = site.name_of(Function, name);
    until_active(site, &physical).await?;
    let published = site.clients.lambda.publish_version().function_name(&physical).send().await;
    let published =
        published.map_err(|error| ServiceError::request(format!("Lambda PublishVersion {name}"), &error))?;
    let Some(alias) = describe::alias_of(site, &physical).await? else { return Ok(()) };
    point(site, name, alias.name, &published.version.unwrap_or_default()).await
}

async fn point(site: &Site, name: &str, alias: String, version: &str) -> Result<(), ServiceError> {
    let request = site.clients.lambda.update_alias().function_name(site.name_of(Function, name)).name(alias);
    let pointed = request.function_version(version).send().await;
    pointed.map_err(|error| ServiceError::request(format!("Lambda UpdateAlias {name}"), &error))?;
    Ok(())
}
