//! Every field of a role that the service describes.

use aws_sdk_iam::types::Role;
use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::NOT_FOUND;
use crate::services::{
    ServiceError, Site, arn,
    fields::{self, Fields, Rules},
    raw::read_raw,
};

/// Source: `Role` of the IAM API Reference.
const RULES: Rules = Rules {
    compared: &[
        "role.Path",
        "role.RoleName",
        "role.Arn",
        "role.AssumeRolePolicyDocument.**",
        "role.Description",
        "role.MaxSessionDuration",
        "role.PermissionsBoundary.**",
        "role.Tags.**",
        "inline.**",
        "attached.**",
    ],
    volatile: &[
        ("role.RoleId", "each role has its own"),
        ("role.CreateDate", "each role has its own"),
        ("role.RoleLastUsed.**", "follows the use"),
    ],
};

pub(super) async fn configuration(site: &Site, name: &str) -> Result<Configuration, ServiceError> {
    let id = ResourceId::new(ResourceKind::Role, name);
    let physical = site.physical(&id).to_owned();
    let logical = arn::Logical::new(site, &id);
    let operation = format!("IAM GetRole {name}");
    let role: Option<Value> =
        read_raw!(site.clients.iam.get_role().role_name(&physical), operation, xml, absent: [NOT_FOUND])?;
    let Some(mut role) = role else { return Ok(fields::absent(id)) };
    let role = &mut role["GetRoleResult"]["Role"];
    let assumed = document(&role["AssumeRolePolicyDocument"], &operation)?;
    role["AssumeRolePolicyDocument"] = assumed;
    let mut fields = Fields::default();
    fields.add("role", &logical.value(role));
    for (policy, document) in inline_policies(site, name).await? {
        fields.add_named("inline", &policy, &logical.value(&document));
    }
    let operation = format!("IAM ListAttachedRolePolicies {name}");
    let request = site.clients.iam.list_attached_role_policies().role_name(&physical);
    let attached: Option<Value> = read_raw!(request, operation, xml, absent: [])?;
    if let Some(attached) = attached {
        fields.add("attached", &logical.value(&attached["ListAttachedRolePoliciesResult"]["AttachedPolicies"]));
    }
    Ok(fields.sorted(id, RULES))
}

/// The role, or `None` when it is not there.
pub(super) async fn find(site: &Site, name: &str) -> Result<Option<Role>, ServiceError> {
    let role = site.clients.iam.get_role().role_name(site.name_of(ResourceKind::Role, name)).send().await;
    match role.map_err(|error| ServiceError::request(format!("IAM GetRole {name}"), &error)) {
        Ok(answer) => Ok(answer.role),
        Err(error) if error.code() == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who may assume a role.
pub(super) fn trust(role: &Role, name: &str) -> Result<Value, ServiceError> {
    let text = role.assume_role_policy_document.clone().unwrap_or_default();
    document(&Value::String(text), &format!("IAM GetRole {name}"))
}

/// ARNs of the managed policies that are attached to a role.
pub(super) async fn managed_policies(site: &Site, name: &str) -> Result<Vec<String>, ServiceError> {
    let request = site.clients.iam.list_attached_role_policies().role_name(site.name_of(ResourceKind::Role, name));
    let listed = request.send().await;
    let listed =
        listed.map_err(|error| ServiceError::request(format!("IAM ListAttachedRolePolicies {name}"), &error))?;
    let mut arns: Vec<String> =
        listed.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn).collect();
    arns.sort();
    Ok(arns)
}

/// Names of a role's inline policies.
pub(super) async fn inline_names(site: &Site, name: &str) -> Result<Vec<String>, ServiceError> {
    let request = site.clients.iam.list_role_policies().role_name(site.name_of(ResourceKind::Role, name));
    let listed = request.send().await;
    let listed = listed.map_err(|error| ServiceError::request(format!("IAM ListRolePolicies {name}"), &error))?;
    Ok(listed.policy_names)
}

/// A role's inline policies by name.
pub(super) async fn inline_policies(site: &Site, name: &str) -> Result<Vec<(String, Value)>, ServiceError> {
    let mut policies = Vec::new();
    for policy in inline_names(site, name).await? {
        let operation = format!("IAM GetRolePolicy {name}");
        let request = site.clients.iam.get_role_policy();
        let request = request.role_name(site.name_of(ResourceKind::Role, name)).policy_name(&policy);
        let answer = request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
        policies.push((policy, document(&Value::String(answer.policy_document), &operation)?));
    }
    Ok(policies)
}

/// IAM gives policy documents as JSON in URL encoding.
fn document(text: &Value, operation: &str) -> Result<Value, ServiceError> {
    let decoded = percent_decode_str(text.as_str().unwrap_or_default()).decode_utf8_lossy();
    serde_json::from_str(&decoded).map_err(|error| ServiceError::Unusable {
        operation: operation.to_owned(),
        what: format!("a policy that is not JSON: {error}"),
    })
}
