//! Requests that are made to look like another number of requests to one neighbour than to the next. Whatever a client sends, the
//! plane judges every request that reaches a region, and a region can read what it gets in one way only.

use std::{
    cell::Cell,
    env,
    sync::{Arc, Mutex},
};

use firedrill_model::{
    rule::{Effect, Rule},
    units::ByteSize,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::wire::{Bench, EAST, Stub, signed, signed_for};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// What differs between two readings of a request.
const PIECES: [&str; 16] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    "Content-Length: 0\r\n",
    "Content-Length: 7\r\n",
    "Content-Length: +7\r\n",
    "Content-Length : 7\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\u{b}chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "0\r\n\r\n",
    "7;a=b\r\n",
    "Connection: Content-Length, Transfer-Encoding\r\n",
];

/// A change of a text at a place that is a share of its length.
type Edit = (prop::sample::Index, usize, Option<prop::sample::Index>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let piece = prop::option::of(any::<prop::sample::Index>());
    prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, piece), 0..6)
}

/// Takes up to 3 bytes away at each place and puts a piece there.
fn edited(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, gone, piece) in edits {
        let at = place.index(bytes.len() + 1);
        let end = (at + gone).min(bytes.len());
        let piece = piece.map_or("", |piece| PIECES[piece.index(PIECES.len())]);
        bytes.splice(at..end, piece.bytes());
    }
    bytes
}

/// A request in whose body another one stands, by length, in chunks, or by both.
fn nested(framing: u8) -> String {
    let inner = signed("GET", "/b/smuggled", "");
    let chunked = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    match framing {
        0 => format!("{}{inner}", signed("PUT", "/b/outer", &format!("Content-Length: {}\r\n", inner.len()))),
        1 => format!("{}{chunked}", signed("PUT", "/b/outer", "Transfer-Encoding: chunked\r\n")),
        _ => {
            let both = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunked.len());
            format!("{}{chunked}", signed("PUT", "/b/outer", &both))
        }
    }
}

/// The first request in `bytes` with the rest of them, if it is there whole; read as strictly as RFC 9112 allows.
fn split(bytes: &[u8]) -> Result<Option<(String, &[u8])>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let (head, mut body) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..]);
    let lines: Vec<&str> = head.split("\r\n").collect();
    if head.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err(format!("bare line ends: {head:?}"));
    }
    let framing = |name: &str| {
        let mut values = lines.iter().skip(1).filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| (key.to_owned(), value.trim().to_owned()))
        });
        let first = values.next();
        let clear = values.next().is_none() && first.as_ref().is_none_or(|(key, _)| key.trim() == key);
        if clear { Ok(first.map(|(_, value)| value)) } else { Err(format!("`{name}` is not clear: {head:?}")) }
    };
    match (framing("content-length")?, framing("transfer-encoding")?) {
        (None, None) => Ok(Some((head, body))),
        (Some(length), None) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length: usize = length.parse().map_err(|_| format!("a length: {head:?}"))?;
            Ok(body.get(length..).map(|rest| (head, rest)))
        }
        (None, Some(coding)) if coding == "chunked" => loop {
            let Some(line) = body.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
            let size = String::from_utf8_lossy(&body[..line]).into_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| format!("a chunk of {size:?}"))?;
            let Some(rest) = body.get(line + 2 + size + 2..) else { return Ok(None) };
            body = rest;
            if size == 0 {
                return Ok(Some((head, body)));
            }
        },
        other => Err(format!("a body by {other:?}: {head:?}")),
    }
}

/// Answers what comes, and keeps the heads; what cannot be read in one way alone is kept as such.
async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Result<String, String>>>>) {
    let mut bytes = Vec::new();
    loop {
        match split(&bytes) {
            Ok(Some((head, rest))) => {
                seen.lock().unwrap().push(Ok(head));
                bytes = rest.to_vec();
                if stream.write_all(ANSWER).await.is_err() {
                    return;
                }
            }
            Ok(None) => match stream.read_buf(&mut bytes).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            },
            Err(unclear) => return seen.lock().unwrap().push(Err(unclear)),
        }
    }
}

async fn accept(region: Stub, seen: Arc<Mutex<Vec<Result<String, String>>>>) {
    loop {
        tokio::spawn(serve(region.accept_when_it_comes().await, Arc::clone(&seen)));
    }
}

#[test]
fn no_request_reaches_a_region_past_the_rules() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let seen = Arc::<Mutex<Vec<Result<String, String>>>>::default();
    let bench = runtime.block_on(async {
        let mut bench = Bench::new().await;
        // For every request there is, and counted.
        let counts = Effect::Truncate { after: ByteSize::new(u64::MAX) };
        bench.rule(Rule::of_region(&EAST.into(), counts)).await;
        let east = std::mem::replace(&mut bench.east, Stub::bind().await);
        tokio::spawn(accept(east, Arc::clone(&seen)));
        bench
    });
    let cases = if env::var_os("FIREDRILL_NIGHTLY").is_some() { 20_000 } else { 400 };
    let arrived = Cell::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&(0..3_u8, edits()), |(framing, edits)| {
        let request = edited(&nested(framing), &edits);
        runtime.block_on(async {
            let mut client = bench.client(EAST).await;
            drop(client.try_send(&request).await);
            client.finish().await;
            client.rest().await;
        });
        // One of an earlier case may arrive as late as now. It was judged before that.
        let heads = std::mem::take(&mut *seen.lock().unwrap());
        let heads = heads.into_iter().collect::<Result<Vec<_>, _>>().map_err(TestCaseError::fail)?;
        arrived.set(arrived.get() + heads.len() as u64);
        let judged = bench.plane.list()[0].matched;
        prop_assert!(arrived.get() <= judged, "{judged} judged, {} arrived, the last: {heads:#?}", arrived.get());
        Ok(())
    });
    outcome.unwrap();
    assert!(arrived.get() > 0, "no request reached the region at all");
    let passed = runtime.block_on(async {
        let mut client = bench.client(EAST).await;
        client.send(signed_for(EAST, "PUT", "/b/at-last", "Content-Length: 0\r\n")).await;
        client.head().await
    });
    assert!(passed.starts_with("HTTP/1.1 204 "));
    assert!(
        seen.lock().unwrap().iter().any(|head| head.as_ref().is_ok_and(|head| head.starts_with("PUT /b/at-last ")))
    );
}

#[test]
fn what_can_be_read_in_two_ways_is_not_taken() {
    let head = |headers: &str| format!("PUT /k HTTP/1.1\r\n{headers}\r\n");
    for unclear in [
        head("Content-Length: 1\r\nContent-Length: 1\r\n") + "a",
        head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
        head("Content-Length: +1\r\n") + "a",
        head("Content-Length : 1\r\n") + "a",
        head("Transfer-Encoding: gzip\r\n") + "0\r\n\r\n",
        head("x: a\nContent-Length: 1\r\n") + "a",
    ] {
        assert!(split(unclear.as_bytes()).is_err(), "{unclear:?}");
    }
    let two = head("Content-Length: 1\r\n") + "a" + &head("Transfer-Encoding: chunked\r\n") + "1\r\nb\r\n0\r\n\r\nrest";
    let (_, rest) = split(two.as_bytes()).unwrap().unwrap();
    let (_, rest) = split(rest).unwrap().unwrap();
    assert_eq!(rest, b"rest");
}
