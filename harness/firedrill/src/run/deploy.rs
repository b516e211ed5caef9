//! Stands the workload up from its CloudFormation template, on the target's own CloudFormation.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::ResourceKind,
    stack::{Bucket, Stack, Template},
};
use serde_json::{Value, json};

use crate::{
    scenario::template::name_property,
    services::{
        self, Blueprint, ServiceError, Site, cloudformation, lambda,
        s3::{self, ByteStream, put::Upload},
    },
};

/// Creates the stack, triggers included. What the target's CloudFormation leaves out is made up for by the services' own
/// calls, and given back; a resource that then still is not what the template says is an error.
pub(super) async fn deploy(
    site: &Site,
    stack: &Stack,
    template: &Template,
    code_bucket: &str,
) -> Result<Vec<String>, ServiceError> {
    let body = filled(site, stack, template, code_bucket).await?;
    cloudformation::create_stack(&site.clients, &stack.name, body.to_string(), &template.parameters).await?;
    let mut made_up = Vec::new();
    for id in stack.resources() {
        // The policies of a role are left to CloudFormation.
        let Some(kind) = id.kind().filter(|kind| *kind != ResourceKind::Role) else { continue };
        let Some(expected) = Blueprint::of(stack, &id) else { continue };
        let service = services::service(kind);
        let left_out = differences(site, &expected, &service.describe(site, id.name()).await?);
        if left_out.is_empty() {
            continue;
        }
        service.complete(site, id.name(), &expected).await?;
        let still = differences(site, &expected, &service.describe(site, id.name()).await?);
        if let Some((field, wanted, found)) = still.into_iter().next() {
            return Err(ServiceError::Unusable {
                operation: format!("CloudFormation CreateStack {}", stack.name),
                what: format!("that `{field}` of {id} is {found}, where the template says {wanted}"),
            });
        }
        made_up.extend(left_out.into_iter().map(|(field, _, _)| format!("{field} of {id}")));
    }
    Ok(made_up)
}

/// The template as the target gets it: physical names, the address that functions use for AWS calls, and the place of
/// code that was in folders.
async fn filled(site: &Site, stack: &Stack, template: &Template, code_bucket: &str) -> Result<Value, ServiceError> {
    let mut body = template.body.clone();
    for id in stack.resources() {
        let Some(property) = id.kind().and_then(name_property) else { continue };
        if !template.names.contains_key(&id) {
            body["Resources"][id.name()]["Properties"][property] = site.physical(&id).into();
        }
    }
    let mut bucket_is_there = false;
    for (name, function) in &stack.functions {
        let properties = &mut body["Resources"][name]["Properties"];
        properties["Environment"]["Variables"][lambda::ENDPOINT_VARIABLE] = site.endpoint_of(name).into();
        if function.code.as_os_str().is_empty() {
            continue;
        }
        if !bucket_is_there {
            let plain = Bucket { versioning: false, encryption: None, cors: vec![], tags: BTreeMap::new(), data: None };
            services::service(ResourceKind::Bucket).create(site, code_bucket, &Blueprint::Bucket(plain)).await?;
            bucket_is_there = true;
        }
        let archive = lambda::package(&function.code)?;
        let upload = Upload { key: format!("{name}.zip"), ..Upload::default() };
        let size = archive.len() as u64;
        s3::put(site, code_bucket, &upload, size, ByteStream::from(archive)).await?;
        properties["Code"] = json!({ "S3Bucket": code_bucket, "S3Key": upload.key });
    }
    Ok(body)
}

/// Settings that the plan alone has: a data set, whether a table is the delivery log, the folder of a function's code.
fn of_the_plan(blueprint: &Blueprint) -> &'static [&'static str] {
    match blueprint {
        Blueprint::Bucket(_) => &["data"],
        Blueprint::Table(_) => &["data", "delivery_log"],
        Blueprint::Function { .. } => &["code"],
        Blueprint::Role(_) | Blueprint::Queue(_) | Blueprint::Trigger(_) => &[],
    }
}

/// The settings that are not as expected: name, expected, found.
fn differences(site: &Site, expected: &Blueprint, found: &Blueprint) -> Vec<(String, Value, Value)> {
    let settings = |blueprint: &Blueprint| -> Value {
        let document = serde_json::to_value(blueprint).unwrap_or_default();
        // Both in physical names: the two may stand for the same name in different ways.
        serde_json::from_str(&site.expand(&document["settings"].to_string())).unwrap_or_default()
    };
    let of_the_plan = of_the_plan(expected);
    let (expected, found) = (settings(expected), settings(found));
    let fields = expected.as_object().into_iter().flatten();
    fields
        .filter(|(field, wanted)| !of_the_plan.contains(&field.as_str()) && found[field.as_str()] != **wanted)
        .map(|(field, wanted)| (field.clone(), wanted.clone(), found[field.as_str()].clone()))
        .collect()
}
