//! Carries a request to its region and the answer back, as streams, under the rules that stand.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt, iter,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use firedrill_model::{ids::Region, units::Span};
use http::{
    HeaderMap, HeaderName, Request, Response, Uri, Version, header,
    request::Parts,
    uri::{self, Authority},
};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use thiserror::Error;

use crate::{
    PlaneError,
    answer::Failure,
    classify::{self, Attribution, Evidence, Shows, Unattributed},
    control::{Control, Counters},
    exchange::Exchange,
    facts::Facts,
    homes::Homes,
    late::Late,
    listener::{HEADER_LIMIT, HEADERS_MAX},
    place::Place,
    protocol::{Protocol, protocol},
    rules::{CutOff, RuleBook},
    shape::BrokenOff,
    stream::Mark,
    tls::{Connector, Trust},
};

const IDLE_LIMIT: Span = Span::from_secs(20);
/// Headers between two neighbours on the way, not between client and service (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// The client is left without an answer, or without all of it.
#[derive(Debug, Error)]
pub(crate) enum Unanswered {
    /// By a rule.
    #[error("cut off by a rule")]
    Cut,
    /// The answer was cut short by a rule.
    #[error("cut short by a rule")]
    Short,
    /// The client broke off its request.
    #[error("the client broke off")]
    Client(#[source] hyper::Error),
    /// The client closed its connection while a rule made its request wait, or paced it.
    #[error("the client gave up")]
    GivenUp,
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

impl From<CutOff> for Unanswered {
    fn from(CutOff: CutOff) -> Self {
        Self::Cut
    }
}

impl From<BrokenOff<hyper::Error>> for Unanswered {
    fn from(error: BrokenOff<hyper::Error>) -> Self {
        match error {
            BrokenOff::Rule => Self::Short,
            BrokenOff::GivenUp => Self::GivenUp,
            BrokenOff::Body(error) => Self::Answer(error),
        }
    }
}

/// A request on its way to the region.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BrokenOff<hyper::Error>>;
/// An answer on its way to the client.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, Unanswered>;

/// Where requests go.
#[derive(Debug)]
pub(crate) enum Upstreams {
    /// Each region has an address of its own, and no other region is served.
    ByRegion(BTreeMap<Region, Upstream>),
    /// One address serves whatever region a request is for.
    One(Upstream),
}

/// What is behind, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) authority: Authority,
    pub(crate) scheme: uri::Scheme,
}

impl Upstreams {
    pub(crate) fn by_region(addresses: &BTreeMap<Region, SocketAddr>) -> Result<Self, PlaneError> {
        let authority = |(region, address): (&Region, &SocketAddr)| match address.to_string().parse() {
            Ok(authority) => Ok((region.clone(), Upstream { authority, scheme: uri::Scheme::HTTP })),
            Err(source) => Err(PlaneError::Upstream { region: region.clone(), address: *address, source }),
        };
        addresses.iter().map(authority).collect::<Result<_, _>>().map(Self::ByRegion)
    }

    fn of(&self, region: &Region) -> Option<&Upstream> {
        match self {
            Self::ByRegion(regions) => regions.get(region),
            Self::One(upstream) => Some(upstream),
        }
    }
}

/// Forwards requests to the regions' processes.
pub(crate) struct Forwarder {
    client: Client<Connector, RequestBody>,
    upstreams: Upstreams,
    rules: RuleBook,
    pub(crate) homes: Arc<Homes>,
    counters: Arc<Counters>,
    front: Front,
    /// How long nothing may come of a body that is read for rules: as long as a head may take.
    pub(crate) patience: Span,
    pub(crate) late: Late,
}

/// What is in front of the regions besides the rules.
#[derive(Debug)]
pub(crate) enum Front {
    /// A drill: what belongs to the emulator and not to AWS is refused, and so is what cannot be attributed.
    Drill,
    /// A proxy with pages of its own. The emulator's other pages pass.
    Proxy {
        /// The pages.
        control: Box<Control>,
        /// Region of what cannot be attributed, or it is refused.
        default_region: Option<Region>,
        /// Why what is behind did not answer the last request, if it did not.
        told: Mutex<Option<String>>,
    },
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").field("upstreams", &self.upstreams).finish_non_exhaustive()
    }
}

