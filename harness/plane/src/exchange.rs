//! One request and its answer, and what the rules make of them.

use std::sync::Arc;

use firedrill_clock::poll;
use firedrill_model::{
    rule::{Effect, ExchangeSide, Nature, OwnAnswer},
    units::Span,
};
use http::{Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::Failure,
    body::Peeked,
    classify::{Attribution, Shows},
    facts::Facts,
    forward::{AnswerBody, Forwarder, RequestBody, Unanswered, Upstream, fail},
    guard::{GuardedBody, Pupil},
    protocol::Protocol,
    rules::{Hit, Passage},
    shape::{Shape, Shaped},
    stale::{self, Key},
    stream::Mark,
};

/// As much of a request as is read for rules that ask for what only its body tells. A request to DynamoDB has at most
/// 16 MiB (Amazon DynamoDB Developer Guide, "Quotas"); of what is longer, only its head is judged.
const BODY_MAX: usize = 16 << 20;
/// As much of a body is read while a request waits for its time, so that it is noticed when its client gives up: hyper looks at a
/// connection only as far as somebody reads. Many requests wait at once, so that this is less than what one alone may take.
const AHEAD_MAX: usize = 1 << 20;

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) forwarder: &'a Arc<Forwarder>,
    pub(crate) upstream: &'a Upstream,
    pub(crate) attribution: &'a Attribution,
    pub(crate) protocol: Protocol,
    pub(crate) mark: &'a Mark,
}

/// What goes out to the service.
struct Outgoing {
    request: Request<Peeked>,
    shape: Shape,
    twice: bool,
    /// The rule that makes it late, and by how much.
    late: Option<(Hit, Span)>,
    /// Which read it is, where a rule answers reads.
    read: Option<Key>,
}

/// What makes a request late, with a view of the rules of its own: it may outlive its client.
struct Late {
    passage: Passage,
    hit: Hit,
    by: Span,
}

