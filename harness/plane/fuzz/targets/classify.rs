//! Any bytes as a request: which region, service, operation and resources it is for. What is asserted holds for every request.

#![no_main]

use firedrill_plane::{classify, facts::Facts, homes::Homes, protocol};
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((head, body)) = request(bytes) else { return };
    let Ok(attribution) = classify::attribute(&head.method, &head.uri, &head.headers, &Homes::default()) else {
        return;
    };
    assert!(!attribution.service.is_empty(), "a service without a name");
    assert!(attribution.region.as_str().contains('-'), "`{}` is no region", attribution.region);
    let protocol = protocol::protocol(&attribution.service, &head.method, &head.uri, &head.headers);
    let unread = Facts::of(&attribution, protocol, &head, None);
    let read = Facts::of(&attribution, protocol, &head, Some(body));
    assert!(!read.body_tells, "a body that was read tells no more");
    if unread.operation.is_some() {
        assert_eq!(unread.operation, read.operation, "what the head tells is never taken back");
    }
    assert!(read.resources.starts_with(&unread.resources), "what the head names is never taken back");
    if !unread.body_tells {
        assert_eq!(unread, read, "a body that tells nothing changes nothing");
    }
});

/// The head that the bytes begin with, as the server of the plane reads it, and what follows.
fn request(bytes: &[u8]) -> Option<(http::request::Parts, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).ok()? else { return None };
    let named = parsed.headers.iter().map(|header| (header.name, header.value));
    let begun = Request::builder().method(parsed.method?).uri(parsed.path?);
    let request = named.fold(begun, |request, (name, value)| request.header(name, value)).body(()).ok()?;
    Some((request.into_parts().0, &bytes[length..]))
}
