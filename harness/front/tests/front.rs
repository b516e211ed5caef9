//! Clients of the SDK with rules in front of a service that stands in for AWS.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::{
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::put_item::PutItemError,
    types::AttributeValue,
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, region::Region, sdk_config::SharedCredentialsProvider};
use firedrill_clock::poll::{self, Look};
use firedrill_front::{Front, Unsupported};
use firedrill_model::{
    ids::FaultId,
    rule::{Count, Delay, Effect, ExchangeSide, Firing, Pattern, Rule, Scope},
    units::{ByteSize, Span},
};
use firedrill_plane::rules::{Bite, Source};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// A service that says yes to everything that comes, once its door is open, and counts it.
#[derive(Clone, Debug)]
struct Service {
    asked: Arc<AtomicU32>,
    open: watch::Sender<bool>,
}

impl HttpClient for Service {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.subscribe();
        let body = if request.headers().get("x-amz-target").is_some() { "{}" } else { "" };
        HttpConnectorFuture::new(async move {
            open.wait_for(|open| *open).await.unwrap();
            Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body)))
        })
    }
}

struct Bench {
    front: Front,
    service: Service,
    bites: mpsc::UnboundedReceiver<Bite>,
}

impl Bench {
    fn new() -> Self {
        let (told, bites) = mpsc::unbounded_channel();
        let service = Service { asked: Arc::default(), open: watch::Sender::new(true) };
        Self { front: Front::start(7, told), service, bites }
    }

    fn config(&self, region: &str, timeout: Duration) -> SdkConfig {
        let inner = SharedHttpClient::new(self.service.clone());
        SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("AKIAFRONT", "secret", None)))
            .http_client(self.front.before(inner))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(timeout).build())
            .build()
    }

    /// Puts an item; the code of the error, or what the SDK calls it.
    async fn put(&self, region: &str) -> Result<(), String> {
        self.put_within(region, Duration::from_secs(30)).await
    }

    async fn put_within(&self, region: &str, timeout: Duration) -> Result<(), String> {
        let client = aws_sdk_dynamodb::Client::new(&self.config(region, timeout));
        let put = client.put_item().table_name("orders").item("id", AttributeValue::S("1".to_owned()));
        put.send().await.map(drop).map_err(|error| said(&error))
    }

    fn switch_on(&self, effect: Effect, rule: impl FnOnce(&mut Rule)) {
        let mut own = Rule::of_region(&"us-east-1".into(), effect);
        rule(&mut own);
        self.front.switch_on(&fault(), vec![own]).unwrap();
    }

    fn asked(&self) -> u32 {
        self.service.asked.load(Ordering::SeqCst)
    }
}

fn fault() -> Source {
    Source::Fault(FaultId::new("fault-1"))
}

fn said(error: &SdkError<PutItemError>) -> String {
    if let Some(code) = error.code() {
        code.to_owned()
    } else if matches!(error, SdkError::TimeoutError(_)) {
        "time-out".to_owned()
    } else if matches!(error, SdkError::DispatchFailure(failure) if failure.is_io()) {
        "connection".to_owned()
    } else {
        format!("{error:?}")
    }
}

#[tokio::test]
async fn what_no_rule_is_for_passes() {
    let bench = Bench::new();
    bench.put("us-east-1").await.unwrap();
    bench.switch_on(Effect::Reset, |_| ());
    bench.put("eu-west-1").await.unwrap();
    assert_eq!(bench.put("us-east-1").await, Err("connection".to_owned()));
    assert_eq!(bench.asked(), 2, "what was struck never left");
    bench.front.switch_off(&fault());
    bench.put("us-east-1").await.unwrap();
}

#[tokio::test]
async fn each_service_answers_in_its_own_words_and_the_fault_bites_once() {
    let mut bench = Bench::new();
    bench.switch_on(Effect::Throttle, |_| ());
    let client = aws_sdk_dynamodb::Client::new(&bench.config("us-east-1", Duration::from_secs(30)));
    let put = client.put_item().table_name("orders").item("id", AttributeValue::S("1".to_owned())).send();
    let error = put.await.unwrap_err().into_service_error();
    assert!(error.is_provisioned_throughput_exceeded_exception(), "{error:?}");
    let s3 = aws_sdk_s3::Client::new(&bench.config("us-east-1", Duration::from_secs(30)));
    let error = s3.get_object().bucket("uploads").key("a").send().await.unwrap_err();
    assert_eq!(error.code(), Some("SlowDown"));
    bench.switch_on(Effect::Deny, |_| ());
    let error = s3.get_object().bucket("uploads").key("a").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    assert_eq!(
        (bench.asked(), bench.bites.recv().await),
        (0, Some(Bite { fault: FaultId::new("fault-1"), rule: None }))
    );
    assert!(bench.bites.try_recv().is_err(), "told once");
}

