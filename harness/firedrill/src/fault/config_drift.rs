//! `config-drift`: a trigger is disconnected or switched off, or a function loses a variable or the version that its alias
//! points at.

use firedrill_model::{
    ids::ResourceKind::{Function, Trigger},
    scenario::{Alteration, Fault},
};

use super::Fields;
use crate::scenario::raw::PartWord;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Trigger, Function]));
    let variable = fields.variable(resource.as_ref());
    let part = fields.part_of(&[PartWord::Mapping, PartWord::Alias]);
    let (region, resource, part) = (region?, resource?, part.ok()?);
    let is_function = resource.kind() == Some(Function);
    let (title, symptoms, what) = match (variable, part) {
        (Some(_), _) if !is_function => {
            fields.misplaced("variable", "a trigger has no environment", "leave it out, or name a function");
            return None;
        }
        (_, Some(PartWord::Alias)) if !is_function => {
            fields.misplaced("part", "a trigger has no alias", "write `mapping`, or name a function");
            return None;
        }
        (Some(_), Some(_)) => {
            fields.misplaced("part", "one disaster changes one thing", "write two of them");
            return None;
        }
        (None, Some(PartWord::Alias)) => {
            fields.must_have_an_alias(&resource).then_some(())?;
            let title = format!("the alias of {resource} in {region} is moved to `$LATEST`");
            (title, "whatever is deployed runs at once", Alteration::MoveAlias)
        }
        (None, Some(_)) if is_function => {
            fields.misplaced("part", "a function has no mapping of its own", "write `alias`, or name a trigger");
            return None;
        }
        (None, Some(_)) => {
            fields.must_have_a_mapping(&resource).then_some(())?;
            let title = format!("the event source mapping of {resource} in {region} is switched off");
            (title, "events wait for somebody who takes them", Alteration::SwitchOff)
        }
        (Some(variable), None) => (
            format!("{resource} in {region} loses its variable `{variable}`"),
            "it runs without it",
            Alteration::Unset { variable },
        ),
        (None, None) if is_function => {
            fields.missing("variable", "variable: TABLE_NAME` or `part: alias");
            return None;
        }
        (None, None) => {
            (format!("{resource} in {region} is disconnected"), "events come to nobody", Alteration::Disconnect)
        }
    };
    Some(fields.of_change(title, symptoms.to_owned(), &region, resource, what))
}
