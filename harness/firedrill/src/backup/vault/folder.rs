//! A vault in a folder of this machine: the off-site copy of a hybrid backup.

use std::{
    io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use super::place::{Body, Place, Stored};
use crate::backup::BackupError;

/// Prefix of files that are being written; [`Place::list`] leaves them out.
const UNFINISHED: &str = ".unfinished-";

/// A vault in a folder, which is created with the first part.
#[derive(Clone, Debug)]
pub struct FolderPlace {
    root: PathBuf,
}

impl FolderPlace {
    /// The vault at `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn write(&self, path: &str, body: &Body, memory: &[u8]) -> Result<(), BackupError> {
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        let failed = |error| BackupError::file(&target, error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        // A rename within one folder is atomic: a reader sees the part whole or not at all.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(failed)?;
        match body.file() {
            Some(source) => {
                let mut source = std::fs::File::open(source).map_err(failed)?;
                io::copy(&mut source, &mut file).map_err(failed)?;
            }
            None => io::Write::write_all(&mut file, memory).map_err(failed)?,
        }
        file.as_file().sync_data().map_err(failed)?;
        file.persist(&target).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[async_trait]
impl Place for FolderPlace {
    async fn put(&self, path: &str, body: &Body) -> Result<(), BackupError> {
        let memory = match body {
            Body::Memory(bytes) => bytes.clone(),
            Body::Spool { .. } | Body::File { .. } => bytes::Bytes::new(),
        };
        let (place, path, body) = (self.clone(), path.to_owned(), body.clone());
        blocking(move || place.write(&path, &body, &memory)).await
    }

    async fn get(&self, path: &str) -> Result<Option<Body>, BackupError> {
        let path = self.root.join(path);
        match tokio::fs::metadata(&path).await {
            Ok(metadata) => Ok(Some(Body::File { path, bytes: metadata.len() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BackupError::file(&path, error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, BackupError> {
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        blocking(move || {
            let mut found = Vec::new();
            walk(&root, &root, &mut found)?;
            found.retain(|stored| stored.path.starts_with(&prefix));
            found.sort_by(|a, b| a.path.cmp(&b.path));
            Ok(found)
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<(), BackupError> {
        let path = self.root.join(path);
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BackupError::file(&path, error)),
            _ => Ok(()),
        }
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BackupError::File { path: "the vault's folder".to_owned(), source: io::Error::other(error) })?
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Stored>) -> Result<(), BackupError> {
    let failed = |error| BackupError::file(folder, error);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        if metadata.is_dir() {
            walk(root, &entry.path(), found)?;
        } else if !entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Ok(path) = entry.path().strip_prefix(root)
        {
            // A disk that rots leaves the times of a file as they were: they are no mark.
            found.push(Stored { path: path.to_string_lossy().into_owned(), bytes: metadata.len(), mark: None });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_replaced_listed_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let place = FolderPlace::new(folder.path().join("vault"));
        assert!(place.list("").await.unwrap().is_empty(), "a vault that was never written is empty");
        place.put("points/rp-0001/manifest.json", &b"one".to_vec().into()).await.unwrap();
        place.put("blobs/aa", &b"blob".to_vec().into()).await.unwrap();
        place.put("blobs/aa", &b"again".to_vec().into()).await.unwrap();
        let listed = place.list("blobs/").await.unwrap();
        assert_eq!(listed, [Stored { path: "blobs/aa".to_owned(), bytes: 5, mark: None }]);
        assert_eq!(place.get("blobs/aa").await.unwrap().unwrap().bytes().await.unwrap(), "again");
        assert!(place.get("blobs/bb").await.unwrap().is_none());
        place.delete("blobs/aa").await.unwrap();
        place.delete("blobs/aa").await.unwrap();
        assert!(place.get("blobs/aa").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_part_that_is_being_written_is_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".unfinished-x"), "half").unwrap();
        assert!(FolderPlace::new(folder.path().to_owned()).list("").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_body_of_another_size_than_announced_is_refused() {
        let short = Body::receive("an object", 9, crate::services::s3::ByteStream::from_static(b"short")).await;
        assert!(short.is_err());
    }

    #[tokio::test]
    async fn a_large_body_is_spooled_and_keeps_its_digest() {
        let bytes = vec![7_u8; 3 << 20];
        let stream = crate::services::s3::ByteStream::from(bytes.clone());
        let body = Body::receive("an object", bytes.len() as u64, stream).await.unwrap();
        assert!(matches!(body, Body::Spool { .. }));
        let in_memory = Body::from(bytes);
        assert_eq!(body.digest().await.unwrap(), in_memory.digest().await.unwrap());
    }
}
