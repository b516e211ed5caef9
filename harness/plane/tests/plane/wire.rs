//! Both ends of the plane as sockets: a client and a region's process whose bytes the test decides.

use std::{collections::BTreeMap, io, net::SocketAddr};

use firedrill_clock::poll::{self, Look};
use firedrill_model::{
    ids::{FaultId, Region, Zone},
    rule::{Effect, Rule},
    units::Span,
};
use firedrill_plane::{
    Plane, Reserved,
    place::Place,
    rules::{Bite, Source},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

pub(crate) const EAST: &str = "us-east-1";
pub(crate) const WEST: &str = "eu-west-1";
/// A zone of the east, in which something runs.
pub(crate) const ZONE: &str = "us-east-1a";
/// Longer than anything here takes; what takes longer hangs.
const LIMIT: Span = Span::from_secs(10);
/// How long is watched that nothing happens.
pub(crate) const QUIET: Span = Span::from_ms(300);

/// A plane in front of two regions.
pub(crate) struct Bench {
    pub(crate) plane: Plane,
    pub(crate) east: Stub,
    pub(crate) west: Stub,
    pub(crate) bites: mpsc::UnboundedReceiver<Bite>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let (east, west) = (Stub::bind().await, Stub::bind().await);
        let upstreams = BTreeMap::from([(Region::from(EAST), east.address()), (Region::from(WEST), west.address())]);
        let places = upstreams.keys().cloned().map(Place::from).chain([Zone::from(ZONE).into()]);
        let (bite, bites) = mpsc::unbounded_channel();
        let plane = Reserved::bind(places).unwrap().open(&upstreams, 7, bite).await.unwrap();
        Self { plane, east, west, bites }
    }

    /// Switches one rule on, in the place of the one before.
    pub(crate) async fn rule(&self, rule: Rule) {
        self.plane.switch_on(&by(), vec![rule]).await.unwrap();
    }

    /// Does something to every request of the east.
    pub(crate) async fn east(&self, effect: Effect) {
        self.rule(Rule::of_region(&Region::from(EAST), effect)).await;
    }

    /// Lets everything pass.
    pub(crate) async fn heal(&self) {
        self.plane.switch_off(&by()).await.unwrap();
    }

    /// Waits until the only rule has struck so many requests.
    pub(crate) async fn has_struck(&self, requests: u64) {
        let cancel = CancellationToken::new();
        let struck = poll::until("the rule to strike", Span::from_ms(5), LIMIT, &cancel, async || {
            let struck = self.plane.list()[0].struck;
            if struck == requests { Look::Ready(()) } else { Look::NotYet(format!("{struck} struck")) }
        });
        struck.await.unwrap();
    }

    /// A connection to the plane's address of a region.
    pub(crate) async fn client(&self, region: &str) -> Wire {
        self.client_at(&Region::from(region).into()).await
    }

    /// A connection to the plane's address of a region or zone.
    pub(crate) async fn client_at(&self, place: &Place) -> Wire {
        Wire::connect(self.plane.address(place).unwrap()).await.unwrap()
    }

    /// Sends a request to the east and takes it there: the client's end, the region's end, and the head that arrived.
    pub(crate) async fn exchange(&self, head: &str) -> (Wire, Wire, String) {
        let mut client = self.client(EAST).await;
        client.send(head).await;
        let mut region = self.east.accept().await;
        let arrived = region.head().await;
        (client, region, arrived)
    }

    /// Shows that the plane works, and that nothing but this request has reached the east on a new connection.
    pub(crate) async fn next_is_ours(&self) {
        let (mut client, mut region, arrived) = self.exchange(&signed("GET", "/the-next-one", "")).await;
        assert!(arrived.starts_with("GET /the-next-one HTTP/1.1\r\n"), "another request came first: {arrived}");
        region.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 204 "));
    }
}

/// Who switches rules on.
pub(crate) fn by() -> Source {
    Source::Fault(fault())
}

