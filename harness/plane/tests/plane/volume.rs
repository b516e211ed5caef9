//! Size: bodies pass as streams, and a side that does not read holds the other one back.

use std::{env, fs, sync::LazyLock};

use firedrill_clock::poll;
use firedrill_model::{
    rule::{Delay, Effect},
    units::Span,
};
use sha2::{Digest, Sha256};

use super::wire::{Bench, EAST, Wire, bytes, signed};

/// The largest object that one request can write to S3, in the night; less of it by day.
static BODY: LazyLock<usize> =
    LazyLock::new(|| if env::var_os("FIREDRILL_NIGHTLY").is_some() { 5 << 30 } else { 256 << 20 });
const PIECE: usize = 64 << 10;
/// What this process may grow by while the body passes, the client's and the region's end included.
const GROWTH_MAX: usize = 32 << 20;
/// What may be under way between two ends of which one does not read: the sockets' own buffers, and a little.
const UNDER_WAY_MAX: usize = 64 << 20;

/// The most memory this process has had, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

async fn pour(wire: &mut Wire) -> Vec<u8> {
    let mut digest = Sha256::new();
    let piece = bytes(PIECE + 256);
    for n in 0..*BODY / PIECE {
        let piece = &piece[n % 256..][..PIECE];
        digest.update(piece);
        wire.send(piece).await;
    }
    digest.finalize().to_vec()
}

async fn drink(wire: &mut Wire) -> Vec<u8> {
    let mut digest = Sha256::new();
    for _ in 0..*BODY / PIECE {
        digest.update(wire.exactly(PIECE).await);
    }
    digest.finalize().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_large_a_body_as_there_is_passes_each_way_in_constant_memory() {
    let bench = Bench::new().await;
    let length = format!("Content-Length: {}\r\n", *BODY);
    let before = peak();
    let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/large", &length)).await;
    let (sent, arrived) = tokio::join!(pour(&mut client), drink(&mut region));
    assert_eq!(sent, arrived, "what was sent to the region");
    region.send(format!("HTTP/1.1 200 OK\r\n{length}\r\n")).await;
    client.head().await;
    let (sent, arrived) = tokio::join!(pour(&mut region), drink(&mut client));
    assert_eq!(sent, arrived, "what was answered");
    let growth = peak() - before;
    assert!(growth <= GROWTH_MAX, "the process grew by {growth} bytes");
}

/// Sends until nothing more is taken; how much that was.
async fn until_held_back(wire: &mut Wire) -> usize {
    let piece = bytes(PIECE);
    let mut sent = 0;
    while sent < *BODY && poll::at_most(super::wire::QUIET, wire.try_send(&piece)).await.is_some() {
        sent += PIECE;
    }
    sent
}

#[tokio::test]
async fn a_side_that_does_not_read_holds_the_other_back() {
    let bench = Bench::new().await;
    let length = format!("Content-Length: {}\r\n", *BODY);
    let (mut client, _region, _) = bench.exchange(&signed("PUT", "/b/large", &length)).await;
    let sent = until_held_back(&mut client).await;
    assert!(sent < UNDER_WAY_MAX, "{sent} bytes were taken from a client whose region reads nothing");

    let (_client, mut region, _) = bench.exchange(&signed("GET", "/b/large", "")).await;
    region.send(format!("HTTP/1.1 200 OK\r\n{length}\r\n")).await;
    let sent = until_held_back(&mut region).await;
    assert!(sent < UNDER_WAY_MAX, "{sent} bytes were taken from a region whose client reads nothing");
}

#[tokio::test]
async fn a_client_whose_request_waits_is_held_back() {
    let bench = Bench::new().await;
    bench.east(Effect::Latency(Delay::Fixed { by: Span::from_secs(3600) })).await;
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", "/b/large", &format!("Content-Length: {}\r\n", *BODY))).await;
    let sent = until_held_back(&mut client).await;
    assert!(sent < UNDER_WAY_MAX, "{sent} bytes were taken from a client whose request waits");
}
