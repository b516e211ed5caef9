use std::{collections::BTreeMap, fs};

use firedrill_model::{
    ids::Zone,
    scenario::Fault,
    stack::{Function, Queue},
    topology::Topology,
};

use super::{Fields, Setting, fields::Wrong, make};
use crate::scenario::{load, names::Catalogue, raw::RawDisaster, tests::root};

/// What is made of a disaster's line, and what is wrong with it.
fn made(line: &str) -> (Option<Fault>, Vec<Wrong>) {
    let raw: RawDisaster = serde_saphyr::from_str(line).unwrap();
    let topology = Topology { primary: "us-east-1".into(), recovery: "eu-west-1".into() };
    let mut stack = load(&root().join("scenarios/order-pipeline-region-loss.yaml")).unwrap().stack;
    let queue = Queue { visibility_timeout_s: 60, retention_s: 345_600, encryption: true, tags: BTreeMap::new() };
    stack.queues.insert("upload-events".to_owned(), queue);
    let own = Function { runtime: "provided.al2023".to_owned(), ..stack.functions["total-orders"].clone() };
    stack.functions.insert("of-its-own".to_owned(), own);
    let catalogue = Catalogue::of(&stack);
    let placed = [("total-orders".to_owned(), Zone::new("us-east-1a"))].into();
    let vaults = [("eu-west-1", "order-vault"), ("eu-north-1", "far-vault")]
        .map(|(region, vault)| (region.into(), vault.to_owned()));
    let (topology, stack, placed, catalogue) = (&topology, &stack, &placed, &catalogue);
    let mut fields = Fields::new(&raw, Setting { topology, stack, placed, vaults: &vaults, catalogue });
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
        ("zone", "{ at: 1s, fault: zone-outage, region: us-east-1, zone: us-east-1b, share: 0.25, over: 20s }"),
        ("zone-with-a-function", "{ at: 1s, fault: zone-outage, region: us-east-1, zone: us-east-1a }"),
        ("partition-timeouts", "{ at: 1s, fault: region-partition, symptom: timeouts }"),
        ("partition-refused", "{ at: 1s, fault: region-partition, symptom: refused }"),
        ("edge-zone-timeouts", "{ at: 1s, fault: edge-zone-outage, zone: us-east-1-bos-1a, symptom: timeouts }"),
        ("edge-zone-refused", "{ at: 1s, fault: edge-zone-outage, zone: us-east-1-wl1-bos-wlz-1, symptom: refused }"),
        ("edge-link", "{ at: 1s, fault: edge-zone-degraded, zone: us-east-1-bos-1a }"),
        (
            "edge-link-of-its-own",
            "{ at: 1s, fault: edge-zone-degraded, zone: us-east-1-bos-1a, latency: 1s, share: 0.5, bandwidth: 8KiB }",
        ),
        (
            "permission-loss",
            "{ at: 1s, fault: permission-loss, region: us-east-1, service: [dynamodb], operation: [Put*] }",
        ),
        ("credential-loss", "{ at: 1s, fault: credential-loss, region: us-east-1 }"),
        ("quota-exhausted", "{ at: 1s, fault: quota-exhausted, region: eu-west-1, service: [dynamodb, s3] }"),
        ("vault-loss", "{ at: 1s, fault: vault-loss, region: eu-west-1, vault: order-vault }"),
        ("key-loss", "{ at: 1s, fault: key-loss, region: us-east-1 }"),
        ("bucket-lost", "{ at: 1s, fault: data-loss, region: us-east-1, resource: uploads }"),
        ("prefix-lost", "{ at: 1s, fault: data-loss, region: us-east-1, resource: uploads, prefix: a/ }"),
        ("table-lost", "{ at: 1s, fault: data-loss, region: us-east-1, resource: orders }"),
        ("stream-lost", "{ at: 1s, fault: data-loss, region: us-east-1, resource: orders, part: stream }"),
        ("replication-pause", "{ at: 1s, fault: replication-pause }"),
        ("queue-lost", "{ at: 1s, fault: data-loss, region: us-east-1, resource: queue/upload-events }"),
        ("poison-event", "{ at: 1s, fault: poison-event, region: us-east-1, resource: total-orders }"),
        ("items-corrupted", "{ at: 1s, fault: corruption, region: us-east-1, resource: orders, count: 7 }"),
        ("objects-corrupted", "{ at: 1s, fault: corruption, region: us-east-1, resource: uploads }"),
        ("bytes-corrupted", "{ at: 1s, fault: corruption, region: us-east-1, resource: uploads, bytes: 16 }"),
        (
            "ransomware-with-backups",
            "{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads, vault: order-vault }",
        ),
        ("key-loss-for-good", "{ at: 1s, fault: key-loss, region: us-east-1, symptom: pending-deletion }"),
        (
            "bad-configuration",
            "{ at: 1s, fault: bad-deploy, region: us-east-1, resource: function/total-orders, part: configuration }",
        ),
        (
            "mapping-off",
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/total-orders, part: mapping }",
        ),
        (
            "alias-moved",
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, part: alias }",
        ),
        ("ransomware", "{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads }"),
        ("bad-deploy", "{ at: 1s, fault: bad-deploy, region: us-east-1, resource: function/total-orders }"),
        ("disconnected", "{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/total-orders }"),
        (
            "unset",
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, variable: TOTALS_TABLE }",
        ),
    ] {
        let (fault, wrong) = made(line);
        assert_eq!(wrong, [], "{line}");
        insta::assert_json_snapshot!(name, fault.unwrap());
    }
}

