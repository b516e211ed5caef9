//! Lambda functions.

mod code;
mod configuration;
mod create;
pub mod deploy;
mod describe;
pub mod invoke;
pub mod package;

use async_trait::async_trait;
use firedrill_model::{capture::Configuration, ids::ResourceKind::Function};

pub(crate) use self::configuration::statements;
pub use self::{invoke::invoke, package::package};
use super::{Blueprint, Service, ServiceError, Site, wrong_blueprint};

/// Code of the error for a function that is not there.
pub(crate) const NOT_FOUND: &str = "ResourceNotFoundException";

/// Variable that firedrill gives every function so that its calls go through the fault plane.
pub(crate) const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The functions of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Functions;

#[async_trait]
impl Service for Functions {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Function { spec, code } = blueprint else { return Err(wrong_blueprint(Function, name)) };
        create::create(site, name, spec, code).await
    }

    async fn complete(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Function { spec, .. } = blueprint else { return Err(wrong_blueprint(Function, name)) };
        create::reserve(site, name, spec).await
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        Ok(describe::find(site, &site.name_of(Function, name)).await?.is_some())
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        describe::describe(site, name).await
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let deleted = site.clients.lambda.delete_function().function_name(site.name_of(Function, name)).send().await;
        match deleted.map_err(|error| ServiceError::request(format!("Lambda DeleteFunction {name}"), &error)) {
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}

/// Name of the alias that triggers call, or `None` when the function has none.
pub(crate) async fn alias(site: &Site, name: &str) -> Result<Option<String>, ServiceError> {
    Ok(describe::alias_of(site, &site.name_of(Function, name)).await?.map(|alias| alias.name))
}

/// Whether the function is there.
pub(crate) async fn exists(site: &Site, name: &str) -> Result<bool, ServiceError> {
    Functions.exists(site, name).await
}

/// ARN of a function as triggers call it: of its alias, if it has one.
pub(crate) async fn target_arn(site: &Site, name: &str) -> Result<String, ServiceError> {
    let physical = site.name_of(Function, name);
    if let Some(alias) = describe::alias_of(site, &physical).await? {
        return Ok(alias.arn);
    }
    let configuration = describe::find(site, &physical).await?.and_then(|function| function.configuration);
    configuration.and_then(|function| function.function_arn).ok_or_else(|| ServiceError::Unusable {
        operation: format!("Lambda GetFunction {name}"),
        what: String::from("that the function is not there"),
    })
}
