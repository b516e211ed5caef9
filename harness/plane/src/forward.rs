//! Carries a request to its region and the answer back, as streams, under the rule of the region.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use firedrill_model::{ids::Region, units::Span};
use futures_util::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderName, Request, Response, Uri, Version, header,
    uri::{self, Authority},
};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use thiserror::Error;

use super::{
    PlaneError,
    classify::{self, Attribution, Shows},
    homes::{Homes, Resource},
    listener::HEADERS_MAX,
    refusal,
    rules::{Passage, RuleBook, Strike},
    stream::ResetMark,
};

const CONNECT_LIMIT: Span = Span::from_secs(5);
const IDLE_LIMIT: Span = Span::from_secs(20);
/// More than Lambda answers about all URLs of one function: it has one for each alias, and 50 are told at a time.
const ANSWER_MAX: usize = 256 << 10;
/// Headers between two neighbours on the way, not between client and service (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// The client is left without an answer.
#[derive(Debug, Error)]
pub(super) enum Unanswered {
    /// By a rule.
    #[error("cut off by a rule")]
    Cut,
    /// The request's address cannot be written for the region.
    #[error("the address cannot be forwarded")]
    Address(#[source] uri::InvalidUriParts),
    /// The region's process did not take the request or broke off.
    #[error("the region does not answer")]
    Upstream(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off.
    #[error("the region's answer broke off")]
    Answer(#[source] hyper::Error),
}

/// An answer on its way to the client.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, Unanswered>;

/// Forwards requests to the regions' processes.
pub(super) struct Forwarder {
    client: Client<HttpConnector, Incoming>,
    upstreams: BTreeMap<Region, Authority>,
    rules: RuleBook,
    homes: Arc<Homes>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").field("upstreams", &self.upstreams).finish_non_exhaustive()
    }
}

impl Forwarder {
    pub(super) fn new(upstreams: &BTreeMap<Region, SocketAddr>, rules: RuleBook) -> Result<Self, PlaneError> {
        let authority = |(region, address): (&Region, &SocketAddr)| match address.to_string().parse() {
            Ok(authority) => Ok((region.clone(), authority)),
            Err(source) => Err(PlaneError::Upstream { region: region.clone(), address: *address, source }),
        };
        let upstreams = upstreams.iter().map(authority).collect::<Result<_, _>>()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_LIMIT.std()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT.std())
            .http1_preserve_header_case(true)
            .http1_max_headers(HEADERS_MAX)
            .set_host(false)
            .build(connector);
        Ok(Self { client, upstreams, rules, homes: Arc::default() })
    }

    /// Answers one request. An error leaves the client without an answer; `reset` then makes that a reset.
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        reset: ResetMark,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let attribution = match classify::attribute(request.method(), request.uri(), request.headers(), &self.homes) {
            Ok(attribution) => attribution,
            Err(reason) => return Ok(refuse(request.headers(), &reason.to_string())),
        };
        let (Some(passage), Some(upstream)) =
            (self.rules.passage(&attribution.region), self.upstreams.get(&attribution.region))
        else {
            let reason = format!("this target has no region {}", attribution.region);
            return Ok(refuse(request.headers(), &reason));
        };
        let answer = self.under_rule(request, &attribution, upstream, passage, &reset).await;
        if answer.is_err() {
            reset.set();
        }
        answer
    }

    async fn under_rule(
        &self,
        request: Request<Incoming>,
        attribution: &Attribution,
        upstream: &Authority,
        mut passage: Passage,
        reset: &ResetMark,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        if let Some(strike) = passage.struck().now_or_never() {
            tokio::select! {
                () = passage.cut(strike) => {}
                () = swallow(request) => {}
            }
            return Err(Unanswered::Cut);
        }
        let answer = tokio::select! {
            biased;
            strike = passage.struck() => {
                // Sending was dropped with the select: the region may have executed the request, the client never knows.
                passage.cut(strike).await;
                return Err(Unanswered::Cut);
            }
            answer = self.send(request, upstream) => answer?,
        };
        let mut pupil = None;
        match &attribution.shows {
            Shows::Resource(resource) if answer.status().is_success() => {
                self.homes.learn(resource, &attribution.region);
            }
            Shows::FunctionUrls if answer.status().is_success() => {
                pupil = Some(Pupil::new(Arc::clone(&self.homes), attribution.region.clone()));
            }
            Shows::Resource(_) | Shows::FunctionUrls | Shows::Nothing => {}
        }
        Ok(answer.map(|body| GuardedBody::new(body, passage, reset.clone(), pupil).boxed_unsync()))
    }