impl Exchange<'_> {
    pub(crate) async fn run(
        &self,
        request: Request<Incoming>,
        mut passage: Passage,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let mut request = request.map(Peeked::untouched);
        let mut read = None;
        if passage.needs_body() {
            let whole = tokio::select! {
                biased;
                hit = passage.struck() => return hold(&passage, &hit, &mut request).await,
                whole = request.body_mut().read(BODY_MAX) => whole.map_err(Unanswered::Client)?,
            };
            if let Some(whole) = whole {
                let (head, body) = request.into_parts();
                passage.learn(Facts::of(self.attribution, self.protocol, &head, Some(&whole)));
                read = stale::key(self.attribution, &head, passage.operation(), &whole);
                request = Request::from_parts(head, body);
            }
        }
        let mut outgoing = Outgoing { request, shape: Shape::default(), twice: false, late: None, read };
        for hit in passage.meet(ExchangeSide::Request) {
            // It ended while an earlier one made the request wait.
            if hit.is_over() {
                continue;
            }
            if let Some(answer) = self.on_request(&hit, &mut passage, &mut outgoing).await? {
                return Ok(answer);
            }
        }
        if asks_first(&outgoing.request) && outgoing.request.body().is_end_stream() {
            self.mark.go_on();
        }
        let read = outgoing.read;
        let late = outgoing.late.take().map(|(hit, by)| Late { passage: passage.clone(), hit, by });
        let answer = tokio::select! {
            biased;
            // Sending is dropped with the select: the region may have executed the request, the client never knows.
            hit = passage.struck() => return cut(&passage, &hit).await,
            answer = self.send_in_time(outgoing, late) => answer?,
        };
        self.on_answer(answer, passage, read).await
    }

    /// What a rule does to a request; an answer when it goes no further.
    async fn on_request(
        &self,
        hit: &Hit,
        passage: &mut Passage,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Response<AnswerBody>>, Unanswered> {
        match hit.effect().nature() {
            Nature::Cuts if *hit.effect() == Effect::BlackHole => {
                return hold(passage, hit, &mut outgoing.request).await;
            }
            Nature::Cuts => return Err(Unanswered::Cut),
            Nature::Answers(answer) => {
                tokio::select! {
                    new = passage.struck() => return cut(passage, &new).await,
                    () = take(&mut outgoing.request) => {}
                }
                return Ok(Some(self.failure(answer)));
            }
            Nature::Delays(delay) => self.wait(hit, hit.delay(delay), passage, &mut outgoing.request).await?,
            Nature::Shapes => outgoing.shape.take(hit),
            Nature::Replays => {
                if let Effect::Delayed { by } = hit.effect() {
                    outgoing.late = Some((hit.clone(), *by));
                } else {
                    outgoing.twice |= *hit.effect() == Effect::Duplicate;
                }
            }
        }
        Ok(None)
    }

    /// Lets a request wait, unless its client gives up meanwhile: that one goes no further.
    async fn wait(
        &self,
        hit: &Hit,
        by: Span,
        passage: &mut Passage,
        request: &mut Request<Peeked>,
    ) -> Result<(), Unanswered> {
        tokio::select! {
            waited = passage.delay(hit, by) => waited?,
            gone = read_ahead(request) => return Err(gone),
        }
        if self.mark.is_given_up().await { Err(Unanswered::GivenUp) } else { Ok(()) }
    }

    /// Sends the request; where a rule makes it late, beside the client, who may have given up by then. One that is longer than
    /// what is kept goes with its client as any other does. When the rule ends, what has not been sent is dropped; so is
    /// what another cuts off.
    async fn send_in_time(&self, mut outgoing: Outgoing, late: Option<Late>) -> Result<Response<Incoming>, Unanswered> {
        let Some(Late { mut passage, hit, by }) = late else {
            return send(self.forwarder, self.upstream, outgoing).await;
        };
        outgoing.request.body_mut().read(BODY_MAX).await.map_err(Unanswered::Client)?;
        // It ends with the plane, and must not keep it.
        let (forwarder, upstream) = (Arc::downgrade(self.forwarder), self.upstream.clone());
        let over = passage.over(&hit);
        let (told, answer) = oneshot::channel();
        self.forwarder.keep(async move {
            let to_its_end = CancellationToken::new();
            let sending = async {
                tokio::select! {
                    () = over => return Err(Unanswered::Cut),
                    _ = poll::pause(by, &to_its_end) => {}
                }
                match forwarder.upgrade() {
                    Some(forwarder) => send(&forwarder, &upstream, outgoing).await,
                    None => Err(Unanswered::Cut),
                }
            };
            let sent = tokio::select! {
                biased;
                _ = passage.struck() => Err(Unanswered::Cut),
                answer = sending => answer,
            };
            if told.send(sent).is_err() {
                tracing::debug!("the client of a late request has given up");
            }
        });
        answer.await.unwrap_or(Err(Unanswered::Cut))
    }

    /// What the rules make of an answer.
    async fn on_answer(
        &self,
        answer: Response<Incoming>,
        mut passage: Passage,
        read: Option<Key>,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let pupil = self.learn(&answer);
        let mut shape = Shape::default();
        let mut answer = answer.map(Peeked::untouched);
        for hit in passage.meet(ExchangeSide::Response) {
            if hit.is_over() {
                continue;
            }
            match hit.effect().nature() {
                Nature::Cuts => return cut(&passage, &hit).await,
                Nature::Answers(answer) => return Ok(self.failure(answer)),
                Nature::Delays(delay) => passage.delay(&hit, hit.delay(delay)).await?,
                Nature::Shapes => shape.take(&hit),
                Nature::Replays => {
                    if let (Effect::StaleRead, Some(key)) = (hit.effect(), read) {
                        answer = stale_read(&hit, key, answer, &mut passage).await?;
                    }
                }
            }
        }
        let mark = self.mark.clone();
        Ok(answer.map(|body| {
            let body = Shaped::new(body, shape).map_err(Unanswered::from);
            GuardedBody::new(body, passage, mark, pupil).boxed_unsync()
        }))
    }

    /// What a signed request that succeeded shows; the reader of an answer that shows more.
    fn learn(&self, answer: &Response<Incoming>) -> Option<Pupil> {
        let homes = &self.forwarder.homes;
        let region = &self.attribution.region;
        if !answer.status().is_success() {
            return None;
        }
        match &self.attribution.shows {
            Shows::Nothing => None,
            Shows::Resource(resource) => {
                homes.learn(resource, region);
                None
            }
            Shows::FunctionUrls => Some(Pupil::new(Arc::clone(homes), region.clone())),
        }
    }

    /// The answer of a rule that answers in the place of the service, with its own error or with that of the service.
    fn failure(&self, answer: OwnAnswer<'_>) -> Response<AnswerBody> {
        let service = self.attribution.service.as_str();
        fail(&Failure::of(answer, service, self.protocol), self.protocol, service)
    }
}

