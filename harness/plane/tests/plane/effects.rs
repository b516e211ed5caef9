//! What each effect looks like from both ends.

use std::time::Instant;

use firedrill_model::{
    ids::Region,
    rule::{Count, Delay, Effect, ExchangeSide, Firing, Pattern, Rule},
    units::{ByteSize, Span},
};

use super::wire::{Bench, EAST, End, QUIET, Wire, bite, by, bytes, signed};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
const BODY: &str = "Content-Length: 5\r\n";

fn east(side: ExchangeSide, effect: Effect) -> Rule {
    Rule { side, ..Rule::of_region(&Region::from(EAST), effect) }
}

fn slow_down() -> Effect {
    Effect::Error { status: 503, code: "SlowDown".into() }
}

/// Sends a request with a body of five bytes.
async fn put(bench: &Bench, path: &str) -> Wire {
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", path, BODY)).await;
    client.send("12345").await;
    client
}

/// Takes a request with a body of five bytes at the region, and answers it.
async fn taken(bench: &Bench) -> String {
    let mut region = bench.east.accept().await;
    let head = region.head().await;
    assert_eq!(region.exactly(5).await, b"12345");
    region.send(OK).await;
    head
}

/// The status line and the body of an answer that has a length.
async fn answer(client: &mut Wire) -> (String, String) {
    let head = client.head().await;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
        .expect("a length");
    let body = client.exactly(length.parse().unwrap()).await;
    (head.lines().next().unwrap().to_owned(), String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn an_error_answers_in_the_place_of_the_service_on_a_connection_that_stays() {
    let mut bench = Bench::new().await;
    bench.east(slow_down()).await;
    let mut client = put(&bench, "/b/k").await;
    for _ in 0..2 {
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert!(body.contains("<Error><Code>SlowDown</Code>"), "{body}");
        client.send(signed("PUT", "/b/k", BODY)).await;
        client.send("12345").await;
    }
    assert_eq!(bench.bites.try_recv(), Ok(bite()));
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_the_error_and_sends_no_body() {
    let bench = Bench::new().await;
    bench.east(slow_down()).await;
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", "/b/k", "Content-Length: 5000000\r\nExpect: 100-continue\r\n")).await;
    assert_eq!(answer(&mut client).await.0, "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test]
async fn an_error_on_the_answers_side_hides_that_the_service_did_it() {
    let bench = Bench::new().await;
    bench.rule(east(ExchangeSide::Response, slow_down())).await;
    let mut client = put(&bench, "/b/k").await;
    taken(&bench).await;
    assert_eq!(answer(&mut client).await.0, "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test]
async fn a_reset_on_the_answers_side_comes_after_the_service_did_it() {
    let bench = Bench::new().await;
    bench.rule(east(ExchangeSide::Response, Effect::Reset)).await;
    let mut client = put(&bench, "/b/k").await;
    taken(&bench).await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
}

#[tokio::test]
async fn an_answer_that_is_held_is_never_heard() {
    let bench = Bench::new().await;
    bench.rule(east(ExchangeSide::Response, Effect::BlackHole)).await;
    let mut client = put(&bench, "/b/k").await;
    taken(&bench).await;
    client.hears_nothing().await;
    bench.heal().await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
}

#[tokio::test]
async fn the_first_two_fail_and_the_third_passes() {
    let bench = Bench::new().await;
    let fires = Firing { count: Some(Count::First(2)), ..Firing::default() };
    bench.rule(Rule { fires, ..east(ExchangeSide::Request, slow_down()) }).await;
    for _ in 0..2 {
        assert_eq!(answer(&mut put(&bench, "/b/k").await).await.0, "HTTP/1.1 503 Service Unavailable");
    }
    let mut third = put(&bench, "/b/third").await;
    assert!(taken(&bench).await.starts_with("PUT /b/third "));
    assert_eq!(answer(&mut third).await, ("HTTP/1.1 200 OK".to_owned(), "yes".to_owned()));
}

#[tokio::test]
async fn only_the_resource_of_a_rule_is_struck() {
    let bench = Bench::new().await;
    let mut rule = east(ExchangeSide::Request, slow_down());
    rule.scope.resource = vec![Pattern::new("lost-*")];
    bench.rule(rule).await;
    assert_eq!(answer(&mut put(&bench, "/lost-bucket/k").await).await.0, "HTTP/1.1 503 Service Unavailable");
    let mut other = put(&bench, "/bucket/lost-key").await;
    taken(&bench).await;
    assert_eq!(answer(&mut other).await.0, "HTTP/1.1 200 OK");
}

fn late(by: Span) -> Effect {
    Effect::Latency(Delay::Fixed { by })
}

#[tokio::test]
async fn a_delay_is_as_long_as_it_says_on_both_sides() {
    for side in [ExchangeSide::Request, ExchangeSide::Response] {
        let bench = Bench::new().await;
        bench.rule(east(side, late(QUIET))).await;
        let began = Instant::now();
        let mut client = put(&bench, "/b/k").await;
        taken(&bench).await;
        assert!(side == ExchangeSide::Response || began.elapsed() >= QUIET.std(), "not before at the service");
        assert_eq!(answer(&mut client).await.0, "HTTP/1.1 200 OK");
        assert!(began.elapsed() >= QUIET.std());
    }
}

#[tokio::test]
async fn a_delay_ends_with_its_rule() {
    let bench = Bench::new().await;
    bench.east(late(Span::from_secs(3600))).await;
    let mut client = put(&bench, "/b/k").await;
    client.hears_nothing().await;
    bench.heal().await;
    taken(&bench).await;
    assert_eq!(answer(&mut client).await.0, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn what_waited_for_a_rule_that_ended_is_struck_by_none_that_ended_with_it() {
    let bench = Bench::new().await;
    let rules = [late(Span::from_secs(3600)), slow_down()].map(|effect| east(ExchangeSide::Request, effect));
    bench.plane.switch_on(&by(), rules.into()).await.unwrap();
    let mut client = put(&bench, "/b/k").await;
    client.hears_nothing().await;
    bench.heal().await;
    taken(&bench).await;
    assert_eq!(answer(&mut client).await.0, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn what_is_delayed_is_cut_off_by_a_new_rule_and_goes_nowhere() {
    let bench = Bench::new().await;
    bench.east(late(Span::from_secs(3600))).await;
    let mut client = put(&bench, "/b/k").await;
    client.hears_nothing().await;
    bench.east(Effect::Reset).await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
    bench.heal().await;
    bench.next_is_ours().await;
}

#[tokio::test]
async fn a_duplicate_reaches_the_service_twice_and_is_answered_once() {
    let bench = Bench::new().await;
    bench.east(Effect::Duplicate).await;
    let mut client = put(&bench, "/b/k").await;
    let mut region = bench.east.accept().await;
    for (n, status) in [(1, "200 OK"), (2, "500 Internal Server Error")] {
        assert!(region.head().await.starts_with("PUT /b/k "), "delivery {n}");
        assert_eq!(region.exactly(5).await, b"12345");
        region.send(format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nyes")).await;
    }
    assert_eq!(answer(&mut client).await, ("HTTP/1.1 200 OK".to_owned(), "yes".to_owned()), "the first answer");
}

/// Longer than the quiet in which nothing may come, and not long.
const LATE: Span = Span::from_ms(600);

#[tokio::test]
async fn a_delayed_request_reaches_the_service_late_and_whole_whatever_became_of_its_client() {
    for gives_up in [false, true] {
        let bench = Bench::new().await;
        bench.east(Effect::Delayed { by: LATE }).await;
        let mut client = Some(put(&bench, "/b/k").await);
        bench.east.sees_nobody().await;
        if gives_up {
            client.take();
        }
        let mut region = bench.east.accept().await;
        assert!(region.head().await.starts_with("PUT /b/k "));
        assert_eq!(region.exactly(5).await, b"12345");
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes").await;
        if let Some(client) = &mut client {
            assert_eq!(answer(client).await, ("HTTP/1.1 200 OK".to_owned(), "yes".to_owned()));
        }
        bench.east.sees_nobody().await;
    }
}

#[tokio::test]
async fn a_delayed_request_is_dropped_when_its_rule_ends_or_another_cuts_it_off() {
    for healed in [true, false] {
        let bench = Bench::new().await;
        let delayed = Rule::of_region(&EAST.into(), Effect::Delayed { by: LATE });
        bench.rule(delayed.clone()).await;
        let mut client = put(&bench, "/b/k").await;
        bench.east.sees_nobody().await;
        if healed {
            bench.heal().await;
        } else {
            let reset = Rule::of_region(&EAST.into(), Effect::Reset);
            bench.plane.switch_on(&by(), vec![delayed, reset]).await.unwrap();
        }
        assert_eq!(client.rest().await, (Vec::new(), End::Reset), "healed: {healed}");
        bench.heal().await;
        bench.east.sees_nobody().await;
        bench.east.sees_nobody().await;
        bench.next_is_ours().await;
    }
}

#[tokio::test]
async fn bytes_change_and_lengths_do_not() {
    for side in [ExchangeSide::Request, ExchangeSide::Response] {
        let bench = Bench::new().await;
        bench.rule(east(side, Effect::Corrupt { bytes: 1 })).await;
        let mut client = put(&bench, "/b/k").await;
        let mut region = bench.east.accept().await;
        region.head().await;
        let sent = region.exactly(5).await;
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345").await;
        client.head().await;
        let answered = client.exactly(5).await;
        let changed = |bytes: &[u8]| bytes.iter().zip(b"12345").filter(|(a, b)| a != b).count();
        let expected = if side == ExchangeSide::Request { (1, 0) } else { (0, 1) };
        assert_eq!((changed(&sent), changed(&answered)), expected, "{side:?}");
    }
}

#[tokio::test]
async fn the_same_bytes_change_whether_the_body_was_read_before_or_not() {
    let body = bytes(5000);
    let mut arrived = Vec::new();
    for others in [vec![], vec![Effect::Delayed { by: Span::from_ms(1) }], vec![late(Span::from_ms(50))]] {
        let bench = Bench::new().await;
        let effects = [Effect::Corrupt { bytes: 5 }].into_iter().chain(others);
        bench
            .plane
            .switch_on(&by(), effects.map(|effect| Rule::of_region(&EAST.into(), effect)).collect())
            .await
            .unwrap();
        let mut client = bench.client(EAST).await;
        client.send(signed("PUT", "/b/k", "Transfer-Encoding: chunked\r\n")).await;
        for chunk in body.chunks(500) {
            client.send([b"1f4\r\n", chunk, b"\r\n"].concat()).await;
        }
        client.send("0\r\n\r\n").await;
        let mut region = bench.east.accept().await;
        assert!(region.head().await.to_lowercase().contains("transfer-encoding: chunked\r\n"));
        arrived.push(region.chunked().await.0);
    }
    assert!(arrived.windows(2).all(|two| two[0] == two[1]), "they differ");
    assert_eq!(arrived[0].iter().zip(&body).filter(|(a, b)| a != b).count(), 5);
}

#[tokio::test]
async fn an_answer_that_is_cut_short_ends_without_its_rest() {
    let bench = Bench::new().await;
    bench.rule(east(ExchangeSide::Response, Effect::Truncate { after: ByteSize::new(10) })).await;
    let mut client = bench.client(EAST).await;
    client.send(signed("GET", "/b/k", "")).await;
    let mut region = bench.east.accept().await;
    region.head().await;
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await;
    region.send(bytes(100)).await;
    client.head().await;
    assert_eq!(client.rest().await, (bytes(100)[..10].to_vec(), End::Closed));
}

#[tokio::test]
async fn a_stale_read_is_answered_as_at_first_and_writes_go_on() {
    let bench = Bench::new().await;
    bench.rule(east(ExchangeSide::Response, Effect::StaleRead)).await;
    let mut region = None;
    let mut client = bench.client(EAST).await;
    let empty = "Content-Length: 0\r\n";
    for (method, path, headers, says, hears) in [
        ("GET", "/b/k", "", "one", "one"),
        ("GET", "/b/other", "", "two", "two"),
        ("GET", "/b/k", "", "new", "one"),
        ("PUT", "/b/k", empty, "put", "put"),
        ("PUT", "/b/k", empty, "pot", "pot"),
        ("GET", "/b/other", "", "old", "two"),
        ("GET", "/b/k", "Range: bytes=0-2\r\n", "ran", "ran"),
        ("GET", "/b/k", "Range: bytes=3-5\r\n", "ges", "ges"),
        ("GET", "/b/k", "If-None-Match: x\r\n", "non", "non"),
        ("GET", "/b/k", "", "new", "one"),
    ] {
        client.send(signed(method, path, headers)).await;
        let region = match &mut region {
            Some(region) => region,
            empty => empty.insert(bench.east.accept().await),
        };
        region.head().await;
        region.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{says}")).await;
        assert_eq!(answer(&mut client).await.1, hears, "{method} {path} {headers}");
    }
    bench.heal().await;
}
