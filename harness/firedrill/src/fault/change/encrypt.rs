//! Ransomware: every object overwritten with noise, and nothing older left of it.

use futures_util::TryStreamExt;

use super::{ChangeError, Changed, paced};
use crate::{
    services::{
        Site,
        s3::{self, ObjectVersion, Upload, versions::NULL_VERSION},
    },
    workload::dataset::{Body, Draw},
};

/// Overwrites what is there, then deletes every version that was. What clients write meanwhile is met or missed, as it comes.
pub(super) async fn encrypt(site: &Site, seed: u64, bucket: &str, changed: Changed<'_>) -> Result<(), ChangeError> {
    let mut old: Vec<ObjectVersion> = Vec::new();
    let mut pages = std::pin::pin!(s3::versions(site, bucket));
    while let Some(page) = pages.try_next().await? {
        let current = page.iter().filter(|version| version.is_latest && !version.is_marker).cloned();
        paced(current.map(|version| overwrite(site, seed, bucket, version, changed))).await?;
        // The one version of an object that was written without versioning is the noise by now.
        old.extend(page.into_iter().filter(|version| version.version_id != NULL_VERSION));
    }
    // Only now: a page that ended at a version that is deleted would hide what follows it.
    for page in old.chunks(s3::delete::PAGE) {
        s3::delete_versions(site, bucket, page.to_vec()).await?;
    }
    Ok(())
}

/// Writes noise of the same size, with nothing of what the object carried.
async fn overwrite(
    site: &Site,
    seed: u64,
    bucket: &str,
    version: ObjectVersion,
    changed: Changed<'_>,
) -> Result<(), ChangeError> {
    let noise = Body::new(b"", Draw::at(seed, &["noise", bucket, &version.key]), version.size);
    let upload = Upload { key: version.key, ..Upload::default() };
    s3::put(site, bucket, &upload, version.size, noise.stream()).await?;
    Ok(changed()?)
}
