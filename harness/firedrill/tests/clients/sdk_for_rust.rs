//! What the AWS SDK for Rust sees of an emulator at an address, with the settings that it has by itself.
//!
//! What differs between two runs by nature (times, ids, ARNs, signatures) is left out. A line also holds the exchanges on the
//! wire: how a body is sent, and every answer with the names of its headers.

#[path = "sdk_for_rust/functions.rs"]
mod functions;
#[path = "sdk_for_rust/items.rs"]
mod items;
#[path = "sdk_for_rust/objects.rs"]
mod objects;
#[path = "sdk_for_rust/others.rs"]
mod others;
#[path = "sdk_for_rust/presigned.rs"]
mod presigned;
#[path = "sdk_for_rust/wire.rs"]
mod wire;

use std::{convert::Infallible, error::Error, fmt::Debug, io};

use aws_credential_types::Credentials;
use aws_sdk_s3::{
    config::{BehaviorVersion, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata},
    primitives::{ByteStream, ByteStreamError},
};
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_types::{SdkConfig, region, sdk_config::SharedCredentialsProvider};
use bytes::Bytes;
use firedrill::{poll, services::clients::EMULATOR_ACCOUNT};
use firedrill_model::{ids::Region, units::Span};
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::wire::Wire;

/// Of everything that is made.
const NAME: &str = "matrix-rust";
/// How long one call may take.
const LIMIT: Span = Span::from_secs(60);

/// What it sees of an address: one JSON line for each call.
pub(super) async fn lines(url: &str, region: &Region) -> Vec<String> {
    let wire = Wire::default();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(region::Region::new(region.as_str().to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(EMULATOR_ACCOUNT, "test", None)))
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    // A client of a service that is heard on the wire.
    macro_rules! heard {
        ($service:ident) => {
            $service::Client::from_conf($service::config::Builder::from(&config).interceptor(wire.clone()).build())
        };
    }
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).interceptor(wire.clone());
    let s3 = aws_sdk_s3::Client::from_conf(s3.build());

    let mut calls = Calls { wire: wire.clone(), lines: Vec::new() };
    objects::objects(&mut calls, &s3, region).await;
    presigned::presigned(&mut calls, &s3).await;
    items::items(&mut calls, &heard!(aws_sdk_dynamodb)).await;
    items::changes(&mut calls, &heard!(aws_sdk_dynamodbstreams)).await;
    functions::functions(&mut calls, &heard!(aws_sdk_lambda)).await;
    others::messages(&mut calls, &heard!(aws_sdk_sqs)).await;
    others::metrics(&mut calls, &heard!(aws_sdk_cloudwatch)).await;
    others::roles(&mut calls, &heard!(aws_sdk_iam)).await;
    others::stacks(&mut calls, &heard!(aws_sdk_cloudformation)).await;
    calls.lines
}

/// The calls that were made, in order.
struct Calls {
    wire: Wire,
    lines: Vec<String>,
}

impl Calls {
    /// Makes a call and keeps a line of what it saw.
    async fn call(&mut self, name: &str, action: impl Future<Output = Result<Value, Failure>>) {
        drop(self.wire.taken()); // of what was done between two calls
        let seen = match poll::at_most(LIMIT, action).await {
            Some(Ok(seen) | Err(Failure(seen))) => seen,
            None => json!({ "error": format!("nothing within {LIMIT}") }),
        };
        self.lines.push(json!({ "call": name, "seen": seen, "wire": self.wire.taken() }).to_string());
    }
}

/// What a call failed with, as a line shows it.
struct Failure(Value);

impl Failure {
    /// The same with something more that the error tells.
    fn with(mut self, name: &str, told: Value) -> Self {
        self.0[name] = told;
        self
    }

    /// Of something that is not an error of a service.
    fn local(error: impl Error) -> Self {
        Self(json!({ "error": DisplayErrorContext(error).to_string() }))
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: Error + ProvideErrorMetadata + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let Some(told) = error.as_service_error() else {
            return Self::local(error).with("status", json!(status));
        };
        Self(json!({
            "error": told.code(),
            "type": variant(told),
            "message": told.message(),
            "status": status,
        }))
    }
}

impl From<ByteStreamError> for Failure {
    fn from(error: ByteStreamError) -> Self {
        Self::local(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::local(error)
    }
}

/// The name of an error's variant: the type that a user's code looks for.
fn variant(error: &impl Debug) -> String {
    format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The bytes that every client of the matrix sends.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from((n * 31 + n / 251) % 256).expect("a byte")).collect()
}

/// The same bytes as a stream, of which a client cannot know the checksum before they are sent.
fn streamed(length: usize) -> ByteStream {
    let pieces: Vec<_> = body(length)
        .chunks(50_000)
        .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    ByteStream::from_body_1_x(StreamBody::new(stream::iter(pieces)))
}
