//! Physical names: what each resource is called in each region.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind},
    kinds::Namespace,
    plan::Names,
    scenario::{BackupUsing, Scenario, VaultPlace},
    stack::Stack,
    topology::Side,
};
use sha2::{Digest, Sha256};

use crate::services::clients::EMULATOR_ACCOUNT;

/// The names of every resource on both sides.
///
/// What is regional on AWS keeps its logical name. What has to be the only one in an account (a role) gets the region, and what
/// has to be the only one in the world (a bucket) a suffix besides, which depends on the scenario's name alone. A template
/// that chooses a name itself keeps it.
pub fn physical(scenario: &Scenario, stack: &Stack) -> Names {
    let of = |side| -> BTreeMap<ResourceId, String> {
        let region = scenario.topology.region(side);
        let chosen = |id: &ResourceId| {
            let name = stack.template.as_ref()?.names.get(id)?;
            Some(name.replace("${region}", region.as_str()).replace("${account}", EMULATOR_ACCOUNT))
        };
        let all = stack.resources().into_iter();
        all.map(|id| (id.clone(), chosen(&id).unwrap_or_else(|| name(&id, region, &scenario.name)))).collect()
    };
    Names { primary: of(Side::Primary), recovery: of(Side::Recovery) }
}

fn name(id: &ResourceId, region: &Region, scenario: &str) -> String {
    match id.kind().map(ResourceKind::namespace) {
        Some(Namespace::World) => format!("{}-{region}-{}", id.name().to_lowercase(), suffix(scenario)),
        Some(Namespace::Account) => format!("{}-{region}", id.name()),
        Some(Namespace::Region) | None => id.name().to_owned(),
    }
}

/// The bucket from which CloudFormation takes the code of functions in a region.
pub fn code_bucket(scenario: &str, region: &Region) -> String {
    format!("firedrill-code-{region}-{}", suffix(scenario))
}

fn suffix(scenario: &str) -> String {
    hex::encode(&Sha256::digest(scenario)[..3])
}

/// A name that would have to exist in two regions, where the service has one namespace for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameClash {
    /// Of what it is the name.
    pub kind: ResourceKind,
    /// The name.
    pub name: String,
    /// The regions it would be in.
    pub regions: [Region; 2],
    /// The later of the two backup rules, when a vault is part of the clash.
    pub rule: Option<usize>,
}

/// Every name that is used in both regions and may not be, other than by vaults that share their bucket.
pub fn clashes(scenario: &Scenario, names: &Names) -> Vec<NameClash> {
    let mut taken: BTreeMap<(ResourceKind, &str), (Region, bool)> = BTreeMap::new();
    let mut clashes = Vec::new();
    for side in [Side::Primary, Side::Recovery] {
        let region = scenario.topology.region(side);
        for (id, name) in names.of(side) {
            let Some(kind) = id.kind().filter(|kind| kind.namespace() != Namespace::Region) else { continue };
            if let Some((other, _)) = taken.insert((kind, name), (region.clone(), false)) {
                clashes.push(NameClash { kind, name: name.clone(), regions: [other, region.clone()], rule: None });
            }
        }
    }
    for (rule, backup) in scenario.backups.iter().enumerate() {
        let BackupUsing::Vault { into: VaultPlace::Bucket { region, bucket }, .. } = &backup.using else { continue };
        match taken.get(&(ResourceKind::Bucket, bucket.as_str())) {
            Some((other, true)) if other == region => {}
            Some((other, _)) => clashes.push(NameClash {
                kind: ResourceKind::Bucket,
                name: bucket.clone(),
                regions: [other.clone(), region.clone()],
                rule: Some(rule),
            }),
            None => drop(taken.insert((ResourceKind::Bucket, bucket), (region.clone(), true))),
        }
    }
    clashes
}
