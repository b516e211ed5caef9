//! Downloading a function's code from the address that `GetFunction` gives.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use firedrill_model::units::Span;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sha2::{Digest, Sha256};

use crate::{poll, services::ServiceError};

/// How long the download may take.
const LIMIT: Span = Span::from_secs(60);

/// Downloads the archive and checks it against the digest that Lambda states (base64 of SHA-256). Emulators alone: the
/// addresses of AWS are `https`, which this client does not speak.
pub(super) async fn download(operation: &str, location: &str, code_sha256: &str) -> Result<Bytes, ServiceError> {
    let unusable = |what: String| ServiceError::Unusable { operation: operation.to_owned(), what };
    let address: http::Uri =
        location.parse().map_err(|error| unusable(format!("an address of its code that is none: {error}")))?;
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let downloading = async {
        let answer = client.get(address).await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status()));
        }
        answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
    };
    let code = poll::at_most(LIMIT, downloading)
        .await
        .unwrap_or_else(|| Err(format!("nothing within {LIMIT}")))
        .map_err(|why| unusable(format!("code that cannot be downloaded: {why}")))?;
    let found = STANDARD.encode(Sha256::digest(&code));
    if found != code_sha256 {
        return Err(unusable(format!("code with the digest {found} instead of {code_sha256}")));
    }
    Ok(code)
}
