//! `blueprint.json`: what it takes to create a resource again.

use bytes::Bytes;
use firedrill_model::stack::{Bucket, Function, Queue, Role, Table, Trigger};
use serde::{Deserialize, Serialize};

use crate::services::Blueprint;

/// A [`Blueprint`] without the code of a function, which is a blob of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "settings", rename_all = "kebab-case")]
pub enum Document {
    /// IAM role.
    Role(Role),
    /// S3 bucket.
    Bucket(Bucket),
    /// DynamoDB table.
    Table(Table),
    /// SQS queue.
    Queue(Queue),
    /// Lambda function.
    Function(Function),
    /// S3 notification or event source mapping.
    Trigger(Trigger),
}

/// Splits a blueprint into its document and, for a function, its code.
pub fn split(blueprint: Blueprint) -> (Document, Option<Bytes>) {
    match blueprint {
        Blueprint::Role(role) => (Document::Role(role), None),
        Blueprint::Bucket(bucket) => (Document::Bucket(bucket), None),
        Blueprint::Table(table) => (Document::Table(table), None),
        Blueprint::Queue(queue) => (Document::Queue(queue), None),
        Blueprint::Function { spec, code } => (Document::Function(spec), Some(code)),
        Blueprint::Trigger(trigger) => (Document::Trigger(trigger), None),
    }
}

/// The blueprint again; `None` for a function without its code.
pub fn join(document: Document, code: Option<Bytes>) -> Option<Blueprint> {
    Some(match document {
        Document::Role(role) => Blueprint::Role(role),
        Document::Bucket(bucket) => Blueprint::Bucket(bucket),
        Document::Table(table) => Blueprint::Table(table),
        Document::Queue(queue) => Blueprint::Queue(queue),
        Document::Function(spec) => Blueprint::Function { spec, code: code? },
        Document::Trigger(trigger) => Blueprint::Trigger(trigger),
    })
}
