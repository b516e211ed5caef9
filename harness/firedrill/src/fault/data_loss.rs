//! `data-loss`: a table, a bucket or a part of one is deleted for good, as by accident.

use firedrill_model::{
    ids::ResourceKind::{Bucket, Table},
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource, prefix) = (fields.region(), fields.resource(&[Bucket, Table]), fields.prefix());
    let (region, resource) = (region?, resource?);
    let (title, symptoms, what) = match prefix {
        Some(prefix) if resource.kind() == Some(Bucket) => (
            format!("the objects below `{prefix}` of {resource} in {region} are deleted"),
            "every version of them is gone",
            Alteration::DeleteBelow { prefix },
        ),
        Some(_) => {
            fields.misplaced("prefix", "a table has no prefixes", "leave it out, or name a bucket");
            return None;
        }
        None => (format!("{resource} in {region} is deleted"), "it is gone with everything in it", Alteration::Delete),
    };
    Some(fields.of_change(title, symptoms.to_owned(), &region, resource, what))
}
