//! stub
use crate::protocol::Protocol;
use http::{HeaderMap, Method, Uri};
/// stub
#[derive(Debug, Default)]
pub struct Asked {
    pub operation: Option<String>,
    pub resources: Vec<String>,
}
pub fn told_by_body(protocol: Protocol, _service: &str) -> bool {
    !matches!(protocol, Protocol::RestXml | Protocol::RestJson)
}
pub fn asked(
    _service: &str,
    _protocol: Protocol,
    _method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    _host: &str,
    _body: Option<&[u8]>,
) -> Asked {
    let operation =
        headers.get("x-amz-target").and_then(|t| t.to_str().ok()).and_then(|t| t.rsplit('.').next()).map(str::to_owned);
    let resources = uri.path().split('/').nth(1).map(str::to_owned).into_iter().collect();
    Asked { operation, resources }
}
