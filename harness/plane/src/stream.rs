//! A client's connection of which more can be said than an HTTP server says: that it is to be reset, so that the client sees what a
//! lost region shows, and that its client is to go on; and of which can be asked how it begins, and whether its client has given up.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use futures_util::FutureExt;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready},
    net::TcpStream,
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
    /// What is asked whether the client has given up; none of a connection whose requests end one by one.
    socket: Option<Weak<TcpStream>>,
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

    /// Whether the client has closed its side, also behind bytes that nobody has read, which hyper does not see.
    pub(super) fn is_given_up(&self) -> bool {
        let Some(socket) = &self.0.socket else { return false };
        // The stream itself is gone when nobody answers on it any more.
        socket.upgrade().is_none_or(|stream| is_closed_by_peer(&stream))
    }
}

/// The system tells of an end that stands behind bytes once it is asked for news of the socket, which the runtime does now and then;
/// of one behind nothing it tells at once.
fn is_closed_by_peer(stream: &TcpStream) -> bool {
    let news = stream.ready(Interest::READABLE).now_or_never();
    if news.is_some_and(|news| news.is_ok_and(Ready::is_read_closed)) {
        return true;
    }
    match SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]) {
        Ok(bytes) => bytes == 0,
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}

/// A TCP stream that does as its mark says: it ends with RST instead of FIN, or writes `100 Continue` first.
#[derive(Debug)]
pub(super) struct MarkedStream {
    /// Nobody else keeps it: its mark alone sees it too.
    stream: Arc<TcpStream>,
    mark: Mark,
    /// How much of [`CONTINUE`] is out.
    said: usize,
    /// What was read to see how the client begins.
    begun: Vec<u8>,
}

impl MarkedStream {
    pub(super) fn new(stream: TcpStream) -> (Self, Mark) {
        let stream = Arc::new(stream);
        let socket = Some(Arc::downgrade(&stream));
        let mark = Mark(Arc::new(State { flushed: AtomicBool::new(true), socket, ..State::default() }));
        (Self { stream, mark: mark.clone(), said: 0, begun: Vec::new() }, mark)
    }

    /// Whether the client begins with these bytes. They are read again by whoever reads the stream.
    pub(super) async fn begins_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        while self.begun.len() < bytes.len() && bytes.starts_with(&self.begun) {
            let left = bytes.len() - self.begun.len();
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut (&mut self.begun).limit(left)) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
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

    /// Ready when nothing has to go out before what is to be written.
    fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.mark.0.goes_on.load(Ordering::Relaxed) {
            let said = ready!(poll_written(&self.stream, cx, |stream| stream.try_write(&CONTINUE[self.said..])))?;
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

/// Writes once the socket takes something.
fn poll_written(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    write: impl Fn(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match write(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
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
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read_buf(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl AsyncWrite for MarkedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_go_on(cx))?;
        poll_written(&self.stream, cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_go_on(cx))?;
        poll_written(&self.stream, cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for this once all that it had is written.
        self.mark.0.flushed.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    /// hyper ends a failed connection with an orderly shutdown; one that is to be reset must not say goodbye.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.mark.0.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        match SockRef::from(&*self.stream).shutdown(Shutdown::Write) {
            // The other end has gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}
