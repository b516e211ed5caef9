//! Unsigned requests, CORS preflights above all: attributed by host, by path or by the home region of what they name; refused
//! otherwise. A browser signs no preflight.

use super::wire::{Bench, EAST, Stub, WEST, Wire, signed};

const URL_ID: &str = "k5b2n3xq7rjv4wm6hzc8ydt9gf0sp1la";

/// What a browser asks before it sends a request to another origin.
fn preflight(host: &str, target: &str) -> String {
    format!(
        "OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://shop.example\r\n\
         Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
    )
}

/// Sends a preflight by the east's address, and sees that it arrives at the region as it was and that its answer comes back.
async fn reaches(bench: &Bench, region: &Stub, host: &str, target: &str) {
    let mut client = bench.client(EAST).await;
    client.send(preflight(host, target)).await;
    let mut wire = region.accept().await;
    let arrived = wire.head().await;
    assert!(arrived.starts_with(&format!("OPTIONS {target} HTTP/1.1\r\n")), "{arrived}");
    for line in
        [&format!("Host: {host}\r\n"), "Origin: https://shop.example\r\n", "Access-Control-Request-Method: PUT\r\n"]
    {
        assert!(arrived.contains(line), "{line:?} is not in {arrived}");
    }
    wire.send("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await;
    assert!(client.head().await.contains("Access-Control-Allow-Origin: *\r\n"));
}

/// Sends a preflight, and sees that it is refused and reaches no region.
async fn is_refused(bench: &Bench, host: &str, target: &str) {
    let mut client = bench.client(EAST).await;
    client.send(preflight(host, target)).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{host}{target}: {answer}");
    assert!(!answer.to_lowercase().contains("access-control-allow-origin"), "a browser must not go on: {answer}");
}

/// A signed request in the west that succeeds there, with this answer.
async fn succeeds_in_the_west(bench: &Bench, service: &str, method: &str, target: &str, parts: &[&str]) -> Wire {
    let mut client = bench.client(WEST).await;
    client.send(signed(method, target, "").replace(&format!("/{EAST}/s3/"), &format!("/{WEST}/{service}/"))).await;
    let mut region = bench.west.accept().await;
    region.head().await;
    let length: usize = parts.iter().map(|part| part.len()).sum();
    region.send(format!("HTTP/1.1 201 Created\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")).await;
    for part in parts {
        region.send(part).await;
        tokio::task::yield_now().await;
    }
    assert!(client.head().await.starts_with("HTTP/1.1 201 Created\r\n"));
    assert_eq!(client.exactly(length).await, parts.concat().as_bytes());
    client
}

#[tokio::test]
async fn a_preflight_is_attributed_by_its_host() {
    let bench = Bench::new().await;
    reaches(&bench, &bench.west, "uploads.s3.eu-west-1.amazonaws.com", "/k").await;
    reaches(&bench, &bench.east, "uploads.s3.us-east-1.amazonaws.com", "/k").await;
    reaches(&bench, &bench.west, "0a1b2c3d.execute-api.eu-west-1.amazonaws.com", "/prod/orders").await;
    reaches(&bench, &bench.west, &format!("{URL_ID}.lambda-url.eu-west-1.on.aws"), "/orders?a=b").await;
}

#[tokio::test]
async fn a_preflight_is_attributed_by_the_home_of_what_its_host_or_path_names() {
    let bench = Bench::new().await;
    let url = format!(r#"{{"FunctionUrl": "https://{URL_ID}.lambda-url.eu-west-1.on.aws/", "AuthType": "NONE"}}"#);
    let host = format!("{URL_ID}.lambda-url.localhost");
    let addresses = [
        ("127.0.0.1", "/uploads/k".to_owned()),
        ("uploads.s3.localhost", "/k".to_owned()),
        ("127.0.0.1", "/_aws/execute-api/0a1b2c3d/prod/orders".to_owned()),
        ("127.0.0.1", "/restapis/0a1b2c3d/prod/_user_request_/orders".to_owned()),
        ("0a1b2c3d.execute-api.localhost", "/prod/orders".to_owned()),
        ("127.0.0.1", format!("/_aws/lambda-url/{URL_ID}/orders")),
        (host.as_str(), "/orders".to_owned()),
    ];
    for (host, target) in &addresses {
        is_refused(&bench, host, target).await;
    }
    bench.west.sees_nobody().await;
    bench.east.sees_nobody().await;
    succeeds_in_the_west(&bench, "s3", "PUT", "/uploads", &[]).await;
    succeeds_in_the_west(&bench, "apigateway", "GET", "/restapis/0a1b2c3d/resources", &["{}"]).await;
    // In two pieces: a region may send as it likes.
    let (one, other) = url.split_at(40);
    succeeds_in_the_west(&bench, "lambda", "POST", "/2021-10-31/functions/describe/url", &[one, other]).await;
    for (host, target) in &addresses {
        reaches(&bench, &bench.west, host, target).await;
    }
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn every_url_in_a_list_is_learned() {
    let bench = Bench::new().await;
    let list = r#"{"FunctionUrlConfigs": [{"FunctionUrl": "https://a1.lambda-url.eu-west-1.on.aws/"},
                   {"FunctionUrl": "https://b2.lambda-url.eu-west-1.on.aws/"}]}"#;
    succeeds_in_the_west(&bench, "lambda", "GET", "/2021-10-31/functions/describe/urls", &[list]).await;
    reaches(&bench, &bench.west, "127.0.0.1", "/_aws/lambda-url/a1/").await;
    reaches(&bench, &bench.west, "127.0.0.1", "/_aws/lambda-url/b2/").await;
}

#[tokio::test]
async fn a_preflight_that_names_nothing_known_is_refused() {
    let bench = Bench::new().await;
    // What a function itself says is no answer of Lambda.
    let said = r#"{"FunctionUrl": "https://a1.lambda-url.eu-west-1.on.aws/"}"#;
    succeeds_in_the_west(&bench, "lambda", "POST", "/2015-03-31/functions/describe/invocations", &[said]).await;
    for (host, target) in [
        ("127.0.0.1", "/"),
        ("127.0.0.1", "*"),
        ("127.0.0.1", "/other/k"),
        ("other.s3.localhost", "/k"),
        ("127.0.0.1", "/_aws/lambda-url/a1/"),
        ("127.0.0.1", "/_aws/execute-api/0a1b2c3d/prod"),
        ("shop.example", "/orders"),
    ] {
        is_refused(&bench, host, target).await;
    }
    bench.east.sees_nobody().await;
    bench.west.sees_nobody().await;
}
