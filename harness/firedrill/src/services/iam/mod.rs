//! IAM roles.

mod configuration;

use async_trait::async_trait;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
    stack::Role,
};

use super::{Blueprint, Service, ServiceError, Site, arn, wrong_blueprint};

/// Code of the error for a role or policy that is not there.
const NOT_FOUND: &str = "NoSuchEntity";

/// The roles of a stack with their inline and managed policies.
#[derive(Clone, Copy, Debug)]
pub struct Roles;

#[async_trait]
impl Service for Roles {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Role(role) = blueprint else { return Err(wrong_blueprint(ResourceKind::Role, name)) };
        let physical = site.name_of(ResourceKind::Role, name);
        let iam = &site.clients.iam;
        let trust = site.expand(&role.assumed_by.to_string());
        let request = iam.create_role().role_name(&physical).assume_role_policy_document(trust);
        request.send().await.map_err(|error| ServiceError::request(format!("IAM CreateRole {name}"), &error))?;
        for (policy, document) in &role.policies {
            let document = site.expand(&document.to_string());
            let request = iam.put_role_policy().role_name(&physical).policy_name(policy).policy_document(document);
            request.send().await.map_err(|error| ServiceError::request(format!("IAM PutRolePolicy {name}"), &error))?;
        }
        for policy in &role.managed {
            let request = iam.attach_role_policy().role_name(&physical).policy_arn(site.expand(policy));
            let attached = request.send().await;
            attached.map_err(|error| ServiceError::request(format!("IAM AttachRolePolicy {name}"), &error))?;
        }
        Ok(())
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        Ok(configuration::find(site, name).await?.is_some())
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        let found = configuration::find(site, name).await?.ok_or_else(|| ServiceError::Unusable {
            operation: format!("IAM GetRole {name}"),
            what: String::from("that the role is not there"),
        })?;
        let logical = arn::Logical::new(site, &ResourceId::new(ResourceKind::Role, name));
        let policies = configuration::inline_policies(site, name).await?;
        let managed = configuration::managed_policies(site, name).await?;
        Ok(Blueprint::Role(Role {
            assumed_by: logical.document(&configuration::trust(&found, name)?),
            policies: policies.into_iter().map(|(policy, document)| (policy, logical.document(&document))).collect(),
            managed: managed.iter().map(|policy| logical.environment(policy)).collect(),
        }))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        let physical = site.name_of(ResourceKind::Role, name);
        if !self.exists(site, name).await? {
            return Ok(());
        }
        let iam = &site.clients.iam;
        for policy in configuration::inline_names(site, name).await? {
            let deleted = iam.delete_role_policy().role_name(&physical).policy_name(policy).send().await;
            deleted.map_err(|error| ServiceError::request(format!("IAM DeleteRolePolicy {name}"), &error))?;
        }
        for policy in configuration::managed_policies(site, name).await? {
            let detached = iam.detach_role_policy().role_name(&physical).policy_arn(policy).send().await;
            detached.map_err(|error| ServiceError::request(format!("IAM DetachRolePolicy {name}"), &error))?;
        }
        let deleted = iam.delete_role().role_name(&physical).send().await;
        deleted.map_err(|error| ServiceError::request(format!("IAM DeleteRole {name}"), &error))?;
        Ok(())
    }
}
