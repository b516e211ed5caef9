//! Data that is deleted for good.

use firedrill_model::{ids::ResourceId, units::Span};
use futures_util::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::{ChangeError, Changed};
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site, s3, service},
};

const EVERY: Span = Span::from_ms(50);
/// How long clients may keep writing into a bucket that is being deleted.
const LIMIT: Span = Span::from_secs(60);

/// A bucket or table with everything in it. Clients go on writing meanwhile, and a bucket is deleted only once it is empty.
pub(super) async fn whole(site: &Site, resource: &ResourceId) -> Result<(), ServiceError> {
    let Some(kind) = resource.kind() else { return Ok(()) };
    poll::until(format!("{resource} to be deleted"), EVERY, LIMIT, &CancellationToken::new(), || async {
        match service(kind).delete(site, resource.name()).await {
            Err(error) if error.code() == Some("BucketNotEmpty") => Look::NotYet(error.to_string()),
            deleted => Look::Ready(deleted),
        }
    })
    .await?
}

/// Every version of every object below `prefix`.
pub(super) async fn below(site: &Site, bucket: &str, prefix: &str, changed: Changed<'_>) -> Result<(), ChangeError> {
    let mut pages = std::pin::pin!(s3::versions_below(site, bucket, prefix));
    while let Some(page) = pages.try_next().await? {
        if !page.is_empty() {
            s3::delete_versions(site, bucket, page).await?;
            changed()?;
        }
    }
    Ok(())
}