#[tokio::test]
async fn rules_know_the_operation_the_resource_the_key_and_the_count() {
    let bench = Bench::new();
    let scopes = [
        (Scope { operation: vec![Pattern::new("Put*")], ..Scope::default() }, true),
        (Scope { operation: vec![Pattern::new("GetItem")], ..Scope::default() }, false),
        (Scope { resource: vec![Pattern::new("orders")], ..Scope::default() }, true),
        (Scope { resource: vec![Pattern::new("totals")], ..Scope::default() }, false),
        (Scope { principal: vec![Pattern::new("AKIAFRONT")], ..Scope::default() }, true),
        (Scope { principal: vec![Pattern::new("AKIAOTHER")], ..Scope::default() }, false),
    ];
    for (scope, strikes) in scopes {
        bench.switch_on(Effect::Deny, |rule| rule.scope = scope.clone());
        assert_eq!(bench.put("us-east-1").await.is_err(), strikes, "{scope:?}");
    }
    bench.switch_on(Effect::Deny, |rule| rule.fires = Firing { count: Some(Count::First(2)), ..Firing::default() });
    let mut went = Vec::new();
    for _ in 0..3 {
        went.push(bench.put("us-east-1").await.is_ok());
    }
    assert_eq!(went, [false, false, true]);
}

#[tokio::test]
async fn what_is_held_is_dropped_with_its_client_and_never_sent() {
    let bench = Bench::new();
    bench.switch_on(Effect::BlackHole, |_| ());
    let held = bench.put_within("us-east-1", Duration::from_millis(200)).await;
    assert_eq!(held, Err("time-out".to_owned()));
    bench.front.switch_off(&fault());
    bench.put("us-east-1").await.unwrap();
    assert_eq!(bench.asked(), 1);
}

/// Waits until the service was asked.
async fn until_asked(bench: &Bench) {
    let asked = || async { if bench.asked() > 0 { Look::Ready(()) } else { Look::NotYet(String::new()) } };
    poll::until("a request", Span::from_ms(5), Span::from_secs(20), &CancellationToken::new(), asked).await.unwrap();
}

#[tokio::test]
async fn a_rule_acts_on_requests_under_way() {
    let bench = Bench::new();
    bench.service.open.send_replace(false);
    let (put, ()) = tokio::join!(bench.put("us-east-1"), async {
        until_asked(&bench).await;
        bench.switch_on(Effect::Reset, |_| ());
    });
    assert_eq!(put, Err("connection".to_owned()));
    // One that waits goes on at once when its rule ends.
    bench.service.open.send_replace(true);
    let hour = Delay::Fixed { by: Span::from_secs(3600) };
    bench.switch_on(Effect::Latency(hour), |_| ());
    let (put, ()) = tokio::join!(bench.put("us-east-1"), async {
        let waits =
            || async { if bench.front.list()[0].struck == 1 { Look::Ready(()) } else { Look::NotYet(String::new()) } };
        let never = CancellationToken::new();
        poll::until("a request that waits", Span::from_ms(5), Span::from_secs(20), &never, waits).await.unwrap();
        assert_eq!(bench.asked(), 1, "it waits before it is sent");
        bench.front.switch_off(&fault());
    });
    assert_eq!((put, bench.asked()), (Ok(()), 2));
}

#[tokio::test]
async fn an_answer_is_replaced_after_the_service_has_done_what_was_asked() {
    let bench = Bench::new();
    bench.switch_on(Effect::Throttle, |rule| rule.side = ExchangeSide::Response);
    assert_eq!(bench.put("us-east-1").await, Err("ProvisionedThroughputExceededException".to_owned()));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn what_takes_a_wire_is_refused_and_nothing_of_it_is_switched_on() {
    let bench = Bench::new();
    let rule = |effect| Rule::of_region(&"us-east-1".into(), effect);
    let truncate = Effect::Truncate { after: ByteSize::new(10) };
    let refused = bench.front.switch_on(&fault(), vec![rule(Effect::Reset), rule(truncate)]);
    assert_eq!(refused, Err(Unsupported::Effect { effect: "truncate" }));
    let mut of_origin = rule(Effect::Reset);
    of_origin.scope.origin = vec![Pattern::new("eu-west-1")];
    assert_eq!(bench.front.switch_on(&fault(), vec![of_origin]), Err(Unsupported::Origin));
    assert!(bench.front.list().is_empty());
    bench.put("us-east-1").await.unwrap();
}
