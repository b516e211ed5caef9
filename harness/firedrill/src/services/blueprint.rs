//! What a resource is made from: read from the plan when provisioning, from the source when backing up, from a recovery point
//! when restoring.

use bytes::Bytes;
use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::{Bucket, Function, Queue, Role, Stack, Table, Trigger},
};
use serde::{Deserialize, Serialize};

/// The settings of one resource; as JSON (`kind`, `settings`) the blueprint of a recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "settings", rename_all = "kebab-case")]
pub enum Blueprint {
    /// IAM role.
    Role(Role),
    /// S3 bucket.
    Bucket(Bucket),
    /// DynamoDB table.
    Table(Table),
    /// SQS queue.
    Queue(Queue),
    /// Lambda function.
    Function {
        /// Settings.
        #[serde(flatten)]
        spec: Function,
        /// Its code as a zip archive. Not in the JSON: where it is kept is for whoever reads that to know.
        #[serde(skip)]
        code: Bytes,
    },
    /// S3 notification or event source mapping.
    Trigger(Trigger),
}

impl Blueprint {
    /// What the plan's stack says of a resource, a function without its code; `None` when the stack does not have it.
    pub fn of(stack: &Stack, id: &ResourceId) -> Option<Self> {
        let name = id.name();
        match id.kind()? {
            ResourceKind::Role => stack.roles.get(name).cloned().map(Self::Role),
            ResourceKind::Bucket => stack.buckets.get(name).cloned().map(Self::Bucket),
            ResourceKind::Table => stack.tables.get(name).cloned().map(Self::Table),
            ResourceKind::Queue => stack.queues.get(name).cloned().map(Self::Queue),
            ResourceKind::Function => {
                stack.functions.get(name).cloned().map(|spec| Self::Function { spec, code: Bytes::new() })
            }
            ResourceKind::Trigger => stack.triggers.get(name).cloned().map(Self::Trigger),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_settings_of_a_function_are_written_without_its_code() -> Result<(), serde_json::Error> {
        let written = json!({
            "kind": "function",
            "settings": {
                "runtime": "python3.12", "handler": "app.handler", "code": "functions/app", "memory_mib": 128,
                "timeout_s": 3, "environment": { "TABLE": "${table/orders}" }, "role": "app",
                "reserved_concurrency": null, "alias": "live", "tags": {},
            },
        });
        let mut blueprint: Blueprint = serde_json::from_value(written.clone())?;
        if let Blueprint::Function { code, .. } = &mut blueprint {
            *code = Bytes::from_static(b"PK");
        }
        assert_eq!(serde_json::to_value(&blueprint)?, written);
        Ok(())
    }
}
