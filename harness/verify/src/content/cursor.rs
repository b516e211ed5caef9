//! Walking a sorted manifest beside something else that is sorted.

use firedrill_model::{
    capture::Entry,
    run_dir::{JsonLines, RunDirError},
};

use crate::tally::Tally;

/// A manifest with one entry of look-ahead. Keys that come twice are remembered, and that keys come out of order.
#[derive(Debug)]
pub(crate) struct Cursor {
    lines: JsonLines<Entry>,
    peeked: Option<Entry>,
    last: Option<String>,
    disorder: Option<String>,
    duplicates: Tally,
}

impl Cursor {
    /// At the start of a manifest.
    pub(crate) fn new(lines: JsonLines<Entry>) -> Self {
        Self { lines, peeked: None, last: None, disorder: None, duplicates: Tally::default() }
    }

    fn peek(&mut self) -> Result<Option<&Entry>, RunDirError> {
        while self.peeked.is_none() {
            let Some(entry) = self.lines.next().transpose()? else { return Ok(None) };
            match self.last.as_deref().map(|last| last.cmp(entry.key.as_str())) {
                Some(std::cmp::Ordering::Equal) => {
                    self.duplicates.add(&entry.key, String::new);
                    continue;
                }
                Some(std::cmp::Ordering::Greater) => {
                    self.disorder.get_or_insert_with(|| entry.key.clone());
                }
                Some(std::cmp::Ordering::Less) | None => {}
            }
            self.last = Some(entry.key.clone());
            self.peeked = Some(entry);
        }
        Ok(self.peeked.as_ref())
    }

    /// The next entry whose key sorts before `key`.
    pub(crate) fn next_before(&mut self, key: &str) -> Result<Option<Entry>, RunDirError> {
        let before = self.peek()?.is_some_and(|entry| entry.key.as_str() < key);
        Ok(if before { self.peeked.take() } else { None })
    }

    /// The entry at `key`, if it is the next one.
    pub(crate) fn take(&mut self, key: &str) -> Result<Option<Entry>, RunDirError> {
        let here = self.peek()?.is_some_and(|entry| entry.key == key);
        Ok(if here { self.peeked.take() } else { None })
    }

    /// The entry at `key`, leaving out those before it.
    pub(crate) fn seek(&mut self, key: &str) -> Result<Option<Entry>, RunDirError> {
        while self.next_before(key)?.is_some() {}
        self.take(key)
    }

    /// The next entry, whatever its key.
    pub(crate) fn next_any(&mut self) -> Result<Option<Entry>, RunDirError> {
        self.peek()?;
        Ok(self.peeked.take())
    }

    /// The first key that sorts before the one above it.
    pub(crate) fn disorder(&self) -> Option<&str> {
        self.disorder.as_deref()
    }

    /// Entries whose key had come already.
    pub(crate) fn duplicates(&mut self) -> Tally {
        std::mem::take(&mut self.duplicates)
    }
}
