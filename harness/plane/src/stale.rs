//! Stale reads: what a read was answered first is what it is answered again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header, request::Parts};
use sha2::{Digest, Sha256};

use crate::classify::{self, Attribution};

/// An answer that is larger passes as it is.
pub(crate) const ANSWER_MAX: usize = 1 << 20;
/// More reads than that pass as they are.
const READS_MAX: usize = 4096;
/// Memory of all answers of one rule.
const BYTES_MAX: usize = 64 << 20;
/// A prefix of an operation's name says that it reads.
const READING: [&str; 8] = ["Get", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet", "Head"];
/// Headers that say what is read.
static ASKING: [HeaderName; 6] = [
    HeaderName::from_static("x-amz-target"),
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Which read this is: the same request has the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// The key of a read; `None` for what may write. What is asked for counts, and not who asks or when.
pub(crate) fn key(attribution: &Attribution, head: &Parts, operation: Option<&str>, body: &[u8]) -> Option<Key> {
    let Parts { method, uri, headers, .. } = head;
    let reads = match operation {
        Some(operation) => READING.iter().any(|prefix| operation.starts_with(prefix)),
        None => method == Method::GET || method == Method::HEAD,
    };
    let (host, path) = (classify::host(uri, headers), uri.path_and_query().map_or("", |path| path.as_str()));
    let scope = [attribution.region.as_str(), &attribution.service, method.as_str(), &host, path];
    let asked = ASKING.iter().map(|name| headers.get(name).map_or(&b""[..], |value| value.as_bytes()));
    let mut digest = Sha256::new();
    for part in scope.into_iter().map(str::as_bytes).chain(asked).chain([body]) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    reads.then(|| Key(digest.finalize().into()))
}

/// First answers.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    first: HashMap<Key, Answer>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Memory {
    /// What the read was answered first.
    pub(crate) fn recall(&self, key: Key) -> Option<Response<Bytes>> {
        let Answer { status, headers, body } = self.lock().first.get(&key)?.clone();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Some(response)
    }

    /// Keeps an answer, unless there is one already or no room.
    pub(crate) fn keep(&self, key: Key, answer: &Response<Bytes>) {
        let mut answers = self.lock();
        let bytes = answers.bytes + answer.body().len();
        if answers.first.len() < READS_MAX && bytes <= BYTES_MAX && !answers.first.contains_key(&key) {
            let (status, headers, body) = (answer.status(), answer.headers().clone(), answer.body().clone());
            answers.first.insert(key, Answer { status, headers, body });
            answers.bytes = bytes;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
