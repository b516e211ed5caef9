//! Which members of a request name resources, and what is a name in an ARN.
//!
//! Sources: API references of the services named below; for ARNs the "Service Authorization Reference", "Resource types
//! defined by …".

/// Where a body names resources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// Members whose text, or texts in a list, are names.
    pub(super) members: &'static [&'static str],
    /// Members whose own members' names are names.
    pub(super) keys: &'static [&'static str],
    /// Members, structures or lists of them, that have such members inside.
    pub(super) inside: &'static [&'static str],
}

impl Places {
    pub(super) const fn members(members: &'static [&'static str]) -> Self {
        Self { members, keys: &[], inside: &[] }
    }
}

const DYNAMODB: Places = Places {
    members: &[
        "TableName",
        "TableArn",
        "GlobalTableName",
        "SourceTableName",
        "SourceTableArn",
        "TargetTableName",
        "ResourceArn",
        "StreamArn",
        "BackupArn",
        "ExportArn",
        "ImportArn",
    ],
    keys: &["RequestItems"],
    inside: &["TransactItems", "Put", "Update", "Delete", "ConditionCheck", "Get", "TableCreationParameters"],
};

/// Of `states`: `name` is a resource only where it is created, else one of its executions.
const CREATED_STATES: &[&str] = &["name", "stateMachineArn"];

/// Where requests to a service, named as it is signed, name resources.
pub(super) fn places(service: &str, operation: Option<&str>) -> Places {
    let members: &[&str] = match service {
        "dynamodb" => return DYNAMODB,
        "events" => {
            return Places {
                members: &["Name", "Rule", "RuleName", "EventBusName", "ResourceARN"],
                keys: &[],
                inside: &["Entries"],
            };
        }
        "ec2" => &[],
        "kinesis" => &["StreamName", "StreamARN", "ConsumerARN", "ResourceARN"],
        "firehose" => &["DeliveryStreamName"],
        "sqs" => &["QueueUrl", "QueueName", "SourceArn", "DestinationArn"],
        "sns" => &["TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn", "Name"],
        "secretsmanager" => &["SecretId", "SecretIdList", "Name"],
        "kms" => &["KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId", "AliasName"],
        "ssm" => &["Name", "Names", "ResourceId"],
        "states" if operation.is_some_and(|name| name.starts_with("Create")) => CREATED_STATES,
        "states" => &["stateMachineArn", "stateMachineAliasArn", "executionArn", "activityArn", "resourceArn"],
        "logs" => &["logGroupName", "logGroupNames", "logGroupIdentifier", "logGroupIdentifiers", "resourceArn"],
        "monitoring" => &["AlarmName", "AlarmNames", "DashboardName", "DashboardNames", "ResourceARN"],
        "ecr" => &["repositoryName", "repositoryNames", "resourceArn"],
        "cloudformation" => &["StackName", "StackSetName"],
        "iam" => &["RoleName", "UserName", "GroupName", "PolicyName", "PolicyArn", "InstanceProfileName"],
        "sts" => &["RoleArn"],
        "rds" => &["DBInstanceIdentifier", "DBClusterIdentifier", "GlobalClusterIdentifier", "ResourceName"],
        "elasticache" => &["CacheClusterId", "ReplicationGroupId", "ServerlessCacheName", "ResourceName"],
        _ => {
            &["Name", "ResourceArn", "ResourceARN", "TableName", "StreamName", "QueueName", "TopicArn", "FunctionName"]
        }
    };
    Places::members(members)
}

/// The name of a resource in a text that names it: an ARN, a queue's URL, a function with its version or alias, else the
/// text itself.
pub(super) fn name(service: &str, text: &str) -> String {
    if let Some(name) = in_arn(text) {
        return name;
    }
    match service {
        "lambda" => {
            // `name`, `name:alias`, `account:function:name` or `account:function:name:alias`.
            let function = text.split_once(":function:").map_or(text, |(_, function)| function);
            before(function, ':').to_owned()
        }
        "sqs" if text.contains("://") => text.rsplit('/').next().unwrap_or_default().to_owned(),
        _ => text.to_owned(),
    }
}

/// Of `arn:partition:service:region:account:resource`, the name in `resource`: most are `type/name` or `type:name`, with
/// something after the name that is not part of it.
fn in_arn(arn: &str) -> Option<String> {
    let mut fields = arn.splitn(6, ':');
    if fields.next() != Some("arn") {
        return None;
    }
    let service = fields.nth(1)?;
    let account = fields.nth(1)?;
    let resource = fields.next()?;
    let typed = |separator| resource.split_once(separator).map_or(resource, |(_, name)| name);
    let name = match service {
        "sqs" | "sns" => before(resource, ':'),
        "s3" if account.is_empty() => before(resource, '/'),
        // Roles and users have paths, rules the name of their event bus.
        "iam" | "events" => resource.rsplit('/').next().unwrap_or_default(),
        "ecr" => typed('/'),
        "kms" if resource.starts_with("alias/") => resource,
        // A parameter's name begins with the slash if there is one more in it.
        "ssm" => resource.strip_prefix("parameter").filter(|name| name.matches('/').count() > 1).unwrap_or(typed('/')),
        "secretsmanager" => without_random_suffix(before(typed(':'), ':')),
        _ => match resource.find([':', '/']) {
            Some(at) => {
                let separator = if resource[at..].starts_with(':') { ':' } else { '/' };
                before(&resource[at + 1..], separator)
            }
            None => resource,
        },
    };
    Some(name.to_owned())
}

/// Secrets Manager appends a hyphen and six random characters to a secret's name in its ARN.
fn without_random_suffix(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((name, suffix)) if suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) => name,
        _ => name,
    }
}

fn before(text: &str, separator: char) -> &str {
    text.split(separator).next().unwrap_or_default()
}
