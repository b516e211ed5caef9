//! Clients that give up while a rule makes their requests wait: nothing of those reaches a region. Others wait as before.

use firedrill_model::{
    rule::{Delay, Effect},
    units::Span,
};

use super::wire::{Bench, EAST, Wire, bytes, signed};

/// Until the rule ends.
const LATE: Effect = Effect::Latency(Delay::Fixed { by: Span::from_secs(3600) });
/// As much of a body as is read while its request waits.
const AHEAD: usize = 1 << 20;

/// A bench on which every request to the east waits.
async fn waiting() -> Bench {
    let bench = Bench::new().await;
    bench.east(LATE).await;
    bench
}

async fn sends(bench: &Bench, path: &str, headers: &str, body: &[u8]) -> Wire {
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", path, headers)).await;
    client.send(body).await;
    client
}

#[tokio::test]
async fn a_request_that_waits_goes_nowhere_when_its_client_gives_up() {
    let half = bytes(50_000);
    let chunk = [b"c350\r\n", &half[..], b"\r\n"].concat();
    let cases: [(&str, &str, Vec<u8>); 7] = [
        ("/no-body", "Content-Length: 0\r\n", Vec::new()),
        ("/a-whole-body", "Content-Length: 100000\r\n", bytes(100_000)),
        ("/a-part-of-a-body", "Content-Length: 100000\r\n", half.clone()),
        ("/whole-chunks", "Transfer-Encoding: chunked\r\n", [&chunk, &chunk[..], b"0\r\n\r\n"].concat()),
        ("/a-part-in-chunks", "Transfer-Encoding: chunked\r\n", chunk.clone()),
        ("/more-than-is-read", "Content-Length: 5000000\r\n", bytes(AHEAD + (32 << 10))),
        ("/nothing-before-it-is-told-to", "Content-Length: 5\r\nExpect: 100-continue\r\n", Vec::new()),
    ];
    for (path, headers, body) in cases {
        for orderly in [true, false] {
            let bench = waiting().await;
            let client = sends(&bench, path, headers, &body).await;
            bench.has_struck(1).await;
            if orderly {
                drop(client);
            } else {
                client.reset();
            }
            bench.heal().await;
            bench.next_is_ours().await;
            bench.east.sees_nobody().await;
        }
    }
}

#[tokio::test]
async fn a_request_that_waits_goes_nowhere_when_its_client_gives_up_and_its_time_comes() {
    let bench = Bench::new().await;
    bench.east(Effect::Latency(Delay::Fixed { by: Span::from_ms(200) })).await;
    let client = sends(&bench, "/given-up", "Content-Length: 100000\r\n", &bytes(100_000)).await;
    bench.has_struck(1).await;
    drop(client);
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_body_longer_than_what_is_read_ahead_passes_whole_after_its_wait() {
    let bench = waiting().await;
    let body = bytes(3 * AHEAD);
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", "/b/k", &format!("Content-Length: {}\r\n", body.len()))).await;
    let ((), ()) = tokio::join!(client.send(&body), async {
        bench.has_struck(1).await;
        bench.heal().await;
        let mut region = bench.east.accept().await;
        assert!(region.head().await.starts_with("PUT /b/k "));
        assert!(region.exactly(body.len()).await == body, "the body differs");
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_continue_after_its_wait() {
    let bench = waiting().await;
    let mut client = sends(&bench, "/b/k", "Content-Length: 5\r\nExpect: 100-continue\r\n", b"").await;
    client.hears_nothing().await;
    bench.heal().await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abcde").await;
    let mut region = bench.east.accept().await;
    region.head().await;
    assert_eq!(region.exactly(5).await, b"abcde");
}
