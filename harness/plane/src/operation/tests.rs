use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// A request to tell something about.
pub(super) struct Request<'a> {
    service: &'a str,
    method: Method,
    uri: Uri,
    host: &'a str,
    headers: HeaderMap,
    body: Option<&'a [u8]>,
}

pub(super) fn request<'a>(service: &'a str, method: &str, target: &str) -> Request<'a> {
    Request {
        service,
        method: method.parse().expect("a method"),
        uri: target.parse().expect("a target"),
        host: "127.0.0.1",
        headers: HeaderMap::new(),
        body: None,
    }
}

impl<'a> Request<'a> {
    pub(super) fn host(mut self, host: &'a str) -> Self {
        self.host = host;
        self
    }

    pub(super) fn headers(mut self, headers: &[(&'static str, &str)]) -> Self {
        for (name, value) in headers {
            self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"));
        }
        self
    }

    pub(super) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = Some(body);
        self
    }

    fn protocol(&self) -> Protocol {
        protocol::protocol(self.service, &self.method, &self.uri, &self.headers)
    }

    pub(super) fn told_by_body(&self) -> bool {
        self.asked(None).body_tells
    }

    fn asked(&self, body: Option<&[u8]>) -> Asked {
        asked(self.service, self.protocol(), &self.method, &self.uri, &self.headers, self.host, body)
    }

    /// `operation resources…`, `-` for no operation.
    pub(super) fn shown(&self) -> String {
        let asked = self.asked(self.body);
        let operation = asked.operation.unwrap_or_else(|| "-".to_owned());
        std::iter::once(operation).chain(asked.resources).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn services_that_tell_no_operation_speak_rest_and_tell_none() {
    for service in UNTOLD {
        let request = request(service, "POST", "/2013-04-01/hostedzone/Z1/rrset");
        assert!(matches!(request.protocol(), Protocol::RestXml | Protocol::RestJson), "{service}");
        assert_eq!(request.shown(), "-", "{service}");
    }
}

#[test]
fn targets_name_operations() {
    let told = |target: &str| request("dynamodb", "POST", "/").headers(&[("x-amz-target", target)]).shown();
    assert_eq!(told("DynamoDB_20120810.PutItem"), "PutItem");
    assert_eq!(told("com.amazonaws.some.Service.DoIt"), "DoIt");
    assert_eq!(told("PutItem"), "-");
    assert_eq!(told("DynamoDB_20120810."), "-");
    assert_eq!(told("DynamoDB_20120810.Put Item"), "-");
}

#[test]
fn forms_name_operation_and_resources() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let told = |service, target: &str, body: &'static str| {
        let request = request(service, "POST", target).headers(&form);
        assert!(request.told_by_body());
        request.body(body.as_bytes()).shown()
    };
    let cases = [
        ("sns", "/", "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A0%3Aorders&Message=a+b", "Publish orders"),
        ("sns", "/", "Action=CreateTopic&Name=orders", "CreateTopic orders"),
        (
            "sns",
            "/",
            "Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:0:orders:1234-5678",
            "Unsubscribe orders",
        ),
        ("sqs", "/", "Action=SendMessage&QueueUrl=http%3A%2F%2Flocalhost%2F0%2Fq", "SendMessage q"),
        ("sqs", "/000000000000/q", "Action=SendMessage&MessageBody=b", "SendMessage q"),
        ("sqs", "/queue", "Action=CreateQueue&QueueName=q", "CreateQueue q"),
        ("iam", "/", "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%7D", "CreateRole r"),
        (
            "iam",
            "/",
            "Action=AttachRolePolicy&RoleName=r&PolicyArn=arn:aws:iam::0:policy/path/p",
            "AttachRolePolicy r p",
        ),
        ("sts", "/", "Action=AssumeRole&RoleArn=arn:aws:iam::0:role/path/r&RoleSessionName=s", "AssumeRole r"),
        (
            "cloudformation",
            "/",
            "StackName=arn:aws:cloudformation:r:0:stack/s/uuid&Action=DescribeStacks",
            "DescribeStacks s",
        ),
        ("monitoring", "/", "Action=DeleteAlarms&AlarmNames.member.1=a&AlarmNames.member.2=b+c", "DeleteAlarms a b c"),
        ("rds", "/", "Action=DescribeDBInstances&DBInstanceIdentifier=d", "DescribeDBInstances d"),
        ("ec2", "/", "Action=RunInstances&Name=n", "RunInstances"),
        ("sns", "/", "", "-"),
        ("sns", "/", "Action=&Action=", "-"),
        ("sns", "/", "Action=Publish&Action=Other", "Publish"),
        ("sns", "/?Action=Publish", "Action=Other&TopicArn=t", "Publish t"),
        ("sns", "/", "Action=%FF%FE&TopicArn=%FF&=&&=a&Message", "- \u{fffd}"),
    ];
    for (service, target, body, expected) in cases {
        assert_eq!(told(service, target, body), expected, "{service} {target} {body}");
    }
    let presigned = request("sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60");
    assert_eq!(presigned.shown(), "GetCallerIdentity");
    assert!(!presigned.told_by_body());
    assert!(!request("ec2", "POST", "/?Action=RunInstances").told_by_body());
}

fn service() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "s3",
        "s3express",
        "s3-object-lambda",
        "lambda",
        "dynamodb",
        "kinesis",
        "sqs",
        "sns",
        "sts",
        "monitoring",
        "ec2",
        "ssm",
        "secretsmanager",
        "kms",
        "events",
        "logs",
        "states",
        "ecr",
        "scheduler",
    ])
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "X"])
}

