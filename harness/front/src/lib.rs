//! The second front of the fault plane: its rules in the HTTP client of an AWS SDK for Rust.
//!
//! A proxy needs clients that are told another address, and a target that speaks plain HTTP. Real AWS is neither. Here the same
//! rules are asked where the SDK hands a signed request to its HTTP client, once for each attempt, whatever the target is:
//!
//! ```text
//! client of the SDK → signs → rules → the SDK's own HTTP client → AWS
//! ```
//!
//! What a rule strikes never leaves the process. Requests of other programs are not seen: for those there is the proxy. Rules that
//! need the bytes on the wire ([`Unsupported`]) are refused when they are switched on, not passed over.

use std::{io, sync::Arc};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use firedrill_model::rule::{Effect, ExchangeSide, Nature, Rule};
use firedrill_plane::{
    answer::Failure,
    classify,
    facts::Facts,
    homes::Homes,
    protocol::{Protocol, protocol},
    rules::{Bite, CutOff, Hit, Listed, Passage, RuleBook, Source},
};
use http::{Method, Uri, request::Parts};
use http_body_util::BodyExt;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinSet};

/// A rule that can only be kept where the bytes pass on a wire.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unsupported {
    /// Its effect changes bytes on their way.
    #[error("`{effect}` takes a proxy: an SDK's client has no bytes on their way")]
    Effect {
        /// The word of the effect.
        effect: &'static str,
    },
    /// It asks from where a request comes.
    #[error("from where a request comes is told by the address of a proxy: an SDK's client has none")]
    Origin,
}

/// Rules, and SDK clients that keep them. Cheap to clone; rules that begin and end by the clock do so while one is there.
#[derive(Clone, Debug)]
pub struct Front {
    rules: RuleBook,
    homes: Arc<Homes>,
    _keeping: Arc<JoinSet<()>>,
}

impl Front {
    /// No rule stands. What strikes its first request is told through `bites`; the seed decides what rules
    /// draw. Needs a runtime of tokio.
    pub fn start(seed: u64, bites: mpsc::UnboundedSender<Bite>) -> Self {
        let rules = RuleBook::new(seed, bites);
        let mut keeping = JoinSet::new();
        keeping.spawn(rules.clone().keep_time());
        Self { rules, homes: Arc::default(), _keeping: Arc::new(keeping) }
    }

    /// An HTTP client that asks the rules before and after `inner`.
    pub fn before(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Ruled { front: self.clone(), inner })
    }

    /// Puts rules in the place of those of the same source, from this moment, for requests under way as well. When one is not
    /// supported, nothing is switched on.
    pub fn switch_on(&self, by: &Source, rules: Vec<Rule>) -> Result<(), Unsupported> {
        for rule in &rules {
            supported(rule)?;
        }
        self.rules.switch_on(by, rules);
        Ok(())
    }

    /// Ends the rules of a source. Requests that were held are dropped, not sent.
    pub fn switch_off(&self, by: &Source) {
        self.rules.switch_off(by);
    }

    /// The rules, in the order in which they are asked.
    pub fn list(&self) -> Vec<Listed> {
        self.rules.list()
    }
}

fn supported(rule: &Rule) -> Result<(), Unsupported> {
    if !rule.scope.origin.is_empty() {
        return Err(Unsupported::Origin);
    }
    match rule.effect.nature() {
        Nature::Cuts | Nature::Answers(_) | Nature::Delays(_) => Ok(()),
        Nature::Shapes | Nature::Replays => Err(Unsupported::Effect { effect: rule.effect.word() }),
    }
}

/// An SDK's HTTP client with the rules in front.
#[derive(Debug)]
struct Ruled {
    front: Front,
    inner: SharedHttpClient,
}

impl HttpClient for Ruled {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { front: self.front.clone(), inner })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    front: Front,
    inner: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move { connector.exchange(request).await })
    }
}

/// What a request is, as far as its own answers are shaped.
#[derive(Debug)]
struct Asked {
    service: String,
    protocol: Protocol,
}

