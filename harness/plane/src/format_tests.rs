use proptest::prelude::*;

use super::*;

fn rules(json: &str) -> Result<Vec<Rule>, RuleError> {
    let raw = serde_json::from_str(json).map_err(|error| RuleError(vec![error.to_string()]))?;
    read(raw)
}

#[test]
fn the_rules_of_localstack_mean_what_they_mean_there() {
    // One of each kind that its documentation shows.
    let all = r#"[
        {},
        {"service": "s3", "region": "us-east-1"},
        {"service": "kinesis", "operation": "PutRecord", "probability": 0.5, "error": {}},
        {"service": "dynamodb", "error": {"statusCode": 400, "code": "ProvisionedThroughputExceededException"}}
    ]"#;
    insta::assert_json_snapshot!(rules(all).unwrap());
}

#[test]
fn everything_else_can_be_written() {
    let all = r#"[
        {"region": ["eu-*", "us-east-1"], "resource": "orders", "principal": "AKIA*", "effect": "refuse"},
        {"zone": ["us-east-1a", "us-east-1-bos-1a", "eu-*"], "effect": "black-hole"},
        {"effect": "reset", "side": "response", "first": 2},
        {"effect": "black-hole", "every": 3, "after": "5s", "for": "1m"},
        {"effect": "throttle", "ramp": "30s"},
        {"effect": {"latency": "200ms"}},
        {"effect": {"latency": {"mean": "100ms", "deviation": "20ms"}}},
        {"effect": {"latency": {"least": "50ms", "shape": 1.5}}},
        {"effect": {"bandwidth": "64KiB/s"}},
        {"effect": {"slow-close": "2s"}, "side": "response"},
        {"effect": {"truncate": "1KiB"}, "side": "response"},
        {"effect": {"corrupt": 1}},
        {"effect": "stale-read", "side": "response"},
        {"effect": "duplicate"},
        {"effect": {"delayed": "5s"}}
    ]"#;
    insta::assert_json_snapshot!(rules(all).unwrap());
}

#[test]
fn services_are_named_as_they_are_signed() {
    let service = |name: &str| {
        let rules = rules(&format!(r#"[{{"service": "{name}"}}]"#)).map_err(|error| error.to_string())?;
        Ok::<_, String>(rules[0].scope.service[0].as_str().to_owned())
    };
    for (name, signed) in [
        ("stepfunctions", "states"),
        ("cloudwatch", "monitoring"),
        ("bedrock-runtime", "bedrock"),
        ("sso-admin", "sso"),
        ("cloudcontrol", "cloudcontrolapi"),
        ("s3", "s3"),
        ("dynamodb*", "dynamodb*"),
    ] {
        assert_eq!(service(name), Ok(signed.to_owned()));
    }
    assert!(service("s3control").unwrap_err().contains("is signed as `s3`"));
}

#[test]
fn the_streams_of_dynamodb_are_their_operations() {
    let all = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
    for (rule, operations) in [
        (r#"{"service": "dynamodbstreams"}"#, &all[..]),
        (r#"{"service": ["dynamodbstreams"], "operation": "*"}"#, &all),
        (r#"{"service": "dynamodbstreams", "operation": "GetRecords"}"#, &["GetRecords"]),
        (r#"{"service": "dynamodbstreams", "operation": ["Get*", "ListStreams"]}"#, &["Get*", "ListStreams"]),
    ] {
        let scope = &rules(&format!("[{rule}]")).unwrap()[0].scope;
        let text = |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&scope.service), ["dynamodb"], "{rule}");
        assert_eq!(text(&scope.operation), operations, "{rule}");
    }
    let beside = rules(r#"[{"service": ["dynamodbstreams", "lambda"]}]"#).unwrap_err().to_string();
    assert_eq!(beside, "rule 1: `dynamodbstreams` is signed as `dynamodb`: name that, and the operations");
}

#[test]
fn a_rule_that_names_operations_of_services_of_which_none_is_known_is_refused() {
    for (rule, services) in [
        (r#"{"service": "route53", "operation": "ChangeResourceRecordSets"}"#, "`route53`"),
        (r#"{"service": "apigatewayv2", "operation": ["Get*", "CreateApi"]}"#, "`apigateway`"),
        (r#"{"service": ["execute-api", "eks"], "operation": "Get*"}"#, "`execute-api` and `eks`"),
    ] {
        let error = rules(&format!("[{rule}]")).unwrap_err().to_string();
        let why = format!(
            "rule 1: `operation` is never known of requests to {services}, so that the rule would strike none; leave `operation` out"
        );
        assert_eq!(error, why, "{rule}");
    }
    for rule in [
        r#"{"service": "route53"}"#,
        r#"{"operation": "CreateApi"}"#,
        r#"{"service": ["s3", "cloudfront"], "operation": "GetObject"}"#,
        r#"{"service": "*", "operation": "CreateApi"}"#,
        r#"{"service": "lambda", "operation": "Invoke"}"#,
        r#"{"service": "kinesis", "operation": "PutRecord"}"#,
        r#"{"service": "ses", "operation": "SendEmail"}"#,
    ] {
        assert!(rules(&format!("[{rule}]")).is_ok(), "{rule}");
    }
}

#[test]
fn an_operation_that_may_be_any_is_asked_of_nobody() {
    for operation in [r#""*""#, r#"["GetApi", "*"]"#] {
        let rules = rules(&format!(r#"[{{"service": "apigateway", "operation": {operation}}}]"#)).unwrap();
        assert!(rules[0].scope.operation.is_empty(), "{operation}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let all = r#"[
        {"probability": 1.5, "first": 1, "every": 2},
        {"service": [], "region": ""},
        {"first": 0, "after": "5 lightyears", "for": "x"},
        {"error": {"statusCode": 200}},
        {"error": {"code": "<b>"}},
        {"effect": "reset", "error": {}},
        {"effect": "refuse", "side": "response"},
        {"effect": "duplicate", "side": "response"},
        {"effect": {"delayed": "5s"}, "side": "response"},
        {"effect": "stale-read"},
        {"effect": {"slow-close": "1s"}},
        {"effect": {"corrupt": 0}},
        {"effect": {"bandwidth": "0"}},
        {"effect": {"latency": {"mean": "1", "deviation": "2"}}},
        {"effect": {"latency": {"least": "1ms", "shape": 0}}},
        {"effect": {"latency": {"mean": "1ms", "shape": 2}}},
        {"principal": "AKIA*", "zone": "us-east-1a"}
    ]"#;
    insta::assert_snapshot!(rules(all).unwrap_err().to_string());
    for unknown in
        [r#"[{"servce": "s3"}]"#, r#"[{"effect": "explode"}]"#, r#"[{"side": "up"}]"#, r#"[{"error": {"status": 1}}]"#]
    {
        assert!(rules(unknown).unwrap_err().to_string().contains("unknown"), "{unknown}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"a-z0-9./ ]{0,60}", chance: f64, shape: f64) {
        drop(rules(&text));
        let odd = serde_json::json!([{
            "probability": chance,
            "after": text,
            "effect": {"latency": {"least": text, "shape": shape}}
        }]);
        drop(rules(&odd.to_string()));
    }
}
