//! A vault in a bucket, usually of the recovery region.

use std::collections::BTreeMap;

use async_trait::async_trait;
use firedrill_model::{
    ids::ResourceKind,
    stack::{self},
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::place::{Body, Place, Stored};
use crate::{
    backup::BackupError,
    services::{Blueprint, Site, s3, service},
};

/// A vault in a bucket: created when absent, with AES256 at rest and versioning off, since every part is written once.
#[derive(Debug)]
pub struct BucketPlace {
    site: Site,
    bucket: String,
    ready: OnceCell<()>,
}

impl BucketPlace {
    /// The vault in `bucket` of the site's region. Nothing is sent before the first use.
    pub fn new(site: Site, bucket: String) -> Self {
        Self { site, bucket, ready: OnceCell::new() }
    }

    /// Creates the bucket unless it is there.
    async fn ready(&self) -> Result<(), BackupError> {
        let make = async || {
            let buckets = service(ResourceKind::Bucket);
            if !buckets.exists(&self.site, &self.bucket).await? {
                let blueprint = Blueprint::Bucket(stack::Bucket {
                    versioning: false,
                    encryption: Some("AES256".to_owned()),
                    cors: Vec::new(),
                    tags: BTreeMap::from([("firedrill".to_owned(), "vault".to_owned())]),
                    data: None,
                });
                buckets.create(&self.site, &self.bucket, &blueprint).await?;
            }
            Ok(())
        };
        self.ready.get_or_try_init(make).await.copied()
    }
}

#[async_trait]
impl Place for BucketPlace {
    async fn put(&self, path: &str, body: &Body) -> Result<(), BackupError> {
        self.ready().await?;
        let upload = s3::Upload { key: path.to_owned(), ..s3::Upload::default() };
        s3::put(&self.site, &self.bucket, &upload, body.len(), body.stream().await?).await?;
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Option<Body>, BackupError> {
        match s3::read(&self.site, &self.bucket, path, None).await {
            Ok(object) => Body::receive(path, object.size, object.body).await.map(Some),
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchBucket" | "NotFound")) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, BackupError> {
        self.ready().await?;
        let pages: Vec<Vec<s3::ObjectVersion>> = s3::versions(&self.site, &self.bucket).boxed().try_collect().await?;
        let mut found: Vec<Stored> = pages
            .into_iter()
            .flatten()
            .filter(|version| version.is_latest && !version.is_marker && version.key.starts_with(prefix))
            .map(|version| Stored { path: version.key, bytes: version.size })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    async fn delete(&self, path: &str) -> Result<(), BackupError> {
        s3::delete(&self.site, &self.bucket, path).await?;
        Ok(())
    }

    fn location(&self) -> String {
        format!("s3://{} ({})", self.bucket, self.site.clients.region)
    }
}
