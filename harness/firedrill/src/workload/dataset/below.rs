//! Objects below a prefix: where a trigger watches one, everything that is written has to come to it.

use firedrill_model::stack::{Stack, TriggerSource};

use super::{Content, Generator, Key, KeyNumber, Stamp, Value};

/// The same objects, each below the prefix.
#[derive(Debug)]
pub struct Below {
    prefix: String,
    inner: Box<dyn Generator>,
}

impl Below {
    /// `inner` below the prefix that a trigger of `bucket` watches, if one does.
    pub fn watched(stack: &Stack, bucket: &str, inner: Box<dyn Generator>) -> Box<dyn Generator> {
        match watched_prefix(stack, bucket) {
            None => inner,
            Some(prefix) => Box::new(Self { prefix: prefix.to_owned(), inner }),
        }
    }
}

/// The prefix that the first trigger of a bucket watches; `None` when it watches everything.
pub fn watched_prefix<'a>(stack: &'a Stack, bucket: &str) -> Option<&'a str> {
    stack.triggers.values().find_map(|trigger| match &trigger.source {
        TriggerSource::BucketEvents { bucket: watched, prefix, .. } if watched == bucket => Some(prefix.as_deref()),
        TriggerSource::BucketEvents { .. } | TriggerSource::TableStream { .. } => None,
    })?
}

impl Generator for Below {
    fn key(&self, number: KeyNumber) -> Key {
        match self.inner.key(number) {
            Key::Object(key) => Key::Object(format!("{}{key}", self.prefix)),
            item @ Key::Item { .. } => item,
        }
    }

    fn value(&self, stamp: &Stamp<'_>) -> Value {
        let mut value = self.inner.value(stamp);
        if let Content::Object { upload, .. } = &mut value.content {
            upload.key.insert_str(0, &self.prefix);
        }
        value
    }
}
