//! `bad-deploy`: a function gets code that fails.

use firedrill_model::{
    ids::ResourceKind::Function,
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Function]));
    let (region, resource) = (region?, resource?);
    let title = format!("{resource} in {region} gets code that fails");
    let symptoms = "every invocation of it ends in an error".to_owned();
    Some(fields.of_change(title, symptoms, &region, resource, Alteration::BreakCode))
}