fn fault() -> FaultId {
    FaultId::from("fault-1")
}

/// What is told when its first request is struck.
pub(crate) fn bite() -> Bite {
    Bite { fault: fault(), rule: None }
}

/// The process of a region.
pub(crate) struct Stub(TcpListener);

impl Stub {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> Wire {
        Wire::new(in_time("a connection from the plane", self.0.accept()).await.unwrap().0)
    }

    /// The next connection, however long that takes.
    pub(crate) async fn accept_when_it_comes(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }

    /// Whoever connects within a while.
    pub(crate) async fn sees(&self) -> Option<Wire> {
        poll::at_most(QUIET, self.accept_when_it_comes()).await.map(Wire::new)
    }

    /// Watches for a while that the plane does not connect.
    pub(crate) async fn sees_nobody(&self) {
        assert!(self.sees().await.is_none(), "the plane connected to the region");
    }
}

/// One end of a connection.
pub(crate) struct Wire(BufReader<TcpStream>);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Orderly.
    Closed,
    /// By a reset.
    Reset,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        in_time("a connection", TcpStream::connect(address)).await.map(Self::new)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        in_time("bytes to go out", self.try_send(bytes)).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref()).await
    }

    /// Some bytes that came in; none at the end.
    pub(crate) async fn some(&mut self) -> io::Result<Vec<u8>> {
        let bytes = self.0.fill_buf().await?.to_vec();
        self.0.consume(bytes.len());
        Ok(bytes)
    }

    /// Everything to the empty line.
    pub(crate) async fn head(&mut self) -> String {
        let reading = async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let read = self.0.read_line(&mut head).await.unwrap();
                assert_ne!(read, 0, "the connection ended within a head: {head:?}");
            }
            head
        };
        in_time("a head", reading).await
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        in_time("a body", self.0.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// A chunked body and the lines of its trailer section.
    pub(crate) async fn chunked(&mut self) -> (Vec<u8>, Vec<String>) {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            body.extend(chunk);
        }
        let mut trailers = Vec::new();
        loop {
            match self.line().await {
                line if line.is_empty() => return (body, trailers),
                line => trailers.push(line),
            }
        }
    }

    /// The next chunk; none where the body ends.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line().await;
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return None;
        }
        let chunk = self.exactly(size).await;
        assert_eq!(self.line().await, "");
        Some(chunk)
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        in_time("a line", self.0.read_line(&mut line)).await.unwrap();
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }

    /// What still comes, and how it ends.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, End) {
        let reading = async {
            let mut bytes = Vec::new();
            loop {
                match self.some().await {
                    Ok(some) if some.is_empty() => return (bytes, End::Closed),
                    Ok(some) => bytes.extend(some),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return (bytes, End::Reset),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        in_time("the end of a connection", reading).await
    }

    /// Watches for a while that nothing comes and that the connection stays.
    pub(crate) async fn hears_nothing(&mut self) {
        if let Some(heard) = poll::at_most(QUIET, self.some()).await {
            panic!("heard {:?}", heard.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        }
    }

    /// Says that no more will be sent.
    pub(crate) async fn finish(&mut self) {
        // The other end may have gone already.
        drop(self.0.shutdown().await);
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.0.get_ref().set_zero_linger().unwrap();
    }
}

/// A request to the east, signed there, with more header lines.
pub(crate) fn signed(method: &str, target: &str, headers: &str) -> String {
    signed_for(EAST, method, target, headers)
}

/// A request signed for a region.
pub(crate) fn signed_for(region: &str, method: &str, target: &str, headers: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=000000000000/20261123/{region}/s3/aws4_request, SignedHeaders=host, Signature=00\r\n{headers}\r\n"
    )
}

/// Bytes that differ from place to place.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from((n * 31 + n / 251) % 256).unwrap()).collect()
}

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    poll::at_most(LIMIT, future).await.unwrap_or_else(|| panic!("waited {LIMIT} for {what}"))
}
