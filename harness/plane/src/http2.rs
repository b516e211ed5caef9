//! Clients that speak HTTP/2 from the first byte, as that of JavaScript for Kinesis does (RFC 9113). Without TLS there is nothing by
//! which a client and a server could agree on it: the client has to know.
//!
//! A region's process is spoken to in HTTP/1.1. A rule cuts off one request, as one stream, and leaves the others of its connection.

use http::{HeaderValue, Request, Uri, Version, header, request::Parts, uri};
use hyper::{rt::Executor, server::conn::http2};
use hyper_util::rt::TokioTimer;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::listener::{HEADER_LIMIT, HEADERS_BYTES_MAX};

/// What such a client begins with (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests of a connection that are under way at a time, and how much of each body that nobody reads is taken.
const STREAMS_MAX: u32 = 100;
const WINDOW: u32 = 256 << 10;

/// What answers the requests of one connection. It ends with the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    answering: TaskTracker,
    closed: CancellationToken,
}

impl Streams {
    /// Drops what is under way; returns when that is done.
    pub(super) async fn end(&self) {
        self.closed.cancel();
        self.answering.close();
        self.answering.wait().await;
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, answer: F) {
        let closed = self.closed.clone();
        self.answering.spawn(async move { closed.run_until_cancelled(answer).await.is_some() });
    }
}

pub(super) fn builder(streams: &Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        // A request whose body waits must not hold up the others.
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * STREAMS_MAX)
        .max_header_list_size(HEADERS_BYTES_MAX.try_into().unwrap_or(u32::MAX))
        // A client that is gone without a word.
        .keep_alive_interval(HEADER_LIMIT.std())
        .keep_alive_timeout(HEADER_LIMIT.std());
    builder
}

/// The request as HTTP/1.1 says it: the authority that it is for is its `Host`, whatever it said of that (section 8.3.1), and its
/// cookies are one field (section 8.2.3).
pub(super) fn as_http1<B>(request: Request<B>) -> Request<B> {
    let (mut head, body) = request.into_parts();
    let asked = head.uri.authority().and_then(|authority| {
        let (_, host) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        HeaderValue::from_str(host).ok()
    });
    if let Some(host) = asked {
        head.headers.insert(header::HOST, host);
    }
    join_cookies(&mut head);
    // Between neighbours alone (RFC 9110, section 7.6.1), though HTTP/2 has it.
    head.headers.remove(header::TE);
    if let Some(target) = head.uri.path_and_query().cloned() {
        let mut parts = uri::Parts::default();
        parts.path_and_query = Some(target);
        if let Ok(target) = Uri::from_parts(parts) {
            head.uri = target;
        }
    }
    head.version = Version::HTTP_11;
    Request::from_parts(head, body)
}

fn join_cookies(head: &mut Parts) {
    let cookies: Vec<&[u8]> = head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(all) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        head.headers.insert(header::COOKIE, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::builder().version(Version::HTTP_2).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        as_http1(request.body(()).unwrap())
    }

    #[test]
    fn the_authority_is_the_host_whatever_the_request_says_of_it() {
        for (uri, said, host) in [
            ("http://kinesis.us-east-1.amazonaws.com:4566/a%2Fb?x=1", None, "kinesis.us-east-1.amazonaws.com:4566"),
            ("http://one.example/a%2Fb?x=1", Some("another.example"), "one.example"),
            ("http://user:secret@one.example/a%2Fb?x=1", None, "one.example"),
            ("/a%2Fb?x=1", Some("another.example"), "another.example"),
        ] {
            let headers: Vec<_> = said.map(|host| ("host", host)).into_iter().collect();
            let request = converted(uri, &headers);
            assert_eq!(request.headers()[header::HOST], host, "{uri}");
            assert_eq!(request.headers().get_all(header::HOST).iter().count(), 1);
            assert_eq!((request.uri().to_string().as_str(), request.version()), ("/a%2Fb?x=1", Version::HTTP_11));
        }
    }

    #[test]
    fn cookies_become_one_field() {
        let request = converted("/", &[("cookie", "a=1"), ("x-amz-date", "now"), ("cookie", "b=2; c=3")]);
        let cookies: Vec<_> = request.headers().get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
        assert_eq!(converted("/", &[("cookie", "a=1")]).headers()[header::COOKIE], "a=1");
    }
}
