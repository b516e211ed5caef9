use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value")))
        .collect()
}

/// A compact answer for tables: `region service by` or the reason.
fn verdict(uri: &str, pairs: &[(&'static str, &str)], homes: &Homes) -> String {
    let uri: Uri = uri.parse().expect("a URI");
    match attribute(&Method::GET, &uri, &headers(pairs), homes) {
        Ok(found) => format!("{} {} {:?}", found.region, found.service, found.by),
        Err(reason) => format!("{reason:?}"),
    }
}

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=000000000000/20261123/eu-west-1/dynamodb/aws4_request, \
                      SignedHeaders=host, Signature=00";

#[test]
fn a_signature_says_its_region() {
    let homes = Homes::default();
    let authorization = |value: &str| verdict("/", &[("authorization", value)], &homes);
    let cases = [
        (SIGNED, "eu-west-1 dynamodb Signature"),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=k/20261123/us-gov-west-1/s3/aws4_request,Signature=0",
            "us-gov-west-1 s3 Signature",
        ),
        ("AWS4-HMAC-SHA256 Credential=k/20261123//s3/aws4_request", "Scope"),
        ("AWS4-HMAC-SHA256 Credential=/20261123/us-east-1/s3/aws4_request", "Scope"),
        ("AWS4-HMAC-SHA256 Credential=k/2026/us-east-1/s3/aws4_request", "Scope"),
        ("AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/s3/aws5_request", "Scope"),
        ("AWS4-HMAC-SHA256 Credential=k/20261123/everywhere/s3/aws4_request", "Scope"),
        ("AWS4-HMAC-SHA256", "Scope"),
        ("AWS k:signature", "SignatureV2"),
        ("Bearer token", "Unknown"),
    ];
    for (value, expected) in cases {
        assert_eq!(authorization(value), expected, "{value}");
    }
}

#[test]
fn a_presigned_url_says_its_region() {
    let homes = Homes::default();
    let url = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20261123%2Fus-east-1%2Fs3%2Faws4_request";
    assert_eq!(verdict(url, &[], &homes), "us-east-1 s3 PresignedUrl");
    assert_eq!(verdict(url, &[("authorization", SIGNED)], &homes), "SignedTwice");
    assert_eq!(verdict("/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256", &[], &homes), "Scope");
    let escaped = url.replace("X-Amz-Credential", "X%2DAmz-Credentia%6C");
    assert_eq!(verdict(&escaped, &[], &homes), "us-east-1 s3 PresignedUrl");
}

#[test]
fn more_than_one_signature_is_refused() {
    let homes = Homes::default();
    homes.learn(&Resource::Bucket("b".to_owned()), &Region::from("us-east-1"));
    let mut map = headers(&[("authorization", SIGNED)]);
    map.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer token"));
    assert_eq!(attribute(&Method::GET, &"/".parse().unwrap(), &map, &homes), Err(Unattributed::SignedTwice));
    let one = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20261123%2Fus-east-1%2Fs3%2Faws4_request";
    for again in ["X-Amz-Credential=k%2F20261123%2Feu-west-1%2Fs3%2Faws4_request", "X%2dAmz-Algorithm=other"] {
        assert_eq!(verdict(&format!("/b/k?{one}&{again}"), &[], &homes), "SignedTwice", "{again}");
    }
}

#[test]
fn signature_version_2_is_attributed_by_what_it_names() {
    let homes = Homes::default();
    homes.learn(&Resource::Bucket("b".to_owned()), &Region::from("us-east-1"));
    let query = "AWSAccessKeyId=k&Signature=s&Expires=1";
    assert_eq!(verdict(&format!("/b/k?{query}"), &[], &homes), "us-east-1 s3 Home");
    assert_eq!(verdict(&format!("/unknown/k?{query}"), &[], &homes), "SignatureV2");
    assert_eq!(verdict("/b/k", &[("authorization", "AWS k:signature")], &homes), "us-east-1 s3 Home");
    let url = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20261123%2Feu-west-1%2Fs3%2Faws4_request";
    for (target, authorization) in [
        (format!("/b/k?{url}"), "AWS k:signature"),
        (format!("/b/k?{url}&{query}"), "Bearer token"),
        (format!("/b/k?{query}"), "AWS k:signature"),
        (format!("/b/k?{query}"), SIGNED),
    ] {
        assert_eq!(verdict(&target, &[("authorization", authorization)], &homes), "SignedTwice", "{target}");
    }
}

#[test]
fn version_4a_counts_when_it_names_one_region() {
    let homes = Homes::default();
    let value = "AWS4-ECDSA-P256-SHA256 Credential=k/20261123/s3/aws4_request, SignedHeaders=host, Signature=00";
    let with = |set: &str| verdict("/", &[("authorization", value), ("x-amz-region-set", set)], &homes);
    assert_eq!(with("us-east-1"), "us-east-1 s3 Signature");
    assert_eq!(with("us-east-1,eu-west-1"), "ManyRegions");
    assert_eq!(with("*"), "ManyRegions");
    assert_eq!(verdict("/", &[("authorization", value)], &homes), "Scope");
}

#[test]
fn unsigned_requests_go_by_host_then_by_home_and_else_nowhere() {
    let homes = Homes::default();
    homes.learn(&Resource::Bucket("uploads".to_owned()), &Region::from("eu-west-1"));
    homes.learn(&Resource::Api("0a1b2c3d".to_owned()), &Region::from("us-east-1"));
    homes.learn(&Resource::FunctionUrl("abc".to_owned()), &Region::from("eu-west-1"));
    let cases = [
        ("abc.lambda-url.us-east-1.localhost:4566", "/", "us-east-1 lambda-url Host"),
        ("uploads.s3.us-east-1.amazonaws.com", "/k", "us-east-1 s3 Host"),
        ("us-west-2.s3.dualstack.us-east-1.amazonaws.com", "/k", "us-east-1 s3 Host"),
        ("uploads.s3.localhost", "/k", "eu-west-1 s3 Home"),
        ("127.0.0.1:4566", "/uploads/some/key", "eu-west-1 s3 Home"),
        ("127.0.0.1:4566", "/%75ploads", "eu-west-1 s3 Home"),
        ("127.0.0.1:4566", "/other/key", "Unknown"),
        ("127.0.0.1:4566", "/", "Unknown"),
        ("0a1b2c3d.execute-api.localhost", "/prod/orders", "us-east-1 execute-api Home"),
        ("127.0.0.1", "/restapis/0a1b2c3d/prod/_user_request_/orders", "us-east-1 execute-api Home"),
        ("127.0.0.1", "/_aws/execute-api/ffffffff/prod", "Unknown"),
        ("127.0.0.1", "/restapis/abc/prod/_user_request_/orders", "Unknown"),
        ("abc.lambda-url.localhost", "/orders", "eu-west-1 lambda-url Home"),
        ("ABC.lambda-url.localhost:4566", "/orders", "eu-west-1 lambda-url Home"),
        ("def.lambda-url.localhost", "/orders", "Unknown"),
        ("127.0.0.1", "/_aws/lambda-url/abc/orders?a=b", "eu-west-1 lambda-url Home"),
        ("127.0.0.1", "/_aws/lambda-url/abc", "eu-west-1 lambda-url Home"),
        ("127.0.0.1", "/_aws/lambda-url/def/orders", "Unknown"),
        ("127.0.0.1", "/_aws/lambda-url/0a1b2c3d/orders", "Unknown"),
        ("127.0.0.1", "/_aws/lambda-url/", "Unknown"),
        ("127.0.0.1", "/_ministack/reset", r#"EmulatorPage("/_ministack/")"#),
    ];
    for (host, path, expected) in cases {
        assert_eq!(verdict(path, &[("host", host)], &homes), expected, "{host} {path}");
    }
}

#[test]
fn a_signed_request_names_the_resource_whose_home_it_shows() {
    let homes = Homes::default();
    let found = |service: &str, path: &str| {
        let value = format!("AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/{service}/aws4_request, Signature=0");
        attribute(&Method::PUT, &path.parse().expect("a path"), &headers(&[("authorization", &value)]), &homes)
            .expect("signed")
            .shows
    };
    let api = Shows::Resource(Resource::Api("0a1b2c3d".to_owned()));
    assert_eq!(found("s3", "/uploads/a/b"), Shows::Resource(Resource::Bucket("uploads".to_owned())));
    assert_eq!(found("s3", "/"), Shows::Nothing);
    assert_eq!(found("s3", "/uploads?location"), Shows::Nothing, "every region answers where a bucket lives");
    assert_eq!(found("apigateway", "/restapis/0a1b2c3d/resources"), api);
    assert_eq!(found("apigateway", "/v2/apis/0a1b2c3d"), api);
    assert_eq!(found("dynamodb", "/uploads"), Shows::Nothing);
    assert_eq!(found("lambda", "/2021-10-31/functions/describe/url?Qualifier=live"), Shows::FunctionUrls);
    assert_eq!(found("lambda", "/2021-10-31/functions/describe/urls"), Shows::FunctionUrls);
    assert_eq!(found("lambda", "/2015-03-31/functions/describe"), Shows::Nothing);
    assert_eq!(found("lambda", "/2015-03-31/functions/url/invocations"), Shows::Nothing);
    assert_eq!(
        found("s3", "/2021-10-31/functions/describe/url"),
        Shows::Resource(Resource::Bucket("2021-10-31".to_owned()))
    );
}

#[test]
fn what_a_function_says_shows_nothing() {
    let value = "AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/lambda/aws4_request, Signature=0";
    let map = headers(&[("authorization", value), ("host", "abc.lambda-url.us-east-1.on.aws")]);
    let uri = "/2021-10-31/functions/describe/url".parse().expect("a path");
    assert_eq!(attribute(&Method::GET, &uri, &map, &Homes::default()).expect("signed").shows, Shows::Nothing);
}

proptest! {
    /// Whatever a hostile client sends, the classifier answers; and what it attributes names a region.
    #[test]
    fn arbitrary_bytes_never_panic(
        target in prop::collection::vec(any::<u8>(), 0..200),
        host in prop::collection::vec(any::<u8>(), 0..100),
        authorization in prop::collection::vec(any::<u8>(), 0..200),
        prefix in prop::sample::select(vec!["", "AWS4-HMAC-SHA256 Credential=", "AWS4-ECDSA-P256-SHA256 Credential="]),
    ) {
        let Ok(uri) = Uri::try_from(target) else { return Ok(()) };
        let mut map = HeaderMap::new();
        for (name, bytes) in [(header::HOST, host), (header::AUTHORIZATION, [prefix.as_bytes(), &authorization].concat())] {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                map.insert(name, value);
            }
        }
        if let Ok(found) = attribute(&Method::GET, &uri, &map, &Homes::default()) {
            prop_assert!(is_region(found.region.as_str()));
        }
    }

    /// Near misses of real requests: strings from the alphabet that the formats are made of.
    #[test]
    fn near_misses_never_panic(
        target in "/[a-z0-9_/%.?&=XAmzCredentialgorithmHS-]{0,120}",
        host in "[a-z0-9.:\\[\\]-]{0,60}",
        credential in "[A-Za-z0-9/,=_ -]{0,80}",
    ) {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}");
        let map = headers(&[("host", &host), ("authorization", &authorization)]);
        if let Ok(found) = attribute(&Method::GET, &uri, &map, &Homes::default()) {
            prop_assert!(is_region(found.region.as_str()));
        }
    }

    /// Every well-formed scope is read back as it was written.
    #[test]
    fn every_scope_is_read_back(region in "[a-z]{2}-[a-z]{2,9}-[1-9]", service in "[a-z][a-z0-9-]{0,20}") {
        let value = format!("AWS4-HMAC-SHA256 Credential=key/20261123/{region}/{service}/aws4_request, Signature=0");
        let found = attribute(&Method::POST, &"/".parse().expect("a path"), &headers(&[("authorization", &value)]), &Homes::default());
        let found = found.expect("a scope");
        prop_assert_eq!(found.region.as_str(), region);
        prop_assert_eq!(found.service, service);
    }

    /// Without a signature, a region in the host's name or a known home, nothing is attributed.
    #[test]
    fn what_names_no_region_is_refused(
        target in "/[a-zA-Z0-9_/%.?&=-]{0,120}",
        host in "[a-z0-9.:\\[\\]]{0,60}",
        bearer in "[A-Za-z0-9 =,/-]{0,60}",
    ) {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let map = headers(&[("host", &host), ("authorization", &format!("Bearer {bearer}"))]);
        prop_assert!(attribute(&Method::GET, &uri, &map, &Homes::default()).is_err());
    }
}
