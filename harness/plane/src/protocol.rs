//! In which protocol a request is written.
//!
//! A service that speaks a REST protocol alone, or carries what users send, is told by its name: an object may be
//! uploaded as a form, a function may be invoked with anything. The others change protocols over the years, Amazon SQS
//! from Query to JSON and Amazon CloudWatch from Query to CBOR, and say in each request which one they speak.
//!
//! Sources: Smithy 2.0, "AWS protocols" and "Smithy RPC v2 CBOR protocol"; AWS SDK for Java 2.x, Kinesis client, for its
//! CBOR variant of AWS JSON.

use http::{HeaderMap, HeaderName, Method, Uri, header};

use super::classify::{self, API, FUNCTION_URL};

/// Names the protocol of a request that says so.
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// Names service and operation in AWS JSON.
pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// How operation and parameters are written in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Operation in method, path and query, parameters in XML as well: `s3`.
    RestXml,
    /// Operation in method, path and query, parameters in JSON as well: `lambda`.
    RestJson,
    /// AWS JSON 1.0: `dynamodb`, `sqs`, `states`.
    AwsJson10,
    /// AWS JSON 1.1: `kinesis`, `secretsmanager`, `kms`.
    AwsJson11,
    /// A form: `sns`, `iam`, `sts`.
    AwsQuery,
    /// A form as Amazon EC2 writes it.
    Ec2Query,
    /// Smithy RPC v2 with CBOR: `monitoring`.
    RpcV2Cbor,
    /// AWS JSON 1.1 with CBOR in place of JSON: `kinesis` with the SDK for Java.
    AwsJsonCbor,
}

/// The protocol of a request to `service`, named as it is signed.
pub fn protocol(service: &str, method: &Method, uri: &Uri, headers: &HeaderMap) -> Protocol {
    match service {
        "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" | "route53" | "cloudfront" => return Protocol::RestXml,
        "lambda" | "apigateway" | API | FUNCTION_URL => return Protocol::RestJson,
        _ => {}
    }
    let query = if service == "ec2" { Protocol::Ec2Query } else { Protocol::AwsQuery };
    if value(headers, &SMITHY_PROTOCOL) == "rpc-v2-cbor" {
        Protocol::RpcV2Cbor
    } else if headers.contains_key(TARGET) {
        match content_type(headers).as_str() {
            "application/x-amz-json-1.0" => Protocol::AwsJson10,
            "application/x-amz-cbor-1.1" => Protocol::AwsJsonCbor,
            _ => Protocol::AwsJson11,
        }
    } else if is_form(method, headers) || classify::asks(uri, "Action") {
        query
    } else {
        match service {
            "ec2"
            | "sts"
            | "iam"
            | "sns"
            | "sqs"
            | "cloudformation"
            | "monitoring"
            | "rds"
            | "elasticache"
            | "redshift"
            | "autoscaling"
            | "elasticloadbalancing"
            | "elasticbeanstalk"
            | "sdb" => query,
            _ => Protocol::RestJson,
        }
    }
}

fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::POST && content_type(headers) == "application/x-www-form-urlencoded"
}

/// The media type of the body, lower case and without parameters; empty if none is given.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let value = value(headers, &header::CONTENT_TYPE);
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The first value of a header; empty if there is none.
pub(crate) fn value(headers: &HeaderMap, name: &HeaderName) -> String {
    let bytes = headers.get(name).map_or(&b""[..], http::HeaderValue::as_bytes);
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
