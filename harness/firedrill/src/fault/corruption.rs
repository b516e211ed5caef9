//! `corruption`: content changes behind everybody's back, its keys and sizes do not.

use firedrill_model::{
    ids::ResourceKind::{Bucket, Table},
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Bucket, Table]));
    let (count, bytes) = (fields.count(), fields.bytes());
    let (region, resource) = (region?, resource?);
    let is_bucket = resource.kind() == Some(Bucket);
    if bytes.is_some() && !is_bucket {
        let message = "of an item one character of one text is changed";
        fields.misplaced("bytes", message, "leave it out, or name a bucket");
        return None;
    }
    let what = if is_bucket { "objects" } else { "items" };
    let many = count.map_or_else(|| "all".to_owned(), |count| count.to_string());
    let title = format!("{many} {what} of {resource} in {region} are corrupted");
    let each = bytes.map_or_else(String::new, |bytes| format!(": {bytes} bytes of each are others"));
    let symptoms = format!("they hold other content of the same size{each}");
    Some(fields.of_change(title, symptoms, &region, resource, Alteration::Corrupt { count, bytes }))
}
