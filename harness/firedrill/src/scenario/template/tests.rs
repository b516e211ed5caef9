//! Templates, good and bad, and what is said about the bad ones.

use std::path::Path;

use firedrill_model::stack::TriggerSource;
use proptest::prelude::*;

use super::*;
use crate::scenario::{
    stack,
    tests::{rendered, root},
};

const FIXTURE: &str = "fixtures/stacks/order-pipeline.template.yaml";

fn fixture(parameters: &[(&str, &str)]) -> Result<Stack, Diagnostics> {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    stack::load(&root().join(FIXTURE), FIXTURE, &parameters)
}

/// Reads the shipped template with one text in place of another.
fn after(find: &str, replace: &str) -> Result<Stack, Diagnostics> {
    let path = root().join(FIXTURE);
    let text = std::fs::read_to_string(&path).expect("the template");
    assert!(text.contains(find), "{find}");
    load(&Source::parse(&path, "template.yaml", text.replace(find, replace)).expect("YAML"), &BTreeMap::new())
}

/// What is said about the shipped template with one text in place of another.
fn said_after(find: &str, replace: &str) -> Vec<String> {
    match after(find, replace) {
        Ok(stack) => stack.template.expect("a template").beyond,
        Err(diagnostics) => diagnostics.problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_template_says_the_same_as_the_native_stack_file() {
    let native = stack::load(&root().join("fixtures/stacks/order-pipeline.yaml"), "stack.yaml", &BTreeMap::new())
        .expect("native");
    let stack = fixture(&[]).expect("the template");
    let (ours, theirs) = (&stack.tables["Orders"], &native.tables["orders"]);
    assert_eq!(ours, theirs);
    let tags = |of: &BTreeMap<String, String>| of.get("data-class").cloned();
    let (ours, theirs) = (&stack.buckets["Uploads"], &native.buckets["uploads"]);
    assert_eq!(
        (ours.versioning, &ours.encryption, &ours.cors, &ours.data, tags(&ours.tags)),
        (theirs.versioning, &theirs.encryption, &theirs.cors, &theirs.data, tags(&theirs.tags))
    );
    let (ours, theirs) = (&stack.functions["Describe"], &native.functions["describe-upload"]);
    assert_eq!(
        (&ours.code, ours.memory_mib, ours.timeout_s, ours.reserved_concurrency, &ours.alias),
        (&theirs.code, theirs.memory_mib, theirs.timeout_s, theirs.reserved_concurrency, &theirs.alias)
    );
    assert_eq!(ours.environment["DOCUMENTS_TABLE"], "${table/Documents}");
    let trigger = &stack.triggers["Uploads-Describe"];
    assert!(matches!(&trigger.source, TriggerSource::BucketEvents { bucket, events, prefix: None, queue: None }
        if bucket == "Uploads" && events == &["s3:ObjectCreated:*"]));
    assert_eq!(trigger.effect.as_ref().expect("an effect").table, "Documents");
    let TriggerSource::TableStream { batch_size, retries, bisect, .. } = stack.triggers["OrdersToTotal"].source else {
        panic!("a stream");
    };
    assert_eq!((batch_size, retries, bisect), (50, Some(5), true));
    assert_eq!(stack.delivery_log(), Some("Deliveries"));
    let template = stack.template.expect("the template itself");
    assert_eq!(template.beyond, Vec::<String>::new());
    let names: Vec<(&str, &str)> = template.names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("bucket/Uploads", "uploads-drill-${region}-${account}"),
            ("function/Total", "total-orders-drill"),
            ("table/Totals", "order-pipeline-template-totals"),
        ]
    );
}

#[test]
fn what_the_service_copies_between_regions_is_known_apart() {
    let cross_region = |find: &str, replace: &str| {
        let template = after(find, replace).expect("a template").template.expect("the template itself");
        assert!(template.cross_region.iter().all(|one| template.beyond.contains(one)), "{template:?}");
        template.cross_region
    };
    let bucket = "      VersioningConfiguration: { Status: Enabled }\n";
    let replicated = format!("{bucket}      ReplicationConfiguration: {{ Role: r, Rules: [] }}\n");
    assert_eq!(cross_region(bucket, &replicated), ["`ReplicationConfiguration` of `Uploads` (AWS::S3::Bucket)"]);
    let table = |replicas: &str| {
        format!(
            "Resources:\n  Copied:\n    Type: AWS::DynamoDB::GlobalTable\n    Properties: {{ Replicas: {replicas} }}\n"
        )
    };
    let two = table("[{ Region: us-east-1 }, { Region: eu-west-1 }]");
    assert_eq!(cross_region("Resources:\n", &two), ["`Copied` (AWS::DynamoDB::GlobalTable)"]);
    assert_eq!(cross_region("Resources:\n", &table("[{ Region: us-east-1 }]")), Vec::<String>::new());
}

#[test]
fn parameters_choose_what_the_template_comes_to() {
    let stack = fixture(&[("Stage", "prod"), ("BatchSize", "7")]).expect("prod");
    assert_eq!(stack.functions["Describe"].memory_mib, 1024);
    assert_eq!(stack.functions["Describe"].reserved_concurrency, Some(50));
    assert!(matches!(stack.triggers["OrdersToTotal"].source, TriggerSource::TableStream { batch_size: 7, .. }));
    assert_ne!(stack.version, fixture(&[]).expect("drill").version, "another stack");
    let said = |parameters: &[(&str, &str)]| fixture(parameters).expect_err("refused").problems[0].to_string();
    assert_eq!(said(&[("Stage", "beta")]), "`beta` is not a value of the parameter `Stage`");
    assert_eq!(said(&[("Stag", "prod")]), "the template has no parameter `Stag`");
}

