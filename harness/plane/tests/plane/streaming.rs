//! Answers that are streams of events: each event passes when it comes, and not when the next one or the end does.

use http::Request;
use http_body_util::BodyExt;

use super::{
    http2::{self, Body, full},
    wire::{Bench, EAST, Wire, in_time, signed},
};

const EVENTS: &str = "application/vnd.amazon.eventstream";

/// An operation that answers with events.
struct Operation {
    service: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// What its events are called, in order.
    events: [&'static str; 3],
}

const SUBSCRIBE_TO_SHARD: Operation = Operation {
    service: "kinesis",
    target: "/",
    headers: &[("x-amz-target", "Kinesis_20131202.SubscribeToShard"), ("content-type", "application/x-amz-json-1.1")],
    body: r#"{"ConsumerARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders/consumer/drill:1","ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}}"#,
    events: ["initial-response", "SubscribeToShardEvent", "SubscribeToShardEvent"],
};

const INVOKE_WITH_RESPONSE_STREAM: Operation = Operation {
    service: "lambda",
    target: "/2021-11-15/functions/describe/response-streaming-invocations",
    headers: &[("content-type", "application/json")],
    body: "{}",
    events: ["PayloadChunk", "PayloadChunk", "InvokeComplete"],
};

/// CRC-32 of the polynomial that Ethernet has, which the two sums of a message are.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// One message of an event stream (Smithy 2.0, "Amazon Event Stream Specification"): lengths, their sum, headers, payload, sum of all.
fn message(event: &str, payload: &str) -> Vec<u8> {
    let header = |name: &str, value: &str| {
        let (name_length, value_length) = (u8::try_from(name.len()).unwrap(), u16::try_from(value.len()).unwrap());
        [&[name_length], name.as_bytes(), &[7], &value_length.to_be_bytes(), value.as_bytes()].concat()
    };
    let headers = [header(":message-type", "event"), header(":event-type", event)].concat();
    let lengths = [16 + headers.len() + payload.len(), headers.len()];
    let mut message: Vec<u8> =
        lengths.iter().flat_map(|length| u32::try_from(*length).unwrap().to_be_bytes()).collect();
    message.extend(crc32(&message).to_be_bytes());
    message.extend([&headers[..], payload.as_bytes()].concat());
    message.extend(crc32(&message).to_be_bytes());
    message
}

impl Operation {
    fn messages(&self) -> Vec<Vec<u8>> {
        let payload = |n: usize| format!(r#"{{"n":{n},"padding":"{}"}}"#, "x".repeat(n * 700));
        self.events.iter().enumerate().map(|(n, event)| message(event, &payload(n))).collect()
    }

    fn head(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = self.body.len();
        let head = signed("POST", self.target, &format!("{headers}Content-Length: {length}\r\n"));
        head.replace("/s3/aws4_request", &format!("/{}/aws4_request", self.service))
    }

    fn request(&self) -> Request<Body> {
        let mut request = http2::request(EAST, "POST", self.target, full(self.body));
        let headers = request.headers_mut();
        headers.remove("x-amz-target");
        let scope = headers["authorization"].to_str().unwrap().replace("/kinesis/", &format!("/{}/", self.service));
        headers.insert("authorization", scope.parse().unwrap());
        for (name, value) in self.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        request
    }

    /// Takes the request at the region and begins to answer.
    async fn taken(&self, bench: &Bench) -> Wire {
        let mut region = bench.east.accept().await;
        assert!(region.head().await.starts_with(&format!("POST {} HTTP/1.1\r\n", self.target)));
        assert_eq!(region.exactly(self.body.len()).await, self.body.as_bytes());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {EVENTS}\r\nTransfer-Encoding: chunked\r\n\r\n");
        region.send(head).await;
        region
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The client hears each event before the region sends the next one.
async fn passes_event_by_event_over_http_1(operation: &Operation) {
    let bench = Bench::new().await;
    let mut client = bench.client(EAST).await;
    client.send(operation.head()).await;
    client.send(operation.body).await;
    let mut region = operation.taken(&bench).await;
    let head = client.head().await.to_lowercase();
    assert!(head.contains(&format!("content-type: {EVENTS}\r\n")), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    for (n, event) in operation.messages().iter().enumerate() {
        region.send(chunk(event)).await;
        let mut heard = Vec::new();
        while heard.len() < event.len() {
            heard.extend(client.chunk().await.expect("more of the body"));
        }
        assert!(heard == *event, "event {n} differs");
    }
    region.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
}

/// The same for a client that knows that the plane speaks HTTP/2.
async fn passes_event_by_event_over_http_2(operation: &Operation) {
    let bench = Bench::new().await;
    let mut client = http2::client(&bench).await;
    let (answer, mut region) = tokio::join!(client.send_request(operation.request()), operation.taken(&bench));
    let (head, mut body) = answer.unwrap().into_parts();
    assert_eq!(head.headers["content-type"], EVENTS);
    for (n, event) in operation.messages().iter().enumerate() {
        region.send(chunk(event)).await;
        let mut heard = Vec::new();
        while heard.len() < event.len() {
            let frame = in_time("an event", body.frame()).await.expect("more of the body").unwrap();
            heard.extend(frame.into_data().unwrap());
        }
        assert!(heard == *event, "event {n} differs");
    }
    region.send("0\r\n\r\n").await;
    assert!(in_time("the end", body.collect()).await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn kinesis_subscribe_to_shard_passes_event_by_event() {
    passes_event_by_event_over_http_1(&SUBSCRIBE_TO_SHARD).await;
    passes_event_by_event_over_http_2(&SUBSCRIBE_TO_SHARD).await;
}

#[tokio::test]
async fn lambda_invoke_with_response_stream_passes_event_by_event() {
    passes_event_by_event_over_http_1(&INVOKE_WITH_RESPONSE_STREAM).await;
    passes_event_by_event_over_http_2(&INVOKE_WITH_RESPONSE_STREAM).await;
}
