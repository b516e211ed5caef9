//! Who is in which zone.

use std::collections::BTreeMap;

use firedrill_model::ids::{ResourceKind, Zone};

use super::Reader;
use crate::scenario::key_path::KeyPath;

impl Reader<'_> {
    /// The functions that run in one Availability Zone.
    pub(super) fn placed(&mut self, raw: &BTreeMap<String, String>) -> BTreeMap<String, Zone> {
        let base = KeyPath::of(["workload", "zones"]);
        let mut placed = BTreeMap::new();
        for (function, name) in raw {
            let path = base.key(function);
            let function = self.resource(function, &[ResourceKind::Function], &path);
            let (zone, region) = (Zone::new(name), &self.topology.primary);
            if !zone.is_of(region) {
                let message = format!("`{name}` is not an Availability Zone of {region}");
                self.wrong(&path, message, "not a zone for functions", format!("write `{region}a`"));
                continue;
            }
            let Some(function) = function else { continue };
            if let Some(other) = placed.insert(function.name().to_owned(), zone) {
                let message = format!("`{function}` is in a zone already");
                self.wrong(&path, message, "the same function", format!("leave this out, or the line with `{other}`"));
            }
        }
        placed
    }

    /// A zone of the primary region, or one at its edge.
    pub(super) fn zone(&mut self, name: &str, path: &KeyPath) -> Option<Zone> {
        let (zone, region) = (Zone::new(name), &self.topology.primary);
        if !zone.is_of(region) && !zone.is_edge_of(region) {
            self.wrong(path, format!("`{name}` is not a zone of {region}"), "not a zone", format!("write `{region}a`"));
            return None;
        }
        Some(zone)
    }
}
