//! One side of the workload: a region, its clients and the physical names of the stack's resources there.

use std::{collections::BTreeMap, sync::Arc};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Trigger,
    topology::Side,
};

use super::{Clients, arn};

/// One side of the workload. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site {
    /// Which side.
    pub side: Side,
    /// Clients of its region.
    pub clients: Clients,
    /// Address that functions running there use for AWS calls, if they are in no zone.
    pub function_endpoint: String,
    names: BTreeMap<ResourceId, String>,
    triggers: Arc<BTreeMap<String, Trigger>>,
    placed: Arc<BTreeMap<String, String>>,
}

impl Site {
    /// A side with the names of the plan.
    pub fn new(side: Side, clients: Clients, function_endpoint: String, names: BTreeMap<ResourceId, String>) -> Self {
        Self { side, clients, function_endpoint, names, triggers: Arc::default(), placed: Arc::default() }
    }

    /// The same side with the edges of the stack: a trigger has no name of its own in AWS, so that it can be found only
    /// by what it connects.
    #[must_use]
    pub fn with_triggers(self, triggers: BTreeMap<String, Trigger>) -> Self {
        Self { triggers: Arc::new(triggers), ..self }
    }

    /// The same side with functions that are in zones, and the address that each of them uses.
    #[must_use]
    pub fn with_placed(self, placed: BTreeMap<String, String>) -> Self {
        Self { placed: Arc::new(placed), ..self }
    }

    /// Address that a function uses for AWS calls.
    pub fn endpoint_of(&self, function: &str) -> &str {
        self.placed.get(function).unwrap_or(&self.function_endpoint)
    }

    /// What a trigger of the stack connects; `None` for one the stack does not have.
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.get(name)
    }

    /// Every trigger of the stack.
    pub fn triggers(&self) -> impl Iterator<Item = &Trigger> {
        self.triggers.values()
    }

    /// Physical name of the resource of this kind and logical name.
    pub fn name_of(&self, kind: ResourceKind, name: &str) -> String {
        self.physical(&ResourceId::new(kind, name)).to_owned()
    }

    /// Every resource of the plan with its physical name.
    pub fn names(&self) -> impl Iterator<Item = (&ResourceId, &str)> {
        self.names.iter().map(|(id, name)| (id, name.as_str()))
    }

    /// The same side through other clients.
    #[must_use]
    pub fn with_clients(&self, clients: Clients) -> Self {
        Self { clients, ..self.clone() }
    }

    /// Physical name of a resource; a resource outside the plan keeps its logical name.
    pub fn physical<'a>(&'a self, resource: &'a ResourceId) -> &'a str {
        self.names.get(resource).map_or(resource.name(), String::as_str)
    }

    /// Puts physical names in place of `${kind/name}`, and this side's own in place of `${region}` and `${account}`.
    pub fn expand(&self, text: &str) -> String {
        let named =
            self.names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(&format!("${{{id}}}"), name));
        named.replace("${region}", self.clients.region.as_str()).replace("${account}", arn::account(self))
    }

    /// The resource whose physical name is exactly `physical` among those that `of` accepts.
    pub fn logical(&self, physical: &str, of: impl Fn(&ResourceId) -> bool) -> Option<&ResourceId> {
        self.names.iter().find(|(id, name)| *name == physical && of(id)).map(|(id, _)| id)
    }
}
