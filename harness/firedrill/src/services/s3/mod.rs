//! S3 buckets.

pub mod canonical;
mod configuration;
mod content;
mod create;
pub mod delete;
mod describe;
mod multipart;
pub mod put;
pub mod read;
pub mod settings;
pub mod versions;

use async_trait::async_trait;
pub use aws_sdk_s3::primitives::ByteStream;
use firedrill_model::{capture::Configuration, ids::ResourceKind::Bucket};

pub(crate) use self::{configuration::notifications, describe::exists};
pub use self::{
    delete::{delete_page, delete_versions},
    describe::encryption,
    put::{Upload, delete, put},
    read::{Object, read},
    settings::{ObjectSettings, SystemHeader},
    versions::{ObjectVersion, versions, versions_below},
};
use super::{Blueprint, EntrySink, Service, ServiceError, Site, wrong_blueprint};

/// The buckets of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Buckets;

#[async_trait]
impl Service for Buckets {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Bucket(bucket) = blueprint else { return Err(wrong_blueprint(Bucket, name)) };
        create::create(site, name, bucket).await
    }

    async fn complete(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Bucket(bucket) = blueprint else { return Err(wrong_blueprint(Bucket, name)) };
        create::configure(site, name, bucket).await
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        describe::exists(site, name).await
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        Ok(Blueprint::Bucket(describe::describe(site, name).await?))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn content(
        &self,
        site: &Site,
        name: &str,
        _with_values: bool,
        sink: &mut dyn EntrySink,
    ) -> Result<(), ServiceError> {
        content::content(site, name, sink).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        delete::delete(site, name).await
    }
}
