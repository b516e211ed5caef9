//! What counts as an effect and as an acknowledged write.

use std::collections::HashMap;

use super::*;
use crate::run::sample;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn map<const N: usize>(attributes: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn line(outcome: Outcome) -> LedgerLine {
    LedgerLine {
        write_id: "probe-00000".into(),
        outcome,
        origin: Origin::Probe,
        error: Some("connection refused".into()),
        facts: [("customer".into(), "firedrill-probe".into()), ("order".into(), "o#1".into())].into(),
        ..sample::line(ResourceId::new(ResourceKind::Table, "orders"), "firedrill-probe#o%231")
    }
}

#[test]
fn an_effect_is_seen_only_under_the_write_id_of_its_cause() {
    use EffectModel::{ObjectDescription, RunningTotal};
    let cause = line(Outcome::Acknowledged);
    let applied = |order: &str, id: &str| {
        map([("applied", AttributeValue::M(map([(order, AttributeValue::M(map([("write_id", text(id))])))])))])
    };
    let cases = [
        ("a document of this write", ObjectDescription, map([("write_id", text("probe-00000"))]), true),
        ("a document of another write", ObjectDescription, map([("write_id", text("probe-00001"))]), false),
        ("a document without a write id", ObjectDescription, map([("id", text("x"))]), false),
        ("a write id of another type", ObjectDescription, map([("write_id", AttributeValue::Null(true))]), false),
        ("a total with this order", RunningTotal, applied("o#1", "probe-00000"), true),
        ("a total with an older write of it", RunningTotal, applied("o#1", "probe-00009"), false),
        ("a total with another order", RunningTotal, applied("o#2", "probe-00000"), false),
        ("a total without orders", RunningTotal, map([("customer", text("firedrill-probe"))]), false),
    ];
    for (case, model, item, expected) in cases {
        assert_eq!(shows(model, &item, &cause), expected, "{case}");
    }
}

#[test]
fn a_probe_names_the_parts_that_came_back_changed() {
    let parts = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), format!("digest of {name}"))).collect();
    let mut written = line(Outcome::Acknowledged);
    written.parts = parts(&["body", "content-encoding", "tags"]);
    let found = Described { digest: String::new(), parts: parts(&["body", "tags"]), bytes: 0, write_id: None };
    assert_eq!(in_parts(&written.parts, &found), ": content-encoding");
    written.parts = found.parts.clone();
    assert_eq!(in_parts(&written.parts, &found), "");
}

#[test]
fn a_probe_whose_write_failed_says_how() {
    assert_eq!(acknowledged(&line(Outcome::Acknowledged)), Ok(()));
    let rejected = acknowledged(&line(Outcome::Rejected)).unwrap_err();
    insta::assert_snapshot!(rejected, @"the write was rejected: connection refused");
    let ambiguous = acknowledged(&line(Outcome::Ambiguous)).unwrap_err();
    insta::assert_snapshot!(ambiguous, @"the write was not answered: connection refused");
}