impl Connector {
    /// One attempt of the SDK. It is dropped when the SDK gives up, and then sent no more.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let head = head(&request)?;
        let attribution = match classify::attribute(&head.method, &head.uri, &head.headers, &self.front.homes) {
            Ok(attribution) => attribution,
            Err(reason) => {
                let protocol = protocol("", &head.method, &head.uri, &head.headers);
                let asked = Asked { service: String::new(), protocol };
                return answered(&Failure::unattributed(&reason.to_string()), &asked).await;
            }
        };
        let protocol = protocol(&attribution.service, &head.method, &head.uri, &head.headers);
        let facts = Facts::of(&attribution, protocol, &head, request.body().bytes());
        let asked = Asked { service: attribution.service, protocol };
        let mut passage = self.front.rules.passage(facts);
        if let Some(answer) = meet(&mut passage, ExchangeSide::Request, &asked).await? {
            return Ok(answer);
        }
        let answer = tokio::select! {
            biased;
            // Sending is dropped with the select: the region may have executed the request, the client never knows.
            hit = passage.struck() => {
                passage.cut(&hit).await;
                return Err(lost(&hit));
            }
            answer = self.inner.call(request) => answer?,
        };
        Ok(meet(&mut passage, ExchangeSide::Response, &asked).await?.unwrap_or(answer))
    }
}

/// What the rules of one side make of an exchange: an answer in the place of the service's, or nothing.
async fn meet(
    passage: &mut Passage,
    side: ExchangeSide,
    asked: &Asked,
) -> Result<Option<HttpResponse>, ConnectorError> {
    loop {
        let hits = passage.meet(side);
        if hits.is_empty() {
            return Ok(None);
        }
        // One may have ended while an earlier one made the request wait.
        for hit in hits.iter().filter(|hit| !hit.is_over()) {
            match hit.effect().nature() {
                Nature::Cuts => {
                    passage.cut(hit).await;
                    return Err(lost(hit));
                }
                Nature::Answers(answer) => {
                    let failure = Failure::of(answer, &asked.service, asked.protocol);
                    return answered(&failure, asked).await.map(Some);
                }
                Nature::Delays(delay) => {
                    let cut_off = |CutOff| broken(io::ErrorKind::ConnectionReset);
                    passage.delay(hit, hit.delay(delay)).await.map_err(cut_off)?;
                }
                // Refused when they are switched on.
                Nature::Shapes | Nature::Replays => {}
            }
        }
    }
}

/// What a client sees of a connection that a rule took away.
fn lost(hit: &Hit) -> ConnectorError {
    let refused = *hit.effect() == Effect::Refuse;
    broken(if refused { io::ErrorKind::ConnectionRefused } else { io::ErrorKind::ConnectionReset })
}

fn broken(kind: io::ErrorKind) -> ConnectorError {
    ConnectorError::io(io::Error::from(kind).into())
}

/// Method, address and headers of a request.
fn head(request: &HttpRequest) -> Result<Parts, ConnectorError> {
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let method = request.method().parse::<Method>().map_err(|error| unusable(error.into()))?;
    let uri = request.uri().parse::<Uri>().map_err(|error| unusable(error.into()))?;
    let mut head = http::Request::builder().method(method).uri(uri);
    for (name, value) in request.headers() {
        head = head.header(name, value);
    }
    let head = head.body(()).map_err(|error| unusable(error.into()))?;
    Ok(head.into_parts().0)
}

async fn answered(failure: &Failure, asked: &Asked) -> Result<HttpResponse, ConnectorError> {
    let (head, body) = failure.answer(asked.protocol, &asked.service).into_parts();
    let body = match body.collect().await {
        Ok(whole) => SdkBody::from(whole.to_bytes()),
        Err(never) => match never {},
    };
    let status =
        StatusCode::try_from(head.status.as_u16()).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut answer = HttpResponse::new(status, body);
    for (name, value) in &head.headers {
        let value = value.to_str().unwrap_or_default().to_owned();
        answer.headers_mut().insert(name.as_str().to_owned(), value);
    }
    Ok(answer)
}
