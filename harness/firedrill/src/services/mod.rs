//! The AWS services firedrill provisions, describes and reads: one folder each, and one line in [`service`].
//!
//! The only room that imports `aws-sdk-*`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's enums are open: a wildcard is the only way to match them"
)]

pub(crate) mod arn;

pub mod api;
mod blueprint;
pub mod canonical;
pub mod clients;
pub mod cloudformation;
pub mod cloudwatch;
pub mod dynamodb;
pub mod error;
pub(crate) mod fields;
pub mod flip;
pub mod iam;
pub mod lambda;
pub(crate) mod raw;
pub mod s3;
pub mod site;
pub mod sqs;
#[cfg(test)]
pub(crate) mod stand_in;
pub(crate) mod xml;

use async_trait::async_trait;
use firedrill_model::{
    capture::{Configuration, Entry},
    ids::{ResourceId, ResourceKind},
};

pub use self::{blueprint::Blueprint, clients::Clients, error::ServiceError, site::Site};

/// Receives the entries of a resource in no particular order; it is the capture that sorts.
pub trait EntrySink: Send {
    /// Takes one entry.
    fn take(&mut self, entry: Entry) -> Result<(), ServiceError>;
}

/// What every kind of resource can do. Names are logical; the [`Site`] maps them.
#[async_trait]
pub trait Service: Send + Sync {
    /// Creates the resource and waits until the service reports it usable. Fails when it exists. What reacts to
    /// content (a table's stream and TTL) stays off until [`Service::activate`].
    async fn create(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError>;

    /// Switches on what reacts to content, once the content is in place.
    async fn activate(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let (_, _, _) = (site, name, blueprint);
        Ok(())
    }

    /// Sets what emulators are known to leave out of a resource that their CloudFormation made.
    async fn complete(&self, site: &Site, name: &str, blueprint: &Blueprint) -> Result<(), ServiceError> {
        let (_, _, _) = (site, name, blueprint);
        Ok(())
    }

    /// Whether it is there.
    async fn exists(&self, site: &Site, name: &str) -> Result<bool, ServiceError>;

    /// Reads from the service what it would take to create it again.
    async fn describe(&self, site: &Site, name: &str) -> Result<Blueprint, ServiceError>;

    /// Every field that the service's describe calls return, sorted into compared, volatile and unknown.
    async fn configuration(&self, site: &Site, name: &str) -> Result<Configuration, ServiceError>;

    /// Reads all content back. `with_values`: also fill [`Entry::value`].
    async fn content(
        &self,
        site: &Site,
        name: &str,
        with_values: bool,
        sink: &mut dyn EntrySink,
    ) -> Result<(), ServiceError> {
        let (_, _, _, _) = (site, name, with_values, sink);
        Ok(())
    }

    /// Deletes it with its content; fine when it is not there.
    async fn delete(&self, site: &Site, name: &str) -> Result<(), ServiceError>;
}

/// The service behind a kind of resource.
pub fn service(kind: ResourceKind) -> &'static dyn Service {
    match kind {
        ResourceKind::Role => &iam::Roles,
        ResourceKind::Bucket => &s3::Buckets,
        ResourceKind::Table => &dynamodb::Tables,
        ResourceKind::Queue => &sqs::Queues,
        ResourceKind::Function => &lambda::Functions,
        ResourceKind::Trigger => &crate::triggers::Triggers,
    }
}

/// A blueprint of another kind of resource than the service makes.
pub(crate) fn wrong_blueprint(kind: ResourceKind, name: &str) -> ServiceError {
    ServiceError::Unusable {
        operation: format!("creating {}", ResourceId::new(kind, name)),
        what: String::from("that the blueprint is one of another kind"),
    }
}
