//! Bodies of objects, generated a chunk at a time.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use sha2::{Digest, Sha256};

use super::Draw;
use crate::services::s3::ByteStream;

/// Bytes generated at a time.
const CHUNK: u64 = 1 << 20;

/// Bodies up to this size are sent from memory, so that the SDK knows their bytes before it signs them.
const IN_MEMORY_MAX: u64 = 8 << 20;

/// A body: a head as given, then filler from a stream of draws, to an exact size. Cheap to clone; the bytes are made anew
/// each time they are asked for.
#[derive(Clone, Debug)]
pub struct Body {
    head: Arc<[u8]>,
    filler: Draw,
    size: u64,
    sha256: Arc<str>,
}

impl Body {
    /// A body of `size` bytes that begins with `head`, which is cut when it is longer.
    pub fn new(head: &[u8], filler: Draw, size: u64) -> Self {
        let kept = head.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        let mut body = Self { head: head[..kept].into(), filler, size, sha256: "".into() };
        let mut hash = Sha256::new();
        for chunk in body.chunks() {
            hash.update(&chunk);
        }
        body.sha256 = hex::encode(hash.finalize()).into();
        body
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its SHA-256, hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its bytes in order.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let mut filler = self.filler.clone();
        let mut left = self.size - self.head.len() as u64;
        let head = Bytes::copy_from_slice(&self.head);
        let rest = std::iter::from_fn(move || {
            let next = left.min(CHUNK);
            left -= next;
            (next > 0).then(|| Bytes::from(filler.bytes(next)))
        });
        std::iter::once(head).filter(|head| !head.is_empty()).chain(rest)
    }

    /// Its bytes as the SDK sends them: large ones are generated while they are sent.
    pub fn stream(&self) -> ByteStream {
        if self.size <= IN_MEMORY_MAX {
            return ByteStream::from(self.chunks().collect::<Vec<Bytes>>().concat());
        }
        let frames = stream::iter(self.chunks().map(|chunk| Ok::<_, Infallible>(Frame::data(chunk))));
        ByteStream::from_body_1_x(StreamBody::new(frames))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_has_its_size_its_head_and_its_digest(size in 0..3 * CHUNK, head in "[a-z]{0,40}") {
            let body = Body::new(head.as_bytes(), Draw::at(1, &["body"]), size);
            let bytes: Vec<u8> = body.chunks().flatten().collect();
            prop_assert_eq!(bytes.len() as u64, size);
            let kept = bytes.len().min(head.len());
            prop_assert_eq!(&bytes[..kept], &head.as_bytes()[..kept]);
            prop_assert_eq!(hex::encode(Sha256::digest(&bytes)), body.sha256());
        }
    }

    #[tokio::test]
    async fn a_large_body_is_streamed_with_the_same_bytes() {
        let body = Body::new(b"title: large\n", Draw::at(1, &["large"]), IN_MEMORY_MAX + 5);
        let sent = body.stream().collect().await.unwrap().into_bytes();
        assert_eq!(sent.len() as u64, IN_MEMORY_MAX + 5);
        assert_eq!(hex::encode(Sha256::digest(&sent)), body.sha256());
    }
}
