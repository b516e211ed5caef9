//! What the recovery step `isolate` does: nothing more is read or written in a region. Its data stays.

use firedrill_model::{
    ids::Region,
    rule::{Effect, Rule},
    scenario::Fault,
};

/// Everything in `region` refused.
pub fn isolation(region: &Region) -> Fault {
    Fault {
        kind: "isolation".to_owned(),
        title: format!("{region} is cut off"),
        symptoms: "connections are refused".to_owned(),
        lost: vec![region.clone()],
        rules: vec![Rule::of_region(region, Effect::Refuse)],
        actions: Vec::new(),
        changes: Vec::new(),
    }
}
