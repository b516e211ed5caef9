//! Data that is deleted for good.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    units::Span,
};
use tokio_util::sync::CancellationToken;

use super::{ChangeError, Changed};
use crate::{
    poll::{self, Look},
    services::{Site, s3, service},
};

const EVERY: Span = Span::from_ms(50);
/// How long clients may keep writing into a bucket that is being deleted.
const LIMIT: Span = Span::from_secs(60);

/// A bucket, table or queue with everything in it, if it is there. Clients go on writing meanwhile, and a bucket is deleted only once it
/// is empty.
pub(super) async fn whole(site: &Site, resource: &ResourceId, changed: Changed<'_>) -> Result<(), ChangeError> {
    let Some(kind) = resource.kind() else { return Ok(()) };
    if !service(kind).exists(site, resource.name()).await? {
        return Ok(());
    }
    if kind == ResourceKind::Bucket {
        below(site, resource.name(), "", changed).await?;
    }
    let deleted: Result<_, ChangeError> =
        poll::until(format!("{resource} to be deleted"), EVERY, LIMIT, &CancellationToken::new(), || async {
            match service(kind).delete(site, resource.name()).await {
                Err(error) if error.code() == Some("BucketNotEmpty") => Look::NotYet(error.to_string()),
                deleted => Look::Ready(deleted.map_err(ChangeError::from)),
            }
        })
        .await
        .map_err(|error| ChangeError::Service(error.into()))?;
    deleted?;
    Ok(changed()?)
}

/// Every version of every object below `prefix`.
pub(super) async fn below(site: &Site, bucket: &str, prefix: &str, changed: Changed<'_>) -> Result<(), ChangeError> {
    while s3::delete_page(site, bucket, prefix).await? {
        changed()?;
    }
    Ok(())
}
