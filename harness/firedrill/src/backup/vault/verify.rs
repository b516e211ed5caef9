//! Reading a recovery point back before it may be used.

use std::collections::{BTreeMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::{
    manifest::{Manifest, Part, VAULT_FORMAT},
    place::Place,
};
use crate::backup::BackupError;
use firedrill_model::ids::RecoveryPointId;

/// Parts that are read at a time.
const CONCURRENT_PARTS: usize = 8;

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
    let body =
        place.get(&part.path).await?.ok_or_else(|| BackupError::damaged(id, &part.path, "is not there"))?;
    if body.digest().await? == (part.sha256.clone(), part.bytes) {
        Ok(body)
    } else {
        Err(BackupError::damaged(id, &part.path, "does not have its digest"))
    }
}
