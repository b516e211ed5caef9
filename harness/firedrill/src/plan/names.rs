//! Physical names: what each resource is called in each region.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind},
    plan::Names,
    scenario::{BackupUsing, Scenario, VaultPlace},
    stack::Stack,
    topology::Side,
};
use sha2::{Digest, Sha256};

/// The names of every resource on both sides.
///
/// Tables, functions and triggers are regional on AWS and keep their logical names. Buckets share one namespace over all
/// regions and accounts, so they get the region and a suffix that depends on the scenario's name alone. Roles are global
/// within an account, so they get the region.
pub fn physical(scenario: &Scenario, stack: &Stack) -> Names {
    let of = |side| -> BTreeMap<ResourceId, String> {
        let region = scenario.topology.region(side);
        stack.resources().into_iter().map(|id| (id.clone(), name(&id, region, &scenario.name))).collect()
    };
    Names { primary: of(Side::Primary), recovery: of(Side::Recovery) }
}

fn name(id: &ResourceId, region: &Region, scenario: &str) -> String {
    match id.kind() {
        Some(ResourceKind::Bucket) => format!("{}-{region}-{}", id.name(), suffix(scenario)),
        Some(ResourceKind::Role) => format!("{}-{region}", id.name()),
        Some(ResourceKind::Table | ResourceKind::Function | ResourceKind::Trigger) | None => id.name().to_owned(),
    }
}

fn suffix(scenario: &str) -> String {
    hex::encode(&Sha256::digest(scenario)[..3])
}

/// A bucket name that would have to exist in two regions, which S3 does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketClash {
    /// The name.
    pub name: String,
    /// The regions it would be in.
    pub regions: [Region; 2],
    /// The later of the two backup rules, when a vault is part of the clash.
    pub rule: Option<usize>,
}

/// Every bucket name that is used twice, other than by vaults that share their bucket.
pub fn bucket_clashes(scenario: &Scenario, names: &Names) -> Vec<BucketClash> {
    let mut taken: BTreeMap<&str, (Region, bool)> = BTreeMap::new();
    let mut clashes = Vec::new();
    for side in [Side::Primary, Side::Recovery] {
        let region = scenario.topology.region(side);
        for (_, name) in names.of(side).iter().filter(|(id, _)| id.kind() == Some(ResourceKind::Bucket)) {
            if let Some((other, _)) = taken.insert(name, (region.clone(), false)) {
                clashes.push(BucketClash { name: name.clone(), regions: [other, region.clone()], rule: None });
            }
        }
    }
    for (rule, backup) in scenario.backups.iter().enumerate() {
        let BackupUsing::Vault { into: VaultPlace::Bucket { region, bucket }, .. } = &backup.using else { continue };
        match taken.get(bucket.as_str()) {
            Some((other, true)) if other == region => {}
            Some((other, _)) => clashes.push(BucketClash {
                name: bucket.clone(),
                regions: [other.clone(), region.clone()],
                rule: Some(rule),
            }),
            None => drop(taken.insert(bucket, (region.clone(), true))),
        }
    }
    clashes
}
