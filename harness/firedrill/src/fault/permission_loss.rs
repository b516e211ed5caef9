//! `permission-loss`: services deny requests as if a policy forbade them, while the region and its data stay.

use firedrill_model::{
    rule::{Effect, Rule},
    scenario::Fault,
};

use super::{
    Fields,
    fields::{place, requests},
};

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, services, operations) = (fields.region(), fields.services_or_all(), fields.operations_or_all());
    let region = region?;
    let mut scope = requests(&region, &services);
    scope.operation = operations;
    let names: Vec<&str> = scope.operation.iter().map(firedrill_model::rule::Pattern::as_str).collect();
    let what = if names.is_empty() { "everything".to_owned() } else { names.join(", ") };
    let title = format!("{what} is denied to everybody by {}", place(&region, &services));
    let rule = Rule { scope, ..Rule::of_region(&region, Effect::Deny) };
    Some(fields.of_rules(title, "such requests are answered that no policy allows them".to_owned(), vec![rule]))
}