/// Whether a client waits to be told to go on (RFC 9110, section 10.1.1).
fn asks_first(request: &Request<Peeked>) -> bool {
    let expects = request.headers().get(header::EXPECT);
    request.version() >= Version::HTTP_11
        && expects.is_some_and(|expects| expects.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Sends the request, and once more where a rule says so, before the client hears of the first.
async fn send(
    forwarder: &Forwarder,
    upstream: &Upstream,
    outgoing: Outgoing,
) -> Result<Response<Incoming>, Unanswered> {
    let Outgoing { request, shape, twice, .. } = outgoing;
    let (head, body) = request.into_parts();
    let again = if twice { body.again().map(|body| Request::from_parts(head.clone(), body)) } else { None };
    let answer = forwarder.send(shaped(Request::from_parts(head, body), shape), upstream).await?;
    if let Some(again) = again {
        match forwarder.send(shaped(again, Shape::default()), upstream).await {
            Ok(second) => Peeked::untouched(second.into_body()).drain().await,
            Err(error) => tracing::debug!(%error, "the second of two deliveries has no answer"),
        }
    }
    Ok(answer)
}

/// Leaves the client without an answer, when the rule says so.
async fn cut<T>(passage: &Passage, hit: &Hit) -> Result<T, Unanswered> {
    passage.cut(hit).await;
    Err(Unanswered::Cut)
}

/// The same for a request whose body was not read yet: a network that takes everything and says nothing takes it.
async fn hold<T>(passage: &Passage, hit: &Hit, request: &mut Request<Peeked>) -> Result<T, Unanswered> {
    tokio::select! {
        () = passage.cut(hit) => {}
        () = swallow(request) => {}
    }
    Err(Unanswered::Cut)
}

/// Reads a request that goes no further. The body of one that asks first must not be polled: that would answer
/// `100 Continue`.
async fn take(request: &mut Request<Peeked>) {
    if !request.headers().contains_key(header::EXPECT) {
        request.body_mut().drain().await;
    }
}

/// Reads on, up to a limit, while a request waits; returns only when its client breaks off. One that asks first is told to go on no
/// earlier than without the wait.
async fn read_ahead(request: &mut Request<Peeked>) -> Unanswered {
    if !request.headers().contains_key(header::EXPECT)
        && let Err(error) = request.body_mut().read(AHEAD_MAX).await
    {
        return Unanswered::Client(error);
    }
    std::future::pending().await
}

/// Reads a request that will never be answered, so that the client sees a network that takes everything and says
/// nothing; never returns. Reading also notices when the client gives up.
async fn swallow(request: &mut Request<Peeked>) {
    take(request).await;
    std::future::pending::<()>().await;
}

fn shaped(request: Request<Peeked>, shape: Shape) -> Request<RequestBody> {
    request.map(|body| Shaped::new(body, shape).boxed_unsync())
}

/// The first answer to a read; this one, when it is the first.
async fn stale_read(
    hit: &Hit,
    key: Key,
    answer: Response<Peeked>,
    passage: &mut Passage,
) -> Result<Response<Peeked>, Unanswered> {
    if let Some(first) = hit.memory().recall(key) {
        return Ok(first.map(Peeked::whole));
    }
    let (head, mut body) = answer.into_parts();
    let whole = tokio::select! {
        new = passage.struck() => return cut(passage, &new).await,
        whole = body.read(stale::ANSWER_MAX) => whole.map_err(Unanswered::Answer)?,
    };
    // What a service could not answer is no state of its data.
    if let Some(whole) = whole.filter(|_| !head.status.is_server_error()) {
        hit.memory().keep(key, &Response::from_parts(head.clone(), whole));
    }
    Ok(Response::from_parts(head, body))
}
