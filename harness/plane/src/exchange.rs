//! One request and its answer, and what the rules make of them.

use std::sync::Arc;

use firedrill_clock::poll;
use firedrill_model::{
    rule::{Effect, ExchangeSide, Nature, OwnAnswer},
    units::Span,
};
use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::Failure,
    attended::Attended,
    body::Peeked,
    classify::{Attribution, Shows},
    facts::Facts,
    forward::{AnswerBody, Forwarder, Unanswered, Upstream, fail},
    guard::{GuardedBody, Pupil},
    protocol::Protocol,
    rules::{Hit, Passage},
    shape::{BrokenOff, Shape, Shaped},
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
    /// Whether its body was read for the rules, as far as it is read for them.
    is_read: bool,
    /// Which read it is, where a rule answers reads.
    read: Option<Key>,
    /// Its client, where rules make it wait or pace it: nothing of it is carried out when that one is gone.
    client: Option<Mark>,
    shape: Shape,
    twice: bool,
    /// The rule that makes it late, and by how much.
    late: Option<(Hit, Span)>,
}

/// What makes a request late, with a view of the rules of its own: it may outlive its client.
struct Lateness {
    passage: Passage,
    hit: Hit,
    by: Span,
}

impl Outgoing {
    fn new(request: Request<Incoming>) -> Self {
        let request = request.map(Peeked::untouched);
        let shape = Shape::default();
        Self { request, is_read: false, read: None, client: None, shape, twice: false, late: None }
    }
}

