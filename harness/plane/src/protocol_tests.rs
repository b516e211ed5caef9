use http::HeaderValue;
use proptest::prelude::*;

use super::*;

type Headers<'a> = &'a [(&'static str, &'a str)];

fn told(service: &str, request: &str, headers: Headers<'_>) -> Protocol {
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value")))
        .collect();
    protocol(service, &method.parse().expect("a method"), &target.parse().expect("a target"), &headers)
}

#[test]
fn a_request_says_its_protocol() {
    use Protocol::{AwsJson10, AwsJson11, AwsJsonCbor, AwsQuery, Ec2Query, RestJson, RpcV2Cbor};
    let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let target = ("x-amz-target", "A.B");
    let json = |version: &'static str| [("content-type", version), target];
    let cases: [(&str, &str, Headers<'_>, Protocol); 17] = [
        ("dynamodb", "POST /", &json("application/x-amz-json-1.0"), AwsJson10),
        ("sqs", "POST /", &json("application/x-amz-json-1.0"), AwsJson10),
        ("kinesis", "POST /", &json("application/x-amz-json-1.1"), AwsJson11),
        ("kinesis", "POST /", &json("Application/X-AMZ-JSON-1.1; charset=utf-8"), AwsJson11),
        ("kinesis", "POST /", &json("application/x-amz-cbor-1.1"), AwsJsonCbor),
        ("kinesis", "POST /", &[target], AwsJson11),
        ("monitoring", "POST /service/X/operation/Y", &[("smithy-protocol", "rpc-v2-cbor")], RpcV2Cbor),
        ("monitoring", "POST /", &json("application/x-amz-json-1.0"), AwsJson10),
        ("monitoring", "POST /", &[form], AwsQuery),
        ("monitoring", "POST /", &[], AwsQuery),
        ("sqs", "POST /000000000000/q", &[form], AwsQuery),
        ("sts", "GET /?Action=GetCallerIdentity&Version=2011-06-15", &[], AwsQuery),
        ("email", "GET /?%41ction=SendEmail", &[], AwsQuery),
        ("ec2", "POST /", &[form], Ec2Query),
        ("ec2", "GET /?Action=DescribeInstances", &[], Ec2Query),
        ("scheduler", "GET /schedules?action=x", &[], RestJson),
        ("dynamodb", "POST /", &[], RestJson),
    ];
    for (service, request, headers, expected) in cases {
        assert_eq!(told(service, request, headers), expected, "{service} {request} {headers:?}");
    }
}

#[test]
fn what_users_send_says_nothing_about_a_rest_service() {
    let user = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-amz-target", "DynamoDB_20120810.PutItem"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ];
    for service in ["s3", "s3express", "s3-outposts", "s3-object-lambda", "route53", "cloudfront"] {
        assert_eq!(told(service, "POST /b?Action=DeleteTopic", &user), Protocol::RestXml, "{service}");
    }
    for service in ["lambda", "execute-api", "lambda-url", "apigateway"] {
        assert_eq!(told(service, "POST /b?Action=DeleteTopic", &user), Protocol::RestJson, "{service}");
    }
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic(
        service in "[a-z0-9-]{0,20}",
        target in prop::collection::vec(any::<u8>(), 0..100),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 3),
    ) {
        let Ok(uri) = Uri::try_from(target) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        for (name, value) in [SMITHY_PROTOCOL, TARGET, header::CONTENT_TYPE].into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
        }
        protocol(&service, &Method::POST, &uri, &headers);
    }
}
