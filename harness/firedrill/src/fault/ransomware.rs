//! `ransomware`: every object of a bucket is overwritten with noise, and its older versions are deleted; where the attacker
//! reaches a vault, its recovery points before that.

use firedrill_model::{
    ids::ResourceKind::Bucket,
    scenario::{Alteration, Change, Fault},
};

use super::{Fields, vault_loss::emptied};

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource, vault) = (fields.region(), fields.resource(&[Bucket]), fields.vault());
    let (region, resource) = (region?, resource?);
    let before = vault.as_ref().map_or_else(String::new, |(place, vault)| {
        format!(", who has deleted the recovery points in the vault `{vault}` in {place}")
    });
    let title = format!("the objects of {resource} in {region} are encrypted by somebody else{before}");
    let symptoms = "every object holds noise, and no older version is left".to_owned();
    let mut changes: Vec<Change> = vault.iter().map(|(place, vault)| emptied(place, vault)).collect();
    changes.push(Change { region, resource, what: Alteration::Encrypt });
    Some(fields.of_changes(title, symptoms, changes))
}