/// The keys of a line that are wrong, and what is told of each.
fn told(line: &str) -> Vec<(Option<&'static str>, String)> {
    made(line).1.into_iter().map(|wrong| (wrong.key, wrong.message)).collect()
}

#[test]
fn keys_that_do_not_go_together_are_told() {
    for (line, key, message) in [
        (
            "{ at: 1s, fault: zone-outage, region: us-east-1, zone: us-east-2a }",
            Some("zone"),
            "`us-east-2a` is not a zone of us-east-1",
        ),
        (
            "{ at: 1s, fault: edge-zone-outage, zone: us-east-1a, symptom: timeouts }",
            Some("zone"),
            "`us-east-1a` is not a zone at the edge of us-east-1",
        ),
        (
            "{ at: 1s, fault: edge-zone-outage, region: us-east-1, zone: us-east-1-bos-1a, symptom: timeouts }",
            Some("region"),
            "`region` does not belong to `edge-zone-outage`",
        ),
        (
            "{ at: 1s, fault: edge-zone-degraded, zone: us-east-1-bos-1a, bandwidth: 0B }",
            Some("bandwidth"),
            "`bandwidth` is 0",
        ),
        ("{ at: 1s, fault: region-partition }", None, "`region-partition` must say its `symptom`"),
        (
            "{ at: 1s, fault: region-partition, symptom: destroyed }",
            Some("symptom"),
            "`destroyed` is no symptom of `region-partition`",
        ),
    ] {
        assert_eq!(told(line), [(key, message.to_owned())], "{line}");
    }
}

#[test]
fn keys_of_changes_that_do_not_go_together_are_told() {
    for (line, key, message) in [
        ("{ at: 1s, fault: data-loss, region: us-east-1 }", None, "`data-loss` must say its `resource`"),
        (
            "{ at: 1s, fault: data-loss, region: us-east-1, resource: orders, prefix: a }",
            Some("prefix"),
            "a table has no prefixes",
        ),
        (
            "{ at: 1s, fault: data-loss, region: us-east-1, resource: uploads, part: stream }",
            Some("part"),
            "a bucket has no stream",
        ),
        (
            "{ at: 1s, fault: data-loss, region: us-east-1, resource: documents, part: stream }",
            Some("part"),
            "table/documents has no stream",
        ),
        (
            "{ at: 1s, fault: data-loss, region: us-east-1, resource: orders, part: stream, prefix: a }",
            Some("prefix"),
            "a table has no prefixes",
        ),
        (
            "{ at: 1s, fault: poison-event, region: us-east-1, resource: trigger/describe-upload }",
            Some("resource"),
            "trigger/describe-upload hears of a bucket, whose events do not wait for each other",
        ),
        (
            "{ at: 1s, fault: replication-pause, region: us-east-1 }",
            Some("region"),
            "`region` does not belong to `replication-pause`",
        ),
        (
            "{ at: 1s, fault: ransomware, region: us-east-1, resource: orders }",
            Some("resource"),
            "the stack has no `orders` that can stand here",
        ),
        (
            "{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads, count: 3 }",
            Some("count"),
            "`count` does not belong to `ransomware`",
        ),
        (
            "{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads, vault: far-vault }",
            Some("vault"),
            "the vault `far-vault` is in eu-north-1, which is not in the topology",
        ),
        (
            "{ at: 1s, fault: data-loss, region: us-east-1, resource: orders, part: alias }",
            Some("part"),
            "`alias` is no part that `data-loss` is done to",
        ),
        (
            "{ at: 1s, fault: corruption, region: us-east-1, resource: orders, bytes: 2 }",
            Some("bytes"),
            "of an item one character of one text is changed",
        ),
        (
            "{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads, vault: order-vaults }",
            Some("vault"),
            "no backup rule has its vault in `order-vaults`",
        ),
        (
            "{ at: 1s, fault: vault-loss, region: eu-west-1, vault: order-vaults }",
            Some("vault"),
            "no backup rule has its vault in `order-vaults`",
        ),
        (
            "{ at: 1s, fault: vault-loss, region: us-east-1, vault: order-vault }",
            Some("region"),
            "the vault `order-vault` is in eu-west-1",
        ),
        ("{ at: 1s, fault: vault-loss, region: eu-west-1 }", None, "`vault-loss` must say its `vault`"),
        (
            "{ at: 1s, fault: key-loss, region: us-east-1, symptom: timeouts }",
            Some("symptom"),
            "`timeouts` is no symptom of `key-loss`",
        ),
    ] {
        assert_eq!(told(line), [(key, message.to_owned())], "{line}");
    }
}

