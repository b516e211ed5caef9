//! The body of a request that a rule made wait, or paces: it comes to its end only while its client is there to hear of it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::{shape::BrokenOff, stream::Mark};

/// A body that breaks off when its client gives up. That is asked at each portion, when all that comes before it is read: the last
/// one, or the end where no length tells which one that is, stays with the plane when the client has left by then. Without it no
/// service carries the request out.
pub(crate) struct Attended<B> {
    body: B,
    client: Mark,
}

impl<B> Attended<B> {
    pub(crate) fn by(client: Mark, body: B) -> Self {
        Self { body, client }
    }
}

impl<B, E> Body for Attended<B>
where
    B: Body<Data = Bytes, Error = BrokenOff<E>> + Unpin,
{
    type Data = Bytes;
    type Error = BrokenOff<E>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(if self.client.is_given_up() { Some(Err(BrokenOff::GivenUp)) } else { frame })
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
    use std::convert::Infallible;

    use firedrill_clock::poll::{self, Look};
    use firedrill_model::units::Span;
    use http::HeaderMap;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::stream::MarkedStream;

    /// A client, and the plane's end of its connection.
    async fn connection() -> (TcpStream, MarkedStream, Mark) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, mark) = MarkedStream::new(listener.accept().await.unwrap().0);
        (client, stream, mark)
    }

    fn body(client: &Mark) -> Attended<impl Body<Data = Bytes, Error = BrokenOff<Infallible>> + Unpin + use<>> {
        let frames = [Frame::data("one"), Frame::data("two"), Frame::trailers(HeaderMap::new())];
        let frames =
            frames.map(|frame: Frame<&'static str>| Ok(frame.map_data(|data| Bytes::from_static(data.as_bytes()))));
        Attended::by(client.clone(), StreamBody::new(futures_util::stream::iter(frames)))
    }

    /// Waits until the system has told of the end of the client.
    async fn gone(client: &Mark) {
        let cancel = CancellationToken::new();
        let told = poll::until("the end", Span::from_ms(1), Span::from_secs(10), &cancel, async || {
            if client.is_given_up() { Look::Ready(()) } else { Look::NotYet("there".to_owned()) }
        });
        told.await.unwrap();
    }

    #[tokio::test]
    async fn all_passes_while_the_client_is_there() {
        let (mut client, _stream, mark) = connection().await;
        for unread in [&b""[..], b"the next request"] {
            client.write_all(unread).await.unwrap();
            let whole = body(&mark).collect().await.unwrap();
            assert!(whole.trailers().is_some());
            assert_eq!(whole.to_bytes(), "onetwo");
        }
        // Of a stream of HTTP/2, that the body ends says it.
        assert_eq!(body(&Mark::default()).collect().await.unwrap().to_bytes(), "onetwo");
    }

    #[tokio::test]
    async fn nothing_more_passes_once_the_client_is_gone() {
        for (unread, orderly, frames) in
            [(&b""[..], true, 0), (b"unread", true, 1), (b"unread", true, 2), (b"unread", true, 3), (b"", false, 2)]
        {
            let (mut client, stream, mark) = connection().await;
            let mut body = body(&mark);
            for _ in 0..frames {
                body.frame().await.unwrap().unwrap();
            }
            client.write_all(unread).await.unwrap();
            if !orderly {
                client.set_zero_linger().unwrap();
            }
            drop(client);
            gone(&mark).await;
            let next = body.frame().await;
            assert!(matches!(next, Some(Err(BrokenOff::GivenUp))), "after {frames} frames, orderly: {orderly}");
            drop(stream);
            assert!(mark.is_given_up(), "the stream itself is gone");
        }
    }
}
