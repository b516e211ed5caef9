//! Which operation a request asks for, and which resources it names.
//!
//! | file | what |
//! |---|---|
//! | `s3` | Amazon S3, from method, address, subresource and headers |
//! | `lambda` | AWS Lambda's API, a table of routes |
//! | `rest` | tables of routes, as REST-JSON services have them |
//! | `names` | which members of which services name resources, and what is a name in an ARN |
//! | `document` | reads those members in a body of JSON or CBOR |
//! | `form` | reads those members in a form |
//!
//! Another REST service is another table of routes, a line in `head`, and one less in [`UNTOLD`].
//!
//! The head of a request is read first, then, if it is there, the body: what the head tells is never taken back. A body
//! that is no document of its protocol tells what stands before the place where it breaks.

mod document;
mod form;
mod lambda;
mod names;
mod rest;
mod s3;

use http::{HeaderMap, Method, Uri};

use self::names::Places;
use super::{
    classify,
    protocol::{self, Protocol},
};

/// Services that speak REST and nothing else, and of whose routes there is no table: of a request to them the operation is never
/// known. Not all there are, but those that emulators have.
///
/// Source: the service models of botocore 1.43, where `protocol` is `rest-json` or `rest-xml` in every model of a `signingName`.
const UNTOLD: &[&str] = &[
    "airflow",
    "amplify",
    "apigateway",
    "appconfig",
    "appsync",
    "backup",
    "batch",
    "cloudfront",
    "codeartifact",
    "eks",
    "elasticfilesystem",
    "es",
    classify::API,
    "fis",
    "glacier",
    "iot",
    "iotdata",
    "kafka",
    "lakeformation",
    "mobiletargeting",
    "mq",
    "pipes",
    "ram",
    "resource-groups",
    "route53",
    "s3tables",
    "scheduler",
    "xray",
];

/// Whether nothing in a request to `service`, named as it is signed, could tell its operation.
pub(crate) fn is_untold(service: &str) -> bool {
    UNTOLD.contains(&service)
}

/// More than any operation names: the longest lists of AWS have 100 entries. What is beyond is left out.
const RESOURCES_MAX: usize = 256;
/// The longest ARN (AWS IAM API Reference, `arnType`), in bytes. No name is longer.
const NAME_MAX: usize = 2048;

/// What a request asks for, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The operation as the API reference of the service names it. For Amazon S3 the names of the SDKs:
    /// `ListObjectsV2`, `PutBucketLifecycleConfiguration`.
    pub operation: Option<String>,
    /// Names of the buckets, tables, functions, queues, streams, topics … that it names, each once, in the order of the
    /// request. Of an ARN or a queue's URL this is the name of the resource in it, without version or alias.
    ///
    /// `PartiQL` statements are not read: they tell an operation but no table.
    pub resources: Vec<String>,
    /// Its body, which was not at hand, would tell more.
    pub body_tells: bool,
}

impl Asked {
    /// Takes up what names a resource of `service`, or one that it works on.
    fn name(&mut self, service: &str, text: &str) {
        if text.len() > NAME_MAX || self.resources.len() >= RESOURCES_MAX {
            return;
        }
        let name = names::name(service, text);
        if !name.is_empty() && !self.resources.contains(&name) {
            self.resources.push(name);
        }
    }
}

/// The head of a request.
struct Head<'a> {
    service: &'a str,
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    host: &'a str,
}

/// What the body of a request would tell.
enum InBody {
    Nothing,
    Json(Places),
    Cbor(Places),
    Form(Places),
}

/// What a request to `service`, named as it is signed, asks for. `host` is the host name it was sent to, lower case and
/// without port.
pub fn asked(
    service: &str,
    protocol: Protocol,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    host: &str,
    body: Option<&[u8]>,
) -> Asked {
    let (mut asked, in_body) = head(protocol, &Head { service, method, uri, headers, host });
    match (body, in_body) {
        (_, InBody::Nothing) => {}
        (None, InBody::Json(_) | InBody::Cbor(_) | InBody::Form(_)) => asked.body_tells = true,
        (Some(body), InBody::Json(places)) => document::json(body, service, places, &mut asked),
        (Some(body), InBody::Cbor(places)) => document::cbor(body, service, places, &mut asked),
        (Some(body), InBody::Form(places)) => form::read(body, service, places, &mut asked),
    }
    asked
}

fn head(protocol: Protocol, head: &Head<'_>) -> (Asked, InBody) {
    let by_target =
        || operation(protocol::value(head.headers, &protocol::TARGET).rsplit_once('.').map(|(_, name)| name));
    match protocol {
        Protocol::RestXml | Protocol::RestJson => match head.service {
            "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" => (s3::asked(head), InBody::Nothing),
            "lambda" => rest::asked(head, lambda::ROUTES),
            _ => (Asked::default(), InBody::Nothing),
        },
        Protocol::AwsJson10 | Protocol::AwsJson11 => document_of(head, by_target(), InBody::Json),
        Protocol::AwsJsonCbor => document_of(head, by_target(), InBody::Cbor),
        Protocol::RpcV2Cbor => document_of(head, by_rpc_path(head.uri.path()), InBody::Cbor),
        Protocol::AwsQuery | Protocol::Ec2Query => form::head(head),
    }
}

fn document_of(head: &Head<'_>, operation: Option<String>, in_body: fn(Places) -> InBody) -> (Asked, InBody) {
    let places = names::places(head.service, operation.as_deref());
    (Asked { operation, ..Asked::default() }, in_body(places))
}

/// `…/service/<service>/operation/<operation>`.
fn by_rpc_path(path: &str) -> Option<String> {
    let mut segments = path.rsplit('/');
    let name = segments.next();
    let fits = segments.next() == Some("operation") && segments.next().is_some() && segments.next() == Some("service");
    if fits { operation(name) } else { None }
}

/// A name that an operation may have.
fn operation(name: Option<&str>) -> Option<String> {
    let fits = |name: &&str| {
        (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.filter(fits).map(str::to_owned)
}

#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod lambda_tests;
#[cfg(test)]
mod s3_tests;
#[cfg(test)]
mod tests;
