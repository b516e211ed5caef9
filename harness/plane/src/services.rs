//! What services are called: as requests are signed, and otherwise.

use firedrill_model::rule::Pattern;

const STREAMS: &str = "dynamodbstreams";

/// As what the requests of an API are signed that shares that with another one, and all its operations, none of which the other has.
///
/// Source: Amazon DynamoDB API Reference, "Amazon DynamoDB Streams".
pub(crate) fn within_another(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    (name == STREAMS).then_some(("dynamodb", &["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]))
}

/// A service by its name or a pattern, as requests are signed; what LocalStack and the SDKs call otherwise is understood.
/// Why it cannot be named so, when it cannot.
///
/// Source of the names: the service models of the AWS SDKs, `signingName`.
pub fn service(name: &str) -> Result<Pattern, String> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*' | '?');
    if name.is_empty() || !name.chars().all(is_known) {
        return Err(format!("`{name}` is no service; requests are signed for `s3`, `dynamodb`, `lambda` …"));
    }
    let signed = match name {
        STREAMS => return Err(shares(name, "dynamodb")),
        "s3control" => return Err(shares(name, "s3")),
        "apigatewaymanagementapi" => "execute-api",
        "apigatewayv2" => "apigateway",
        "appconfigdata" => "appconfig",
        "bedrock-runtime" => "bedrock",
        "cloudcontrol" => "cloudcontrolapi",
        "cloudwatch" => "monitoring",
        "docdb" | "neptune" => "rds",
        "efs" => "elasticfilesystem",
        "elb" | "elbv2" => "elasticloadbalancing",
        "emr" => "elasticmapreduce",
        "iot-data" => "iotdata",
        "kinesisanalyticsv2" => "kinesisanalytics",
        "mwaa" => "airflow",
        "opensearch" => "es",
        "pinpoint" => "mobiletargeting",
        "qldb-session" => "qldb",
        "resourcegroupstaggingapi" => "tagging",
        "sagemaker-runtime" => "sagemaker",
        "sesv2" => "ses",
        "sso-admin" => "sso",
        "stepfunctions" => "states",
        "timestream-query" | "timestream-write" => "timestream",
        other => other,
    };
    Ok(Pattern::new(signed))
}

fn shares(name: &str, signed: &str) -> String {
    format!("`{name}` is signed as `{signed}`: name that, and the operations")
}
