//! JSON lines under gzip: the same values give the same bytes.

use std::io::{BufRead, BufReader, Read, Write};

use firedrill_model::run_dir::LINE_BYTES_MAX;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Serialize, de::DeserializeOwned};

/// Writes one value a line. The gzip header holds no time, so equal values give equal digests.
pub fn write<T: Serialize>(values: impl IntoIterator<Item = T>) -> std::io::Result<Vec<u8>> {
    texts(values.into_iter().map(|value| Ok(serde_json::to_string(&value)?)))
}

/// [`write`] for values that are JSON text already.
pub fn write_texts(values: impl IntoIterator<Item = String>) -> std::io::Result<Vec<u8>> {
    texts(values.into_iter().map(Ok))
}

fn texts(values: impl Iterator<Item = std::io::Result<String>>) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for value in values {
        let mut line = value?; // whole lines: the encoder is slow at crumbs
        line.push('\n');
        encoder.write_all(line.as_bytes())?;
    }
    encoder.finish()
}

/// Reads one value a line; a line longer than [`LINE_BYTES_MAX`] is refused, since a vault may come from anywhere.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> std::io::Result<Vec<T>> {
    let mut reader = BufReader::new(GzDecoder::new(bytes));
    let (mut values, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(values);
        }
        if line.pop() != Some(b'\n') {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a line is cut off or too long"));
        }
        values.push(serde_json::from_slice(&line)?);
    }
}
