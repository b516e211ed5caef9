//! Bodies that the plane had to read before it passes them on.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use firedrill_clock::poll;
use firedrill_model::units::Span;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A body of which some was read already: that comes first, then what is left.
#[derive(Debug, Default)]
pub(crate) struct Peeked {
    read: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    rest: Option<Incoming>,
    /// Whether its sender said how long it is. That it was read changes nothing in how it is passed on.
    has_length: bool,
}

impl Peeked {
    /// Nothing was read yet.
    pub(crate) fn untouched(body: Incoming) -> Self {
        let has_length = body.size_hint().exact().is_some();
        Self { rest: Some(body), has_length, ..Self::default() }
    }

    /// A body in memory.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { read: VecDeque::from([bytes]), has_length: true, ..Self::default() }
    }

    /// Reads all of it, or as much as `limit` allows; the bytes when that is all.
    pub(crate) async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, hyper::Error> {
        self.read_within(limit, None).await.unwrap_or(Ok(None))
    }

    /// The same; `None` when nothing more came for so long.
    pub(crate) async fn read_in_time(
        &mut self,
        limit: usize,
        patience: Span,
    ) -> Option<Result<Option<Bytes>, hyper::Error>> {
        self.read_within(limit, Some(patience)).await
    }

    async fn read_within(
        &mut self,
        limit: usize,
        patience: Option<Span>,
    ) -> Option<Result<Option<Bytes>, hyper::Error>> {
        let mut length: usize = self.read.iter().map(Bytes::len).sum();
        while let Some(rest) = &mut self.rest {
            if length > limit {
                return Some(Ok(None));
            }
            let frame = match patience {
                Some(patience) => poll::at_most(patience, rest.frame()).await?,
                None => rest.frame().await,
            };
            match frame {
                None => self.rest = None,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        length += data.len();
                        self.read.push_back(data);
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
        if self.read.len() > 1 {
            let whole: Vec<u8> = self.read.drain(..).flatten().collect();
            self.read.push_back(Bytes::from(whole));
        }
        Some(Ok(Some(self.read.front().cloned().unwrap_or_default())))
    }

    /// Its length, when all of it was read.
    pub(crate) fn in_hand(&self) -> Option<usize> {
        self.rest.is_none().then(|| self.read.iter().map(Bytes::len).sum())
    }

    /// The same again, of a body that was read to its end.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self { read, trailers, rest: None, has_length } = self else { return None };
        Some(Self { read: read.clone(), trailers: trailers.clone(), rest: None, has_length: *has_length })
    }

    /// Reads and forgets what is left. Reading also notices when the client gives up.
    pub(crate) async fn drain(&mut self) {
        while let Some(Ok(_)) = self.frame().await {}
    }
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(bytes) = self.read.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.trailers.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        if !self.has_length || self.trailers.is_some() {
            return SizeHint::default();
        }
        let read: u64 = self.read.iter().map(|bytes| bytes.len() as u64).sum();
        let rest = self.rest.as_ref().map_or(Some(0), |rest| rest.size_hint().exact());
        rest.map_or_else(SizeHint::default, |rest| SizeHint::with_exact(read + rest))
    }
}