impl Exchange<'_> {
    pub(crate) async fn run(
        &self,
        request: Request<Incoming>,
        mut passage: Passage,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let mut outgoing = Outgoing::new(request);
        if let Some(answer) = self.on_way_out(&mut passage, &mut outgoing).await? {
            return Ok(answer);
        }
        if asks_first(&outgoing.request) && outgoing.request.body().is_end_stream() {
            self.mark.go_on();
        }
        let read = outgoing.read;
        let late = outgoing.late.take().map(|(hit, by)| Lateness { passage: passage.clone(), hit, by });
        let answer = tokio::select! {
            biased;
            // Sending is dropped with the select: the region may have executed the request, the client never knows.
            hit = passage.struck() => return cut(&passage, &hit).await,
            answer = self.send_in_time(outgoing, late) => answer?,
        };
        self.on_answer(answer, passage, read).await
    }

    /// What the rules make of a request; an answer when it goes no further. Those that began while it waited for one are asked when
    /// its wait is over.
    async fn on_way_out(
        &self,
        passage: &mut Passage,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Response<AnswerBody>>, Unanswered> {
        loop {
            if passage.needs_body()
                && let Some(answer) = self.read(passage, outgoing).await?
            {
                return Ok(Some(answer));
            }
            let hits = passage.meet(ExchangeSide::Request);
            if hits.is_empty() {
                return Ok(None);
            }
            // One may have ended while an earlier one made the request wait.
            for hit in hits {
                if !hit.is_over()
                    && let Some(answer) = self.on_request(&hit, passage, outgoing).await?
                {
                    return Ok(Some(answer));
                }
            }
        }
    }

    /// Reads the body of a request, once, as much as rules may have of it; an answer when it does not come.
    async fn read(
        &self,
        passage: &mut Passage,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Response<AnswerBody>>, Unanswered> {
        if std::mem::replace(&mut outgoing.is_read, true) {
            return Ok(None);
        }
        let patience = self.forwarder.patience;
        let read = tokio::select! {
            biased;
            hit = passage.struck() => return hold(passage, &hit, &mut outgoing.request).await,
            read = outgoing.request.body_mut().read_in_time(BODY_MAX, patience) => read,
        };
        let Some(read) = read else {
            let mut answer = fail(&Failure::slow_body(patience), self.protocol, &self.attribution.service);
            // The rest of the body would be taken for the next request.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return Ok(Some(answer));
        };
        if let Some(whole) = read.map_err(Unanswered::Client)? {
            let (head, body) = std::mem::take(&mut outgoing.request).into_parts();
            passage.learn(Facts::of(self.attribution, self.protocol, &head, Some(&whole)));
            outgoing.read = stale::key(self.attribution, &head, passage.operation(), &whole);
            outgoing.request = Request::from_parts(head, body);
        }
        Ok(None)
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
            Nature::Delays(delay) => self.wait(hit, hit.delay(delay), passage, outgoing).await?,
            Nature::Shapes => {
                outgoing.shape.take(hit);
                if outgoing.shape.is_paced() {
                    outgoing.client = Some(self.mark.clone());
                }
            }
            Nature::Replays => {
                if let Effect::Delayed { by } = hit.effect() {
                    outgoing.late = Some((hit.clone(), *by));
                } else {
                    outgoing.twice |= *hit.effect() == Effect::Duplicate;
                }
                return self.read(passage, outgoing).await;
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
        outgoing: &mut Outgoing,
    ) -> Result<(), Unanswered> {
        outgoing.client = Some(self.mark.clone());
        tokio::select! {
            waited = passage.delay(hit, by) => Ok(waited?),
            gone = read_ahead(&mut outgoing.request) => Err(gone),
        }
    }

    /// Sends the request; where a rule makes it late, beside the client, who may have given up by then. One that is longer than
    /// what is kept, or for which there is no room, goes with its client as any other does. When the rule ends, what has not been
    /// sent is dropped; so is what another cuts off.
    async fn send_in_time(
        &self,
        mut outgoing: Outgoing,
        late: Option<Lateness>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Some(Lateness { mut passage, hit, by }) = late else {
            return send(self.forwarder, self.upstream, outgoing).await;
        };
        let over = passage.over(&hit);
        let Some(room) = outgoing.request.body().in_hand().and_then(|bytes| self.forwarder.late.room(bytes)) else {
            outgoing.client = Some(self.mark.clone());
            pause(by, over).await?;
            return send(self.forwarder, self.upstream, outgoing).await;
        };
        outgoing.client = None;
        // It ends with the plane, and must not keep it.
        let (forwarder, upstream) = (Arc::downgrade(self.forwarder), self.upstream.clone());
        let (told, answer) = oneshot::channel();
        self.forwarder.late.keep(async move {
            let sending = async {
                pause(by, over).await?;
                let forwarder = forwarder.upgrade().ok_or(Unanswered::Cut)?;
                send(&forwarder, &upstream, outgoing).await
            };
            let sent = tokio::select! {
                biased;
                _ = passage.struck() => Err(Unanswered::Cut),
                answer = sending => answer,
            };
            drop(room);
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
        loop {
            let hits = passage.meet(ExchangeSide::Response);
            if hits.is_empty() {
                break;
            }
            for hit in hits.iter().filter(|hit| !hit.is_over()) {
                match hit.effect().nature() {
                    Nature::Cuts => return cut(&passage, hit).await,
                    Nature::Answers(answer) => return Ok(self.failure(answer)),
                    Nature::Delays(delay) => passage.delay(hit, hit.delay(delay)).await?,
                    Nature::Shapes => shape.take(hit),
                    Nature::Replays => {
                        if let (Effect::StaleRead, Some(key)) = (hit.effect(), read) {
                            answer = stale_read(hit, key, answer, &mut passage).await?;
                        }
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
    let Outgoing { request, client, shape, twice, .. } = outgoing;
    if client.as_ref().is_some_and(Mark::is_given_up) {
        return Err(Unanswered::GivenUp);
    }
    let (head, body) = request.into_parts();
    let again = if twice { body.again().map(|body| Request::from_parts(head.clone(), body)) } else { None };
    let body = Shaped::new(body, shape);
    let body = match client {
        Some(client) => Attended::by(client, body).boxed_unsync(),
        None => body.boxed_unsync(),
    };
    let answer = forwarder.send(Request::from_parts(head, body), upstream).await?;
    if let Some(again) = again {
        let again = again.map(|body| body.map_err(BrokenOff::Body).boxed_unsync());
        match forwarder.send(again, upstream).await {
            Ok(second) => Peeked::untouched(second.into_body()).drain().await,
            Err(error) => tracing::debug!(%error, "the second of two deliveries has no answer"),
        }
    }
    Ok(answer)
}

/// Waits for the time of a late request, unless its rule ends.
async fn pause(by: Span, over: impl Future<Output = ()>) -> Result<(), Unanswered> {
    let to_its_end = CancellationToken::new();
    tokio::select! {
        () = over => Err(Unanswered::Cut),
        _ = poll::pause(by, &to_its_end) => Ok(()),
    }
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
