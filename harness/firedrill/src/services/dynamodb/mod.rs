//! DynamoDB tables.

pub mod canonical;
mod configuration;
mod content;
mod create;
mod delete;
mod describe;
pub mod item;
pub mod json;
pub mod key;
mod number;
#[cfg(test)]
mod samples;
pub mod scan;
pub mod stream;
mod text;
pub mod write;

use std::collections::HashMap;

use async_trait::async_trait;
pub use aws_sdk_dynamodb::types::AttributeValue;
use firedrill_model::{capture::Configuration, ids::ResourceKind::Table};

pub(crate) use self::{content::entry, describe::stream_arn};
pub use self::{
    create::drop_stream,
    item::{delete_item, get_item, put_item, replace_attribute},
    key::{key_of, key_part},
    scan::{deliveries, scan_items},
    write::{offer_items, write_items},
};
use super::{Blueprint, EntrySink, Service, ServiceError, Site, wrong_blueprint};

/// An item: attribute name → value.
pub type Item = HashMap<String, AttributeValue>;

/// The tables of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Tables;

#[async_trait]
impl Service for Tables {
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Table(table) = blueprint else { return Err(wrong_blueprint(Table, name)) };
        create::create(site, name, table).await
    }

    async fn activate(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Table(table) = blueprint else { return Err(wrong_blueprint(Table, name)) };
        create::activate(site, name, table).await
    }

    async fn complete(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let Blueprint::Table(table) = blueprint else { return Err(wrong_blueprint(Table, name)) };
        create::encrypt(site, name, table).await?;
        create::activate(site, name, table).await
    }

    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError> {
        Ok(describe::find(site, &site.name_of(Table, name)).await?.is_some())
    }

    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError> {
        Ok(Blueprint::Table(describe::describe(site, name).await?))
    }

    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError> {
        configuration::configuration(site, name).await
    }

    async fn content(
        &self,
        site: &Site,
        name: &str,
        with_values: bool,
        sink: &mut dyn EntrySink,
    ) -> Result<(), ServiceError> {
        content::content(site, name, with_values, sink).await
    }

    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError> {
        delete::delete(site, name).await
    }
}
