//! `config-drift`: a trigger is disconnected, or a function loses a variable of its environment.

use firedrill_model::{
    ids::ResourceKind::{Function, Trigger},
    scenario::{Alteration, Fault},
};

use super::Fields;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Trigger, Function]));
    let variable = fields.variable(resource.as_ref());
    let (region, resource) = (region?, resource?);
    let is_function = resource.kind() == Some(Function);
    let (title, symptoms, what) = match variable {
        Some(variable) if is_function => (
            format!("{resource} in {region} loses its variable `{variable}`"),
            "it runs without it",
            Alteration::Unset { variable },
        ),
        None if !is_function => {
            (format!("{resource} in {region} is disconnected"), "events come to nobody", Alteration::Disconnect)
        }
        Some(_) => {
            fields.misplaced("variable", "a trigger has no environment", "leave it out, or name a function");
            return None;
        }
        None => {
            fields.missing("variable", "variable: TABLE_NAME");
            return None;
        }
    };
    Some(fields.of_change(title, symptoms.to_owned(), &region, resource, what))
}
