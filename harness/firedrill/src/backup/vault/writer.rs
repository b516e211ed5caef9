//! Writing the parts of one recovery point.

use std::{collections::BTreeMap, sync::Arc};

use firedrill_model::ids::{RecoveryPointId, ResourceId};
use tokio::sync::Mutex;

use super::{
    manifest::{Manifest, Part, PartRole},
    place::{Body, Place},
};
use crate::backup::BackupError;

/// Writes parts below a point's prefix, and blobs into the pool it shares or has for itself.
#[derive(Debug)]
pub struct PointWriter {
    place: Arc<dyn Place>,
    id: RecoveryPointId,
    pool: String,
    /// Blobs that earlier points stored, with their sizes.
    carried: BTreeMap<String, u64>,
    /// Blobs this point has stored: one that several versions share is written once.
    written: Mutex<BTreeMap<String, Part>>,
}

impl PointWriter {
    /// A writer that shares `carried` (paths of the pool with sizes); a full point carries none and has its own pool.
    pub fn new(place: Arc<dyn Place>, id: RecoveryPointId, carried: Option<BTreeMap<String, u64>>) -> Self {
        let own = || format!("{}blobs/", Manifest::prefix(&id));
        let pool = if carried.is_some() { Manifest::SHARED_BLOBS.to_owned() } else { own() };
        Self { place, id, pool, carried: carried.unwrap_or_default(), written: Mutex::default() }
    }

    /// Where the parts of a resource lie.
    pub fn folder(&self, resource: &ResourceId) -> String {
        format!("{}resources/{}/", Manifest::prefix(&self.id), resource.file_stem())
    }

    /// Stores a part of a resource under `name`.
    pub async fn part(
        &self,
        resource: &ResourceId,
        role: PartRole,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Part, BackupError> {
        let path = format!("{}{name}", self.folder(resource));
        let body = Body::from(bytes);
        let (sha256, bytes) = body.digest().await?;
        self.place.put(&path, &body).await?;
        Ok(Part { role, path, sha256, bytes, carried: false })
    }

    /// Stores bytes under their own digest, unless they are there.
    pub async fn blob(&self, role: PartRole, body: &Body) -> Result<Part, BackupError> {
        let (sha256, bytes) = body.digest().await?;
        let path = format!("{}{sha256}", self.pool);
        if let Some(part) = self.written.lock().await.get(&path) {
            return Ok(Part { role, ..part.clone() });
        }
        let carried = self.carried.get(&path) == Some(&bytes);
        if !carried {
            self.place.put(&path, body).await?;
        }
        let part = Part { role, path: path.clone(), sha256, bytes, carried };
        self.written.lock().await.insert(path, part.clone());
        Ok(part)
    }

    /// Stores the manifest, which makes the point exist.
    pub async fn finish(&self, manifest: &Manifest) -> Result<String, BackupError> {
        let path = Manifest::path(&self.id);
        let bytes = serde_json::to_vec_pretty(manifest)
            .map_err(|error| BackupError::File { path: path.clone(), source: error.into() })?;
        let body = Body::from(bytes);
        let (digest, _) = body.digest().await?;
        self.place.put(&path, &body).await?;
        Ok(digest)
    }
}
