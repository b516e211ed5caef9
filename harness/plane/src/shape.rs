//! A body on its way through rules: paced, cut short, changed or held back at its end.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use firedrill_clock::poll;
use firedrill_model::{rule::Effect, units::Span};
use futures_util::{FutureExt, future::BoxFuture};
use hyper::body::{Body, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::rules::Hit;

/// What is paced goes out in portions of so much time.
const PORTION: Span = Span::from_ms(20);
/// Of a body without a length so much of its beginning may change. It does not depend on how the body comes in.
const BEGINNING: usize = 1 << 10;

/// The body broke off by a rule, or by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenOff<E> {
    /// By a rule.
    #[error("broken off by a rule")]
    Rule,
    /// By the plane, which sends nothing more for a client that is gone.
    #[error("broken off because the client gave up")]
    GivenUp,
    /// By itself.
    #[error(transparent)]
    Body(E),
}

/// What happens to one body.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    hits: Vec<Hit>,
}

impl Shape {
    /// Takes up a hit whose effect is on bodies.
    pub(crate) fn take(&mut self, hit: &Hit) {
        self.hits.push(hit.clone());
    }

    /// Whether nothing happens.
    pub(crate) fn is_plain(&self) -> bool {
        self.hits.is_empty()
    }

    /// Whether it makes bodies take longer.
    pub(crate) fn is_paced(&self) -> bool {
        self.pace().is_some()
    }

    /// Effects of rules that still stand.
    fn standing(&self) -> impl Iterator<Item = (&Hit, &Effect)> {
        self.hits.iter().filter(|hit| !hit.is_over()).map(|hit| (hit, hit.effect()))
    }

    /// Bytes a second, where the slowest rule decides.
    fn pace(&self) -> Option<u64> {
        self.standing()
            .filter_map(|(_, effect)| {
                if let Effect::Bandwidth { per_second } = effect { Some(per_second.bytes().max(1)) } else { None }
            })
            .min()
    }

    /// After how many bytes it breaks off.
    fn breaks_off(&self) -> Option<u64> {
        self.standing()
            .filter_map(|(_, effect)| if let Effect::Truncate { after } = effect { Some(after.bytes()) } else { None })
            .min()
    }

    /// How long its last byte is held back.
    fn holds_back(&self) -> Option<Span> {
        self.standing()
            .filter_map(|(_, effect)| if let Effect::SlowClose { by } = effect { Some(*by) } else { None })
            .max()
    }

    /// Whether bytes change.
    fn corrupts(&self) -> bool {
        self.standing().any(|(_, effect)| matches!(effect, Effect::Corrupt { .. }))
    }

    /// Which bytes change, and how.
    fn places(&self, length: u64) -> Vec<(u64, u8)> {
        let places = self.standing().filter_map(|(hit, effect)| {
            if let Effect::Corrupt { bytes } = effect { Some(hit.places(*bytes, length)) } else { None }
        });
        places.flatten().collect()
    }
}

/// What a body gives when it is read.
type Came<B> = Option<Result<Frame<Bytes>, <B as Body>::Error>>;

/// A body under a [`Shape`].
pub(crate) struct Shaped<B: Body> {
    body: B,
    shape: Shape,
    /// Length of the whole, where it is known.
    length: Option<u64>,
    /// Which bytes change, once that is drawn.
    places: Option<Vec<(u64, u8)>>,
    /// Read from the body and not yet passed on.
    held: Bytes,
    /// What came behind that, where it was read already.
    behind: Option<Came<B>>,
    passed: u64,
    pause: Option<BoxFuture<'static, bool>>,
    /// How long the end has been waiting.
    held_back: Span,
    breaking_off: bool,
}

/// Only the body has to stay where it is.
impl<B: Body + Unpin> Unpin for Shaped<B> {}

impl<B: Body<Data = Bytes> + Unpin> Shaped<B> {
    /// Puts a body under a shape.
    pub(crate) fn new(body: B, shape: Shape) -> Self {
        let length = body.size_hint().exact();
        Self {
            body,
            shape,
            length,
            places: None,
            held: Bytes::new(),
            behind: None,
            passed: 0,
            pause: None,
            held_back: Span::default(),
            breaking_off: false,
        }
    }

