//! The run directory: names of its files and how they are read. An interface, described in `docs/run-directory.md`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    capture::{CaptureName, Configuration, Delivery, Entry},
    history::{HistoryHead, Record},
    ids::ResourceId,
    ledger::LedgerLine,
    plan::Plan,
};

/// Longest line that is read; longer ones are refused, since the file may come from anywhere.
pub const LINE_BYTES_MAX: u64 = 16 << 20;

/// Why a file of a run directory could not be read.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// Opening or reading failed.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not hold what it must.
    #[error("`{}` line {line} is not what firedrill writes there", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A line is longer than [`LINE_BYTES_MAX`].
    #[error("`{}` line {line} is longer than {LINE_BYTES_MAX} bytes", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// A run directory by its path; nothing is opened before it is asked for.
#[derive(Clone, Debug)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// The run directory at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Copy of the scenario file.
    pub fn scenario(&self) -> PathBuf {
        self.root.join("scenario.yaml")
    }

    /// The plan.
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// The history.
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.jsonl")
    }

    /// Endpoints by region and how the target was started.
    pub fn target(&self) -> PathBuf {
        self.root.join("target.json")
    }

    /// The run record.
    pub fn record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Folder of a capture.
    pub fn capture(&self, capture: CaptureName) -> PathBuf {
        self.root.join("observed").join(capture.folder())
    }

    /// Content manifest of a resource in a capture.
    pub fn content(&self, capture: CaptureName, resource: &ResourceId) -> PathBuf {
        self.capture(capture).join(format!("{}.jsonl", resource.file_stem()))
    }

    /// Configurations of a capture.
    pub fn configuration(&self, capture: CaptureName) -> PathBuf {
        self.capture(capture).join("configuration.json")
    }

    /// Deliveries of a capture.
    pub fn deliveries(&self, capture: CaptureName) -> PathBuf {
        self.capture(capture).join("deliveries.jsonl")
    }

    /// Reads the plan.
    pub fn read_plan(&self) -> Result<Plan, RunDirError> {
        read_json(&self.plan())
    }

    /// Reads the history line by line.
    pub fn read_history(&self) -> Result<JsonLines<Record>, RunDirError> {
        JsonLines::open(self.history())
    }

    /// Reads the ledger line by line.
    pub fn read_ledger(&self) -> Result<JsonLines<LedgerLine>, RunDirError> {
        JsonLines::open(self.ledger())
    }

    /// What the record of the run says of its history; `None` when there is no record, or one without it.
    pub fn read_history_head(&self) -> Result<Option<HistoryHead>, RunDirError> {
        #[derive(Deserialize)]
        struct Record {
            history: Option<HistoryHead>,
        }
        Ok(optional(read_json::<Record>(&self.record()))?.and_then(|record| record.history))
    }

    /// Reads the content of a resource in key order; `None` when it was not captured.
    pub fn read_content(
        &self,
        capture: CaptureName,
        resource: &ResourceId,
    ) -> Result<Option<JsonLines<Entry>>, RunDirError> {
        optional(JsonLines::open(self.content(capture, resource)))
    }

    /// Reads the configurations of a capture; `None` when none was taken.
    pub fn read_configuration(&self, capture: CaptureName) -> Result<Option<Vec<Configuration>>, RunDirError> {
        optional(read_json(&self.configuration(capture)))
    }

    /// Reads the deliveries of a capture; `None` when none was taken.
    pub fn read_deliveries(&self, capture: CaptureName) -> Result<Option<JsonLines<Delivery>>, RunDirError> {
        optional(JsonLines::open(self.deliveries(capture)))
    }
}

fn optional<T>(result: Result<T, RunDirError>) -> Result<Option<T>, RunDirError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(RunDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads one JSON document.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunDirError> {
    let io_error = |source| RunDirError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io_error)?;
    serde_json::from_reader(BufReader::new(file)).map_err(|source| RunDirError::Format {
        path: path.to_owned(),
        line: source.line() as u64,
        source,
    })
}

/// SHA-256 of a file, hex; `None` when it is not there. Reads the file in pieces.
pub fn file_sha256(path: &Path) -> Result<Option<String>, RunDirError> {
    let hash = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher)?;
        Ok(hex::encode(hasher.finalize()))
    };
    optional(hash().map_err(|source| RunDirError::Io { path: path.to_owned(), source }))
}

/// SHA-256 of the first `lines` lines of a file with their line feeds, in hexadecimal; `None` when it has fewer.
pub fn lines_sha256(path: &Path, lines: u64) -> Result<Option<String>, RunDirError> {
    let hash = || -> io::Result<Option<String>> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut hasher = Sha256::new();
        let mut left = lines;
        while left > 0 {
            let chunk = reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let mut taken = 0;
            while left > 0 && taken < chunk.len() {
                let line_end = chunk[taken..].iter().position(|byte| *byte == b'\n');
                left -= u64::from(line_end.is_some());
                taken = line_end.map_or(chunk.len(), |end| taken + end + 1);
            }
            hasher.update(&chunk[..taken]);
            reader.consume(taken);
        }
        Ok(Some(hex::encode(hasher.finalize())))
    };
    hash().map_err(|source| RunDirError::Io { path: path.to_owned(), source })
}

/// A file of JSON lines. A last line without a line feed was cut off by a crash and is left out.
#[derive(Debug)]
pub struct JsonLines<T> {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
    buffer: Vec<u8>,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    /// Opens `path`.
    pub fn open(path: PathBuf) -> Result<Self, RunDirError> {
        match File::open(&path) {
            Ok(file) => Ok(Self {
                path,
                reader: BufReader::with_capacity(1 << 16, file),
                line: 0,
                buffer: Vec::new(),
                item: PhantomData,
            }),
            Err(source) => Err(RunDirError::Io { path, source }),
        }
    }

    /// The bytes of the line that was read last, without its line feed: what a digest over the line is made of.
    pub fn line_text(&self) -> &[u8] {
        self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer)
    }

    fn next_line(&mut self) -> Result<Option<T>, RunDirError> {
        self.buffer.clear();
        self.line += 1;
        let mut limited = io::Read::take(&mut self.reader, LINE_BYTES_MAX);
        let read = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| RunDirError::Io { path: self.path.clone(), source })?;
        if self.buffer.last() != Some(&b'\n') {
            return if read as u64 == LINE_BYTES_MAX {
                Err(RunDirError::LineTooLong { path: self.path.clone(), line: self.line })
            } else {
                Ok(None)
            };
        }
        serde_json::from_slice(&self.buffer).map(Some).map_err(|source| RunDirError::Format {
            path: self.path.clone(),
            line: self.line,
            source,
        })
    }
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}
