//! Requests that are signed here and sent by an HTTP client that knows nothing of AWS.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use bytes::Bytes;
use http::HeaderName;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use super::{Calls, Failure, NAME, body, sha256, wire::passed};

type Http = Client<HttpConnector, Full<Bytes>>;

pub(super) async fn presigned(calls: &mut Calls, s3: &aws_sdk_s3::Client) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let signed = PresigningConfig::expires_in(Duration::from_mins(10)).expect("less than a week");
    let key = "presigned ü+&";
    calls
        .call("presigned PUT", async {
            let put = s3.put_object().bucket(NAME).key(key).presigned(signed.clone()).await?;
            fetched(&http, &put, body(3000)).await
        })
        .await;
    for (name, key) in [("presigned GET", key), ("presigned GET absent", "absent")] {
        calls
            .call(name, async {
                let get = s3.get_object().bucket(NAME).key(key).presigned(signed.clone()).await?;
                fetched(&http, &get, Vec::new()).await
            })
            .await;
    }
    calls
        .call("presigned HEAD", async {
            let head = s3.head_object().bucket(NAME).key(key).presigned(signed.clone()).await?;
            fetched(&http, &head, Vec::new()).await
        })
        .await;
}

/// What the bearer of a signed request sees.
async fn fetched(http: &Http, signed: &PresignedRequest, body: Vec<u8>) -> Result<Value, Failure> {
    let request = signed.make_http_1x_request(Full::new(Bytes::from(body)));
    let answer = http.request(request).await.map_err(Failure::local)?;
    let status = answer.status();
    let headers = answer.headers().clone();
    let body = answer.into_body().collect().await.map_err(Failure::local)?.to_bytes();
    if !status.is_success() {
        return Err(Failure(json!({ "http": status.as_u16() })));
    }
    Ok(json!({
        "status": status.as_u16(),
        "names": passed(headers.keys().map(HeaderName::as_str)),
        "body": sha256(&body),
    }))
}
