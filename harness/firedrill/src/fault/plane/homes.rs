//! Home regions: where unsigned requests to a resource belong. Learned from signed requests that succeeded.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use firedrill_model::ids::Region;

/// More resources than any drill has; beyond it nothing new is learned, and what is unknown is refused.
const RESOURCES_MAX: usize = 10_000;

/// Something that unsigned requests name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A bucket by name: anonymous reads, form uploads, CORS preflights.
    Bucket(String),
    /// An API Gateway API by id.
    Api(String),
}

/// The regions of known resources.
#[derive(Debug, Default)]
pub struct Homes(RwLock<BTreeMap<Resource, Region>>);

impl Homes {
    /// A signed request to `resource` in `region` succeeded.
    pub fn learn(&self, resource: &Resource, region: &Region) {
        if self.of(resource).as_ref() == Some(region) {
            return;
        }
        let mut homes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if homes.len() < RESOURCES_MAX || homes.contains_key(resource) {
            homes.insert(resource.clone(), region.clone());
        }
    }

    /// The region of a resource, when it is known.
    pub fn of(&self, resource: &Resource) -> Option<Region> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(resource).cloned()
    }
}
