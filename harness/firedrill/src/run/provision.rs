//! Stands the workload up on the primary side, with the content it starts with.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Stack,
};

use crate::services::{Blueprint, ServiceError, Site, lambda, service};

/// Creates everything but triggers, in the order of dependence. Content is seeded after this and before [`connect`].
pub(super) async fn create(site: &Site, stack: &Stack) -> Result<(), ServiceError> {
    for id in stack.resources() {
        let Some(kind) = id.kind().filter(|kind| *kind != ResourceKind::Trigger) else { continue };
        let mut blueprint = blueprint(stack, &id)?;
        if let Blueprint::Function { spec, code } = &mut blueprint {
            *code = lambda::package(&spec.code)?;
        }
        service(kind).create(site, id.name(), &blueprint).await?;
    }
    Ok(())
}

/// Switches on what reacts to content and connects the triggers.
pub(super) async fn connect(site: &Site, stack: &Stack) -> Result<(), ServiceError> {
    for id in stack.resources() {
        let Some(kind) = id.kind() else { continue };
        let blueprint = blueprint(stack, &id)?;
        if kind == ResourceKind::Trigger {
            service(kind).create(site, id.name(), &blueprint).await?;
        } else {
            service(kind).activate(site, id.name(), &blueprint).await?;
        }
    }
    Ok(())
}

/// What the plan's stack says a resource is made from.
fn blueprint(stack: &Stack, id: &ResourceId) -> Result<Blueprint, ServiceError> {
    Blueprint::of(stack, id).ok_or_else(|| ServiceError::Unusable {
        operation: format!("looking up {id} in the stack"),
        what: "nothing".into(),
    })
}
