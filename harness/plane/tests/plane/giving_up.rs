//! Clients that give up while a rule makes their requests wait, or paces them: no region carries those out. Others are served as
//! before.

use firedrill_clock::poll;
use firedrill_model::{
    rule::{Delay, Effect},
    units::{ByteSize, Span},
};

use super::wire::{Bench, EAST, QUIET, Wire, bytes, signed};

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

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunks,
    Trailers,
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunks, Framing::Trailers];

impl Framing {
    /// The lines of the head, and the body as it is sent.
    fn framed(self, body: &[u8]) -> (String, Vec<u8>) {
        let length = match self {
            Self::Length => return (format!("Content-Length: {}\r\n", body.len()), body.to_vec()),
            Self::Chunks => "0\r\n\r\n",
            Self::Trailers => "0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n",
        };
        let chunk = |chunk: &[u8]| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        let chunks = body.chunks(10_000).flat_map(chunk).chain(length.bytes()).collect();
        let trailer = if matches!(self, Self::Trailers) { "Trailer: x-amz-checksum-crc32\r\n" } else { "" };
        (format!("Transfer-Encoding: chunked\r\n{trailer}"), chunks)
    }

    /// Takes the body at the region.
    async fn taken(self, region: &mut Wire, length: usize) -> Vec<u8> {
        match self {
            Self::Length => region.exactly(length).await,
            Self::Chunks | Self::Trailers => region.chunked().await.0,
        }
    }

    /// Whether what came to a region is a body that it would carry out.
    fn is_whole(self, came: &[u8], length: usize) -> bool {
        match self {
            Self::Length => came.len() == length,
            Self::Chunks | Self::Trailers => came.windows(5).any(|five| five == b"\r\n0\r\n"),
        }
    }
}

/// Leaves in order, or by a reset.
fn leave(client: Wire, orderly: bool) {
    if orderly {
        drop(client);
    } else {
        client.reset();
    }
}

/// More than the plane has in hand of a body that is paced: the end of its client stands behind bytes that nobody has read.
const LONG: usize = 1_000_000;

fn paced() -> Effect {
    Effect::Bandwidth { per_second: ByteSize::new(4_000_000) }
}

#[tokio::test]
async fn a_paced_request_is_never_whole_when_its_client_gives_up_on_the_way() {
    let body = bytes(LONG);
    for framing in FRAMINGS {
        let (head, framed) = framing.framed(&body);
        let (half, all) = (&framed[..framed.len() / 2], &framed[..]);
        // Behind the beginning of another request nobody looks for the end of the connection.
        let and_more = [all, b"GET /the-next-one HTTP/1.1\r\n"].concat();
        for (sent, orderly) in [(half, true), (all, true), (&and_more, true), (all, false)] {
            let bench = Bench::new().await;
            bench.east(paced()).await;
            let client = sends(&bench, "/b/k", &head, sent).await;
            let mut region = bench.east.accept().await;
            region.head().await;
            region.exactly(1000).await;
            leave(client, orderly);
            let (came, _) = region.rest().await;
            assert!(!framing.is_whole(&came, LONG - 1000), "{framing:?}, {} sent, orderly: {orderly}", sent.len());
        }
    }
}

#[tokio::test]
async fn a_paced_request_arrives_whole_when_its_client_stays() {
    let body = bytes(LONG);
    for framing in FRAMINGS {
        let bench = Bench::new().await;
        bench.east(paced()).await;
        let (head, framed) = framing.framed(&body);
        let mut client = sends(&bench, "/b/k", &head, &framed).await;
        let mut region = bench.east.accept().await;
        region.head().await;
        assert!(framing.taken(&mut region, LONG).await == body, "{framing:?}: the body differs");
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"), "{framing:?}");
    }
}

/// How much of a body a client can send while its request waits.
async fn taken_by_sockets() -> usize {
    let bench = waiting().await;
    let portion = bytes(100_000);
    let mut client = sends(&bench, "/b/k", "Content-Length: 1000000000\r\n", b"").await;
    let mut taken = 0;
    while let Some(sent) = poll::at_most(QUIET, client.try_send(&portion)).await {
        sent.unwrap();
        taken += portion.len();
    }
    taken
}

/// On more than one thread, so that the client's end and what the region takes can come in any order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_body_that_was_sent_before_its_client_gave_up_is_never_whole() {
    let taken = taken_by_sockets().await;
    let step = (taken - AHEAD) / 8;
    // The end of the client arrives together with it, or waits behind it in the client's own socket.
    let cases = (1..7).map(|n| (n, true)).chain([(3, false)]);
    for ((n, orderly), framing) in cases.flat_map(|case| FRAMINGS.map(|framing| (case, framing))) {
        let length = AHEAD + n * step;
        let (head, framed) = framing.framed(&bytes(length));
        let bench = waiting().await;
        let client = sends(&bench, "/b/k", &head, &framed).await;
        bench.has_struck(1).await;
        leave(client, orderly);
        bench.heal().await;
        // Who has begun to send it before the end could be seen breaks off.
        if let Some(mut region) = bench.east.sees().await {
            let (came, _) = region.rest().await;
            let head = came.windows(4).position(|four| four == b"\r\n\r\n").map_or(came.len(), |at| at + 4);
            assert!(!framing.is_whole(&came[head..], length), "{length}, {framing:?}, orderly: {orderly}");
        }
    }
}
