//! Writes the manifests of a capture: entries come in any order and leave sorted by key, in bounded memory.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    path::Path,
};

use firedrill_model::{capture::Entry, history::line_digest};
use sha2::{Digest, Sha256};

use crate::services::{EntrySink, ServiceError};

/// Text held in memory before a sorted part is written out.
const PART_BYTES_MAX: usize = 32 << 20;

/// Sorts the entries of one resource. Parts larger than memory allows are sorted by themselves and merged at the end.
#[derive(Debug)]
pub struct ManifestWriter {
    lines: Vec<(String, String)>,
    bytes: usize,
    parts: Vec<File>,
    entries: u64,
}

impl Default for ManifestWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ManifestWriter {
    /// An empty manifest.
    pub fn new() -> Self {
        Self { lines: Vec::new(), bytes: 0, parts: Vec::new(), entries: 0 }
    }

    /// Takes one entry.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let line = serde_json::to_string(entry)?;
        self.bytes += line.len() + entry.key.len();
        self.entries += 1;
        self.lines.push((entry.key.clone(), line));
        if self.bytes > PART_BYTES_MAX {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes the sorted manifest to `path`, whole or not at all.
    pub fn finish(mut self, path: &Path) -> io::Result<Written> {
        let partial = path.with_extension("partial");
        let mut out = HashingWriter { inner: BufWriter::new(File::create(&partial)?), hasher: Sha256::new() };
        if self.parts.is_empty() {
            self.lines.sort();
            for (_, line) in &self.lines {
                writeln!(out, "{line}")?;
            }
        } else {
            self.spill()?;
            merge(self.parts, &mut out)?;
        }
        out.inner.flush()?;
        out.inner.get_ref().sync_data()?;
        fs::rename(&partial, path)?;
        Ok(Written { sha256: hex::encode(out.hasher.finalize()), entries: self.entries })
    }

    fn spill(&mut self) -> io::Result<()> {
        self.lines.sort();
        let mut part = BufWriter::new(tempfile::tempfile()?);
        for (key, line) in self.lines.drain(..) {
            writeln!(part, "{}\t{line}", serde_json::to_string(&key)?)?;
        }
        let mut part = part.into_inner().map_err(io::IntoInnerError::into_error)?;
        part.rewind()?;
        self.parts.push(part);
        self.bytes = 0;
        Ok(())
    }
}

impl EntrySink for ManifestWriter {
    fn take(&mut self, entry: Entry) -> Result<(), ServiceError> {
        self.add(&entry).map_err(|source| ServiceError::File { path: "observed manifest".into(), source })
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Lines in it.
    pub entries: u64,
}

/// Writes a small file of a capture whole or not at all; returns its SHA-256.
pub fn write_file(path: &Path, text: &str) -> io::Result<String> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&partial, path)?;
    Ok(line_digest(text))
}

/// Merges sorted parts by key.
fn merge(parts: Vec<File>, out: &mut impl Write) -> io::Result<()> {
    let mut readers: Vec<_> = parts.into_iter().map(BufReader::new).collect();
    let mut heads = BinaryHeap::new();
    for (index, reader) in readers.iter_mut().enumerate() {
        heads.extend(next(reader)?.map(|head| Reverse((head, index))));
    }
    while let Some(Reverse(((_, line), index))) = heads.pop() {
        writeln!(out, "{line}")?;
        heads.extend(next(&mut readers[index])?.map(|head| Reverse((head, index))));
    }
    Ok(())
}

fn next(reader: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut text = String::new();
    if reader.read_line(&mut text)? == 0 {
        return Ok(None);
    }
    let (key, line) = text.trim_end_matches('\n').split_once('\t').ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some((serde_json::from_str(key)?, line.to_owned())))
}

struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(key: &str) -> Entry {
        Entry {
            key: key.into(),
            write_id: None,
            digest: String::new(),
            parts: BTreeMap::new(),
            bytes: 0,
            versions: Vec::new(),
            deleted: false,
            counter: None,
            value: None,
        }
    }

    fn keys_of(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().key).collect()
    }

    proptest! {
        #[test]
        fn entries_leave_sorted_whether_or_not_they_were_spilled(
            keys in proptest::collection::btree_set(".{0,12}", 0..60),
            order in any::<prop::sample::Index>(),
            spill_every in 1_usize..20,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("table.t.jsonl");
            let mut keys: Vec<String> = keys.into_iter().collect();
            if !keys.is_empty() {
                let middle = order.index(keys.len());
                keys.rotate_left(middle);
            }
            let mut writer = ManifestWriter::new();
            for (index, key) in keys.iter().enumerate() {
                writer.add(&entry(key)).unwrap();
                if index % spill_every == 0 {
                    writer.spill().unwrap();
                }
            }
            let written = writer.finish(&path).unwrap();
            keys.sort();
            prop_assert_eq!(keys_of(&path), keys);
            prop_assert_eq!(written.sha256, hex::encode(Sha256::digest(fs::read(&path).unwrap())));
        }
    }
}
