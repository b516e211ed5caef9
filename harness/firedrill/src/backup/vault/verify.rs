//! Reading a recovery point back before it may be used.

use std::collections::{BTreeMap, HashSet};

use firedrill_model::ids::RecoveryPointId;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{
    manifest::{Manifest, Part, VAULT_FORMAT},
    place::Place,
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

/// Checks every part: those this point wrote are read back, those it carries are there with their size (they were read
/// back when they were written).
pub async fn every_part(place: &dyn Place, manifest: &Manifest) -> Result<(), BackupError> {
    let mut seen = HashSet::new();
    let parts: Vec<&Part> = manifest.parts().filter(|part| seen.insert(part.path.as_str())).collect();
    let (carried, written): (Vec<&Part>, Vec<&Part>) = parts.into_iter().partition(|part| part.carried);
    stream::iter(written.into_iter().cloned().collect::<Vec<Part>>())
        .map(|part| {
            let id = &manifest.id;
            async move { read_part(place, id, &part).await.map(|_| ()) }
        })
        .buffer_unordered(CONCURRENT_PARTS)
        .try_collect::<()>()
        .await?;
    if carried.is_empty() {
        return Ok(());
    }
    let stored: BTreeMap<String, u64> =
        place.list("blobs/").await?.into_iter().map(|stored| (stored.path, stored.bytes)).collect();
    for part in carried {
        match stored.get(&part.path) {
            Some(bytes) if *bytes == part.bytes => {}
            Some(bytes) => {
                return Err(BackupError::damaged(
                    &manifest.id,
                    &part.path,
                    format!("has {bytes} bytes in place of {}", part.bytes),
                ));
            }
            None => return Err(BackupError::damaged(&manifest.id, &part.path, "is not there")),
        }
    }
    Ok(())
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
    use std::{collections::BTreeMap, sync::Arc};

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
        every_part(&*place, &read).await.unwrap();
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
                let error = every_part(&*place, &written).await.unwrap_err();
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
    async fn an_incremental_point_stores_a_blob_once_and_misses_it_when_it_is_gone() {
        let (_folder, place) = vault();
        let (first, _) = write(&place, "rp-0001", Some(BTreeMap::new())).await;
        let body = &first.resources[0].parts[1];
        assert!(!body.carried && body.path.starts_with("blobs/"));
        let known = BTreeMap::from([(body.path.clone(), body.bytes)]);
        let (second, _) = write(&place, "rp-0002", Some(known)).await;
        assert!(second.resources[0].parts[1].carried);
        every_part(&*place, &second).await.unwrap();
        place.delete(&body.path).await.unwrap();
        assert!(every_part(&*place, &second).await.is_err());
    }
}
