//! Which of AWS's protocols a request speaks.
use http::{HeaderMap, Method, Uri};

/// A protocol of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    RestXml,
    RestJson,
    AwsJson10,
    AwsJson11,
    AwsQuery,
    Ec2Query,
    RpcV2Cbor,
    AwsJsonCbor,
}

/// placeholder
pub fn protocol(service: &str, _method: &Method, _uri: &Uri, headers: &HeaderMap) -> Protocol {
    if headers.contains_key("x-amz-target") {
        Protocol::AwsJson10
    } else if service == "s3" {
        Protocol::RestXml
    } else {
        Protocol::RestJson
    }
}
