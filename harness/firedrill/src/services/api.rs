//! The services by name, and a cheap question to each that changes nothing: whether a target has it at all.

use std::fmt;

use super::{Clients, ServiceError};

/// A service of AWS that a drill can need of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// Tables.
    DynamoDb,
    /// Change records of tables.
    Streams,
    /// Buckets, and what a vault or a template keeps in one.
    S3,
    /// Functions and event source mappings.
    Lambda,
    /// Queues.
    Sqs,
    /// Roles.
    Iam,
    /// Templates.
    CloudFormation,
    /// Metrics and alarms.
    CloudWatch,
}

impl fmt::Display for Api {
    /// The name that people use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DynamoDb => "DynamoDB",
            Self::Streams => "DynamoDB Streams",
            Self::S3 => "S3",
            Self::Lambda => "Lambda",
            Self::Sqs => "SQS",
            Self::Iam => "IAM",
            Self::CloudFormation => "CloudFormation",
            Self::CloudWatch => "CloudWatch",
        })
    }
}

/// Asks a service for one of what it has. An answer that the SDK cannot read, or without the list that was asked for, is
/// an error: what says yes to everything does not know the call.
pub async fn ask(clients: &Clients, api: Api) -> Result<(), ServiceError> {
    let no_list =
        |operation: &str| ServiceError::Unusable { operation: operation.to_owned(), what: "no list".to_owned() };
    // The SDK's types of all these calls differ: what is common to them is only this shape.
    macro_rules! list {
        ($operation:literal, $request:expr, $answer:ident => $has_list:expr) => {{
            let $answer = $request.send().await.map_err(|error| ServiceError::request($operation, &error))?;
            if $has_list { Ok(()) } else { Err(no_list($operation)) }
        }};
    }
    match api {
        Api::DynamoDb => {
            list!("ListTables", clients.dynamodb.list_tables().limit(1), answer => answer.table_names.is_some())
        }
        Api::Streams => {
            list!("ListStreams", clients.streams.list_streams().limit(1), answer => answer.streams.is_some())
        }
        // Not limited to one bucket: that is a parameter of its own age, which not every S3 knows.
        Api::S3 => list!("ListBuckets", clients.s3.list_buckets(), answer => answer.buckets.is_some()),
        Api::Lambda => {
            list!("ListFunctions", clients.lambda.list_functions().max_items(1), answer => answer.functions.is_some())
        }
        // Without queues there is no list.
        Api::Sqs => list!("ListQueues", clients.sqs.list_queues().max_results(1), _answer => true),
        // The SDK puts an empty list in place of one that is missing.
        Api::Iam => list!("ListRoles", clients.iam.list_roles().max_items(1), _answer => true),
        Api::CloudFormation => {
            list!("ListStacks", clients.cloudformation.list_stacks(), answer => answer.stack_summaries.is_some())
        }
        Api::CloudWatch => {
            let request = clients.cloudwatch.describe_alarms().max_records(1);
            list!("DescribeAlarms", request, answer => answer.metric_alarms.is_some())
        }
    }
}