    /// Whether the end has to wait, a portion of its time at once: it goes on when the rule ends.
    fn holds_back(&mut self) -> bool {
        let left = self.shape.holds_back().map(|by| by.micros().saturating_sub(self.held_back.micros()));
        let Some(left @ 1..) = left else { return false };
        let portion = Span::from_micros(left.min(PORTION.micros()));
        self.held_back = self.held_back.plus(portion);
        self.pause(portion);
        true
    }

    fn pause(&mut self, span: Span) {
        self.pause = Some(async move { poll::pause(span, &CancellationToken::new()).await }.boxed());
    }

    /// The next bytes to pass on, at most those that are held.
    fn portion(&mut self) -> Bytes {
        let mut size = self.held.len();
        if let Some(pace) = self.shape.pace() {
            let portion = pace.saturating_mul(PORTION.micros()) / 1_000_000;
            size = size.min(usize::try_from(portion.max(1)).unwrap_or(usize::MAX));
            self.pause(Span::from_micros(size as u64 * 1_000_000 / pace));
        }
        if let Some(limit) = self.shape.breaks_off() {
            size = size.min(usize::try_from(limit - self.passed).unwrap_or(usize::MAX));
        }
        let last = self.length == Some(self.passed + size as u64);
        if last && size > 0 && self.holds_back() {
            size -= 1;
        }
        let portion = self.held.split_to(size);
        let start = self.passed;
        self.passed += size as u64;
        self.changed(portion, start)
    }

    /// The bytes that start at `start` of the body, with those changed that are to be.
    fn changed(&self, bytes: Bytes, start: u64) -> Bytes {
        let end = start + bytes.len() as u64;
        let places = self.places.iter().flatten();
        let mut here = places.filter(|(at, _)| (start..end).contains(at)).peekable();
        if here.peek().is_none() {
            return bytes;
        }
        let mut changed = BytesMut::from(bytes);
        for (at, bit) in here {
            if let Some(byte) = usize::try_from(at - start).ok().and_then(|at| changed.get_mut(at)) {
                *byte ^= bit;
            }
        }
        changed.freeze()
    }

    /// Draws which bytes change, before the first goes out. Of a body without a length enough is read for that.
    fn poll_places(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.places.is_none() {
            if self.length.is_none() && self.shape.corrupts() {
                ready!(self.poll_beginning(cx));
            }
            let length = self.length.unwrap_or(self.held.len().min(BEGINNING) as u64);
            self.places = Some(self.shape.places(length));
        }
        Poll::Ready(())
    }

    /// Reads until the beginning is there, or nothing more of it comes.
    fn poll_beginning(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.held.len() < BEGINNING && self.behind.is_none() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.held = [&self.held[..], &data].concat().into(),
                    Err(trailers) => self.behind = Some(Some(Ok(trailers))),
                },
                end => self.behind = Some(end),
            }
        }
        Poll::Ready(())
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Shaped<B> {
    type Data = Bytes;
    type Error = BrokenOff<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        ready!(this.poll_places(cx));
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            if !this.held.is_empty() {
                if this.shape.breaks_off().is_some_and(|limit| this.passed >= limit) {
                    if std::mem::replace(&mut this.breaking_off, true) {
                        return Poll::Ready(Some(Err(BrokenOff::Rule)));
                    }
                    // What was passed on is sent before the connection ends.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let portion = this.portion();
                if portion.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(Frame::data(portion))));
            }
            let came = match this.behind.take() {
                Some(behind) => behind,
                None => ready!(Pin::new(&mut this.body).poll_frame(cx)),
            };
            match came {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.held = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(BrokenOff::Body(error)))),
                // The end of a body without a length is what is held back.
                None if this.length.is_none() && this.holds_back() => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty()
            && self.behind.is_none()
            && self.pause.is_none()
            && self.body.is_end_stream()
            && (self.shape.is_plain() || self.length == Some(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length - self.passed),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