impl Forwarder {
    /// `trust` is asked where it speaks TLS to what is behind.
    pub(crate) fn new(
        upstreams: Upstreams,
        trust: Trust,
        rules: RuleBook,
        front: Front,
        counters: Arc<Counters>,
    ) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT.std())
            .http1_preserve_header_case(true)
            .http1_max_headers(HEADERS_MAX)
            .set_host(false)
            .build(trust.connector());
        let (homes, late) = (Arc::default(), Late::default());
        Self { client, upstreams, rules, homes, counters, front, patience: HEADER_LIMIT, late }
    }

    /// Answers one request that came in by the address of `origin`. An error leaves the client without an answer; `mark`
    /// then makes that a reset.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        origin: Option<Place>,
        mark: Mark,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        if let Front::Proxy { control, .. } = &self.front
            && Control::has(request.uri().path())
        {
            return Ok(control.answer(request).await);
        }
        Counters::count(&self.counters.requests);
        let (head, body) = request.into_parts();
        if !is_framed_clearly(&head.headers) {
            let failure = Failure::unclear("of the codings of its body only `chunked`, once, is known");
            return Ok(fail(&failure, protocol("", &head.method, &head.uri, &head.headers), ""));
        }
        let (method, uri, headers) = (&head.method, &head.uri, &head.headers);
        let mut attribution = match classify::attribute(method, uri, headers, &self.homes) {
            Ok(attribution) => attribution,
            Err(reason) => match (self.otherwise(&reason, &head), &self.upstreams) {
                (Some(attribution), _) => attribution,
                (None, Upstreams::One(upstream)) if matches!(reason, Unattributed::EmulatorPage(_)) => {
                    return self.pass(Request::from_parts(head, body), upstream, &mark).await;
                }
                (None, _) => return Ok(self.refuse(&reason.to_string(), &head, "")),
            },
        };
        attribution.origin = origin;
        let Attribution { region, service, .. } = &attribution;
        let Some(upstream) = self.upstreams.of(region) else {
            return Ok(self.refuse(&format!("this target has no region {region}"), &head, service));
        };
        let protocol = protocol(service, method, uri, headers);
        let passage = self.rules.passage(Facts::of(&attribution, protocol, &head, None));
        let exchange = Exchange { forwarder: &self, upstream, attribution: &attribution, protocol, mark: &mark };
        let answer = exchange.run(Request::from_parts(head, body), passage).await;
        if answer.is_err() {
            Counters::count(&self.counters.unanswered);
            mark.reset();
        }
        answer
    }

    /// What a request is taken for that cannot be attributed.
    fn otherwise(&self, reason: &Unattributed, head: &Parts) -> Option<Attribution> {
        let (Front::Proxy { default_region: Some(region), .. }, Unattributed::Unknown | Unattributed::SignatureV2) =
            (&self.front, reason)
        else {
            return None;
        };
        let service = classify::unsigned_service(&head.uri, &head.headers);
        let region = region.clone();
        Some(Attribution {
            region,
            service,
            principal: None,
            origin: None,
            by: Evidence::Default,
            shows: Shows::Nothing,
        })
    }

    /// Passes what no rule is for.
    async fn pass(
        &self,
        request: Request<Incoming>,
        upstream: &Upstream,
        mark: &Mark,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let answer = self.send(request.map(|body| body.map_err(BrokenOff::Body).boxed_unsync()), upstream).await;
        if answer.is_err() {
            mark.reset();
        }
        Ok(answer?.map(|body| body.map_err(Unanswered::Answer).boxed_unsync()))
    }

    /// Whoever started a proxy has to hear why nothing comes from behind it, once. In a drill a region may be gone for good.
    fn tell(&self, failed: Option<&hyper_util::client::legacy::Error>) {
        let Front::Proxy { told, .. } = &self.front else { return };
        // A rule or a client broke the request off.
        let failed = failed.filter(|error| !causes(*error).any(<dyn Error>::is::<BrokenOff<hyper::Error>>));
        let text = failed.map(|error| causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": "));
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = text.as_ref().filter(|text| told.as_ref() != Some(*text)) {
            tracing::warn!("what is behind the proxy does not answer: {text}");
        }
        *told = text;
    }

    fn refuse(&self, reason: &str, head: &Parts, service: &str) -> Response<AnswerBody> {
        Counters::count(&self.counters.unattributed);
        let protocol = protocol(service, &head.method, &head.uri, &head.headers);
        fail(&Failure::unattributed(reason), protocol, service)
    }

    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
        upstream: &Upstream,
    ) -> Result<Response<Incoming>, Unanswered> {
        strip_hop_by_hop(request.headers_mut());
        let mut parts = uri::Parts::default();
        parts.scheme = Some(upstream.scheme.clone());
        parts.authority = Some(upstream.authority.clone());
        parts.path_and_query =
            Some(request.uri().path_and_query().cloned().unwrap_or_else(|| uri::PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).map_err(Unanswered::Address)?;
        *request.version_mut() = Version::HTTP_11;
        let answer = self.client.request(request).await;
        self.tell(answer.as_ref().err());
        let mut answer = answer.map_err(Unanswered::Upstream)?;
        strip_hop_by_hop(answer.headers_mut());
        Ok(answer)
    }
}

/// An error and what it comes from.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

/// The plane's own answer.
pub(crate) fn fail(failure: &Failure, protocol: Protocol, service: &str) -> Response<AnswerBody> {
    failure.answer(protocol, service).map(|body| body.map_err(|never| match never {}).boxed_unsync())
}

/// Whether everybody on the way finds the same end of the body. HTTP allows codings before the last one; who does not know them
/// answers 501 (RFC 9112, section 6.1), and who overlooks one reads other requests than its neighbour.
fn is_framed_clearly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let known = codings.next().is_none_or(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    known && codings.next().is_none()
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
