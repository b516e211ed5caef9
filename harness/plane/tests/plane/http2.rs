//! Clients that speak HTTP/2 from the first byte; the region is spoken to in HTTP/1.1.

use std::convert::Infallible;

use bytes::Bytes;
use firedrill_model::{
    rule::{Delay, Effect},
    units::Span,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::wire::{Bench, EAST, WEST, Wire, bytes, in_time, signed};

pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// A connection to the address of the east.
pub(crate) async fn client(bench: &Bench) -> SendRequest<Body> {
    let address = bench.plane.address(&firedrill_model::ids::Region::from(EAST).into()).unwrap();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (client, connection) = in_time("HTTP/2", http2::handshake(TokioExecutor::new(), stream)).await.unwrap();
    // It ends with the client or with the plane.
    tokio::spawn(async move { drop(connection.await) });
    client
}

pub(crate) fn request(region: &str, method: &str, target: &str, body: Body) -> Request<Body> {
    let scope = format!("000000000000/20261123/{region}/kinesis/aws4_request");
    Request::builder()
        .method(method)
        .uri(format!("http://kinesis.{region}.amazonaws.com{target}"))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"))
        .header("x-amz-target", "Kinesis_20131202.PutRecords")
        .body(body)
        .unwrap()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

async fn whole(answer: Response<Incoming>) -> Vec<u8> {
    in_time("a body", answer.into_body().collect()).await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn requests_and_answers_pass_whole_and_as_http_1_1() {
    let bench = Bench::new().await;
    let mut client = client(&bench).await;
    let sent = bytes(3 << 20);
    let known = client.send_request(request(EAST, "POST", "/a%2Fb?c=d", full(sent.clone())));
    let mut region = bench.east.accept().await;
    let (answer, ()) = tokio::join!(known, async {
        let head = region.head().await;
        let lower = head.to_lowercase();
        assert!(head.starts_with("POST /a%2Fb?c=d HTTP/1.1\r\n"), "{head}");
        assert_eq!(lower.matches("host: ").count(), 1, "{head}");
        for line in ["host: kinesis.us-east-1.amazonaws.com\r\n", "content-length: 3145728\r\n", "signature=00\r\n"] {
            assert!(lower.contains(line), "{line:?} is not in {head}");
        }
        assert_eq!(region.exactly(3 << 20).await, sent);
        region.send("HTTP/1.1 404 Not Found\r\nx-amzn-RequestId: one\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno").await;
    });
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-amzn-requestid"]), (404, &"one".parse().unwrap()));
    assert!(!answer.headers().contains_key("connection"));
    assert_eq!(whole(answer).await, b"no");

    // Of a length that nobody knows, both ways.
    let pieces = futures_util::stream::iter([b"ab", b"cd"].map(|piece| Ok(Frame::data(Bytes::from_static(piece)))));
    let unknown = client.send_request(request(EAST, "POST", "/", StreamBody::new(pieces).boxed_unsync()));
    let (answer, ()) = tokio::join!(unknown, async {
        region.head().await;
        assert_eq!(region.chunked().await.0, b"abcd");
        region.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n").await;
    });
    assert_eq!(whole(answer.unwrap()).await, b"xyz");
}

#[tokio::test]
async fn a_rule_cuts_off_one_request_and_leaves_the_others_of_its_connection() {
    for effect in [Effect::Reset, Effect::BlackHole] {
        let bench = Bench::new().await;
        let mut client = client(&bench).await;
        let waiting = client.send_request(request(EAST, "POST", "/", full("")));
        let mut east = bench.east.accept().await;
        east.head().await;
        bench.east(effect.clone()).await;
        let passing = client.send_request(request(WEST, "POST", "/", full("")));
        let (answer, ()) = tokio::join!(passing, async {
            let mut west = bench.west.accept().await;
            west.head().await;
            west.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        });
        assert_eq!(answer.unwrap().status(), 200, "{effect:?}");
        if effect == Effect::Reset {
            let error = in_time("the end of the request", waiting).await.unwrap_err();
            assert!(!client.is_closed(), "{error:?}");
        } else {
            // Nobody says anything, until the fault ends.
            bench.heal().await;
            assert!(in_time("the end of the request", waiting).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_request_that_waits_goes_nowhere_when_its_client_gives_up() {
    let bench = Bench::new().await;
    bench.east(Effect::Latency(Delay::Fixed { by: Span::from_secs(3600) })).await;
    let mut client = client(&bench).await;
    let waiting = client.send_request(request(EAST, "POST", "/", full(bytes(100_000))));
    bench.has_struck(1).await;
    drop(waiting);
    // It comes after the end of the other one.
    let passing = client.send_request(request(WEST, "POST", "/", full("")));
    let (answer, ()) = tokio::join!(passing, async {
        let mut west = bench.west.accept().await;
        west.head().await;
        west.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert_eq!(answer.unwrap().status(), 200);
    bench.heal().await;
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_whole() {
    let bench = Bench::new().await;
    let mut client = client(&bench).await;
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ] {
        let asked = client.send_request(request(EAST, "POST", "/", full("")));
        let (answer, ()) = tokio::join!(asked, async {
            let mut region = bench.east.accept().await;
            region.head().await;
            region.send(part).await;
        });
        assert!(in_time("the end", answer.unwrap().into_body().collect()).await.is_err(), "{part:?}");
    }
}

#[tokio::test]
async fn a_region_that_is_lost_breaks_off_the_connection_and_takes_no_other() {
    let bench = Bench::new().await;
    let mut client = client(&bench).await;
    let waiting = client.send_request(request(EAST, "POST", "/", full("")));
    let mut region = bench.east.accept().await;
    region.head().await;
    bench.east(Effect::Refuse).await;
    assert!(in_time("the end of the request", waiting).await.is_err());
    assert!(in_time("the end of the connection", client.ready()).await.is_err());
    assert_eq!(region.rest().await.0, b"");
}

#[tokio::test]
async fn what_begins_like_http_2_and_is_not_is_read_as_it_came() {
    let bench = Bench::new().await;
    let mut client: Wire = bench.client(EAST).await;
    for piece in ["P", "U", &signed("PUT", "/b/k", "Content-Length: 2\r\n")[2..], "a", "b"] {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    let mut region = bench.east.accept().await;
    assert!(region.head().await.starts_with("PUT /b/k HTTP/1.1\r\n"));
    assert_eq!(region.exactly(2).await, b"ab");
}

#[tokio::test]
async fn hostile_requests_reach_no_region() {
    let bench = Bench::new().await;
    let east = || request(EAST, "POST", "/", full(""));
    let with = |name: &'static str, value: String| {
        let mut request = east();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for hostile in [
        with("x-amz-meta-long", "x".repeat(300 << 10)),
        with("content-length", "5".to_owned()),
        Request::builder().method("CONNECT").uri("kinesis.us-east-1.amazonaws.com:443").body(full("")).unwrap(),
    ] {
        let mut client = client(&bench).await;
        let answer = in_time("an end", client.send_request(hostile)).await;
        assert!(answer.is_err() || !answer.as_ref().unwrap().status().is_success(), "{answer:?}");
    }
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_body_that_waits_does_not_hold_up_another_request() {
    let bench = Bench::new().await;
    let mut client = client(&bench).await;
    let large = client.send_request(request(EAST, "POST", "/large", full(bytes(4 << 20))));
    // It takes the head and reads no further.
    let mut east = bench.east.accept().await;
    east.head().await;
    let small = client.send_request(request(WEST, "POST", "/", full(bytes(100 << 10))));
    let (answer, ()) = tokio::join!(small, async {
        let mut west = bench.west.accept().await;
        west.head().await;
        assert_eq!(west.exactly(100 << 10).await, bytes(100 << 10));
        west.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert_eq!(answer.unwrap().status(), 200);
    drop(large);
}
