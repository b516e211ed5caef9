//! Plans: text, laws, and what the lint says.

use std::{collections::BTreeSet, path::Path};

use firedrill_model::{ids::ResourceKind, plan::Layout, stack::Template, topology::Side, units::Span};
use proptest::prelude::*;

use super::{Choices, describe::describe, lint::lint, names, parse_seed, plan, shown, shown_text};
use crate::scenario::{
    Loaded, Source, load,
    tests::{rendered, root},
    understand,
};

const SHIPPED: &str = "scenarios/order-pipeline-region-loss.yaml";

fn shipped() -> Loaded {
    load(&root().join(SHIPPED)).expect("it ships")
}

/// The shipped scenario with parts of its text replaced.
fn altered(replacements: &[(&str, &str)]) -> Loaded {
    let mut text = std::fs::read_to_string(root().join(SHIPPED)).expect("readable");
    for (from, to) in replacements {
        assert!(text.contains(from), "the scenario has no `{from}`");
        text = text.replacen(from, to, 1);
    }
    let source = Source::parse(&root().join(SHIPPED), "altered.yaml", text).expect("YAML");
    understand(source).unwrap_or_else(|diagnostics| panic!("{}", rendered(&diagnostics)))
}

/// Weight and message of each remark.
fn said(loaded: &Loaded) -> Vec<String> {
    lint(loaded).iter().map(|remark| format!("{:?}: {remark}", remark.severity)).collect()
}

#[test]
fn a_plan_reads_as_what_will_happen() {
    let plan = plan(&shipped(), &Choices { seed: 0x7f_3a91 }).expect("planned");
    insta::assert_snapshot!(describe(&plan));
}

#[test]
fn a_plan_in_json_reads_back_as_itself() {
    let plan = plan(&shipped(), &Choices { seed: 1 }).expect("planned");
    let text = serde_json::to_string(&plan).expect("written");
    assert_eq!(serde_json::from_str::<firedrill_model::plan::Plan>(&text).expect("read"), plan);
}

#[test]
fn a_plan_that_is_written_holds_no_secret() {
    let mut plan = plan(&shipped(), &Choices { seed: 1 }).expect("planned");
    let function = plan.stack.functions.values_mut().next().expect("the pipeline has functions");
    function.environment.insert("DB_PASSWORD".to_owned(), "hunter2".to_owned());
    let variables = serde_json::json!({ "API_TOKEN": "hunter3", "TABLE": "orders" });
    plan.stack.template = Some(Template {
        body: serde_json::json!({ "Properties": { "Environment": { "Variables": variables } } }),
        parameters: [("DbPassword", "hunter4"), ("Stage", "prod")].map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        names: std::collections::BTreeMap::new(),
        beyond: Vec::new(),
        cross_region: Vec::new(),
    });
    let text = serde_json::to_string(&shown(&plan)).expect("written");
    assert!(!text.contains("hunter") && text.contains("prod") && text.contains("orders"), "{text}");
    let scenario = shown_text(&plan, "parameters: { DbPassword: hunter4, Stage: prod }\n");
    assert_eq!(scenario, "parameters: { DbPassword: [redacted], Stage: prod }\n");
}

#[test]
fn the_delivery_log_and_derived_tables_are_neither_protected_nor_probed_as_data() {
    let plan = plan(&shipped(), &Choices { seed: 1 }).expect("planned");
    let protected: Vec<&str> = plan.backups[0].protect.iter().map(firedrill_model::ids::ResourceId::as_str).collect();
    assert!(protected.contains(&"table/totals") && !protected.contains(&"table/deliveries"), "{protected:?}");
    let probed: Vec<&str> = plan.probes.iter().map(|probe| probe.id.as_str()).collect();
    assert_eq!(probed, ["bucket/uploads", "table/orders", "trigger/describe-upload", "trigger/total-orders"]);
    assert_eq!(plan.observe, Span::from_ms(10_500));
}

#[test]
fn no_bucket_name_is_used_in_two_regions() {
    let loaded = shipped();
    let names = names::physical(&loaded.scenario, &loaded.stack);
    let buckets = |side| -> BTreeSet<String> {
        let of_kind = names.of(side).iter().filter(|(id, _)| id.kind() == Some(ResourceKind::Bucket));
        of_kind.map(|(_, name)| name.clone()).collect()
    };
    assert!(buckets(Side::Primary).is_disjoint(&buckets(Side::Recovery)));
    assert_eq!(names::clashes(&loaded.scenario, &names), []);

    let taken = buckets(Side::Primary).pop_first().expect("a bucket");
    let clashing = altered(&[("bucket: order-vault", &format!("bucket: {taken}"))]);
    let refused = plan(&clashing, &Choices { seed: 1 }).expect_err("refused");
    assert_eq!(refused.problems[0].message, format!("the bucket `{taken}` would be in us-east-1 and in eu-west-1"));
}

