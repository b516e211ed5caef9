//! Stands the workload up on the primary side, with the content it starts with.

use firedrill_model::{ids::ResourceKind, stack::Stack};

use crate::services::{self, Blueprint, ServiceError, Site, lambda};

/// Creates everything but triggers, in the order of dependence. Content is seeded after this and before [`connect`].
pub(super) async fn create(site: &Site, stack: &Stack) -> Result<(), ServiceError> {
    for resource in stack.resources() {
        let Some(kind) = resource.kind().filter(|kind| *kind != ResourceKind::Trigger) else { continue };
        let blueprint = blueprint(stack, kind, resource.name())?;
        services::service(kind).create(site, resource.name(), &blueprint).await?;
    }
    Ok(())
}

/// Switches on streams and expiry and connects the triggers.
pub(super) async fn connect(site: &Site, stack: &Stack) -> Result<(), ServiceError> {
    for name in stack.tables.keys() {
        let blueprint = blueprint(stack, ResourceKind::Table, name)?;
        services::service(ResourceKind::Table).activate(site, name, &blueprint).await?;
    }
    for name in stack.triggers.keys() {
        let blueprint = blueprint(stack, ResourceKind::Trigger, name)?;
        services::service(ResourceKind::Trigger).create(site, name, &blueprint).await?;
    }
    Ok(())
}

/// What the plan's stack says a resource is made from.
fn blueprint(stack: &Stack, kind: ResourceKind, name: &str) -> Result<Blueprint, ServiceError> {
    let found = match kind {
        ResourceKind::Role => stack.roles.get(name).cloned().map(Blueprint::Role),
        ResourceKind::Bucket => stack.buckets.get(name).cloned().map(Blueprint::Bucket),
        ResourceKind::Table => stack.tables.get(name).cloned().map(Blueprint::Table),
        ResourceKind::Queue => stack.queues.get(name).cloned().map(Blueprint::Queue),
        ResourceKind::Trigger => stack.triggers.get(name).cloned().map(Blueprint::Trigger),
        ResourceKind::Function => match stack.functions.get(name) {
            Some(spec) => Some(Blueprint::Function { spec: spec.clone(), code: lambda::package(&spec.code)? }),
            None => None,
        },
    };
    found.ok_or_else(|| ServiceError::Unusable {
        operation: format!("looking up {}/{name} in the stack", kind.word()),
        what: "nothing".into(),
    })
}
