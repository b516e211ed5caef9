//! What the fault plane adds, beside the direct path, in one run: `cargo run --release -p firedrill-plane --example added`.
//!
//! One connection asks for the latency, 32 for the throughput; direct and through the plane take turns. The upstream answers
//! each request after a service time, 1 ms unless another is given in microseconds, as an emulator does that has one thread
//! for all requests. Where `HAProxy` is installed, it stands beside the plane as a peer: one thread too, and no rules at all.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "it measures, prints, and fails where it cannot go on"
)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use firedrill_model::rule::Rule;
use firedrill_plane::proxy::{Proxy, Settings};

const REQUEST: &[u8] = b"GET /bucket/key HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 \
    Credential=000000000000/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const TURNS: usize = 5;
const CONNECTIONS: usize = 32;
/// Of one turn.
const SPAN: Duration = Duration::from_secs(2);

/// Answers on as many connections as come; one request at a time is served, and takes `time`.
fn upstream(time: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let one_at_a_time: &'static Mutex<()> = Box::leak(Box::default());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut some = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut some) {
                    head.extend_from_slice(&some[..read]);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        if !time.is_zero() {
                            let _served = one_at_a_time.lock().unwrap();
                            thread::sleep(time);
                        }
                        stream.write_all(ANSWER).unwrap();
                    }
                }
            });
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(REQUEST).unwrap();
    let mut answer = Vec::new();
    let mut some = [0; 1024];
    while !answer.ends_with(b"hello") {
        let read = stream.read(&mut some).unwrap();
        assert_ne!(read, 0, "the connection ended");
        answer.extend_from_slice(&some[..read]);
    }
}

/// The median of the times that requests take on one connection.
fn latency(address: SocketAddr) -> Duration {
    let mut stream = connect(address);
    let until = Instant::now() + SPAN;
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        ask(&mut stream);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Requests a second on all connections.
fn throughput(address: SocketAddr) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut stream = connect(address);
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut stream);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
    });
    count.into_inner() as f64 / SPAN.as_secs_f64()
}

/// The plane, on a thread of its own as in a drill.
fn plane(upstream: SocketAddr, rules: Vec<Rule>) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let proxy = Proxy::start(Settings {
                listen: "127.0.0.1:0".parse().unwrap(),
                upstream: upstream.to_string().parse().unwrap(),
                trust: None,
                rules: rules.into_iter().map(|rule| (serde_json::Value::Null, rule)).collect(),
                seed: 1,
                default_region: None,
                token: None,
            });
            let proxy = proxy.unwrap();
            tell.send(proxy.address()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

/// Another proxy, which ends with this value.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// `HAProxy` on one thread; `None` where it is not installed.
fn haproxy(upstream: SocketAddr) -> Option<(Peer, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let configuration = format!(
        "global\n nbthread 1\ndefaults\n mode http\n http-reuse always\n timeout connect 5s\n timeout client 1m\n \
         timeout server 1m\nlisten peer\n bind {address}\n server upstream {upstream}\n"
    );
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f", "/dev/stdin"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut peer = Peer(command.spawn().ok()?);
    peer.0.stdin.take().unwrap().write_all(configuration.as_bytes()).unwrap();
    while TcpStream::connect(address).is_err() {
        assert!(peer.0.try_wait().unwrap().is_none(), "haproxy ended");
        thread::sleep(Duration::from_millis(10));
    }
    Some((peer, address))
}

fn main() {
    let micros = std::env::args().nth(1).map_or(1000, |micros| micros.parse().unwrap());
    let direct = upstream(Duration::from_micros(micros));
    let peer = haproxy(direct);
    let ways: Vec<(&str, SocketAddr)> = [("direct", direct), ("through the plane", plane(direct, Vec::new()))]
        .into_iter()
        .chain(peer.as_ref().map(|(_, address)| ("through HAProxy", *address)))
        .collect();
    let cells = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    cells([format!("service time {micros} µs")].into_iter().chain(ways.iter().map(|way| way.0.to_owned())).collect());
    println!("|---{}|", "|---:".repeat(ways.len()));
    let mut best = vec![Duration::MAX; ways.len()];
    for _ in 0..TURNS {
        for (best, (_, address)) in best.iter_mut().zip(&ways) {
            *best = (*best).min(latency(*address));
        }
    }
    let micros: Vec<f64> = best.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    let shown = micros.iter().map(|time| format!("{time:.0} µs (+ {:.0} µs)", time - micros[0]));
    cells(["p50, 1 connection".to_owned()].into_iter().chain(shown).collect());
    let mut most = vec![0.0_f64; ways.len()];
    for _ in 0..TURNS {
        for (most, (_, address)) in most.iter_mut().zip(&ways) {
            *most = most.max(throughput(*address));
        }
    }
    let shown = most.iter().map(|rate| format!("{rate:.0} ({:.0} %)", rate / most[0] * 100.0));
    cells([format!("requests/s, {CONNECTIONS} connections")].into_iter().chain(shown).collect());
}