/// What is written in a scenario, and what takes its place.
type Edits<'a> = &'a [(&'a str, &'a str)];

#[test]
fn the_lint_says_what_cannot_work_and_what_will_not_show_what_is_hoped_for() {
    let restore = "  - restore: { from: latest, into: eu-west-1 }\n";
    let cases: &[(Edits<'_>, &[&str])] = &[
        (&[], &[]),
        (&[("keep: 6", "keep: 1")], &["Warning: only one recovery point is kept"]),
        (
            &[
                ("critical: [code, configuration, data, triggers]\n", "critical: [code]\n"),
                ("  - protect: all\n", "  - protect: [function/total-orders]\n"),
            ],
            &[
                "Warning: no backup protects `role/describe-upload`, `role/total-orders`, `bucket/uploads`, `table/documents`, `table/orders`, `table/totals`, `function/describe-upload`, `trigger/describe-upload`, `trigger/total-orders`",
                "Warning: no backup protects `trigger/describe-upload`, whose effects are expected",
                "Warning: no backup protects `trigger/total-orders`, whose effects are expected",
            ],
        ),
        (&[("every: 5s", "every: 15s")], &["Warning: `every` is longer than the recovery point objective allows"]),
        (
            &[("region: eu-west-1, bucket", "region: us-east-1, bucket")],
            &["Warning: the vault is in us-east-1, which the disaster takes away"],
        ),
        (
            &[
                ("    region: us-east-1\n", "    region: eu-west-1\n"),
                ("into: { region: eu-west-1", "into: { region: us-east-1"),
            ],
            &["Error: eu-west-1 is not where the workload runs"],
        ),
        (&[("  - cutover: { to: eu-west-1 }\n", "")], &["Warning: the traffic is never moved to the recovery region"]),
        (
            &[
                (restore, ""),
                ("  - cutover: { to: eu-west-1 }\n", &format!("  - cutover: {{ to: eu-west-1 }}\n{restore}")),
            ],
            &["Warning: the cutover comes before a restore"],
        ),
        (
            &[("  - redrive: all\n", "")],
            &[
                "Warning: effects that the backup missed are not made up: `describe-upload` is not redriven",
                "Warning: effects that the backup missed are not made up: `total-orders` is not redriven",
            ],
        ),
        (
            &[("from: latest, into: eu-west-1", "from: 4, into: us-east-1")],
            &[
                "Error: us-east-1 is the region that is lost",
                "Warning: recovery point 4 may not exist: the disaster comes after 3 backups",
            ],
        ),
        (
            &[("from: latest", "sabotage: { operator: return-early }, from: latest")],
            &["Warning: this drill has a defect put in and does not say that it must fail"],
        ),
        (&[("expect:", "limits: { run: 20s }\n\nexpect:")], &["Warning: the run would be cut short after 20s"]),
        (
            &[("recovery: eu-west-1 }", "recovery: eu-west-1, layout: shared-process }")],
            &["Warning: the loss of a region cannot be proved in a shared process: the verdict will be inconclusive"],
        ),
        (
            &[
                ("recovery: eu-west-1 }", "recovery: eu-west-1, layout: shared-process }"),
                ("symptom: timeouts", "symptom: destroyed"),
            ],
            &["Error: one region of a shared process cannot be destroyed alone"],
        ),
        (
            &[("{ table: orders, ", "{ table: documents, ")],
            &[
                "Error: `table/documents` is written by the function behind `trigger/describe-upload`, and by nothing else",
            ],
        ),
    ];
    for (replacements, expected) in cases {
        assert_eq!(said(&altered(replacements)), *expected, "{replacements:?}");
    }
}

#[test]
fn the_lint_knows_where_a_disaster_happens_and_who_looks() {
    let outage = "    fault: region-outage\n    region: us-east-1\n";
    let partition = (outage, "    fault: region-partition\n");
    let edge = (outage, "    fault: edge-zone-outage\n    zone: us-east-1-bos-1a\n");
    let one_process = ("recovery: eu-west-1 }", "recovery: eu-west-1, layout: shared-process }");
    let reroute = ("  - redrive: all\n", "  - redrive: all\n  - reroute: { from: us-east-1-bos-1a }\n");
    let placed = ("{ table: orders, ", "{ zone: us-east-1-bos-1a, table: orders, ");
    let looking = ("detect: { ", "detect: { zone: us-east-1-bos-1a, ");
    let alarm = ("\nexpect:", "\nstop_when: [{ alarm: errors, region: us-east-1 }]\n\nexpect:");
    let cases: &[(Edits<'_>, &[&str])] = &[
        (&[partition], &["Warning: clients of the workload feel nothing of it: it will not be noticed"]),
        (
            &[one_process, partition],
            &[
                "Warning: clients of the workload feel nothing of it: it will not be noticed",
                "Error: regions of a shared process cannot be kept from each other",
            ],
        ),
        (&[edge, reroute], &["Warning: nobody is in this zone", "Warning: no client is in us-east-1-bos-1a"]),
        (
            &[edge, placed],
            &["Warning: neither the canary nor the probes are where this happens: the verdict will be inconclusive"],
        ),
        (&[edge, placed, looking, reroute], &[]),
        (&[("after: 3 backups", "after: 300 more writes")], &["Error: there is no disaster before this one"]),
        (&[alarm], &["Error: the alarm is in us-east-1, which the disaster takes away"]),
        (&[edge, placed, looking, reroute, alarm], &["Error: nothing makes an alarm `errors` in us-east-1"]),
    ];
    for (replacements, expected) in cases {
        assert_eq!(said(&altered(replacements)), *expected, "{replacements:?}");
    }
}

#[test]
fn the_lint_knows_that_no_backup_comes_about_where_nothing_is_copied_any_more() {
    let outage = "  - after: 3 backups\n    fault: region-outage\n    region: us-east-1\n    symptom: timeouts\n";
    let never = "Error: no backup comes about any more";
    for (first, then, vault, expected) in [
        ("replication-pause", "1 more backup", None, Some(never)),
        ("region-partition\n    symptom: timeouts", "1 more backup", None, Some(never)),
        ("replication-pause", "9 more writes", None, None),
        ("quota-exhausted\n    region: eu-west-1", "1 more backup", None, None),
        ("key-loss\n    region: eu-west-1", "1 more backup", None, Some(never)),
        ("data-loss\n    region: us-east-1\n    resource: orders", "1 more backup", None, Some(never)),
        ("data-loss\n    region: us-east-1\n    resource: orders\n    part: stream", "1 more backup", None, None),
        (
            "service-outage\n    region: eu-west-1\n    service: [s3]\n    symptom: errors",
            "1 more backup",
            None,
            Some(never),
        ),
        (
            "service-outage\n    region: eu-west-1\n    service: [lambda]\n    symptom: errors",
            "1 more backup",
            None,
            None,
        ),
        ("replication-pause", "1 more backup", Some("into: { folder: vault }"), None),
        ("throttling-storm\n    region: us-east-1", "1 more backup", None, None),
    ] {
        let both = format!("  - after: 2 backups\n    fault: {first}\n{}", outage.replace("3 backups", then));
        let place = "into: { region: eu-west-1, bucket: order-vault }";
        let remarks = said(&altered(&[(outage, &both), (place, vault.unwrap_or(place))]));
        let found = remarks.iter().find(|remark| remark.starts_with("Error"));
        let is_as_expected = match (found, expected) {
            (Some(found), Some(expected)) => found.starts_with(expected),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{first}, {then}: {remarks:?}");
    }
}

#[test]
fn what_waits_for_the_recovery_comes_last_and_after_something_that_is_noticed() {
    let outage = "  - after: 3 backups\n    fault: region-outage\n    region: us-east-1\n    symptom: timeouts\n";
    let during = "  - during: restore\n    fault: throttling-storm\n    region: eu-west-1\n";
    let deaf = "  - after: 3 backups\n    fault: vault-loss\n    region: eu-west-1\n    vault: order-vault\n";
    let unnoticed = "Warning: clients of the workload feel nothing of it: it will not be noticed";
    let cases: &[(&[&str], &[&str])] = &[
        (&[outage, during], &[]),
        (&[outage, during, during], &[]),
        (&[during], &[unnoticed, "Error: no recovery begins before something is taken away"]),
        (
            &[during, outage],
            &[
                "Error: no recovery begins before something is taken away",
                "Error: the recovery has begun by then: the disaster before this one waits for a step of it",
            ],
        ),
        (&[deaf, &outage.replace("after: 3 backups", "during: redrive")], &[unnoticed]),
        (
            &[outage, &during.replace("restore", "redrive"), during],
            &["Error: the disaster before this one waits for a later step of the recovery"],
        ),
        (
            &[
                outage,
                "  - during: restore\n    fault: poison-event\n    region: us-east-1\n    resource: total-orders\n",
            ],
            &[
                "Error: what a function cannot process is seen only before the recovery",
                "Error: us-east-1 is gone by then: nothing there can be changed any more",
            ],
        ),
        (
            &[outage, &outage.replace("after: 3 backups", "during: restore")],
            &["Error: us-east-1 is stopped by then: an outage that has begun cannot begin again"],
        ),
    ];
    for (disasters, expected) in cases {
        assert_eq!(said(&altered(&[(outage, &disasters.concat())])), *expected, "{disasters:?}");
    }
}

#[test]
fn a_fault_stays_on_for_as_long_as_it_may_and_never_longer_than_the_run() {
    for (at_most, expected) in [("", 600), ("    at_most: 90s\n", 90), ("    at_most: 2h\n", 600)] {
        let loaded = altered(&[("    symptom: timeouts\n", &format!("    symptom: timeouts\n{at_most}"))]);
        let plan = plan(&loaded, &Choices { seed: 1 }).expect("planned");
        assert_eq!(plan.disaster[0].duration_max, Span::from_secs(expected), "{at_most}");
    }
}

#[test]
fn a_plan_says_which_step_a_disaster_waits_for() {
    let during = "    symptom: timeouts\n  - during: redrive\n    fault: throttling-storm\n    region: eu-west-1\n";
    let plan = plan(&altered(&[("    symptom: timeouts\n", during)]), &Choices { seed: 1 }).expect("planned");
    assert_eq!(plan.disaster[1].when.step(), Some(1));
    let text = describe(&plan);
    assert!(text.contains("during step 2 of the recovery (`redrive`): eu-west-1 throttles"), "{text}");
}

#[test]
fn the_layout_is_one_process_where_the_stack_replicates_between_regions() {
    let mut loaded = shipped();
    let layout = |loaded: &Loaded| plan(loaded, &Choices { seed: 1 }).expect("planned").target.layout;
    assert_eq!(layout(&loaded), Layout::ProcessPerRegion);
    loaded.stack.template = Some(Template {
        body: serde_json::Value::Null,
        parameters: std::collections::BTreeMap::new(),
        names: std::collections::BTreeMap::new(),
        beyond: vec!["`Ledger` (AWS::DynamoDB::GlobalTable)".to_owned()],
        cross_region: vec!["`Ledger` (AWS::DynamoDB::GlobalTable)".to_owned()],
    });
    assert_eq!(layout(&loaded), Layout::SharedProcess);
    let remarks = said(&loaded);
    assert!(remarks.iter().any(|remark| remark.contains("cannot be proved in a shared process")), "{remarks:?}");
    loaded.scenario.layout = Some(Layout::ProcessPerRegion);
    assert_eq!(layout(&loaded), Layout::ProcessPerRegion, "the scenario has the last word");
}

#[test]
fn a_runtime_that_the_target_cannot_execute_is_refused() {
    let mut loaded = shipped();
    for (runtime, remarks) in [
        ("python3.13", vec![]),
        ("nodejs22.x", vec![]),
        ("provided.al2023", vec![]),
        (
            "java21",
            vec!["Error: `function/total-orders` runs on java21, which the `local` target cannot run".to_owned()],
        ),
    ] {
        loaded.stack.functions.get_mut("total-orders").expect("a function").runtime = runtime.to_owned();
        assert_eq!(said(&loaded), remarks, "{runtime}");
    }
}

#[test]
fn errors_stop_the_plan_and_warnings_do_not() {
    assert!(plan(&altered(&[("keep: 6", "keep: 1")]), &Choices { seed: 1 }).is_ok());
    assert!(
        plan(&altered(&[("into: eu-west-1 }\n  - redrive", "into: us-east-1 }\n  - redrive")]), &Choices { seed: 1 })
            .is_err()
    );
}

#[test]
fn a_seed_is_hexadecimal() {
    assert_eq!(parse_seed("7f3a91"), Ok(0x7f_3a91));
    assert!(parse_seed("seven").is_err());
}

proptest! {
    /// What validates either plans or is refused with a reason, never with a panic, and planning has no memory.
    #[test]
    fn planning_is_a_function_of_its_inputs(
        (writers, rate, every, keep) in (1_u32..=64, 0_u32..200, 1_u32..1000, 1_u32..20),
        (after, failures, within, seed) in (0_u32..20, 1_u32..10, 0_u32..600, any::<u64>()),
    ) {
        let loaded = altered(&[
            ("writers: 4, rate: 17/s", &format!("writers: {writers}, rate: {rate}/s")),
            ("every: 5s", &format!("every: {every}s")),
            ("keep: 6", &format!("keep: {keep}")),
            ("after: 3 backups", &format!("after: {after} backups")),
            ("failures: 3", &format!("failures: {failures}")),
            ("within: 60s", &format!("within: {within}s")),
        ]);
        let choices = Choices { seed };
        let one = plan(&loaded, &choices).expect("none of these makes it impossible");
        prop_assert_eq!(&one, &plan(&loaded.clone(), &choices).expect("as before"));
        prop_assert!(!describe(&one).is_empty());
        prop_assert!(one.probes.iter().all(|probe| Path::new(probe.id.as_str()).components().count() == 2));
    }
}
