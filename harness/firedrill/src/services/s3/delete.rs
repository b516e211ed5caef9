//! Deleting a bucket with everything in it.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use firedrill_model::ids::ResourceKind::Bucket;
use futures_util::TryStreamExt;

use super::{ObjectVersion, describe::NOT_FOUND, versions_below};
use crate::services::{ServiceError, Site};

/// Deletes every version and marker, then the bucket; fine when it is not there.
pub(super) async fn delete(site: &Site, name: &str) -> Result<(), ServiceError> {
    match delete_present(site, name).await {
        Err(error) if error.code().is_some_and(|code| NOT_FOUND.contains(&code)) => Ok(()),
        outcome => outcome,
    }
}

async fn delete_present(site: &Site, name: &str) -> Result<(), ServiceError> {
    while delete_page(site, name, "").await? {}
    let request = site.clients.s3.delete_bucket().bucket(site.name_of(Bucket, name));
    request.send().await.map_err(|error| ServiceError::request(format!("S3 DeleteBucket {name}"), &error))?;
    Ok(())
}

/// As many as one `DeleteObjects` takes (Amazon S3 API reference), and as one page of versions has at most.
pub const PAGE: usize = 1000;

/// Deletes the first page of the versions and markers below `prefix`; whether there was one. What follows it is found by asking
/// again: where a listing goes on after a version that is deleted by then, it need not find what comes next.
pub async fn delete_page(site: &Site, name: &str, prefix: &str) -> Result<bool, ServiceError> {
    let page = std::pin::pin!(versions_below(site, name, prefix)).try_next().await?.unwrap_or_default();
    let was_one = !page.is_empty();
    delete_versions(site, name, page).await?;
    Ok(was_one)
}

/// Deletes at most [`PAGE`] versions and markers.
pub async fn delete_versions(site: &Site, name: &str, page: Vec<ObjectVersion>) -> Result<(), ServiceError> {
    if page.is_empty() {
        return Ok(());
    }
    let operation = format!("S3 DeleteObjects of {name}");
    let unusable = |what: String| ServiceError::Unusable { operation: operation.clone(), what };
    let identifiers: Result<Vec<ObjectIdentifier>, _> = page
        .into_iter()
        .map(|version| ObjectIdentifier::builder().key(version.key).version_id(version.version_id).build())
        .collect();
    let identifiers = identifiers.map_err(|error| unusable(error.to_string()))?;
    let delete = Delete::builder().set_objects(Some(identifiers)).quiet(true).build();
    let delete = delete.map_err(|error| unusable(error.to_string()))?;
    let request = site.clients.s3.delete_objects().bucket(site.name_of(Bucket, name)).delete(delete);
    let answer = request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
    match answer.errors().first() {
        None => Ok(()),
        Some(refused) => Err(unusable(format!(
            "that `{}` cannot be deleted: {}",
            refused.key().unwrap_or_default(),
            refused.message().unwrap_or_default()
        ))),
    }
}
