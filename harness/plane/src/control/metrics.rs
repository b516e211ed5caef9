//! Counters in Prometheus's text format, version 0.0.4.
//!
//! A series stays that of one rule: `rule` is its number among those that `by` ever switched on, which no other gets.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Counters;
use crate::rules::Listed;

/// All counters.
pub(super) fn text(counters: &Counters, rules: &[(u64, Listed)]) -> String {
    let read = |counter: &AtomicU64| vec![(String::new(), counter.load(Ordering::Relaxed))];
    let labels = |number: u64, rule: &Listed| {
        let (by, effect) = (label(&rule.by.to_string()), rule.rule.effect.word());
        format!("{{rule=\"{number}\",by=\"{by}\",effect=\"{effect}\"}}")
    };
    let families: [(_, _, Vec<(String, u64)>); 5] = [
        ("requests", "Requests that came, the proxy's own pages left out.", read(&counters.requests)),
        ("unattributed", "Requests that could not be attributed to a region.", read(&counters.unattributed)),
        (
            "unanswered",
            "Requests whose connection was cut before an answer began, by a rule or for want of one.",
            read(&counters.unanswered),
        ),
        (
            "rule_matched",
            "Requests that a rule was asked about and is for.",
            rules.iter().map(|(number, rule)| (labels(*number, rule), rule.matched)).collect(),
        ),
        (
            "rule_struck",
            "Those of them that the rule struck.",
            rules.iter().map(|(number, rule)| (labels(*number, rule), rule.struck)).collect(),
        ),
    ];
    let family = |(name, help, values): (&str, &str, Vec<(String, u64)>)| {
        let name = format!("firedrill_{name}_total");
        let values: Vec<String> = values.iter().map(|(labels, value)| format!("{name}{labels} {value}\n")).collect();
        format!("# HELP {name} {help}\n# TYPE {name} counter\n{}", values.concat())
    };
    families.map(family).concat()
}

/// The value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
