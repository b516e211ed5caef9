//! `ransomware`: every object of a bucket is overwritten with noise, and its older versions are deleted.

use firedrill_model::{
    ids::ResourceKind::Bucket,
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Bucket]));
    let (region, resource) = (region?, resource?);
    let title = format!("the objects of {resource} in {region} are encrypted by somebody else");
    let symptoms = "every object holds noise, and no older version is left".to_owned();
    Some(fields.of_change(title, symptoms, &region, resource, Alteration::Encrypt))
}