fn content_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "application/x-amz-json-1.0",
        "application/x-amz-cbor-1.1",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ])
}

pub(super) fn document() -> impl Strategy<Value = Vec<u8>> {
    let near_json = "[{}\\[\\]\":,]{0,6}(\"(TableName|RequestItems|TransactItems|Put|Name|Names|KeyId|SecretId)\"[:,{\\[]{1,2}(\"arn:aws:(ssm|kms|s3|sqs):[:a/é-]{0,12}\"|\"é{0,4}\"|1)[,}\\]]{0,3}){0,5}";
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), near_json.prop_map(String::into_bytes)]
}

proptest! {
    /// Nothing a hostile client sends is a panic; and a body adds to what the head tells and takes nothing back.
    #[test]
    fn a_body_only_adds(
        service in service(),
        method in method(),
        target in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "/[a-z0-9/%.?&=:AN-]{0,80}".prop_map(String::into_bytes),
            "/(2015-03-31|b|service)/(functions|event-source-mappings|operation|k)(/[a-z:%]{0,20})?(\\?[a-zA-Z&=%]{0,30})?"
                .prop_map(String::into_bytes),
        ],
        host in prop_oneof!["\\PC{0,40}", "[a-z0-9.]{0,9}\\.s3[a-z.-]{0,20}"],
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 3),
        content_type in content_type(),
        rpc in any::<bool>(),
        body in document(),
    ) {
        let Ok(uri) = Uri::try_from(target) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        for (name, value) in ["x-amz-target", "x-amz-copy-source", "x-amz-account-id"].into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) && !value.is_empty() {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if rpc {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        let method = method.parse().expect("a method");
        let request = Request { service, method, uri, host: &host, headers, body: None };
        let (without, with) = (request.asked(None), request.asked(Some(&body)));
        prop_assert!(without.operation.is_none() || without.operation == with.operation);
        prop_assert!(with.resources.starts_with(&without.resources));
        prop_assert!(request.told_by_body() || with == without);
        let mut once = with.resources.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), with.resources.len());
        prop_assert!(with.resources.iter().all(|name| !name.is_empty()));
    }

    /// Whatever follows `arn:`, there is an answer.
    #[test]
    fn names_in_arns_never_panic(service in service(), text in "arn:aws:[a-z0-9]{0,8}:[a-z1-]{0,3}:0?:\\PC{0,40}") {
        names::name(service, &text);
    }
}
