//! Bodies that the plane had to read before it passes them on.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A body of which some was read already: that comes first, then what is left.
#[derive(Debug, Default)]
pub(crate) struct Peeked {
    read: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    rest: Option<Incoming>,
}

impl Peeked {
    /// Nothing was read yet.
    pub(crate) fn untouched(body: Incoming) -> Self {
        Self { rest: Some(body), ..Self::default() }
    }

    /// A body in memory.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { read: VecDeque::from([bytes]), ..Self::default() }
    }

    /// Reads all of it, or as much as `limit` allows; the bytes when that is all.
    pub(crate) async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, hyper::Error> {
        let mut length: usize = self.read.iter().map(Bytes::len).sum();
        while let Some(rest) = &mut self.rest {
            if length > limit {
                return Ok(None);
            }
            match rest.frame().await {
                None => self.rest = None,
                Some(frame) => match frame?.into_data() {
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
        Ok(Some(self.read.front().cloned().unwrap_or_default()))
    }

    /// The same again, of a body that was read to its end.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self { read, trailers, rest: None } = self else { return None };
        Some(Self { read: read.clone(), trailers: trailers.clone(), rest: None })
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
        let read: u64 = self.read.iter().map(|bytes| bytes.len() as u64).sum();
        match self.rest.as_ref().map(Body::size_hint) {
            None if self.trailers.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(read),
            Some(rest) => match rest.exact() {
                Some(rest) => SizeHint::with_exact(read + rest),
                None => SizeHint::default(),
            },
        }
    }
}
