use std::{collections::BTreeMap, sync::Arc};

use firedrill_clock::poll;
use firedrill_model::{
    ids::Region,
    rule::{Effect, Rule, Scope},
    units::Span,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::*;
use crate::{
    forward::{Forwarder, Front, Upstreams},
    listener::Gate,
    rules::{RuleBook, Source},
    tls::Trust,
};

/// Longer than anything here takes.
const IN_TIME: Span = Span::from_secs(10);

#[test]
fn there_is_room_for_so_much_at_a_time_and_again_when_it_is_given_back() {
    let late = Late::of(2 * HEAD + 100);
    let first = late.room(60).expect("room");
    assert!(late.room(41).is_none());
    let second = late.room(40).expect("all that is left");
    assert!(late.room(0).is_none(), "a request without a body takes some too");
    drop(first);
    assert!(late.room(60).is_some());
    drop(second);
    assert!(late.room(usize::MAX).is_none());
    assert!(Late::default().room(16 << 20).is_some(), "the longest request that is kept");
}

/// A plane with so much room in front of a region, where every request is late.
fn plane(region: &TcpListener, room: usize, rules: &RuleBook) -> Gate {
    let upstreams = BTreeMap::from([(Region::from("us-east-1"), region.local_addr().unwrap())]);
    let upstreams = Upstreams::by_region(&upstreams).unwrap();
    let mut forwarder = Forwarder::new(upstreams, Trust::nobody(), rules.clone(), Front::Drill, Arc::default());
    forwarder.late = Late::of(room);
    let mut gate = Gate::reserve().unwrap();
    gate.open(Arc::new(forwarder), None).unwrap();
    gate
}

async fn sends(gate: &Gate, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(gate.address()).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=0/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\nabc"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

/// The first line of the next request that the region sees.
async fn seen(region: &TcpListener) -> String {
    let reading = async {
        let mut stream = region.accept().await.unwrap().0;
        let mut seen = Vec::new();
        while !seen.ends_with(b"abc") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "the request is not whole");
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(seen).unwrap().lines().next().unwrap().to_owned()
    };
    poll::at_most(IN_TIME, reading).await.expect("a request")
}

#[tokio::test]
async fn a_request_for_which_there_is_no_room_goes_late_with_its_client_and_not_without() {
    let region = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (bites, _) = mpsc::unbounded_channel();
    let rules = RuleBook::new(1, bites);
    let late = Rule::of(Scope::default(), Effect::Delayed { by: Span::from_ms(800) });
    rules.switch_on(&Source::Named("test".into()), [late]);
    let gate = plane(&region, HEAD + 3, &rules);
    // It takes all the room, and leaves.
    let kept = sends(&gate, "/kept").await;
    struck(&rules, 1).await;
    drop(kept);
    let _there = sends(&gate, "/there").await;
    let gone = sends(&gate, "/gone").await;
    struck(&rules, 3).await;
    drop(gone);
    let mut all = [seen(&region).await, seen(&region).await];
    all.sort();
    assert_eq!(all, ["PUT /kept HTTP/1.1", "PUT /there HTTP/1.1"]);
    assert!(poll::at_most(Span::from_ms(300), region.accept()).await.is_none(), "nothing of who has left");
}

/// Waits until the rule has struck so many requests.
async fn struck(rules: &RuleBook, requests: u64) {
    let cancel = tokio_util::sync::CancellationToken::new();
    let waiting = poll::until("the rule to strike", Span::from_ms(1), IN_TIME, &cancel, async || {
        let struck = rules.list()[0].struck;
        if struck == requests { poll::Look::Ready(()) } else { poll::Look::NotYet(format!("{struck} struck")) }
    });
    waiting.await.unwrap();
}
