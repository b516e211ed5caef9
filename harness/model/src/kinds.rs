//! Kinds of resource, and what is known of each whatever its service does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing a [`ResourceId`](crate::ids::ResourceId) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// IAM role.
    Role,
    /// S3 bucket.
    Bucket,
    /// DynamoDB table.
    Table,
    /// SQS queue.
    Queue,
    /// Lambda function.
    Function,
    /// S3 notification or event source mapping.
    Trigger,
}

/// Among what a physical name has to be the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Those of its account and region.
    Region,
    /// Those of its account, in all regions.
    Account,
    /// Those of all accounts and regions.
    World,
}

/// What is known of a kind.
struct Facts {
    word: &'static str,
    /// Its ARN, in which `{region}`, `{account}` and `{name}` stand for what they say.
    arn: Option<&'static str>,
    namespace: Namespace,
    holds_data: bool,
    called_by_name: bool,
}

impl ResourceKind {
    /// Every kind, in the order in which resources are created.
    pub const ALL: [Self; 6] = [Self::Role, Self::Bucket, Self::Table, Self::Queue, Self::Function, Self::Trigger];

    /// Source of the ARNs: AWS Service Authorization Reference, "Resource types" of each service. Of the namespaces: Amazon S3
    /// User Guide, "Bucket naming rules"; IAM User Guide, "IAM and AWS STS quotas"; the others are regional.
    fn facts(self) -> Facts {
        match self {
            Self::Role => Facts {
                word: "role",
                arn: Some("arn:aws:iam::{account}:role/{name}"),
                namespace: Namespace::Account,
                holds_data: false,
                called_by_name: false,
            },
            Self::Bucket => Facts {
                word: "bucket",
                arn: Some("arn:aws:s3:::{name}"),
                namespace: Namespace::World,
                holds_data: true,
                called_by_name: true,
            },
            Self::Table => Facts {
                word: "table",
                arn: Some("arn:aws:dynamodb:{region}:{account}:table/{name}"),
                namespace: Namespace::Region,
                holds_data: true,
                called_by_name: true,
            },
            Self::Queue => Facts {
                word: "queue",
                arn: Some("arn:aws:sqs:{region}:{account}:{name}"),
                namespace: Namespace::Region,
                holds_data: false,
                called_by_name: true,
            },
            Self::Function => Facts {
                word: "function",
                arn: Some("arn:aws:lambda:{region}:{account}:function:{name}"),
                namespace: Namespace::Region,
                holds_data: false,
                called_by_name: false,
            },
            Self::Trigger => Facts {
                word: "trigger",
                arn: None,
                namespace: Namespace::Region,
                holds_data: false,
                called_by_name: false,
            },
        }
    }

    /// The word used in a [`ResourceId`](crate::ids::ResourceId).
    pub fn word(self) -> &'static str {
        self.facts().word
    }

    /// ARN of a resource of this kind by its physical name; `None` for a trigger.
    pub fn arn(self, region: &str, account: &str, physical: &str) -> Option<String> {
        let form = self.facts().arn?;
        // The name last: it may be made from the words for the other two.
        Some(form.replace("{region}", region).replace("{account}", account).replace("{name}", physical))
    }

    /// Among what its physical names have to be the only ones.
    pub fn namespace(self) -> Namespace {
        self.facts().namespace
    }

    /// Whether it holds data: entries that are written, backed up and compared one by one.
    pub fn holds_data(self) -> bool {
        self.facts().holds_data
    }

    /// Whether functions call it by its plain name, so that their environment may hold that.
    pub fn is_called_by_name(self) -> bool {
        self.facts().called_by_name
    }
}

#[cfg(test)]
mod tests {
    use super::ResourceKind;

    /// Where a kind stands in [`ResourceKind::ALL`]: a new one does not compile here before it has a place.
    fn place(kind: ResourceKind) -> usize {
        match kind {
            ResourceKind::Role => 0,
            ResourceKind::Bucket => 1,
            ResourceKind::Table => 2,
            ResourceKind::Queue => 3,
            ResourceKind::Function => 4,
            ResourceKind::Trigger => 5,
        }
    }

    #[test]
    fn every_kind_is_among_all() {
        assert!(ResourceKind::ALL.into_iter().map(place).eq(0..ResourceKind::ALL.len()));
    }

    #[test]
    fn arns_are_those_of_the_service_authorization_reference() {
        let of = |kind: ResourceKind| kind.arn("eu-west-1", "123456789012", "a-name");
        let found: Vec<Option<String>> = ResourceKind::ALL.into_iter().map(of).collect();
        let expected = [
            Some("arn:aws:iam::123456789012:role/a-name"),
            Some("arn:aws:s3:::a-name"),
            Some("arn:aws:dynamodb:eu-west-1:123456789012:table/a-name"),
            Some("arn:aws:sqs:eu-west-1:123456789012:a-name"),
            Some("arn:aws:lambda:eu-west-1:123456789012:function:a-name"),
            None,
        ];
        assert_eq!(found, expected.map(|arn| arn.map(str::to_owned)));
        // Each has a word of its own.
        let words: std::collections::BTreeSet<&str> = ResourceKind::ALL.into_iter().map(ResourceKind::word).collect();
        assert_eq!(words.len(), ResourceKind::ALL.len());
        assert!(!words.contains(""));
    }

    #[test]
    fn an_arn_keeps_the_words_that_stand_for_a_side() {
        let arn = ResourceKind::Table.arn("${region}", "${account}", "${table/orders}");
        assert_eq!(arn.as_deref(), Some("arn:aws:dynamodb:${region}:${account}:table/${table/orders}"));
    }
}
