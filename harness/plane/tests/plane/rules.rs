//! Rules act on requests under way, on those that come, and on nothing else.

use std::io;

use firedrill_model::{
    ids::{Region, Zone},
    rule::{Count, Delay, Effect, ExchangeSide, Firing, Pattern, Rule, Scope},
    units::{ByteSize, Span},
};

use firedrill_plane::rules::{Bite, Source};

use super::wire::{Bench, EAST, End, WEST, Wire, ZONE, bite, by, bytes, signed, signed_for};

const PUT: &str = "Content-Length: 0\r\n";
const LONG: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";

/// A request that waits for its answer, one in the middle of its body, and one in the middle of its answer.
struct UnderWay {
    clients: Vec<Wire>,
    regions: Vec<Wire>,
}

async fn under_way(bench: &Bench) -> UnderWay {
    let waiting = bench.exchange(&signed("PUT", "/waiting", PUT)).await;
    let mut sending = bench.exchange(&signed("PUT", "/sending", "Content-Length: 100000\r\n")).await;
    sending.0.send(bytes(500)).await;
    sending.1.exactly(500).await;
    let mut reading = bench.exchange(&signed("GET", "/reading", "")).await;
    reading.1.send(LONG).await;
    reading.1.send(bytes(500)).await;
    reading.0.head().await;
    reading.0.exactly(500).await;
    let (clients, regions) =
        [waiting, sending, reading].into_iter().map(|(client, region, _)| (client, region)).unzip();
    UnderWay { clients, regions }
}

