//! The fault plane on the wire: what passes it, what breaks it, what it refuses. Both ends are sockets of the test, so that
//! each byte is seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "delays are measured")]

mod breaks;
mod effects;
mod giving_up;
mod homes;
mod http2;
mod passing;
mod proxy;
mod refusals;
mod rules;
mod smuggling;
mod streaming;
mod tls;
mod volume;
mod wire;
