//! The proxy as a program of its own: LocalStack's rules and clients, its own pages, and who may change what.

use std::net::SocketAddr;

use firedrill_clock::poll::{self, Look};
use firedrill_model::{ids::Region, units::Span};
use firedrill_plane::proxy::{Proxy, ProxyError, Settings};
use serde_json::{Value, json};

use super::wire::{End, QUIET, Stub, Wire, signed, signed_for};

struct Bench {
    proxy: Proxy,
    emulator: Stub,
}

fn settings(upstream: SocketAddr) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        upstream: upstream.to_string().parse().unwrap(),
        trust: None,
        rules: Vec::new(),
        seed: 1,
        default_region: None,
        token: None,
    }
}

impl Bench {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let emulator = Stub::bind().await;
        let mut settings = settings(emulator.address());
        change(&mut settings);
        Self { proxy: Proxy::start(settings).unwrap(), emulator }
    }

    async fn client(&self) -> Wire {
        Wire::connect(self.proxy.address()).await.unwrap()
    }

    /// The status and the body of what a request is answered.
    async fn ask(&self, request: &str) -> (u16, String) {
        let mut client = self.client().await;
        client.send(request).await;
        answer(&mut client).await
    }

    /// Asks one of the proxy's pages.
    async fn page(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.ask(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"))
            .await
    }

    /// Sets, adds, deletes rules; what stands then.
    async fn faults(&self, method: &str, rules: Value) -> Value {
        let (status, body) = self.page(method, "/_localstack/chaos/faults", &rules.to_string()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Whether a request reaches the emulator, and what the client is answered otherwise.
    async fn passes(&self, request: &str) -> Result<(), (u16, String)> {
        let mut client = self.client().await;
        client.send(request).await;
        tokio::select! {
            mut emulator = self.emulator.accept() => {
                emulator.head().await;
                emulator.send("HTTP/1.1 204 No Content\r\n\r\n").await;
                assert!(client.head().await.starts_with("HTTP/1.1 204 "));
                Ok(())
            }
            answered = answer(&mut client) => Err(answered),
        }
    }
}

async fn answer(client: &mut Wire) -> (u16, String) {
    let head = client.head().await.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let body = client.exactly(length.parse().unwrap()).await;
    (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
}

fn get(region: &str) -> String {
    signed_for(region, "GET", "/b/k", "")
}

#[tokio::test]
async fn rules_of_localstack_are_set_added_to_and_taken_away() {
    let bench = Bench::new(|_| ()).await;
    assert_eq!(bench.page("GET", "/_localstack/chaos/faults", "").await, (200, "[]".to_owned()));
    bench.passes(&get("us-east-1")).await.unwrap();
    let east = json!({"service": "s3", "region": "us-east-1"});
    let west = json!({"region": "us-west-2", "error": {"statusCode": 500, "code": "InternalError"}});
    assert_eq!(bench.faults("POST", json!([east])).await, json!([east]));
    let (status, body) = bench.passes(&get("us-east-1")).await.unwrap_err();
    assert!(status == 503 && body.contains("<Code>ServiceUnavailable</Code>"), "{status} {body}");
    bench.passes(&get("us-west-2")).await.unwrap();
    assert_eq!(bench.faults("PATCH", json!([west])).await, json!([east, west]));
    assert_eq!(bench.passes(&get("us-west-2")).await.unwrap_err().0, 500);
    assert_eq!(bench.faults("DELETE", json!([east])).await, json!([west]));
    bench.passes(&get("us-east-1")).await.unwrap();
    assert_eq!(bench.faults("POST", json!([{}])).await, json!([{}]), "everything fails");
    assert_eq!(bench.passes(&get("eu-west-1")).await.unwrap_err().0, 503);
    assert_eq!(bench.faults("POST", json!([])).await, json!([]));
    assert_eq!(bench.faults("PATCH", east.clone()).await, json!([east]), "a single rule");
    assert_eq!(bench.faults("DELETE", json!([])).await, json!([]), "naming none takes all away");
    bench.passes(&get("us-east-1")).await.unwrap();
}

#[tokio::test]
async fn a_latency_is_on_every_request_and_on_errors_too() {
    let bench = Bench::new(|_| ()).await;
    let path = "/_localstack/chaos/effects";
    assert_eq!(bench.page("GET", path, "").await, (200, json!({"latency": 0}).to_string()));
    assert_eq!(bench.page("POST", path, r#"{"latency": 3600000}"#).await.0, 200);
    bench.faults("POST", json!([{}])).await;
    let mut client = bench.client().await;
    client.send(get("us-east-1")).await;
    client.hears_nothing().await;
    assert_eq!(bench.page("POST", path, r#"{"latency": 0}"#).await, (200, json!({"latency": 0}).to_string()));
    assert_eq!(answer(&mut client).await.0, 503);
}

#[tokio::test]
async fn a_rule_that_ended_by_itself_does_not_come_back() {
    let bench = Bench::new(|_| ()).await;
    bench.faults("POST", json!([{"service": "s3", "for": "200ms"}, {"service": "sqs"}])).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let ended = poll::until("the rule's end", QUIET, Span::from_secs(10), &cancel, async || {
        let stands = bench.proxy.list().len();
        if stands == 1 { Look::Ready(()) } else { Look::NotYet(format!("{stands} rules")) }
    });
    ended.await.unwrap();
    bench.page("GET", "/_localstack/chaos/effects", "").await;
    bench.passes(&get("us-east-1")).await.unwrap();
    assert_eq!(
        bench.faults("PATCH", json!([{"service": "sns"}])).await,
        json!([{"service": "sqs"}, {"service": "sns"}])
    );
    bench.passes(&get("us-east-1")).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let bench = Bench::new(|_| ()).await;
    bench.faults("POST", json!([{"service": "s3"}])).await;
    for (method, path, body, status, says) in [
        ("POST", "/_localstack/chaos/faults", "[{", 400, "EOF"),
        ("POST", "/_localstack/chaos/faults", r#"[{"probability": 2}]"#, 400, "rule 1: `probability` is 2"),
        ("PATCH", "/_localstack/chaos/faults", r#"[{"servce": "s3"}]"#, 400, "unknown field `servce`"),
        ("POST", "/_localstack/chaos/faults", "[[]]", 400, "`[]` is no rule"),
        ("POST", "/_localstack/chaos/faults", r#"[{"for": "0s"}]"#, 400, "`for` is 0"),
        ("POST", "/_localstack/chaos/faults", r#"[{"service": "S3"}]"#, 400, "`S3` is no service"),
        ("POST", "/_localstack/chaos/effects", "[500]", 400, "invalid type"),
        ("PUT", "/_localstack/chaos/faults", "[]", 405, "PUT does nothing here"),
        ("POST", "/_localstack/chaos/effects", r#"{"jitter": 5}"#, 400, "unknown field `jitter`"),
        ("GET", "/_firedrill/nothing", "", 404, "there is no page"),
    ] {
        let (answered, error) = bench.page(method, path, body).await;
        assert!(answered == status && error.contains(says), "{method} {path} {body}: {answered} {error}");
    }
    let long = format!("[{}]", " ".repeat(2 << 20));
    assert_eq!(bench.page("POST", "/_localstack/chaos/faults", &long).await.0, 413);
    assert_eq!(bench.faults("PATCH", json!([])).await, json!([{"service": "s3"}]));
}

#[tokio::test]
async fn what_rules_strike_is_counted() {
    let bench = Bench::new(|_| ()).await;
    bench.faults("POST", json!([{"service": "s3", "first": 1, "effect": "throttle"}])).await;
    assert_eq!(bench.passes(&get("us-east-1")).await.unwrap_err().0, 503);
    bench.passes(&get("us-east-1")).await.unwrap();
    let (_, listed) = bench.page("GET", "/_firedrill/rules", "").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed[0]["matched"], &listed[0]["struck"], &listed[0]["begun"]),
        (&json!(2), &json!(1), &json!(true))
    );
    insta::assert_snapshot!(bench.page("GET", "/_firedrill/metrics", "").await.1);
}

#[tokio::test]
async fn a_series_stays_that_of_its_rule_whatever_becomes_of_the_others() {
    let bench = Bench::new(|_| ()).await;
    let [first, second, third] = ["s3", "sqs", "sns"].map(|service| json!({ "service": service }));
    bench.faults("POST", json!([second, first])).await;
    assert_eq!(bench.passes(&get("us-east-1")).await.unwrap_err().0, 503);
    let series = async || -> Vec<String> {
        let (_, metrics) = bench.page("GET", "/_firedrill/metrics", "").await;
        metrics.lines().filter(|line| line.starts_with("firedrill_rule_struck_total")).map(str::to_owned).collect()
    };
    let line = |number: u8, struck: u8| {
        format!(r#"firedrill_rule_struck_total{{rule="{number}",by="rules",effect="error"}} {struck}"#)
    };
    assert_eq!(series().await, [line(1, 0), line(2, 1)]);
    bench.faults("DELETE", json!([second])).await;
    assert_eq!(series().await, [line(2, 1)]);
    bench.faults("PATCH", json!([third, second])).await;
    assert_eq!(series().await, [line(2, 1), line(3, 0), line(4, 0)], "a number is given once");
    let (_, listed) = bench.page("GET", "/_firedrill/rules", "").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["number"], &listed[2]["number"]), (&json!(2), &json!(4)));
}

#[tokio::test]
async fn who_has_no_token_and_web_pages_change_nothing() {
    let bench = Bench::new(|settings| settings.token = Some("secret".into())).await;
    let with = |header: &str| format!("GET /_firedrill/rules HTTP/1.1\r\nHost: h\r\n{header}\r\n");
    assert_eq!(bench.ask(&with("")).await.0, 401);
    assert_eq!(bench.ask(&with("Authorization: Bearer secre\r\n")).await.0, 401);
    assert_eq!(bench.ask(&with("Authorization: Bearer secret\r\n")).await.0, 200);
    assert_eq!(bench.ask(&with("Authorization: Bearer secret\r\nOrigin: http://evil.example\r\n")).await.0, 403);
    bench.passes(&get("us-east-1")).await.unwrap();
}

#[tokio::test]
async fn beyond_loopback_a_token_is_needed() {
    let mut open = settings("127.0.0.1:1".parse().unwrap());
    open.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(Proxy::start(open), Err(ProxyError::NoToken(_))));
    let bench = Bench::new(|settings| settings.token = Some(String::new())).await;
    assert_eq!(bench.page("GET", "/_firedrill/rules", "").await.0, 200, "an empty token is none");
    let mut empty = settings("127.0.0.1:1".parse().unwrap());
    (empty.listen, empty.token) = ("0.0.0.0:0".parse().unwrap(), Some(String::new()));
    assert!(matches!(Proxy::start(empty), Err(ProxyError::NoToken(_))));
}

#[tokio::test]
async fn what_names_no_region_is_refused_or_has_that_of_the_default() {
    let unsigned = "GET /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let bench = Bench::new(|_| ()).await;
    let (status, body) = bench.passes(unsigned).await.unwrap_err();
    assert!(status == 400 && body.contains("FiredrillUnattributed"), "{body}");
    let bench = Bench::new(|settings| settings.default_region = Some(Region::from("us-east-1"))).await;
    bench.passes(unsigned).await.unwrap();
    bench.faults("POST", json!([{"region": "us-east-1", "service": "s3"}])).await;
    assert_eq!(bench.passes(unsigned).await.unwrap_err().0, 503);
    let broken = unsigned.replace("\r\n\r\n", "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=k\r\n\r\n");
    assert_eq!(bench.passes(&broken).await.unwrap_err().0, 400, "a signature that cannot be read is no default");
}

#[tokio::test]
async fn the_emulators_own_pages_pass() {
    let bench = Bench::new(|_| ()).await;
    bench.faults("POST", json!([{}])).await;
    for page in ["/_localstack/health", "/_ministack/health", "/_aws/sqs/messages", "/moto-api/reset"] {
        bench.passes(&format!("GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await.unwrap();
    }
}

#[tokio::test]
async fn rules_are_for_operations_and_resources_that_only_bodies_name() {
    let bench = Bench::new(|_| ()).await;
    bench.faults("POST", json!([{"service": "dynamodb", "operation": "PutItem", "resource": "orders"}])).await;
    let request = |operation: &str, table: &str| {
        let body = json!({ "TableName": table }).to_string();
        let headers =
            format!("X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n");
        let head = signed("POST", "/", &format!("{headers}Content-Length: {}\r\n", body.len()));
        head.replace("/s3/", "/dynamodb/") + &body
    };
    let (status, body) = bench.passes(&request("PutItem", "orders")).await.unwrap_err();
    assert!(status == 503 && body.contains("\"__type\":\"ServiceUnavailable\""), "{body}");
    for (operation, table) in [("PutItem", "totals"), ("GetItem", "orders")] {
        bench.passes(&request(operation, table)).await.unwrap();
    }
    // A rule is asked once, also where another has to know the body first.
    let every_other = json!({"effect": "reset", "every": 2});
    bench.faults("POST", json!([every_other, {"service": "dynamodb", "resource": "other", "error": {}}])).await;
    for reset in [false, true, false, true] {
        let mut client = bench.client().await;
        client.send(request("PutItem", "orders")).await;
        if reset {
            assert_eq!(client.rest().await, (Vec::new(), End::Reset));
        } else {
            bench.emulator.accept().await.head().await;
        }
    }
    let (_, listed) = bench.page("GET", "/_firedrill/rules", "").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["matched"], &listed[0]["struck"]), (&json!(4), &json!(2)));
}
