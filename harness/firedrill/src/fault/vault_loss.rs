//! `vault-loss`: every recovery point that a vault holds is deleted. Clients do not notice.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, vault) = (fields.region(), fields.vault());
    let (region, vault) = (region?, vault?);
    let title = format!("the recovery points in the vault `{vault}` in {region} are deleted");
    let (vault, what) =
        (ResourceId::new(ResourceKind::Bucket, &vault), Alteration::DeleteBelow { prefix: String::new() });
    Some(fields.of_change(title, "nothing of them can be restored".to_owned(), &region, vault, what))
}
