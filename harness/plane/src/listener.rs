//! One address of the plane, which opens and closes without ever being given to another program.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
};

use firedrill_model::units::Span;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    forward::Forwarder,
    http2,
    place::Place,
    slow,
    stream::{Mark, MarkedStream},
};
use firedrill_clock::poll;

const BACKLOG: u32 = 1024;
/// A client that takes longer to begin, or then to send its headers, is told so and dropped; one that sends nothing is dropped.
pub(super) const HEADER_LIMIT: Span = Span::from_secs(30);
pub(super) const HEADERS_BYTES_MAX: usize = 256 << 10;
/// S3 allows 2 KB of user metadata, names and values together, each pair in a header of its own.
pub(super) const HEADERS_MAX: usize = 1100;
const KNOCK_LIMIT: Span = Span::from_secs(1);
/// After an accept that failed because descriptors ran out.
const ACCEPT_PAUSE: Span = Span::from_ms(50);

/// An address that can be open or refuse connections.
#[derive(Debug)]
pub(super) struct Gate {
    address: SocketAddr,
    /// Bound and not listening: the system refuses connections. It shares the address with nobody, or a program that binds with
    /// `SO_REUSEADDR`, as most do, would be given it until the gate opens.
    reservation: TcpSocket,
    /// [`HEADER_LIMIT`], but in tests.
    header_limit: Span,
    serving: Option<Serving>,
}

#[derive(Debug)]
struct Serving {
    closed: CancellationToken,
    accepting: JoinSet<()>,
}

impl Gate {
    /// Reserves a free port on the loopback interface.
    pub(super) fn reserve() -> io::Result<Self> {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Reserves an address; port 0 is a free one.
    pub(super) fn at(address: SocketAddr) -> io::Result<Self> {
        let reservation = if address.port() == 0 {
            let socket = socket(address)?;
            socket.bind(address)?;
            socket
        } else {
            // A port that was chosen may have connections of a program that has ended.
            bind(address)?
        };
        reservation.set_reuseaddr(false)?;
        Ok(Self { address: reservation.local_addr()?, reservation, header_limit: HEADER_LIMIT, serving: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections from now on, as the address of `origin`. Does nothing when it does already.
    pub(super) fn open(&mut self, forwarder: Arc<Forwarder>, origin: Option<&Place>) -> io::Result<()> {
        if self.serving.is_some() {
            return Ok(());
        }
        self.reservation.set_reuseaddr(true)?;
        let listener = bind(self.address).and_then(|socket| socket.listen(BACKLOG));
        self.reservation.set_reuseaddr(false)?;
        let listener = listener?;
        let closed = CancellationToken::new();
        let mut accepting = JoinSet::new();
        let header_limit = self.header_limit;
        let door = Door { forwarder, origin: origin.cloned(), header_limit, closed: closed.clone() };
        accepting.spawn(accept(listener, door));
        self.serving = Some(Serving { closed, accepting });
        Ok(())
    }

    /// Refuses connections from now on and resets those that are open; returns when that is done.
    pub(super) async fn close(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            serving.closed.cancel();
            while serving.accepting.join_next().await.is_some() {}
        }
    }

    /// Whether a client that connects now is refused.
    pub(super) async fn is_refused(&self) -> bool {
        let knock = poll::at_most(KNOCK_LIMIT, TcpStream::connect(self.address)).await;
        matches!(knock, Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Two sockets share the address while at most one of them listens (`SO_REUSEADDR` on Linux, socket(7)).
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = socket(address)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

/// What all connections of one address share.
#[derive(Clone)]
struct Door {
    forwarder: Arc<Forwarder>,
    origin: Option<Place>,
    header_limit: Span,
    closed: CancellationToken,
}

async fn accept(listener: TcpListener, door: Door) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = door.closed.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, door.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the fault plane cannot accept a connection");
                    poll::pause(ACCEPT_PAUSE, &door.closed).await;
                }
            },
        }
    }
    // The listener goes first, so that nobody gets in while connections are being reset.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, door: Door) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be told to send at once");
    }
    let (stream, mark) = MarkedStream::new(stream);
    let closed = door.closed.clone();
    // Owned here and not by the select: the mark must be set before the stream is dropped.
    let streams = http2::Streams::default();
    let mut connection = pin!(answer(stream, &streams, mark.clone(), door));
    tokio::select! {
        () = closed.cancelled() => mark.reset(),
        ended = connection.as_mut() => if let Err(error) = ended {
            tracing::debug!(%error, "a connection through the fault plane ended early");
        },
    }
    streams.end().await;
}

/// Answers what comes in on a connection until it ends: in HTTP/1.1, or in HTTP/2 with its streams.
async fn answer(mut stream: MarkedStream, streams: &http2::Streams, mark: Mark, door: Door) -> hyper::Result<()> {
    let Door { forwarder, origin, header_limit, .. } = door;
    let begun = poll::at_most(header_limit, stream.begins_with(http2::PREFACE)).await;
    let Some(begun) = begun else {
        let begun = stream.begun().to_vec();
        slow::hang_up(stream, &begun, header_limit).await;
        return Ok(());
    };
    let Ok(speaks_http2) = begun else { return Ok(()) };
    let stream = TokioIo::new(stream);
    if speaks_http2 {
        // Each request is a stream of its own, and ends alone.
        let service = service_fn(move |request| {
            Arc::clone(&forwarder).handle(http2::as_http1(request), origin.clone(), Mark::default())
        });
        return http2::builder(streams).serve_connection(stream, service).await;
    }
    let service = service_fn(move |request| Arc::clone(&forwarder).handle(request, origin.clone(), mark.clone()));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_limit.std())
        .max_buf_size(HEADERS_BYTES_MAX)
        // The buffer alone is no limit: a read may fill it beyond, and a head that is whole by then would pass.
        .max_header_size(HEADERS_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .preserve_header_case(true)
        .serve_connection(stream, service);
    let ended = (&mut connection).await;
    if ended.as_ref().is_err_and(hyper::Error::is_timeout) {
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        slow::hang_up(io.into_inner(), &read_buf, header_limit).await;
    }
    ended
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
