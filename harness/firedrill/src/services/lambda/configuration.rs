//! Every field of a function that the service describes.

use std::sync::LazyLock;

use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{NOT_FOUND, describe::alias_of};
use crate::{
    redact::is_secret_name,
    services::{
        ServiceError, Site, arn,
        fields::{self, Fields, Rules},
        raw::read_raw,
    },
    triggers,
};

/// What is known of one version of a function. Source: `FunctionConfiguration` of the Lambda API Reference.
macro_rules! of_version {
    ($section:literal) => {
        Rules {
            compared: &[
                concat!($section, ".FunctionName"),
                concat!($section, ".FunctionArn"),
                concat!($section, ".Runtime"),
                concat!($section, ".Role"),
                concat!($section, ".Handler"),
                concat!($section, ".CodeSize"),
                concat!($section, ".CodeSha256"),
                concat!($section, ".Description"),
                concat!($section, ".Timeout"),
                concat!($section, ".MemorySize"),
                concat!($section, ".Version"),
                concat!($section, ".VpcConfig.**"),
                concat!($section, ".DeadLetterConfig.**"),
                concat!($section, ".Environment.**"),
                concat!($section, ".KMSKeyArn"),
                concat!($section, ".TracingConfig.**"),
                concat!($section, ".Layers.**"),
                concat!($section, ".State"),
                concat!($section, ".PackageType"),
                concat!($section, ".ImageConfigResponse.**"),
                concat!($section, ".FileSystemConfigs.**"),
                concat!($section, ".Architectures"),
                concat!($section, ".EphemeralStorage.**"),
                concat!($section, ".SnapStart.**"),
                concat!($section, ".LoggingConfig.**"),
                concat!($section, ".DurableConfig.**"),
                concat!($section, ".TenancyConfig.**"),
                concat!($section, ".CapacityProviderConfig.**"),
            ],
            volatile: &[
                (
                    concat!($section, ".Environment.Variables.AWS_ENDPOINT_URL"),
                    "address of the fault plane, set by firedrill",
                ),
                (concat!($section, ".LastModified"), "each version has its own"),
                (concat!($section, ".RevisionId"), "each version has its own"),
                (concat!($section, ".StateReason"), "passing state; the state itself is compared"),
                (concat!($section, ".StateReasonCode"), "passing state; the state itself is compared"),
                (concat!($section, ".LastUpdateStatus"), "passing state of an update"),
                (concat!($section, ".LastUpdateStatusReason"), "passing state of an update"),
                (concat!($section, ".LastUpdateStatusReasonCode"), "passing state of an update"),
                (concat!($section, ".RuntimeVersionConfig.**"), "chosen by the service"),
                (concat!($section, ".ConfigSha256"), "follows the fields that are compared"),
                (concat!($section, ".SigningJobArn"), "each signing has its own"),
            ],
        }
    };
}

/// The version that runs; $LATEST, of which the next version is made, where that is another; and what belongs to all versions.
/// Source: `AliasConfiguration`, `Concurrency` of the Lambda API Reference.
const RULES: [Rules; 3] = [
    of_version!("function"),
    of_version!("latest"),
    Rules {
        compared: &[
            "alias.Name",
            "alias.AliasArn",
            "alias.FunctionVersion",
            "alias.Description",
            "alias.RoutingConfig.**",
            "concurrency.**",
            "tags.**",
            "policy.**",
            "mappings.**",
        ],
        volatile: &[("alias.RevisionId", "each alias has its own")],
    },
];

