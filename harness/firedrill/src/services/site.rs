//! One side of the workload: a region, its clients and the physical names of the stack's resources there.

use std::collections::BTreeMap;

use firedrill_model::{ids::ResourceId, topology::Side};

use super::Clients;

/// One side of the workload. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site {
    /// Which side.
    pub side: Side,
    /// Clients of its region.
    pub clients: Clients,
    /// Address that functions running there use for AWS calls.
    pub function_endpoint: String,
    names: BTreeMap<ResourceId, String>,
}

impl Site {
    /// A side with the names of the plan.
    pub fn new(side: Side, clients: Clients, function_endpoint: String, names: BTreeMap<ResourceId, String>) -> Self {
        Self { side, clients, function_endpoint, names }
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

    /// Puts physical names in place of `${kind/name}`.
    pub fn expand(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(&format!("${{{id}}}"), name))
    }

    /// The resource whose physical name is exactly `physical` among those that `of` accepts.
    pub fn logical(&self, physical: &str, of: impl Fn(&ResourceId) -> bool) -> Option<&ResourceId> {
        self.names.iter().find(|(id, name)| *name == physical && of(id)).map(|(id, _)| id)
    }
}
