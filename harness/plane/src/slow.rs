//! Clients that begin a request and do not finish its head in time. hyper hangs up on them without a word.

use bytes::Bytes;
use firedrill_clock::poll;
use firedrill_model::units::Span;
use http::Response;
use http_body_util::{BodyExt, Full};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};

use crate::{answer::Failure, protocol::Protocol, stream::MarkedStream};

/// How long it takes at most to tell a client, and to read what it still sends: closing a connection with bytes unread resets it, and
/// the answer could be lost with it.
const LINGER: Span = Span::from_secs(1);

/// Ends a connection on which no head was whole within `limit`. Who has begun one, as `begun` says, is told with 408 (RFC 9110, section
/// 15.5.9); who has not may have nothing to ask.
pub(super) async fn hang_up(stream: MarkedStream, begun: &[u8], limit: Span) {
    // Empty lines before a request are no part of it (RFC 9112, section 2.2). Behind an answer that is not out yet, this one would be
    // taken for a part of that.
    if begun.trim_ascii().is_empty() || !stream.is_flushed() {
        return;
    }
    // It asks for a service that is not known: the most common protocol is as good as any.
    let answer = Failure::slow_head(limit).answer(Protocol::RestJson, "");
    if let Some(Err(error)) = poll::at_most(LINGER, tell(stream, answer)).await {
        tracing::debug!(%error, "a client that is too slow is not told");
    }
}

/// Writes the last answer of a connection, and reads until the client has closed its side too.
async fn tell(mut stream: MarkedStream, answer: Response<Full<Bytes>>) -> io::Result<()> {
    let (head, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(never) => match never {},
    };
    let mut written = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        written.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    written.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
    written.extend(body);
    stream.write_all(&written).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