pub(super) async fn configuration(site: &Site, name: &str) -> Result<Configuration, ServiceError> {
    let id = ResourceId::new(ResourceKind::Function, name);
    let physical = site.physical(&id).to_owned();
    let logical = arn::Logical::new(site, &id);
    let client = &site.clients.lambda;
    let operation = format!("Lambda describe calls of {name}");
    let latest: Option<Value> =
        read_raw!(client.get_function().function_name(&physical), operation, json, absent: [NOT_FOUND])?;
    let Some(mut function) = latest else { return Ok(fields::absent(id)) };
    let mut fields = Fields::default();
    if let Some(alias) = alias_of(site, &physical).await? {
        // Events go to the alias: what it points at is what runs, whatever $LATEST is.
        fields.add("latest", &settings(&function["Configuration"], &logical));
        let request = client.get_function().function_name(&physical).qualifier(&alias.name);
        function = read_raw!(request, operation, json, absent: [])?.unwrap_or_default();
        let request = client.get_alias().function_name(&physical).name(&alias.name);
        let described: Option<Value> = read_raw!(request, operation, json, absent: [])?;
        fields.add("alias", &logical.value(&described.unwrap_or_default()));
        add_policy(&mut fields, &logical, site, &physical, Some(&alias.name)).await?;
    }
    add_policy(&mut fields, &logical, site, &physical, None).await?;
    fields.add("function", &settings(&function["Configuration"], &logical));
    if function["Concurrency"].is_object() {
        fields.add("concurrency", &function["Concurrency"]);
    }
    if function["Tags"].is_object() {
        fields.add("tags", &function["Tags"]);
    }
    for (source, mapping) in triggers::mapping::unclaimed(site, name).await? {
        fields.add_named("mappings", &source, &logical.value(&mapping));
    }
    Ok(fields.sorted_by(id, &RULES))
}

/// The settings of one version.
fn settings(described: &Value, logical: &arn::Logical) -> Value {
    let mut settings = logical.value(described);
    name_variables(&mut settings, described, logical);
    without_unset(&mut settings);
    settings
}

/// A secret as evidence may hold it: equal for equal values of one process, and of no use to whoever guesses.
fn sealed(secret: &str) -> String {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(rand::random);
    let digest = Sha256::new().chain_update(*KEY).chain_update(secret).finalize();
    format!("sealed:{}", hex::encode(&digest[..8]))
}

/// Variables may name resources, where other fields hold their ARNs. What is secret by its name is sealed.
fn name_variables(settings: &mut Value, raw: &Value, logical: &arn::Logical) {
    let Some(variables) = raw["Environment"]["Variables"].as_object() else { return };
    for (name, value) in variables {
        let text = value.as_str().unwrap_or_default();
        settings["Environment"]["Variables"][name] =
            Value::String(if is_secret_name(name) { sealed(text) } else { logical.environment(text) });
    }
}

/// Takes out what is not set: the service leaves such a field out, or writes it as empty text.
fn without_unset(settings: &mut Value) {
    let unset = |of: &mut Value, name: &str| {
        if of[name] == ""
            && let Some(of) = of.as_object_mut()
        {
            of.shift_remove(name);
        }
    };
    unset(settings, "KMSKeyArn");
    unset(&mut settings["VpcConfig"], "VpcId");
}

/// The statements of a resource policy, without those that let a service's events in: they belong to the trigger.
async fn add_policy(
    fields: &mut Fields,
    logical: &arn::Logical,
    site: &Site,
    physical: &str,
    qualifier: Option<&str>,
) -> Result<(), ServiceError> {
    let Some(statements) = statements(site, physical, qualifier).await? else { return Ok(()) };
    let own = statements.into_iter().filter(|statement| !triggers::notification::lets_bucket_in(statement));
    let own: Vec<Value> = own.map(|statement| logical.value(&statement)).collect();
    if !own.is_empty() {
        fields.add_named("policy", qualifier.unwrap_or("unqualified"), &Value::Array(own));
    }
    Ok(())
}

/// The statements of the resource policy of a function or its alias; `None` when there is no policy.
pub(crate) async fn statements(
    site: &Site,
    physical: &str,
    qualifier: Option<&str>,
) -> Result<Option<Vec<Value>>, ServiceError> {
    let operation = format!("Lambda GetPolicy of {physical}");
    let request = site.clients.lambda.get_policy().function_name(physical).set_qualifier(qualifier.map(str::to_owned));
    let answer: Option<Value> = read_raw!(request, operation, json, absent: [NOT_FOUND])?;
    let Some(answer) = answer else { return Ok(None) };
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap_or("{}"))
        .map_err(|error| ServiceError::Unusable { operation, what: format!("a policy that is not JSON: {error}") })?;
    Ok(Some(policy["Statement"].as_array().cloned().unwrap_or_default()))
}
