use std::collections::BTreeMap;

use firedrill_clock::clock::RunClock;
use firedrill_model::{
    ids::Region,
    rule::{Effect, Pattern, Rule, Scope},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

use super::*;
use crate::{
    forward::{Front, Upstreams},
    rules::{RuleBook, Source},
    tls::Trust,
};

/// So long a client may take for a head, here.
const LIMIT: Span = Span::from_ms(400);
/// Longer than anything here takes.
const IN_TIME: Span = Span::from_secs(10);
/// A request that the plane answers itself.
const WHOLE: &str = "GET /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn an_address_that_is_reserved_is_given_to_nobody_who_would_share_it() {
    let gate = Gate::reserve().unwrap();
    let taken = bind(gate.address()).and_then(|socket| socket.listen(BACKLOG));
    assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(gate.is_refused().await);
}

/// A gate that does not wait long for a head or for a body that it has to read, in front of a region that nobody serves.
fn impatient() -> Gate {
    impatient_under(Vec::new())
}

fn impatient_under(standing: Vec<Rule>) -> Gate {
    let nobody = Gate::reserve().unwrap();
    let upstreams = Upstreams::by_region(&BTreeMap::from([(Region::from("us-east-1"), nobody.address())])).unwrap();
    let (bites, _) = mpsc::unbounded_channel();
    let rules = RuleBook::new(1, bites);
    rules.switch_on(&Source::Named("test".into()), standing);
    let mut forwarder = Forwarder::new(upstreams, Trust::nobody(), rules, Front::Drill, Arc::default());
    forwarder.patience = LIMIT;
    let mut gate = Gate { header_limit: LIMIT, ..Gate::reserve().unwrap() };
    gate.open(Arc::new(forwarder), None).unwrap();
    gate
}

async fn client(gate: &Gate, sends: &str) -> TcpStream {
    let mut client = TcpStream::connect(gate.address()).await.unwrap();
    client.write_all(sends.as_bytes()).await.unwrap();
    client
}

/// Everything that a client hears until its connection is closed in order.
async fn heard(client: &mut TcpStream) -> String {
    let mut heard = String::new();
    poll::at_most(IN_TIME, client.read_to_string(&mut heard)).await.expect("the end of a connection").unwrap();
    heard
}

/// The answer to [`WHOLE`].
async fn answered(client: &mut TcpStream) {
    let mut heard = String::new();
    while !heard.ends_with('}') {
        let mut some = [0; 1024];
        let read = poll::at_most(IN_TIME, client.read(&mut some)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "the connection ended after {heard:?}");
        heard.push_str(std::str::from_utf8(&some[..read]).unwrap());
    }
    assert!(heard.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{heard}");
}

#[tokio::test]
async fn a_head_that_is_not_finished_in_time_is_answered_and_the_connection_closed() {
    let gate = impatient();
    for begun in ["P", "GET /b/k HT", "PUT /b/k HTTP/1.1\r\nHost: localhost\r\nx-amz-meta-slow: a"] {
        let mut client = client(&gate, begun).await;
        let heard = heard(&mut client).await;
        let (head, body) = heard.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{begun:?} was told {heard:?}");
        for line in ["x-firedrill-fault: true", "connection: close", &format!("content-length: {}", body.len())] {
            assert!(head.lines().any(|said| said == line), "{line:?} is not in {head}");
        }
        assert!(body.contains(r#""__type":"RequestTimeout""#) && body.contains("not whole within"), "{body}");
    }
}

#[tokio::test]
async fn the_next_head_of_a_connection_has_to_be_in_time_too() {
    let gate = impatient();
    let mut client = client(&gate, WHOLE).await;
    answered(&mut client).await;
    client.write_all(b"GET /b/next").await.unwrap();
    assert!(heard(&mut client).await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_is_closed_without_a_word() {
    let (clock, gate) = (RunClock::start(), impatient());
    let began = clock.now();
    assert_eq!(heard(&mut client(&gate, "").await).await, "", "from its beginning");
    let mut idle = client(&gate, WHOLE).await;
    answered(&mut idle).await;
    assert_eq!(heard(&mut idle).await, "", "after an answer");
    let mut blank = client(&gate, WHOLE).await;
    answered(&mut blank).await;
    blank.write_all(b"\r\n").await.unwrap();
    assert_eq!(heard(&mut blank).await, "", "after an empty line");
    assert!(clock.now().since(began) >= LIMIT, "not before its time");
}

#[tokio::test]
async fn others_are_served_while_a_client_is_slow() {
    let gate = impatient();
    let mut slow = client(&gate, "GET /b/k HTTP/1.1\r\nHost: ").await;
    answered(&mut client(&gate, WHOLE).await).await;
    assert!(heard(&mut slow).await.starts_with("HTTP/1.1 408 "));
    answered(&mut client(&gate, WHOLE).await).await;
}

#[tokio::test]
async fn a_body_that_is_read_for_rules_and_does_not_come_is_answered_and_the_connection_closed() {
    let of_table = Scope { resource: vec![Pattern::new("orders")], ..Scope::default() };
    let delayed = Effect::Delayed { by: Span::from_ms(1) };
    for rule in [Rule::of(of_table, Effect::Reset), Rule::of(Scope::default(), delayed)] {
        let gate = impatient_under(vec![rule]);
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n\
                    Content-Type: application/x-amz-json-1.0\r\nContent-Length: 22\r\nAuthorization: AWS4-HMAC-SHA256 \
                    Credential=0/20261123/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n";
        let (clock, mut client) = (RunClock::start(), client(&gate, head).await);
        let began = clock.now();
        client.write_all(b"{\"TableName\":").await.unwrap();
        let heard = heard(&mut client).await;
        assert!(clock.now().since(began) >= LIMIT, "not before its time");
        let (head, body) = heard.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{heard:?}");
        for line in ["x-firedrill-fault: true", "connection: close", &format!("content-length: {}", body.len())] {
            assert!(head.lines().any(|said| said == line), "{line:?} is not in {head}");
        }
        assert!(body.contains("RequestTimeout") && body.contains("nothing more came within"), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_no_rule_asks_for_may_take_its_time() {
    let gate = impatient_under(vec![Rule::of(Scope::default(), Effect::Deny)]);
    let head = "PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n";
    let signed = format!(
        "{head}Authorization: AWS4-HMAC-SHA256 \
                    Credential=0/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    );
    let mut client = client(&gate, &signed).await;
    assert!(poll::at_most(LIMIT.plus(LIMIT), client.read_u8()).await.is_none(), "told something");
    client.write_all(b"abc").await.unwrap();
    let mut status = [0; 12];
    poll::at_most(IN_TIME, client.read_exact(&mut status)).await.expect("an answer").unwrap();
    assert_eq!(&status, b"HTTP/1.1 403");
}
