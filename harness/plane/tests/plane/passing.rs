//! What passes: every byte as it was sent.

use firedrill_model::rule::Effect;

use super::wire::{Bench, EAST, WEST, bytes, signed, signed_for};

#[tokio::test]
async fn address_and_headers_arrive_as_they_were_written() {
    let bench = Bench::new().await;
    let target = "/b/a%2Fb//c%20%C3%BC?list-type=2&prefix=a+b%2B&empty=&delimiter=%2f";
    let head = signed("GET", target, "X-Amz-Meta-CamelCase: Ünï \r\nx-amz-meta-empty:\r\nKeep-Alive: timeout=9\r\n");
    let (mut client, mut region, arrived) = bench.exchange(&head).await;
    assert!(arrived.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{arrived}");
    for line in ["Host: 127.0.0.1\r\n", "X-Amz-Meta-CamelCase: Ünï\r\n", "x-amz-meta-empty:\r\n", "Signature=00\r\n"]
    {
        assert!(arrived.contains(line), "{line:?} is not in {arrived}");
    }
    assert!(!arrived.contains("Keep-Alive"), "between neighbours alone: {arrived}");
    region.send("HTTP/1.1 404 Not Found\r\nx-amz-Error-Code: NoSuchKey\r\nContent-Length: 2\r\n\r\nno").await;
    let answer = client.head().await;
    assert!(
        answer.starts_with("HTTP/1.1 404 Not Found\r\n") && answer.contains("x-amz-Error-Code: NoSuchKey\r\n"),
        "{answer}"
    );
    assert_eq!(client.exactly(2).await, b"no");
}

#[tokio::test]
async fn a_request_goes_to_the_region_it_is_signed_for_whatever_address_it_came_by() {
    let bench = Bench::new().await;
    let mut client = bench.client(EAST).await;
    client.send(signed_for(WEST, "GET", "/orders", "")).await;
    let mut west = bench.west.accept().await;
    assert!(west.head().await.starts_with("GET /orders "));
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_continue() {
    let bench = Bench::new().await;
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", "/b/k", "Content-Length: 5\r\nExpect: 100-continue\r\n")).await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abcde").await;
    let mut region = bench.east.accept().await;
    let arrived = region.head().await;
    assert!(arrived.contains("Expect: 100-continue\r\n"), "{arrived}");
    // A region says it as well; the client must not hear it twice.
    region.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(region.exactly(5).await, b"abcde");
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_client_that_asks_first_and_has_nothing_to_send_is_told_to_continue_all_the_same() {
    let bench = Bench::new().await;
    let head = signed("PUT", "/b/k", "Content-Length: 0\r\nExpect: 100-continue\r\n");
    let (mut client, mut region, _) = bench.exchange(&head).await;
    for turn in ["first", "second", "third"] {
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n", "{turn}");
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"), "{turn}");
        client.send(&head).await;
        assert!(region.head().await.starts_with("PUT /b/k "));
    }
    // What does not ask is not told.
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.head().await;
    client.send(signed("PUT", "/b/k", "Content-Length: 0\r\n")).await;
    region.head().await;
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let bench = Bench::new().await;
    let head = signed("PUT", "/b/k", "Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: x-amz-checksum-crc32\r\n");
    let (mut client, mut region, arrived) = bench.exchange(&head).await;
    assert!(arrived.contains("Trailer: x-amz-checksum-crc32\r\n") && arrived.contains("TE: trailers\r\n"), "{arrived}");
    client.send("3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n").await;
    let (body, trailers) = region.chunked().await;
    assert_eq!(body, b"abcdefg");
    assert_eq!(trailers, ["x-amz-checksum-crc32: AAAAAA=="]);
    region
        .send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-late\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n",
        )
        .await;
    let answer = client.head().await;
    assert!(answer.contains("Trailer: x-late\r\n"), "{answer}");
    let (body, trailers) = client.chunked().await;
    assert_eq!(body, b"ok");
    assert_eq!(trailers, ["x-late: 1"]);
}

#[tokio::test]
async fn a_body_with_signed_chunks_is_not_touched() {
    let bench = Bench::new().await;
    let part = bytes(70_000);
    let signature = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
    let body = [
        format!("{:x};chunk-signature={signature}\r\n", part.len()).as_bytes(),
        &part,
        format!("\r\n0;chunk-signature={signature}\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n").as_bytes(),
    ]
    .concat();
    let framings = [
        (format!("Content-Length: {}\r\n", body.len()), body.clone()),
        // The same inside HTTP's own chunks, which a proxy may cut otherwise.
        (
            "Transfer-Encoding: chunked\r\n".to_owned(),
            [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
        ),
    ];
    for (framing, sent) in framings {
        let more =
            format!("Content-Encoding: aws-chunked\r\nX-Amz-Decoded-Content-Length: {}\r\n{framing}", part.len());
        let (mut client, mut region, arrived) = bench.exchange(&signed("PUT", "/b/k", &more)).await;
        assert!(arrived.contains(&more), "{arrived}");
        client.send(&sent).await;
        let got =
            if framing.starts_with("Content") { region.exactly(body.len()).await } else { region.chunked().await.0 };
        assert!(got == body, "{} bytes of {} arrived or they differ", got.len(), body.len());
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn connections_are_used_again_on_both_sides() {
    let bench = Bench::new().await;
    let (mut client, mut region, _) = bench.exchange(&signed("GET", "/0", "")).await;
    for n in 0..50 {
        region.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n{}", "x".repeat(n))).await;
        assert!(client.head().await.contains(&format!("Content-Length: {n}\r\n")));
        client.exactly(n).await;
        client.send(signed("GET", &format!("/{}", n + 1), "")).await;
        assert!(region.head().await.starts_with(&format!("GET /{} ", n + 1)));
    }
    bench.east.sees_nobody().await;
    // The region closes the connection with its last answer: the client keeps its own.
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    drop(region);
    let answer = client.head().await;
    assert!(!answer.to_lowercase().contains("close"), "the region's neighbour is the plane: {answer}");
    client.send(signed("GET", "/again", "")).await;
    assert!(bench.east.accept().await.head().await.starts_with("GET /again "));
}

#[tokio::test]
async fn requests_that_do_not_wait_for_answers_are_judged_one_by_one_and_answered_in_order() {
    let bench = Bench::new().await;
    bench.east(Effect::Error { status: 503, code: "SlowDown".into() }).await;
    let mut client = bench.client(EAST).await;
    let to = |region: &str, path: &str| signed("GET", path, "").replace(EAST, region);
    client.send([to(WEST, "/first"), to(EAST, "/second"), to(WEST, "/third")].concat()).await;
    let mut region = bench.west.accept().await;
    for (path, status) in [("/first", "201 Created"), ("/third", "202 Accepted")] {
        let arrived = region.head().await;
        assert!(arrived.starts_with(&format!("GET {path} ")), "{arrived}");
        region.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
        assert!(client.head().await.starts_with(&format!("HTTP/1.1 {status}\r\n")));
        if path == "/first" {
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            client.exactly(length.trim().parse().unwrap()).await;
        }
    }
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn answers_without_a_body_keep_their_headers() {
    let bench = Bench::new().await;
    let (mut client, mut region, _) = bench.exchange(&signed("HEAD", "/b/k", "")).await;
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 25165824\r\nETag: \"e\"\r\n\r\n").await;
    let answer = client.head().await;
    assert!(answer.contains("Content-Length: 25165824\r\n") && answer.contains("ETag: \"e\"\r\n"), "{answer}");
    for status in ["204 No Content", "304 Not Modified"] {
        client.send(signed("GET", "/b/k", "")).await;
        region.head().await;
        region.send(format!("HTTP/1.1 {status}\r\nETag: \"e\"\r\n\r\n")).await;
        let answer = client.head().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains("ETag"), "{answer}");
    }
}

#[tokio::test]
async fn as_many_headers_as_s3_allows_pass() {
    let bench = Bench::new().await;
    // S3 allows 2 KB of user metadata: names and values of one letter or two make some hundreds of headers.
    let many: String = (0..600).map(|n| format!("x-amz-meta-{n}: v\r\n")).collect();
    let (mut client, mut region, arrived) =
        bench.exchange(&signed("PUT", "/b/k", &format!("Content-Length: 0\r\n{many}"))).await;
    assert!(arrived.contains(&many), "{} bytes arrived", arrived.len());
    region.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{many}\r\n")).await;
    assert!(client.head().await.contains(&many));
}
