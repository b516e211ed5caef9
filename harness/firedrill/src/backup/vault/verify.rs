//! Reading a recovery point back before it may be used.

use std::collections::{BTreeMap, HashSet};

use firedrill_model::ids::RecoveryPointId;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{
    manifest::{Manifest, Part, VAULT_FORMAT},
    place::{Place, Stored},
};
use crate::backup::BackupError;

/// Parts that are read at a time.
const CONCURRENT_PARTS: usize = 4;

/// Reads the manifest of a point and refuses one whose digest is not `digest`.
pub async fn manifest(place: &dyn Place, id: &RecoveryPointId, digest: &str) -> Result<Manifest, BackupError> {
    let path = Manifest::path(id);
    let body = place.get(&path).await?.ok_or_else(|| BackupError::damaged(id, &path, "is not there"))?;
    let bytes = body.bytes().await?;
    if hex::encode(Sha256::digest(&bytes)) != digest {
        return Err(BackupError::damaged(id, &path, "does not have the digest that the history holds"));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| BackupError::damaged(id, &path, format!("cannot be read: {error}")))?;
    if manifest.format == VAULT_FORMAT {
        Ok(manifest)
    } else {
        Err(BackupError::damaged(id, &path, format!("has the format `{}`", manifest.format)))
    }
}

/// By path of a blob, the [`Stored::mark`] that it had when it was read back whole.
pub type Marks = BTreeMap<String, String>;

/// Checks every part. Those that this point wrote are read back. Those that it carries were, by an earlier one, and are again
/// unless the place says that they have not changed since: `known` are the marks of that time. Returns those of this time.
pub async fn every_part(place: &dyn Place, manifest: &Manifest, known: &Marks) -> Result<Marks, BackupError> {
    let mut seen = HashSet::new();
    let parts: Vec<&Part> = manifest.parts().filter(|part| seen.insert(part.path.as_str())).collect();
    // Listed before anything is read: what changes after it was read has another mark the next time.
    let stored = if parts.iter().any(|part| part.path.starts_with(Manifest::SHARED_BLOBS)) {
        place.list(Manifest::SHARED_BLOBS).await?
    } else {
        Vec::new()
    };
    let stored: BTreeMap<&str, &Stored> = stored.iter().map(|stored| (stored.path.as_str(), stored)).collect();
    let mut unread = Vec::new();
    for part in parts {
        if !part.carried || !is_unchanged(&manifest.id, part, stored.get(part.path.as_str()).copied(), known)? {
            unread.push(part.clone());
        }
    }
    stream::iter(unread)
        .map(|part| {
            let id = &manifest.id;
            async move { read_part(place, id, &part).await.map(|_| ()) }
        })
        .buffer_unordered(CONCURRENT_PARTS)
        .try_collect::<()>()
        .await?;
    let needed = stored.into_iter().filter(|(path, _)| seen.contains(*path));
    Ok(needed.filter_map(|(path, stored)| Some((path.to_owned(), stored.mark.clone()?))).collect())
}

/// Whether the place says that a carried part is as it was when it was read back. `Err` says that it cannot be.
fn is_unchanged(
    id: &RecoveryPointId,
    part: &Part,
    stored: Option<&Stored>,
    known: &Marks,
) -> Result<bool, BackupError> {
    let Some(Stored { bytes, mark, .. }) = stored else {
        return Err(BackupError::damaged(id, &part.path, "is not there"));
    };
    if *bytes != part.bytes {
        return Err(BackupError::damaged(id, &part.path, format!("has {bytes} bytes in place of {}", part.bytes)));
    }
    Ok(mark.is_some() && mark.as_ref() == known.get(&part.path))
}

