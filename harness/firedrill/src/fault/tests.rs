use std::path::Path;

use firedrill_model::{scenario::Fault, topology::Topology};

use super::{Fields, fields::Wrong, make};
use crate::scenario::raw::RawDisaster;

/// What is made of a disaster's line, and what is wrong with it.
fn made(line: &str) -> (Option<Fault>, Vec<Wrong>) {
    let raw: RawDisaster = serde_saphyr::from_str(line).unwrap();
    let topology = Topology { primary: "us-east-1".into(), recovery: "eu-west-1".into() };
    let mut fields = Fields::new(&raw, &topology);
    let fault = make(raw.fault, &mut fields);
    (fault, fields.wrong())
}

#[test]
fn each_disaster_is_made_of_rules_and_actions() {
    for (name, line) in [
        ("region-refused", "{ at: 1s, fault: region-outage, region: us-east-1, symptom: refused }"),
        ("region-timeouts", "{ at: 1s, fault: region-outage, region: us-east-1, symptom: timeouts }"),
        ("region-destroyed", "{ at: 1s, fault: region-outage, region: us-east-1, symptom: destroyed }"),
        (
            "services-errors",
            "{ at: 1s, fault: service-outage, region: us-east-1, service: [s3, dynamodb], symptom: errors }",
        ),
        (
            "service-timeouts",
            "{ at: 1s, fault: service-outage, region: eu-west-1, service: [lambda], symptom: timeouts }",
        ),
        (
            "service-refused",
            "{ at: 1s, fault: service-outage, region: eu-west-1, service: [lambda], symptom: refused }",
        ),
        ("brownout", "{ at: 1s, fault: brownout, region: us-east-1 }"),
        (
            "brownout-of-a-service",
            "{ at: 1s, fault: brownout, region: us-east-1, service: [s3], share: 0.5, latency: 2s, over: 1m }",
        ),
        ("throttling-storm", "{ at: 1s, fault: throttling-storm, region: us-east-1, service: [dynamodb], share: 1 }"),
    ] {
        let (fault, wrong) = made(line);
        assert_eq!(wrong, [], "{line}");
        insta::assert_json_snapshot!(name, fault.unwrap());
    }
}

#[test]
fn what_is_left_to_chance_is_not_certain() {
    let is_certain = |line: &str| made(line).0.unwrap().is_certain();
    assert!(is_certain("{ at: 1s, fault: region-outage, region: us-east-1, symptom: timeouts }"));
    assert!(is_certain("{ at: 1s, fault: service-outage, region: us-east-1, service: [s3], symptom: errors }"));
    assert!(!is_certain("{ at: 1s, fault: brownout, region: us-east-1 }"));
    assert!(!is_certain("{ at: 1s, fault: throttling-storm, region: us-east-1 }"));
}

#[test]
fn a_fault_concerns_the_region_of_its_rules() {
    let (fault, _) = made("{ at: 1s, fault: throttling-storm, region: eu-west-1 }");
    let fault = fault.unwrap();
    assert!(fault.concerns(&"eu-west-1".into()) && !fault.concerns(&"us-east-1".into()));
    assert!(!fault.takes_away(&"eu-west-1".into()));
}

#[test]
fn the_page_names_every_disaster() {
    let page = std::fs::read_to_string(crate::scenario::tests::root().join(Path::new("docs/faults.md"))).unwrap();
    let words = serde_json::to_value(schemars::schema_for!(crate::scenario::raw::FaultWord)).unwrap();
    let named: Vec<&str> =
        words["oneOf"].as_array().unwrap().iter().filter_map(|word| word["const"].as_str()).collect();
    assert!(named.len() >= 4, "{words}");
    for word in named {
        assert!(page.contains(&format!("| `{word}`")), "docs/faults.md does not tell of `{word}`");
    }
}