    async fn send(
        &self,
        mut request: Request<Incoming>,
        upstream: &Authority,
    ) -> Result<Response<Incoming>, Unanswered> {
        strip_hop_by_hop(request.headers_mut());
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(upstream.clone());
        parts.path_and_query =
            Some(request.uri().path_and_query().cloned().unwrap_or_else(|| uri::PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).map_err(Unanswered::Address)?;
        *request.version_mut() = Version::HTTP_11;
        let mut answer = self.client.request(request).await.map_err(Unanswered::Upstream)?;
        strip_hop_by_hop(answer.headers_mut());
        Ok(answer)
    }
}

/// Reads a request that will never be answered, so that the client sees a network that takes everything and says
/// nothing; never returns. Reading also notices when the client gives up.
async fn swallow(request: Request<Incoming>) {
    // Polling the body of such a request would answer `100 Continue`.
    if !request.headers().contains_key(header::EXPECT) {
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
    }
    std::future::pending::<()>().await;
}

fn refuse(request: &HeaderMap, reason: &str) -> Response<AnswerBody> {
    refusal::answer(request, reason).map(|body| body.map_err(|never| match never {}).boxed_unsync())
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The body of an answer, cut off when a rule strikes.
struct GuardedBody {
    body: Incoming,
    guard: Guard,
    reset: ResetMark,
    pupil: Option<Pupil>,
}

/// Reads along in an answer that names function URLs. It has learned before the client has read to the end.
struct Pupil {
    homes: Arc<Homes>,
    region: Region,
    read: Vec<u8>,
}

impl Pupil {
    fn new(homes: Arc<Homes>, region: Region) -> Self {
        Self { homes, region, read: Vec::new() }
    }

    /// Reads on; `None` when there is no more to learn.
    fn reads(mut self, bytes: &[u8]) -> Option<Self> {
        if self.read.len() + bytes.len() > ANSWER_MAX {
            return None;
        }
        self.read.extend_from_slice(bytes);
        match serde_json::from_slice(&self.read) {
            Ok(answer) => {
                for url in Resource::function_urls(&answer) {
                    self.homes.learn(&url, &self.region);
                }
                None
            }
            Err(error) => error.is_eof().then_some(self),
        }
    }
}

enum Guard {
    /// Frames pass until this is ready.
    Watching(BoxFuture<'static, (Passage, Strike)>),
    /// Nothing passes; the connection is cut off when this is ready.
    Struck(BoxFuture<'static, ()>),
}

impl GuardedBody {
    fn new(body: Incoming, mut passage: Passage, reset: ResetMark, pupil: Option<Pupil>) -> Self {
        let watching = async move {
            let strike = passage.struck().await;
            (passage, strike)
        };
        Self { body, guard: Guard::Watching(watching.boxed()), reset, pupil }
    }

    /// Ready when the answer must be cut off.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Guard::Watching(watching) = &mut self.guard {
            let (mut passage, strike) = ready!(watching.as_mut().poll(cx));
            self.guard = Guard::Struck(async move { passage.cut(strike).await }.boxed());
        }
        match &mut self.guard {
            Guard::Watching(_) => Poll::Pending,
            Guard::Struck(waiting) => waiting.as_mut().poll(cx),
        }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = Unanswered;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unanswered>>> {
        if self.poll_cut(cx).is_ready() {
            self.reset.set();
            return Poll::Ready(Some(Err(Unanswered::Cut)));
        }
        if matches!(self.guard, Guard::Struck(_)) {
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.pupil = self.pupil.take().and_then(|pupil| pupil.reads(bytes));
                }
            }
            Some(Err(_)) => self.reset.set(),
            None => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Unanswered::Answer)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_is_between_neighbours_is_stripped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Between"),
            ("keep-alive", "timeout=5"),
            ("x-between", "1"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("host", "orders.s3.us-east-1.amazonaws.com"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["expect", "host", "transfer-encoding", "x-amz-trailer"]);
    }
}
