//! Where a vault keeps its parts: a flat space of paths.

use std::{io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::{
    backup::BackupError,
    services::{ServiceError, s3::ByteStream},
};

/// Bodies larger than this (bytes) are kept in a temporary file and not in memory.
const MEMORY_BYTES_MAX: u64 = 1 << 20;

/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// A part that is stored, as [`Place::list`] sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What the place says of the content, which is another once that has changed, such as an `ETag`. `None` where nothing but
    /// reading it tells.
    pub mark: Option<String>,
}

/// Somewhere parts can be put. Paths are made by firedrill alone: ASCII, `/` between names, no `..`.
#[async_trait]
pub trait Place: std::fmt::Debug + Send + Sync {
    /// Stores a part, whole or not at all; what was at `path` is replaced.
    async fn put(&self, path: &str, body: &Body) -> Result<(), BackupError>;

    /// A part; `None` when there is none at `path`.
    async fn get(&self, path: &str) -> Result<Option<Body>, BackupError>;

    /// Every part whose path begins with `prefix`, sorted by path.
    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, BackupError>;

    /// Removes a part; fine when it is not there.
    async fn delete(&self, path: &str) -> Result<(), BackupError>;

    /// How parts are encrypted at rest, as the place itself says: `AES256`. `None` when it says nothing, or before the first
    /// use.
    fn encryption(&self) -> Option<String> {
        None
    }

    /// For people: `s3://bucket (eu-west-1)` or a folder.
    fn location(&self) -> String;
}

/// Bytes on their way to or from a place: in memory while small, else in a file, so that memory stays bounded.
#[derive(Clone, Debug)]
pub enum Body {
    /// Small enough to hold.
    Memory(Bytes),
    /// A temporary file, removed with the last clone.
    Spool {
        /// The file.
        file: Arc<tempfile::TempPath>,
        /// Its size.
        bytes: u64,
    },
    /// A file of a folder vault, read in place.
    File {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

impl Body {
    /// Takes a stream of `size` bytes in; more or fewer is an error, since a body cut short must not look whole.
    pub async fn receive(what: &str, size: u64, stream: ByteStream) -> Result<Self, BackupError> {
        let unusable =
            |what_came: String| ServiceError::Unusable { operation: format!("reading {what}"), what: what_came };
        let mut stream = stream;
        let mut memory = Vec::new();
        let mut spool = if size > MEMORY_BYTES_MAX { Some(Spooling::begin()?) } else { None };
        let mut received = 0_u64;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| unusable(format!("a body that broke off: {error}")))?;
            received += chunk.len() as u64;
            match &mut spool {
                Some(spool) => spool.write(&chunk).await?,
                None => memory.extend_from_slice(&chunk),
            }
        }
        if received != size {
            return Err(unusable(format!("{received} bytes in place of {size}")).into());
        }
        match spool {
            Some(spool) => spool.finish(received).await,
            None => Ok(Self::Memory(memory.into())),
        }
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spool { bytes, .. } | Self::File { bytes, .. } => *bytes,
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file it is in, if it is in one.
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            Self::Memory(_) => None,
            Self::Spool { file, .. } => Some(file),
            Self::File { path, .. } => Some(path),
        }
    }

    /// SHA-256 and size, read anew.
    pub async fn digest(&self) -> Result<(String, u64), BackupError> {
        let Some(path) = self.file() else {
            let bytes = self.bytes().await?;
            return Ok((hex::encode(Sha256::digest(&bytes)), bytes.len() as u64));
        };
        let mut file = tokio::fs::File::open(path).await.map_err(|error| BackupError::file(path, error))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut size = 0_u64;
        loop {
            let read = file.read(&mut buffer).await.map_err(|error| BackupError::file(path, error))?;
            if read == 0 {
                return Ok((hex::encode(hasher.finalize()), size));
            }
            hasher.update(&buffer[..read]);
            size += read as u64;
        }
    }

    /// All of it in memory: for the small parts (lists, blueprints, manifests).
    pub async fn bytes(&self) -> Result<Bytes, BackupError> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::Spool { .. } | Self::File { .. } => {
                let path = self.file().unwrap_or_else(|| std::path::Path::new(""));
                tokio::fs::read(path).await.map(Bytes::from).map_err(|error| BackupError::file(path, error))
            }
        }
    }

    /// As a stream for a service.
    pub async fn stream(&self) -> Result<ByteStream, BackupError> {
        match self.file() {
            None => Ok(ByteStream::from(self.bytes().await?)),
            Some(path) => {
                ByteStream::from_path(path).await.map_err(|error| BackupError::file(path, io::Error::other(error)))
            }
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

/// A temporary file that is being filled.
struct Spooling {
    file: tokio::fs::File,
    path: tempfile::TempPath,
}

impl Spooling {
    fn begin() -> Result<Self, BackupError> {
        let spool = tempfile::NamedTempFile::new()
            .map_err(|source| BackupError::File { path: "a temporary file".to_owned(), source })?;
        let (file, path) = spool.into_parts();
        Ok(Self { file: tokio::fs::File::from_std(file), path })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), BackupError> {
        tokio::io::AsyncWriteExt::write_all(&mut self.file, chunk)
            .await
            .map_err(|error| BackupError::file(&self.path, error))
    }

    async fn finish(mut self, bytes: u64) -> Result<Body, BackupError> {
        tokio::io::AsyncWriteExt::flush(&mut self.file).await.map_err(|error| BackupError::file(&self.path, error))?;
        Ok(Body::Spool { file: Arc::new(self.path), bytes })
    }
}