#[test]
fn keys_of_functions_and_triggers_that_do_not_go_together_are_told() {
    for (line, key, message) in [
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, variable: TOTAL_TABLE }",
            Some("variable"),
            "the function has no variable `TOTAL_TABLE` in its environment",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders }",
            None,
            "`config-drift` must say its `variable`",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/total-orders, variable: X }",
            Some("variable"),
            "a trigger has no environment",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/total-orders, part: alias }",
            Some("part"),
            "a trigger has no alias",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, part: mapping }",
            Some("part"),
            "a function has no mapping of its own",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/describe-upload, part: mapping }",
            Some("part"),
            "trigger/describe-upload is a notification, and has no event source mapping",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, part: alias, variable: TOTALS_TABLE }",
            Some("part"),
            "one disaster changes one thing",
        ),
        (
            "{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, part: stream }",
            Some("part"),
            "`stream` is no part that `config-drift` is done to",
        ),
        (
            "{ at: 1s, fault: bad-deploy, region: us-east-1, resource: of-its-own, part: configuration }",
            Some("part"),
            "function/of-its-own has a runtime of its own, which need not heed the handler",
        ),
    ] {
        assert_eq!(told(line), [(key, message.to_owned())], "{line}");
    }
}

#[test]
fn clients_feel_what_changes_the_workload_and_neither_a_moved_alias_nor_a_vault() {
    let region = "us-east-1".into();
    let stack = load(&root().join("scenarios/order-pipeline-region-loss.yaml")).unwrap().stack;
    for (line, is_felt) in [
        ("{ at: 1s, fault: config-drift, region: us-east-1, resource: trigger/total-orders, part: mapping }", true),
        ("{ at: 1s, fault: config-drift, region: us-east-1, resource: function/total-orders, part: alias }", false),
        ("{ at: 1s, fault: ransomware, region: us-east-1, resource: uploads, vault: order-vault }", true),
        ("{ at: 1s, fault: vault-loss, region: eu-west-1, vault: order-vault }", false),
    ] {
        assert_eq!(made(line).0.unwrap().is_felt(&region, &stack), is_felt, "{line}");
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
fn a_partition_leaves_alone_what_comes_from_outside() {
    let (fault, _) = made("{ at: 1s, fault: region-partition, symptom: timeouts }");
    let fault = fault.unwrap();
    assert!(["us-east-1", "eu-west-1"].iter().all(|region| !fault.interferes_in(&(*region).into())));
}

/// Every disaster that a scenario can have.
fn words() -> Vec<String> {
    let words = serde_json::to_value(schemars::schema_for!(crate::scenario::raw::FaultWord)).unwrap();
    let words = words["oneOf"].as_array().unwrap().iter().filter_map(|word| word["const"].as_str());
    words.map(str::to_owned).collect()
}

#[test]
fn the_page_names_every_disaster() {
    let page = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    assert!(words().len() >= 4);
    for word in words() {
        assert!(page.contains(&format!("| `{word}`")), "docs/faults.md does not tell of `{word}`");
    }
}

#[test]
fn of_every_disaster_there_is_a_drill_that_passes_and_one_that_must_fail() {
    let texts = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.map(|path| fs::read_to_string(path).unwrap()).collect::<String>()
    };
    let passing = texts("scenarios") + &texts("scenarios/nightly");
    let failing = texts("scenarios/must-fail") + &texts("scenarios/nightly/must-fail");
    for word in words() {
        let line = format!("fault: {word}\n");
        // No step of a recovery makes room where there is none.
        assert!(passing.contains(&line) || word == "quota-exhausted", "no drill with `{word}` passes");
        assert!(failing.contains(&line), "no drill with `{word}` must fail");
    }
}