/// A part whose digest and size are what the manifest says.
pub async fn read_part(
    place: &dyn Place,
    id: &RecoveryPointId,
    part: &Part,
) -> Result<super::place::Body, BackupError> {
    let body = place.get(&part.path).await?.ok_or_else(|| BackupError::damaged(id, &part.path, "is not there"))?;
    if body.digest().await? == (part.sha256.clone(), part.bytes) {
        Ok(body)
    } else {
        Err(BackupError::damaged(id, &part.path, "does not have its digest"))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{
            Arc, Mutex,
            atomic::{AtomicU32, Ordering},
        },
    };

    use async_trait::async_trait;
    use firedrill_model::{
        ids::{ResourceId, ResourceKind},
        units::RunTime,
    };

    use super::*;
    use crate::backup::vault::{
        folder::FolderPlace,
        manifest::{PartRole, ResourceParts},
        place::Body,
        writer::PointWriter,
    };

    /// A point of one bucket with one body, written honestly.
    async fn write(place: &Arc<dyn Place>, id: &str, carried: Option<BTreeMap<String, u64>>) -> (Manifest, String) {
        let (id, bucket) = (RecoveryPointId::from(id), ResourceId::new(ResourceKind::Bucket, "uploads"));
        let writer = PointWriter::new(Arc::clone(place), id.clone(), carried);
        let list = writer.part(&bucket, PartRole::Objects, "objects.jsonl.gz", b"list".to_vec()).await.unwrap();
        let body = writer.blob(PartRole::Body, &Body::from(b"body".to_vec())).await.unwrap();
        let manifest = Manifest {
            format: VAULT_FORMAT.to_owned(),
            id,
            rule: 0,
            parent: None,
            region: "us-east-1".into(),
            stack_version: String::new(),
            begun_ms: RunTime::from_ms(1),
            ended_ms: RunTime::from_ms(2),
            begun_utc: String::new(),
            ended_utc: String::new(),
            cut_utc_ms: None,
            resources: vec![ResourceParts { resource: bucket, entries: 1, parts: vec![list, body] }],
        };
        let digest = writer.finish(&manifest).await.unwrap();
        (manifest, digest)
    }

    /// A place in memory with a mark for each part, as a bucket has, that counts what is read.
    #[derive(Debug, Default)]
    struct Marked {
        parts: Mutex<BTreeMap<String, bytes::Bytes>>,
        reads: AtomicU32,
    }

    #[async_trait]
    impl Place for Marked {
        async fn put(&self, path: &str, body: &Body) -> Result<(), BackupError> {
            let bytes = body.bytes().await?;
            self.parts.lock().unwrap().insert(path.to_owned(), bytes);
            Ok(())
        }

        async fn get(&self, path: &str) -> Result<Option<Body>, BackupError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            Ok(self.parts.lock().unwrap().get(path).cloned().map(Body::Memory))
        }

        async fn list(&self, prefix: &str) -> Result<Vec<Stored>, BackupError> {
            let parts = self.parts.lock().unwrap();
            let below = parts.iter().filter(|(path, _)| path.starts_with(prefix));
            let stored = |(path, bytes): (&String, &bytes::Bytes)| Stored {
                path: path.clone(),
                bytes: bytes.len() as u64,
                mark: Some(hex::encode(Sha256::digest(bytes))),
            };
            Ok(below.map(stored).collect())
        }

        async fn delete(&self, path: &str) -> Result<(), BackupError> {
            self.parts.lock().unwrap().remove(path);
            Ok(())
        }

        fn location(&self) -> String {
            "memory".to_owned()
        }
    }

    /// Two incremental points with the same body, which the second one carries, and the marks of the first.
    async fn two_points(place: &Arc<dyn Place>) -> (Manifest, Marks) {
        let (first, _) = write(place, "rp-0001", Some(BTreeMap::new())).await;
        let body = &first.resources[0].parts[1];
        assert!(!body.carried && body.path.starts_with(Manifest::SHARED_BLOBS));
        let known = every_part(&**place, &first, &Marks::new()).await.unwrap();
        let (second, _) = write(place, "rp-0002", Some(BTreeMap::from([(body.path.clone(), body.bytes)]))).await;
        assert!(second.resources[0].parts[1].carried);
        (second, known)
    }

    fn vault() -> (tempfile::TempDir, Arc<dyn Place>) {
        let folder = tempfile::tempdir().unwrap();
        let place = Arc::new(FolderPlace::new(folder.path().to_owned()));
        (folder, place)
    }

    #[tokio::test]
    async fn an_honest_point_reads_back_whole() {
        let (_folder, place) = vault();
        let (written, digest) = write(&place, "rp-0001", None).await;
        let read = manifest(&*place, &written.id, &digest).await.unwrap();
        assert_eq!(read, written);
        assert_eq!(every_part(&*place, &read, &Marks::new()).await.unwrap(), Marks::new(), "it shares nothing");
    }

    #[tokio::test]
    async fn damage_to_any_part_is_found_and_named() {
        for index in 0..2 {
            for damage in [Some(b"bodY".to_vec()), Some(b"shorter".to_vec()), None] {
                let (_folder, place) = vault();
                let (written, _) = write(&place, "rp-0001", None).await;
                let path = &written.resources[0].parts[index].path;
                match damage {
                    Some(bytes) => place.put(path, &bytes.into()).await.unwrap(),
                    None => place.delete(path).await.unwrap(),
                }
                let error = every_part(&*place, &written, &Marks::new()).await.unwrap_err();
                assert!(matches!(&error, BackupError::Damaged { part, .. } if part == path), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_manifest_that_was_changed_is_refused() {
        let (_folder, place) = vault();
        let (mut written, digest) = write(&place, "rp-0001", None).await;
        written.resources[0].entries = 7;
        let bytes = serde_json::to_vec_pretty(&written).unwrap();
        place.put(&Manifest::path(&written.id), &bytes.into()).await.unwrap();
        assert!(matches!(manifest(&*place, &written.id, &digest).await, Err(BackupError::Damaged { .. })));
    }

    #[tokio::test]
    async fn damage_to_a_carried_blob_is_found_whether_its_size_changes_or_not() {
        let cases = [
            (Some("bodY"), "does not have its digest"),
            (Some("shorter"), "has 7 bytes in place of 4"),
            (None, "is not there"),
        ];
        for (damage, expected) in cases {
            let (_folder, folder) = vault();
            for place in [folder, Arc::new(Marked::default())] {
                let (second, known) = two_points(&place).await;
                let path = &second.resources[0].parts[1].path;
                match damage {
                    Some(text) => place.put(path, &text.as_bytes().to_vec().into()).await.unwrap(),
                    None => place.delete(path).await.unwrap(),
                }
                let error = every_part(&*place, &second, &known).await.unwrap_err();
                let BackupError::Damaged { part, what, .. } = &error else { panic!("{error}") };
                assert_eq!((part, what.as_str()), (path, expected), "in {}", place.location());
            }
        }
    }

    #[tokio::test]
    async fn a_carried_blob_is_read_again_only_where_its_mark_does_not_say_that_it_is_as_it_was() {
        let marked = Arc::new(Marked::default());
        let place: Arc<dyn Place> = marked.clone();
        let (second, known) = two_points(&place).await;
        let path = &second.resources[0].parts[1].path;
        assert_eq!(known.keys().collect::<Vec<_>>(), [path], "of what is shared alone");
        let stale = Marks::from([(path.clone(), "of another content".to_owned())]);
        for (marks, reads, case) in [(&known, 1, "unchanged"), (&stale, 2, "changed"), (&Marks::new(), 2, "unknown")] {
            marked.reads.store(0, Ordering::Relaxed);
            assert_eq!(every_part(&*place, &second, marks).await.unwrap(), known, "{case}");
            assert_eq!(marked.reads.load(Ordering::Relaxed), reads, "{case}: the list of objects, and the blob");
        }
    }

    #[tokio::test]
    async fn a_carried_blob_of_a_folder_that_nobody_touched_stays_whole() {
        let (_folder, place) = vault();
        let (second, known) = two_points(&place).await;
        assert_eq!(known, Marks::new(), "a folder has none: every blob is read again");
        every_part(&*place, &second, &known).await.unwrap();
    }
}
