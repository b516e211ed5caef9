//! Counters in Prometheus's text format, version 0.0.4.

use std::sync::atomic::Ordering;

use super::Counters;
use crate::rules::Listed;

/// All counters.
pub(super) fn text(counters: &Counters, rules: &[Listed]) -> String {
    let mut text = String::new();
    for (name, help, counter) in [
        ("requests", "Requests that came, the proxy's own pages left out.", &counters.requests),
        ("unattributed", "Requests that could not be attributed to a region.", &counters.unattributed),
        ("unanswered", "Requests that were left without an answer, by a rule or by the service.", &counters.unanswered),
    ] {
        let name = format!("firedrill_{name}_total");
        family(&mut text, &name, help);
        text += &format!("{name} {}\n", counter.load(Ordering::Relaxed));
    }
    let counts: [(_, _, fn(&Listed) -> u64); 2] = [
        ("matched", "Requests that a rule was asked about and is for.", |rule| rule.matched),
        ("struck", "Those of them that the rule struck.", |rule| rule.struck),
    ];
    for (name, help, count) in counts {
        let name = format!("firedrill_rule_{name}_total");
        family(&mut text, &name, help);
        for (number, rule) in (1..).zip(rules) {
            let (by, effect) = (label(&rule.by.to_string()), rule.rule.effect.word());
            text += &format!("{name}{{rule=\"{number}\",by=\"{by}\",effect=\"{effect}\"}} {}\n", count(rule));
        }
    }
    text
}

fn family(text: &mut String, name: &str, help: &str) {
    *text += &format!("# HELP {name} {help}\n# TYPE {name} counter\n");
}

/// The value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
