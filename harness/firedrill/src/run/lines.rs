//! Appending lines to a file of evidence: each is there whole, or not at all.

use std::{
    fs::File,
    io::{self, Write},
};

/// A file of whole lines, to which whole lines are appended.
#[derive(Debug)]
pub struct WholeLines {
    file: File,
    length: u64,
}

impl WholeLines {
    /// Takes an empty file that was opened for appending.
    pub fn new(file: File) -> Self {
        Self { file, length: 0 }
    }

    /// Takes a file that was opened for appending and holds `length` bytes of whole lines.
    pub fn after(file: File, length: u64) -> Self {
        Self { file, length }
    }

    /// Writes `line`, its line feed included, before this returns. What a full disk cut off is taken back: another line
    /// after half a line would make both unreadable.
    pub fn append(&mut self, line: &str) -> io::Result<()> {
        let written = self.file.write_all(line.as_bytes());
        match written {
            Ok(()) => self.length += line.len() as u64,
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }

    /// Waits until everything is on disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
