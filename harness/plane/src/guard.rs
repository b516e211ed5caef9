//! The body of an answer on its way to the client: cut off when a rule strikes, read along for function URLs.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use firedrill_model::ids::Region;
use futures_util::{FutureExt, future::BoxFuture};
use hyper::body::{Body, Frame, SizeHint};

use crate::{
    forward::Unanswered,
    homes::{Homes, Resource},
    rules::{Hit, Passage},
    stream::Mark,
};

/// More than Lambda answers about all URLs of one function: it has one for each alias, and 50 are told at a time.
const ANSWER_MAX: usize = 256 << 10;

/// The body of an answer, cut off when a rule strikes.
pub(crate) struct GuardedBody<B> {
    body: B,
    guard: Guard,
    mark: Mark,
    pupil: Option<Pupil>,
}

enum Guard {
    /// Frames pass until this is ready.
    Watching(BoxFuture<'static, (Passage, Hit)>),
    /// Nothing passes; the connection is cut off when this is ready.
    Struck(BoxFuture<'static, ()>),
}

impl<B> GuardedBody<B> {
    pub(crate) fn new(body: B, mut passage: Passage, mark: Mark, pupil: Option<Pupil>) -> Self {
        let watching = async move {
            let hit = passage.struck().await;
            (passage, hit)
        };
        Self { body, guard: Guard::Watching(watching.boxed()), mark, pupil }
    }

    /// Ready when the answer must be cut off.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Guard::Watching(watching) = &mut self.guard {
            let (passage, hit) = ready!(watching.as_mut().poll(cx));
            self.guard = Guard::Struck(async move { passage.cut(&hit).await }.boxed());
        }
        match &mut self.guard {
            Guard::Watching(_) => Poll::Pending,
            Guard::Struck(waiting) => waiting.as_mut().poll(cx),
        }
    }
}

impl<B: Body<Data = Bytes, Error = Unanswered> + Unpin> Body for GuardedBody<B> {
    type Data = Bytes;
    type Error = Unanswered;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unanswered>>> {
        if self.poll_cut(cx).is_ready() {
            self.mark.reset();
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
            // What a rule cuts short ends as if the service had closed the connection.
            Some(Err(Unanswered::Short)) | None => {}
            Some(Err(_)) => self.mark.reset(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Reads along in an answer that names function URLs. It has learned before the client has read to the end.
pub(crate) struct Pupil {
    homes: Arc<Homes>,
    region: Region,
    read: Vec<u8>,
}

impl Pupil {
    pub(crate) fn new(homes: Arc<Homes>, region: Region) -> Self {
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
