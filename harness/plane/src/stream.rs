//! A client's connection of which more can be said than an HTTP server says: that it is to be reset, so that the client sees what a
//! lost region shows, and that its client is to go on; and of which can be asked how it begins, and whether its client has given up.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf, Ready},
    net::TcpStream,
    task,
};

/// What is said of one connection from within its requests. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// It is reset when it is dropped.
    reset: AtomicBool,
    /// `100 Continue` goes out before anything else.
    goes_on: AtomicBool,
    /// Everything that was to be written is.
    flushed: AtomicBool,
    /// Somebody asks whether the client has given up.
    asked: AtomicBool,
    /// The client has closed its side.
    given_up: AtomicBool,
}

/// Tells a client that asks first to go on (RFC 9110, section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Mark {
    pub(super) fn reset(&self) {
        self.0.reset.store(true, Ordering::Relaxed);
    }

    /// Tells a client that asks first to go on, though no body follows. hyper says it when a body is read, and such a request has
    /// none; a service says it all the same, and clients count on that. Not said while an answer before it is under way.
    pub(super) fn go_on(&self) {
        if self.0.flushed.load(Ordering::Relaxed) {
            self.0.goes_on.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the client of a request that waits has closed its side, also behind bytes that nobody has read, which hyper does not
    /// see. For use within the request: hyper flushes the stream before it asks the request again, and that is when it is looked.
    pub(super) async fn is_given_up(&self) -> bool {
        // What the system has to tell by now is heard first.
        task::yield_now().await;
        self.0.asked.store(true, Ordering::Relaxed);
        task::yield_now().await;
        self.0.given_up.load(Ordering::Relaxed)
    }
}

/// A TCP stream that does as its mark says: it ends with RST instead of FIN, or writes `100 Continue` first.
#[derive(Debug)]
pub(super) struct MarkedStream {
    stream: TcpStream,
    mark: Mark,
    /// How much of [`CONTINUE`] is out.
    said: usize,
    /// What was read to see how the client begins.
    begun: Vec<u8>,
}

impl MarkedStream {
    pub(super) fn new(stream: TcpStream) -> (Self, Mark) {
        let mark = Mark::default();
        mark.0.flushed.store(true, Ordering::Relaxed);
        (Self { stream, mark: mark.clone(), said: 0, begun: Vec::new() }, mark)
    }

    /// Whether the client begins with these bytes. They are read again by whoever reads the stream.
    pub(super) async fn begins_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        while self.begun.len() < bytes.len() && bytes.starts_with(&self.begun) {
            let left = bytes.len() - self.begun.len();
            let mut next = (&mut self.stream).take(left.try_into().unwrap_or(u64::MAX));
            if next.read_buf(&mut self.begun).await? == 0 {
                break;
            }
        }
        Ok(self.begun == bytes)
    }

    /// What the client has sent of which nobody could say yet how it begins.
    pub(super) fn begun(&self) -> &[u8] {
        &self.begun
    }

    /// Whether nothing is left of what was to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.mark.0.flushed.load(Ordering::Relaxed)
    }

    /// Looks whether the client has closed its side. The system tells that of a stream whose bytes are not read as well.
    fn look(&self) {
        let ready = self.stream.ready(Interest::READABLE).now_or_never();
        let closed = ready.is_some_and(|ready| ready.is_ok_and(Ready::is_read_closed));
        self.mark.0.given_up.store(closed, Ordering::Relaxed);
    }

    /// Ready when nothing has to go out before what is to be written.
    fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.mark.0.goes_on.load(Ordering::Relaxed) {
            let said = ready!(Pin::new(&mut self.stream).poll_write(cx, &CONTINUE[self.said..]))?;
            if said == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.said += said;
            if self.said == CONTINUE.len() {
                self.said = 0;
                self.mark.0.goes_on.store(false, Ordering::Relaxed);
            }
        }
        self.mark.0.flushed.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MarkedStream {
    fn drop(&mut self) {
        if self.mark.0.reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "a connection is closed and not reset");
        }
    }
}

impl AsyncRead for MarkedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.begun.is_empty() {
            let fits = self.begun.len().min(buf.remaining());
            buf.put_slice(&self.begun[..fits]);
            self.begun.drain(..fits);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for MarkedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_go_on(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_go_on(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for this once all that it had is written.
        self.mark.0.flushed.store(true, Ordering::Relaxed);
        if self.mark.0.asked.swap(false, Ordering::Relaxed) {
            self.look();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// hyper ends a failed connection with an orderly shutdown; one that is to be reset must not say goodbye.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.mark.0.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
