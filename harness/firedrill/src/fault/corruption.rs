//! `corruption`: content changes behind everybody's back, its keys and sizes do not.

use firedrill_model::{
    ids::ResourceKind::{Bucket, Table},
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource, count) = (fields.region(), fields.resource(&[Bucket, Table]), fields.count());
    let (region, resource) = (region?, resource?);
    let what = if resource.kind() == Some(Bucket) { "objects" } else { "items" };
    let many = count.map_or_else(|| "all".to_owned(), |count| count.to_string());
    let title = format!("{many} {what} of {resource} in {region} are corrupted");
    let symptoms = "they hold other content of the same size".to_owned();
    Some(fields.of_change(title, symptoms, &region, resource, Alteration::Corrupt { count }))
}