#[tokio::test]
async fn refusing_resets_what_is_under_way_and_refuses_what_comes() {
    let mut bench = Bench::new().await;
    let mut idle = bench.client(EAST).await;
    let UnderWay { clients, regions } = under_way(&bench).await;
    bench.east(Effect::Refuse).await;
    for mut client in clients {
        assert_eq!(client.rest().await, (Vec::new(), End::Reset));
    }
    assert_eq!(idle.rest().await, (Vec::new(), End::Reset), "a connection without a request");
    for mut region in regions {
        assert!(region.rest().await.0.is_empty(), "nothing more reaches the region");
    }
    let refused = Wire::connect(bench.plane.address(&Region::from(EAST).into()).unwrap()).await.err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let in_a_zone = Wire::connect(bench.plane.address(&Zone::from(ZONE).into()).unwrap()).await.err().unwrap();
    assert_eq!(in_a_zone.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(bench.bites.try_recv(), Ok(bite()));
    assert!(bench.bites.try_recv().is_err(), "it bites once");

    // By the other region's address the same happens to what is signed for the region that is gone, and to nothing else.
    let mut astray = bench.client(WEST).await;
    astray.send(signed("PUT", "/b/k", PUT)).await;
    assert_eq!(astray.rest().await, (Vec::new(), End::Reset));
    let mut client = bench.client(WEST).await;
    client.send(signed_for(WEST, "GET", "/meanwhile", "")).await;
    assert!(bench.west.accept().await.head().await.starts_with("GET /meanwhile "));
    bench.east.sees_nobody().await;

    bench.heal().await;
    bench.next_is_ours().await;
}

#[tokio::test]
async fn holding_silences_what_is_under_way_and_cuts_it_off_at_the_end() {
    let mut bench = Bench::new().await;
    let UnderWay { mut clients, regions } = under_way(&bench).await;
    bench.east(Effect::BlackHole).await;
    // Whatever the region still says is not heard.
    for (n, mut region) in regions.into_iter().enumerate() {
        drop(
            region
                .try_send(if n == 2 { bytes(500) } else { b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec() })
                .await,
        );
    }
    for client in &mut clients {
        client.hears_nothing().await;
    }
    // New ones are taken and never answered, not even with `100 Continue`.
    let mut late = bench.client(EAST).await;
    late.send(signed("PUT", "/late", "Content-Length: 70000\r\n")).await;
    late.send(bytes(70_000)).await;
    let mut asking = bench.client(EAST).await;
    asking.send(signed("PUT", "/asking", "Content-Length: 5\r\nExpect: 100-continue\r\n")).await;
    late.hears_nothing().await;
    asking.hears_nothing().await;
    assert_eq!(bench.bites.try_recv(), Ok(bite()));
    bench.east.sees_nobody().await;

    bench.heal().await;
    for mut client in clients.into_iter().chain([late, asking]) {
        assert_eq!(client.rest().await, (Vec::new(), End::Reset));
    }
    // Held requests were dropped: the next thing that the region sees is new.
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn a_client_that_gives_up_while_it_is_held_is_never_forwarded() {
    let bench = Bench::new().await;
    bench.east(Effect::BlackHole).await;
    for orderly in [false, true] {
        let mut client = bench.client(EAST).await;
        client.send(signed("PUT", "/given-up", PUT)).await;
        client.hears_nothing().await;
        if orderly { drop(client) } else { client.reset() }
    }
    bench.heal().await;
    bench.next_is_ours().await;
    bench.east.sees_nobody().await;
}

#[tokio::test]
async fn an_answer_that_was_whole_before_the_rule_is_whole() {
    let mut bench = Bench::new().await;
    let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", PUT)).await;
    region.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.exactly(3).await, b"yes");
    bench.east(Effect::BlackHole).await;
    assert!(bench.bites.try_recv().is_err(), "nobody was stopped yet");
    client.send(signed("PUT", "/b/k", PUT)).await;
    client.hears_nothing().await;
    assert_eq!(bench.bites.try_recv(), Ok(bite()));
}

#[tokio::test]
async fn what_runs_in_a_zone_is_struck_wherever_it_goes_and_nobody_else() {
    let mut bench = Bench::new().await;
    let zone = Zone::from(ZONE).into();
    let mut waiting = bench.client_at(&zone).await;
    waiting.send(signed("GET", "/in-peace", "")).await;
    let mut region = bench.east.accept().await;
    assert!(region.head().await.starts_with("GET /in-peace "));

    let scope = Scope { origin: vec![Pattern::new(ZONE)], ..Scope::default() };
    let must_strike = Some("who runs there".to_owned());
    let others = Rule::of_region(&Region::from("sa-east-1"), Effect::Throttle);
    let rules = vec![others, Rule { must_strike, ..Rule::of(scope, Effect::Reset) }];
    bench.plane.switch_on(&by(), rules).await.unwrap();
    assert_eq!(waiting.rest().await, (Vec::new(), End::Reset));
    assert_eq!(bench.bites.try_recv(), Ok(Bite { rule: Some(1), ..bite() }));
    for other in [EAST, WEST] {
        let mut inside = bench.client_at(&zone).await;
        inside.send(signed_for(other, "GET", "/gone", "")).await;
        assert_eq!(inside.rest().await, (Vec::new(), End::Reset), "to {other}");
    }
    bench.next_is_ours().await;
}

#[tokio::test]
async fn a_rule_by_origin_strikes_what_comes_in_by_another_region_and_nothing_else() {
    let mut bench = Bench::new().await;
    let rule = Rule::of_region(&Region::from(EAST), Effect::Reset);
    let scope = Scope { origin: vec![Pattern::new(WEST)], ..rule.scope };
    bench.rule(Rule { scope, ..rule }).await;
    let (mut client, mut region, _) = bench.exchange(&signed("GET", "/from-outside", "")).await;
    region.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
    assert!(bench.bites.try_recv().is_err(), "nothing was struck yet");
    let mut across = bench.client(WEST).await;
    across.send(signed("GET", "/from-the-west", "")).await;
    assert_eq!(across.rest().await, (Vec::new(), End::Reset));
    assert_eq!(bench.bites.try_recv(), Ok(bite()));
    let mut within = bench.client(WEST).await;
    within.send(signed_for(WEST, "GET", "/within-the-west", "")).await;
    assert!(bench.west.accept().await.head().await.starts_with("GET /within-the-west "));
    client.send(signed("GET", "/the-next-one", "")).await;
    assert!(region.head().await.starts_with("GET /the-next-one "), "nothing else came before it");
}

/// Until the rule ends.
fn late() -> Rule {
    east(Effect::Latency(Delay::Fixed { by: Span::from_secs(3600) }))
}

fn east(effect: Effect) -> Rule {
    Rule::of_region(&Region::from(EAST), effect)
}

fn slow_down() -> Effect {
    Effect::Error { status: 503, code: "SlowDown".into() }
}

/// A request to a table that waits, as its body alone says.
async fn waiting(bench: &Bench) -> Wire {
    bench.rule(late()).await;
    let mut client = bench.client(EAST).await;
    let body = r#"{"TableName":"orders"}"#;
    let headers = format!("X-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: {}\r\n", body.len());
    client.send(signed("POST", "/", &headers).replace("/s3/", "/dynamodb/")).await;
    client.send(body).await;
    bench.has_struck(1).await;
    client
}

#[tokio::test]
async fn a_request_that_waits_is_answered_by_the_rule_that_takes_the_place_of_its_own() {
    let of_table = |name: &str| {
        let mut rule = east(slow_down());
        rule.scope.resource = vec![Pattern::new(name)];
        rule
    };
    for (rules, status) in [
        (vec![east(slow_down())], "HTTP/1.1 503 "),
        (vec![east(Effect::Throttle)], "HTTP/1.1 400 "),
        (vec![east(Effect::Deny)], "HTTP/1.1 400 "),
        (vec![of_table("totals"), of_table("orders")], "HTTP/1.1 503 "),
    ] {
        let bench = Bench::new().await;
        let mut client = waiting(&bench).await;
        bench.plane.switch_on(&by(), rules.clone()).await.unwrap();
        let head = client.head().await;
        assert!(head.starts_with(status), "{rules:?}: {head}");
        bench.east.sees_nobody().await;
    }
}

#[tokio::test]
async fn a_request_that_waits_goes_on_as_the_rule_says_that_takes_the_place_of_its_own() {
    let bench = Bench::new().await;
    let mut client = waiting(&bench).await;
    let every_other = Firing { count: Some(Count::Every(2)), ..Firing::default() };
    let new = [Rule { fires: every_other, ..east(slow_down()) }, east(Effect::Corrupt { bytes: 1 })];
    // It goes on waiting for the rule that stays, and is asked about all others once, whatever else changes.
    bench.plane.switch_on(&by(), [&[late()], &new[..]].concat()).await.unwrap();
    client.hears_nothing().await;
    let truncate = east(Effect::Truncate { after: ByteSize::new(10) });
    bench.plane.switch_on(&Source::Named("another".into()), vec![truncate]).await.unwrap();
    bench.plane.switch_on(&by(), new.to_vec()).await.unwrap();
    let mut region = bench.east.accept().await;
    region.head().await;
    let (came, _) = region.rest().await;
    assert_eq!(came.len(), 10, "cut short by a rule of another source");
    let asked: Vec<_> = bench.plane.list().iter().map(|listed| (listed.matched, listed.struck)).collect();
    assert_eq!(asked, [(1, 1), (1, 0), (1, 1)]);
}

#[tokio::test]
async fn a_request_waits_again_when_a_new_delay_takes_the_place_of_its_own() {
    let bench = Bench::new().await;
    let mut client = waiting(&bench).await;
    let again = Rule { fires: Firing { count: Some(Count::First(1)), ..Firing::default() }, ..late() };
    bench.rule(again).await;
    bench.has_struck(1).await;
    client.hears_nothing().await;
    bench.heal().await;
    let mut region = bench.east.accept().await;
    region.head().await;
    assert_eq!(region.exactly(22).await, br#"{"TableName":"orders"}"#);
}

#[tokio::test]
async fn an_answer_that_waits_is_replaced_by_the_rule_that_takes_the_place_of_its_own() {
    let bench = Bench::new().await;
    let on_answers = |rule| Rule { side: ExchangeSide::Response, ..rule };
    bench.rule(on_answers(late())).await;
    let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", PUT)).await;
    region.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    bench.has_struck(1).await;
    bench.rule(on_answers(east(slow_down()))).await;
    assert!(client.head().await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn rules_behind_an_error_are_asked_when_that_ended_during_the_wait() {
    let bench = Bench::new().await;
    bench.plane.switch_on(&by(), vec![late(), east(slow_down())]).await.unwrap();
    bench.plane.switch_on(&Source::Named("another".into()), vec![east(Effect::Reset)]).await.unwrap();
    let mut client = bench.client(EAST).await;
    client.send(signed("PUT", "/b/k", PUT)).await;
    bench.has_struck(1).await;
    bench.heal().await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
    bench.east.sees_nobody().await;
}
