//! Errors that the plane answers itself, in the shape in which each protocol shapes them, so that every SDK raises the typed
//! error that it would raise for the service's own.
//!
//! Source of the shapes: Smithy 2.0, "AWS protocols", section "Operation error serialization" of each protocol; Amazon S3 API
//! Reference, "Error responses"; Amazon EC2 API Reference, "Error response format".

use bytes::Bytes;
use firedrill_model::{rule::OwnAnswer, units::Span};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::protocol::Protocol;

/// The code of what cannot be attributed to a region; no AWS service uses it.
pub const UNATTRIBUTED: &str = "FiredrillUnattributed";
/// What the plane's own errors are marked with.
pub const MARK: HeaderName = HeaderName::from_static("x-firedrill-fault");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// In place of the id that a service gives to each request: this one never reached it.
const NO_REQUEST: &str = "00000000-0000-0000-0000-000000000000";

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: StatusCode,
    /// Error code.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// Of a request that cannot be attributed to a region. A 400, so that every client takes the request as certainly not
    /// executed.
    pub fn unattributed(reason: &str) -> Self {
        let message = format!("the fault plane forwarded nothing: {reason}");
        Self { status: StatusCode::BAD_REQUEST, code: UNATTRIBUTED.to_owned(), message }
    }

    /// Of a request that two neighbours could read in two ways.
    pub fn unclear(reason: &str) -> Self {
        let message = format!("the fault plane forwarded nothing: {reason}");
        Self { status: StatusCode::NOT_IMPLEMENTED, code: "NotImplemented".to_owned(), message }
    }

    /// Of a request whose head did not come in time.
    pub(crate) fn slow_head(limit: Span) -> Self {
        Self::too_slow(&format!("the head of the request was not whole within {limit}"))
    }

    /// Of a request whose body the plane has to read, and of which nothing more came in time.
    pub(crate) fn slow_body(limit: Span) -> Self {
        Self::too_slow(&format!("its rules ask for the body of the request, of which nothing more came within {limit}"))
    }

    fn too_slow(reason: &str) -> Self {
        let message = format!("the fault plane forwarded nothing: {reason}");
        Self { status: StatusCode::REQUEST_TIMEOUT, code: "RequestTimeout".to_owned(), message }
    }

    /// What a rule answers in the place of a service.
    pub fn of(answer: OwnAnswer<'_>, service: &str, protocol: Protocol) -> Self {
        match answer {
            OwnAnswer::Error { status, code } => Self::by_rule(status, code),
            OwnAnswer::Deny => Self::denying(service, protocol),
            OwnAnswer::Throttle => Self::throttling(service, protocol),
        }
    }

    /// By a rule.
    fn by_rule(status: u16, code: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self {
            status,
            code: code.to_owned(),
            message: "a rule of the fault plane answers instead of the service".to_owned(),
        }
    }

    /// With which a service tells its clients to slow down.
    ///
    /// Source: the API reference of each service, "Common errors" and the errors of its operations.
    fn throttling(service: &str, protocol: Protocol) -> Self {
        let (status, code) = match (service, protocol) {
            (service, _) if is_s3(service) => (503, "SlowDown"),
            ("dynamodb" | "kinesis", _) => (400, "ProvisionedThroughputExceededException"),
            ("lambda" | "apigateway" | "execute-api", _) => (429, "TooManyRequestsException"),
            ("sqs", _) => (403, "RequestThrottled"),
            ("sns", _) => (429, "Throttled"),
            ("ec2", _) => (503, "RequestLimitExceeded"),
            (_, Protocol::AwsQuery | Protocol::Ec2Query | Protocol::RestXml) => (400, "Throttling"),
            (_, Protocol::RestJson) => (429, "TooManyRequestsException"),
            (_, Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::AwsJsonCbor | Protocol::RpcV2Cbor) => {
                (400, "ThrottlingException")
            }
        };
        Self { message: "Rate exceeded".to_owned(), ..Self::by_rule(status, code) }
    }

    /// With which a service tells its clients that no policy allows a request.
    ///
    /// Source: the API reference of each service, "Common errors"; Amazon S3 API reference, "Error responses".
    fn denying(service: &str, protocol: Protocol) -> Self {
        let (status, code) = match (service, protocol) {
            (service, _) if is_s3(service) => (403, "AccessDenied"),
            ("ec2", _) => (403, "UnauthorizedOperation"),
            ("sns", _) => (403, "AuthorizationError"),
            (_, Protocol::AwsQuery | Protocol::Ec2Query | Protocol::RestXml) => (403, "AccessDenied"),
            (_, Protocol::RestJson) => (403, "AccessDeniedException"),
            (_, Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::AwsJsonCbor | Protocol::RpcV2Cbor) => {
                (400, "AccessDeniedException")
            }
        };
        Self { message: "No policy allows this request".to_owned(), ..Self::by_rule(status, code) }
    }

    /// The answer to a client that speaks `protocol` with `service`.
    pub fn answer(&self, protocol: Protocol, service: &str) -> Response<Full<Bytes>> {
        let (content_type, body) = match protocol {
            Protocol::RestXml if is_s3(service) => ("application/xml", self.xml("<Error>", "</Error>", "RequestId")),
            Protocol::RestXml | Protocol::AwsQuery => ("text/xml", self.wrapped_xml()),
            Protocol::Ec2Query => {
                ("text/xml", self.xml("<Response><Errors><Error>", "</Error></Errors></Response>", "RequestID"))
            }
            Protocol::RestJson => ("application/json", self.json()),
            Protocol::AwsJson10 => ("application/x-amz-json-1.0", self.json()),
            Protocol::AwsJson11 => ("application/x-amz-json-1.1", self.json()),
            Protocol::AwsJsonCbor => ("application/x-amz-cbor-1.1", self.cbor()),
            Protocol::RpcV2Cbor => ("application/cbor", self.cbor()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(MARK, HeaderValue::from_static("true"));
        headers.insert(if is_s3(service) { S3_REQUEST_ID } else { REQUEST_ID }, HeaderValue::from_static(NO_REQUEST));
        if protocol == Protocol::RpcV2Cbor {
            headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert(ERROR_TYPE, code);
        }
        response
    }

    fn json(&self) -> Vec<u8> {
        serde_json::json!({ "__type": self.code, "message": self.message }).to_string().into_bytes()
    }

    /// `open`, code and message, `close`; the request's id before the last closing tag.
    fn xml(&self, open: &str, close: &str, id: &str) -> Vec<u8> {
        let (code, message) = (escaped(&self.code), escaped(&self.message));
        let (close, last) = close.rsplit_once("</").unwrap_or(("", close));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{open}<Code>{code}</Code><Message>{message}</Message>{close}<{id}>{NO_REQUEST}</{id}></{last}"
        )
        .into_bytes()
    }

    fn wrapped_xml(&self) -> Vec<u8> {
        let whose = if self.status.is_server_error() { "Receiver" } else { "Sender" };
        self.xml(&format!("<ErrorResponse><Error><Type>{whose}</Type>"), "</Error></ErrorResponse>", "RequestId")
    }

    /// A map of two texts (RFC 8949, section 3.1).
    fn cbor(&self) -> Vec<u8> {
        let mut bytes = vec![0xa2];
        for text in ["__type", &self.code, "message", &self.message] {
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.push(0x79);
            bytes.extend(length.to_be_bytes());
            bytes.extend(&text.as_bytes()[..usize::from(length)]);
        }
        bytes
    }
}

