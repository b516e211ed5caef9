//! `poison-event`: an event that the function of a trigger cannot process. The records of a stream are tried in their order until
//! one is through, so that it holds up all that come behind it.

use firedrill_model::{
    ids::ResourceKind::Trigger,
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, trigger) = (fields.region(), fields.resource(&[Trigger]));
    let (region, trigger) = (region?, trigger?);
    fields.must_read_a_stream(&trigger).then_some(())?;
    let title = format!("{trigger} in {region} gets an event that its function cannot process");
    let symptoms = "the events behind it have to wait".to_owned();
    Some(fields.of_change(title, symptoms, &region, trigger, Alteration::Poison))
}
