//! What is refused: requests that belong nowhere, and bytes that are no requests. The plane answers or closes, and works on.

use firedrill_clock::poll;
use firedrill_model::units::Span;
use firedrill_plane::answer::UNATTRIBUTED;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::wire::{Bench, EAST, Wire, signed, signed_for};

const SCOPE: &str = "k/20261123/us-east-1/s3/aws4_request";

/// The status line and the body of what a client is told.
async fn told(client: &mut Wire) -> (String, String) {
    let head = client.head().await;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let body = client.exactly(length.map_or(0, |length| length.parse().unwrap())).await;
    (head.lines().next().unwrap().to_owned(), String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn what_cannot_be_attributed_is_refused_and_reaches_no_region() {
    let bench = Bench::new().await;
    let plain = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
    let authorization =
        |credential: &str| format!("Authorization: AWS4-HMAC-SHA256 Credential={credential}, Signature=0\r\n");
    let east = authorization(SCOPE);
    let west = authorization(&SCOPE.replace("us-east-1", "eu-west-1"));
    let presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20261123%2Feu-west-1%2Fs3%2Faws4_request";
    let cases = [
        (plain("/", ""), "not signed"),
        (plain("/bucket/key", ""), "not signed"),
        (plain("/bucket/key", "Authorization: Bearer token\r\n"), "not signed"),
        (plain("/b/k", "Authorization: AWS key:signature\r\n"), "Signature Version 2"),
        (plain("/b/k?AWSAccessKeyId=k&Signature=s&Expires=1", ""), "Signature Version 2"),
        (plain("/b/k", &authorization("k/20261123/nowhere/s3/aws4_request")), "no credential scope"),
        (plain("/b/k", &format!("{east}{west}")), "signed twice"),
        (plain(&format!("/b/k?{presigned}"), &east), "signed twice"),
        (plain(&format!("/b/k?{presigned}&{}", presigned.replace("eu-west-1", "us-east-1")), ""), "signed twice"),
        (plain("/_ministack/reset", &east), "belongs to the emulator"),
        (signed_for("ap-south-1", "GET", "/b/k", ""), "no region ap-south-1"),
        (signed("CONNECT", "127.0.0.1:80", ""), "not signed"),
    ];
    for (request, reason) in cases {
        let mut client = bench.client(EAST).await;
        client.send(&request).await;
        let (status, body) = told(&mut client).await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request", "{request}");
        assert!(body.contains(UNATTRIBUTED) && body.contains(reason), "{request}{body}");
    }
    // A client that asks first is told at once, and sends no body.
    let mut client = bench.client(EAST).await;
    client.send(plain("/b/k", "Content-Length: 9\r\nExpect: 100-continue\r\n")).await;
    assert_eq!(told(&mut client).await.0, "HTTP/1.1 400 Bad Request");
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
    bench.west.sees_nobody().await;
}

#[tokio::test]
async fn what_is_no_request_gets_a_clear_status_and_harms_nobody() {
    let bench = Bench::new().await;
    let head = signed("PUT", "/b/k", "");
    let with = |headers: &str| head.replacen("\r\n\r\n", &format!("\r\n{headers}\r\n\r\n"), 1);
    let too_many: String = (0..3000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let cases = [
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("G\0T / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned(), 400), // a TLS hello
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), 400),
        (with("no colon here"), 400),
        (with("x-amz-meta-nul: a\0b"), 400),
        (with("Content-Length: -1"), 400),
        (with("Content-Length: 5\r\nContent-Length: 6"), 400),
        (with("Transfer-Encoding: chunked, identity"), 400),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100 << 10)), 414),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(300 << 10)), 431),
        (with(&format!("x-amz-meta-long: {}", "x".repeat(300 << 10))), 431),
        (with(too_many.trim_end()), 431),
    ];
    for (request, status) in cases {
        let mut client = bench.client(EAST).await;
        // The plane may answer and close before it has read everything.
        drop(client.try_send(&request).await);
        let shown: String = request.chars().take(300).collect();
        let said = poll::at_most(Span::from_secs(5), client.some()).await;
        let said = said.unwrap_or_else(|| panic!("no answer in time to {} bytes: {shown:?}", request.len()));
        let said = said.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?} was told {said:?}");
    }
    // What begins with HTTP/2 and goes on with something else would not understand an answer: it is hung up on.
    let mut client = bench.client(EAST).await;
    client.send(format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}", signed("GET", "/b/k", ""))).await;
    let said = String::from_utf8_lossy(&client.rest().await.0).into_owned();
    assert!(!said.contains("HTTP/1.1"), "{said:?}");
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_length_beside_chunks_is_not_forwarded() {
    let bench = Bench::new().await;
    // Two neighbours that disagree on where a body ends could be made to disagree on what the next request is.
    let head = signed("PUT", "/b/k", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n");
    let (mut client, mut region, arrived) = bench.exchange(&head).await;
    assert!(!arrived.to_lowercase().contains("content-length"), "{arrived}");
    client.send("2\r\nab\r\n0\r\n\r\n").await;
    assert_eq!(region.chunked().await.0, b"ab");
}

#[tokio::test]
async fn codings_that_are_not_known_are_not_forwarded() {
    let bench = Bench::new().await;
    for codings in ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: chunked"] {
        let mut client = bench.client(EAST).await;
        client.send(signed("PUT", "/b/k", &format!("Transfer-Encoding: {codings}\r\n"))).await;
        client.send("0\r\n\r\n").await;
        let (status, _) = told(&mut client).await;
        assert!(
            status == "HTTP/1.1 501 Not Implemented" || status == "HTTP/1.1 400 Bad Request",
            "{codings}: {status}"
        );
    }
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_body_with_broken_chunks_never_arrives_whole() {
    let bench = Bench::new().await;
    let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", "Transfer-Encoding: chunked\r\n")).await;
    client.send("3\r\nabc\r\nzz\r\n").await;
    let arrived = region.rest().await.0;
    assert!(!arrived.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&arrived));
    bench.next_is_ours().await;
}

#[test]
fn arbitrary_bytes_are_refused_and_the_plane_works_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());
    let garbage = prop::collection::vec(any::<u8>(), 0..600);
    let nearly = "(GET|PUT|POST) /[a-z/?=&%-]{0,30} HTTP/1\\.[01]\r\n([A-Za-z-]{1,12}: [ -~]{0,30}\r\n){0,5}\r\n";
    let both = prop_oneof![garbage, nearly.prop_map(String::into_bytes)];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    let outcome = runner.run(&both, |bytes| {
        let (said, _) = runtime.block_on(async {
            let mut client = bench.client(EAST).await;
            drop(client.try_send(&bytes).await);
            client.finish().await;
            client.rest().await
        });
        let said = String::from_utf8_lossy(&said);
        let refused = said.is_empty() || said.split("HTTP/1.").skip(1).all(|answer| answer[2..].starts_with('4'));
        prop_assert!(refused, "{said}");
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(bench.next_is_ours());
    runtime.block_on(bench.east.sees_nobody());
}
