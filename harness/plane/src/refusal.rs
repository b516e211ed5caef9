//! What a client is told whose request cannot be attributed to a region: an error in AWS's own shape.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::Full;

/// The error code; no AWS service uses it.
pub const CODE: &str = "FiredrillUnattributed";

/// A 400, so that every client takes the request as certainly not executed. JSON for the JSON protocols, else XML.
pub fn answer(request: &HeaderMap, reason: &str) -> Response<Full<Bytes>> {
    let message = format!("the fault plane forwarded nothing: {reason}");
    let (content_type, body) = if speaks_json(request) {
        ("application/x-amz-json-1.1", serde_json::json!({ "__type": CODE, "message": message }).to_string())
    } else {
        let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        ("application/xml", format!("{head}\n<Error><Code>{CODE}</Code><Message>{message}</Message></Error>"))
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert("x-amzn-errortype", http::HeaderValue::from_static(CODE));
    response
}

fn speaks_json(request: &HeaderMap) -> bool {
    request.contains_key("x-amz-target")
        || request
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("json"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http_body_util::BodyExt;

    use super::*;

    async fn shown(request: HeaderMap) -> String {
        let response = answer(&request, "no `region` in <this>");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let bytes = response.into_body().collect().await.expect("a body in memory").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_refusal_has_the_shape_of_the_clients_protocol() {
        insta::assert_snapshot!(shown(HeaderMap::new()).await, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>FiredrillUnattributed</Code><Message>the fault plane forwarded nothing: no `region` in &lt;this&gt;</Message></Error>
        "#);
        let mut json = HeaderMap::new();
        json.insert("x-amz-target", HeaderValue::from_static("DynamoDB_20120810.PutItem"));
        insta::assert_snapshot!(shown(json).await, @r#"{"__type":"FiredrillUnattributed","message":"the fault plane forwarded nothing: no `region` in <this>"}"#);
    }
}