/// S3 and what is asked by its clients.
fn is_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const PROTOCOLS: [(Protocol, &str); 9] = [
        (Protocol::RestXml, "s3"),
        (Protocol::RestXml, "route53"),
        (Protocol::RestJson, "lambda"),
        (Protocol::AwsJson10, "dynamodb"),
        (Protocol::AwsJson11, "kms"),
        (Protocol::AwsQuery, "sts"),
        (Protocol::Ec2Query, "ec2"),
        (Protocol::RpcV2Cbor, "monitoring"),
        (Protocol::AwsJsonCbor, "kinesis"),
    ];

    async fn shown(response: Response<Full<Bytes>>) -> String {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        let headers: Vec<String> = parts.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        format!("{} {}\n{}", parts.status.as_u16(), headers.join(", "), bytes.escape_ascii())
    }

    #[tokio::test]
    async fn each_protocol_has_its_shape() {
        let mut all = Vec::new();
        for (protocol, service) in PROTOCOLS {
            let failure = Failure { message: "less <more> & all".into(), ..Failure::throttling(service, protocol) };
            all.push(format!("{protocol:?} of {service}\n{}", shown(failure.answer(protocol, service)).await));
        }
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn each_service_denies_with_its_own_code() {
        let denied = PROTOCOLS.map(|(protocol, service)| {
            let Failure { status, code, .. } = Failure::denying(service, protocol);
            format!("{service}: {} {code}", status.as_u16())
        });
        insta::assert_snapshot!(denied.join("\n"));
    }

    #[tokio::test]
    async fn what_cannot_be_attributed_is_told_why() {
        let failure = Failure::unattributed("no `region`");
        assert_eq!(failure.status, StatusCode::BAD_REQUEST);
        insta::assert_snapshot!(shown(failure.answer(Protocol::RestXml, "s3")).await);
    }
}
