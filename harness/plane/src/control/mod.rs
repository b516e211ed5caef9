//! The proxy's own pages: rules, counters, metrics.
//!
//! | page | methods | what |
//! |---|---|---|
//! | `/_localstack/chaos/faults` | GET, POST, PATCH, DELETE | the rules; as in LocalStack's Chaos API |
//! | `/_localstack/chaos/effects` | GET, POST | latency of every request; as in LocalStack's Chaos API |
//! | `/_firedrill/rules` | GET, POST, PATCH, DELETE | the same rules; GET tells what each has struck |
//! | `/_firedrill/metrics` | GET | counters for Prometheus |

mod chaos;
mod metrics;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use firedrill_model::rule::Rule;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::chaos::Chaos;
use crate::{
    body::Peeked,
    forward::AnswerBody,
    rules::{Listed, RuleBook},
};

/// A list of rules is no longer than this.
const BODY_MAX: usize = 1 << 20;

/// What the proxy counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests that came, its own pages left out.
    pub(crate) requests: AtomicU64,
    /// Those that could not be attributed to a region.
    pub(crate) unattributed: AtomicU64,
    /// Those whose connection was cut before an answer began.
    pub(crate) unanswered: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The proxy's own pages.
#[derive(Debug)]
pub(crate) struct Control {
    rules: RuleBook,
    counters: Arc<Counters>,
    chaos: Chaos,
    /// SHA-256 of the token that a client has to show.
    token: Option<[u8; 32]>,
}

/// What a page answers.
type Page = Result<(&'static str, String), (StatusCode, String)>;

impl Control {
    /// `given` are rules that stand from the beginning, as they were written and as they are meant.
    pub(crate) fn new(
        rules: RuleBook,
        counters: Arc<Counters>,
        token: Option<&str>,
        given: Vec<(Value, Rule)>,
    ) -> Self {
        let token = token.map(|token| Sha256::digest(token).into());
        Self { chaos: Chaos::new(rules.clone(), given), rules, counters, token }
    }

    /// Whether a path is one of these pages.
    pub(crate) fn has(path: &str) -> bool {
        path.starts_with("/_firedrill/") || path.starts_with("/_localstack/chaos/")
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let page = self.page(request).await;
        let (status, content_type, body) = match page {
            Ok((content_type, body)) => (StatusCode::OK, content_type, body),
            Err((status, error)) => (status, "application/json", json!({ "error": error }).to_string()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    async fn page(&self, request: Request<Incoming>) -> Page {
        let (head, body) = request.into_parts();
        if head.headers.contains_key(header::ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "rules are not changed by web pages".to_owned()));
        }
        if let Some(token) = &self.token {
            let shown = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
            if shown.is_none_or(|shown| <[u8; 32]>::from(Sha256::digest(shown)) != *token) {
                return Err((StatusCode::UNAUTHORIZED, "show the token: `Authorization: Bearer …`".to_owned()));
            }
        }
        let body = Peeked::untouched(body).read(BODY_MAX).await;
        let body = body.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let body = body.ok_or((StatusCode::PAYLOAD_TOO_LARGE, format!("more than {BODY_MAX} bytes")))?;
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/_firedrill/rules") => Ok(("application/json", self.listed())),
            (&Method::GET, "/_firedrill/metrics") => {
                Ok(("text/plain; version=0.0.4", metrics::text(&self.counters, &self.rules.numbered())))
            }
            (method, "/_firedrill/rules" | "/_localstack/chaos/faults") => self.chaos.faults(method, &body),
            (method, "/_localstack/chaos/effects") => self.chaos.effects(method, &body),
            (_, path) => Err((StatusCode::NOT_FOUND, format!("there is no page `{path}`"))),
        }
    }

    fn listed(&self) -> String {
        let listed = |(number, Listed { by, rule, begun, matched, struck }): (u64, Listed)| {
            json!({
                "by": by.to_string(), "number": number, "rule": rule,
                "begun": begun, "matched": matched, "struck": struck,
            })
        };
        self.rules.numbered().into_iter().map(listed).collect::<Value>().to_string()
    }
}
