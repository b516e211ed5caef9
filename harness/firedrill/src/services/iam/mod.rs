//! IAM roles.

mod configuration;
mod policy;

use async_trait::async_trait;
use firedrill_model::{capture::Configuration, ids::ResourceKind, stack::Role};

use super::{Blueprint, Service, ServiceError, Site, wrong_blueprint};

/// Code of the error for a role or policy that is not there.
const NOT_FOUND: &str = "NoSuchEntity";

/// The roles of a stack, each with one inline policy, which Lambda may assume.
#[derive(Clone, Copy, Debug)]
pub struct Roles;

#[async_trait]
impl Service for Roles {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Role(role) = blueprint else { return Err(wrong_blueprint(ResourceKind::Role, name)) };
        let physical = site.name_of(ResourceKind::Role, name);
        let request =
            site.clients.iam.create_role().role_name(&physical).assume_role_policy_document(policy::assumed_by_lambda());
        request.send().await.map_err(|error| ServiceError::request(format!("IAM CreateRole {name}"), &error))?;
        let request = site
            .clients
            .iam
            .put_role_policy()
            .role_name(&physical)
            .policy_name(policy::NAME)
            .policy_document(policy::document(site, role));
        request.send().await.map_err(|error| ServiceError::request(format!("IAM PutRolePolicy {name}"), &error))?;
        Ok(())
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        let role = site.clients.iam.get_role().role_name(site.name_of(ResourceKind::Role, name)).send().await;
        match role.map_err(|error| ServiceError::request(format!("IAM GetRole {name}"), &error)) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        let mut role = Role { allow: std::collections::BTreeMap::new() };
        for (_, document) in configuration::inline_policies(site, name).await? {
            role.allow.extend(policy::allowed(site, &document));
        }
        Ok(Blueprint::Role(role))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let physical = site.name_of(ResourceKind::Role, name);
        if !self.exists(site, name).await? {
            return Ok(());
        }
        for policy in configuration::inline_names(site, name).await? {
            let request = site.clients.iam.delete_role_policy().role_name(&physical).policy_name(policy);
            request
                .send()
                .await
                .map_err(|error| ServiceError::request(format!("IAM DeleteRolePolicy {name}"), &error))?;
        }
        let deleted = site.clients.iam.delete_role().role_name(&physical).send().await;
        deleted.map_err(|error| ServiceError::request(format!("IAM DeleteRole {name}"), &error))?;
        Ok(())
    }
}
