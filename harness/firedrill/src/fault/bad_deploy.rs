//! `bad-deploy`: a function gets code that fails, or settings with which its code cannot be run.

use firedrill_model::{
    ids::ResourceKind::Function,
    scenario::{Alteration, Fault},
};

use super::Fields;
use crate::scenario::raw::PartWord;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Function]));
    let part = fields.part_of(&[PartWord::Code, PartWord::Configuration]);
    let (region, resource, part) = (region?, resource?, part.ok()?);
    let (gets, what) = if part == Some(PartWord::Configuration) {
        fields.must_heed_its_handler(&resource).then_some(())?;
        ("a handler that its code does not have", Alteration::BreakHandler)
    } else {
        ("code that fails", Alteration::BreakCode)
    };
    let title = format!("{resource} in {region} gets {gets}");
    let symptoms = "every invocation of it ends in an error".to_owned();
    Some(fields.of_change(title, symptoms, &region, resource, what))
}