#[test]
fn what_recovery_could_not_bring_back_is_refused() {
    for (find, replace, expected) in [
        (
            "StartingPosition: TRIM_HORIZON",
            "StartingPosition: LATEST",
            "`OrdersToTotal` does not begin at the oldest record",
        ),
        (
            "BillingMode: PAY_PER_REQUEST\n      AttributeDefinitions: [{ AttributeName: id",
            "AttributeDefinitions: [{ AttributeName: id",
            "`Documents` has provisioned capacity",
        ),
        ("ProjectionType: ALL", "ProjectionType: KEYS_ONLY", "the index `by-status` does not project all attributes"),
        ("NEW_AND_OLD_IMAGES", "KEYS_ONLY", "the stream of `Orders` leaves out images"),
        (
            "FunctionName: !Ref Total\n",
            "FunctionName: !Ref Gone\n",
            "firedrill cannot work out `Resources.OrdersToTotal.Properties.FunctionName`: the template has no `Gone`",
        ),
        ("Function: !Ref DescribeLive", "Function: !Ref Describe", "`Describe` is called past its alias"),
        (
            "      SourceAccount: !Ref AWS::AccountId\n",
            "",
            "the permission of a bucket needs both `SourceArn` and `SourceAccount`",
        ),
        (
            "Code: ../functions/total-orders",
            "Code: ../functions/gone",
            "the code folder `../functions/gone` is not there",
        ),
        (
            "MaximumRetryAttempts: 5",
            "MaximumRetryAttempts: five",
            "`MaximumRetryAttempts` of `OrdersToTotal` cannot be read: `five` is not a number of attempts",
        ),
        (
            "            MaxAge: 600",
            "            MaxAge: 600\n            ExposedHeaders: [etag]",
            "`CorsConfiguration` of `Uploads` cannot be read: unknown field `ExposedHeaders`, expected one of \
             `AllowedOrigins`, `AllowedMethods`, `AllowedHeaders`, `MaxAge`",
        ),
        (
            "Role: !GetAtt TotalRole.Arn",
            "Role: arn:aws:iam::1:role/x",
            "`arn:aws:iam::1:role/x` is not a role of this template",
        ),
        ("effect: { table: Totals", "effect: { table: Total", "the template has no table `Total`"),
        (
            "BatchSize: !Ref BatchSize",
            "BatchSize: !Ref Stage",
            "`BatchSize` of `OrdersToTotal` cannot be read: `drill` is not a whole number",
        ),
        (
            "TableName: !Sub \"${AWS::StackName}-totals\"",
            "TableName: !Sub \"${Orders}-totals\"",
            "the name of a resource cannot be made from that of another",
        ),
        (
            "  DescribeLive:\n",
            "  DescribeNext:\n    Type: AWS::Lambda::Alias\n    Properties: { FunctionName: !Ref Describe, \
             FunctionVersion: !GetAtt DescribeVersion.Version, Name: next }\n  DescribeLive:\n",
            "`Describe` has a second alias",
        ),
        (
            "effect: { table: Totals, model: running-total }",
            "effect: { table: Documents, model: running-total }",
            "`Documents` is derived by `Uploads-Describe` already, and `OrdersToTotal` would be the second",
        ),
        ("Mappings:", "Transform: AWS::Serverless-2016-10-31\nMappings:", "macros of a template run on AWS alone"),
    ] {
        assert!(said_after(find, replace).contains(&expected.to_owned()), "{replace}: {:?}", said_after(find, replace));
    }
}

#[test]
fn what_firedrill_does_not_know_is_deployed_and_named() {
    let said =
        said_after("  Total:\n", "  Alarms: { Type: AWS::SNS::Topic, Properties: { TopicName: alarms } }\n  Total:\n");
    assert_eq!(said, ["`Alarms` (AWS::SNS::Topic)"]);
    let said = said_after("      Timeout: 60\n", "      Timeout: 60\n      EphemeralStorage: { Size: 1024 }\n");
    assert_eq!(said, ["`EphemeralStorage` of `Total` (AWS::Lambda::Function)"]);
}

#[test]
fn a_resource_whose_condition_is_false_is_not_there() {
    let said = said_after("  Total:\n    Type", "  Total:\n    Condition: IsProd\n    Type");
    assert!(said.iter().any(|text| text.ends_with("the template has no `Total`")), "{said:?}");
}

#[test]
fn diagnostics_point_into_the_template() {
    let path = root().join(FIXTURE);
    let text = std::fs::read_to_string(&path).expect("the template");
    let text = text.replace("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST");
    let source = Source::parse(Path::new("template.yaml"), "template.yaml", text).expect("YAML");
    let diagnostics = load(&source, &BTreeMap::new()).expect_err("refused");
    let problem = diagnostics.problems.iter().find(|problem| problem.message.contains("oldest")).expect("named");
    insta::assert_snapshot!(rendered(problem));
}

proptest! {
    #[test]
    fn no_template_breaks_the_reader(cut in 0_usize..8000, insert in "[ -~\n]{0,40}") {
        let mut text = std::fs::read_to_string(root().join(FIXTURE)).expect("the template");
        text.insert_str(text.floor_char_boundary(cut.min(text.len())), &insert);
        if let Ok(source) = Source::parse(Path::new("t.yaml"), "t.yaml", text) {
            let diagnostics = load(&source, &BTreeMap::new()).err();
            prop_assert!(diagnostics.is_none_or(|diagnostics| !diagnostics.problems.is_empty()));
        }
    }
}
