//! `vault-loss`: every recovery point that a vault holds is deleted. Clients do not notice.

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind},
    scenario::{Alteration, Change, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, vault) = fields.vault_in_region()?;
    let title = format!("the recovery points in the vault `{vault}` in {region} are deleted");
    Some(fields.of_changes(title, "nothing of them can be restored".to_owned(), vec![emptied(&region, &vault)]))
}

/// Everything in a vault is deleted.
pub(super) fn emptied(region: &Region, vault: &str) -> Change {
    Change {
        region: region.clone(),
        resource: ResourceId::new(ResourceKind::Bucket, vault),
        what: Alteration::DeleteBelow { prefix: String::new() },
    }
}
