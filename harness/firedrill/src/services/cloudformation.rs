//! CloudFormation: standing up a stack from a template.

use aws_sdk_cloudformation::types::{Capability, Parameter, ResourceStatus, StackStatus};
use firedrill_model::units::Span;
use tokio_util::sync::CancellationToken;

use super::{Clients, ServiceError};
use crate::poll::{self, Look};

const EVERY: Span = Span::from_ms(500);
/// How long a stack may take to be created.
const LIMIT: Span = Span::from_secs(1800);

/// Beginning of the keys of tags that CloudFormation gives to what it makes, and that no one else may set.
/// Source: AWS CloudFormation User Guide, "Resource tag".
const OWN_TAG: &str = "aws:cloudformation:";

/// Whether CloudFormation itself sets the tag of this key.
pub(crate) fn owns_tag(key: &str) -> bool {
    key.starts_with(OWN_TAG)
}

/// Creates a stack and waits until everything in it is there.
pub async fn create_stack(
    clients: &Clients,
    name: &str,
    body: String,
    parameters: impl IntoIterator<Item = (&String, &String)>,
) -> Result<(), ServiceError> {
    let parameters = parameters
        .into_iter()
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect();
    let request = clients
        .cloudformation
        .create_stack()
        .stack_name(name)
        .template_body(body)
        .set_parameters(Some(parameters))
        .capabilities(Capability::CapabilityNamedIam);
    let operation = format!("CloudFormation CreateStack {name}");
    request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
    let what = format!("the stack {name} to be created");
    let status = poll::until(what, EVERY, LIMIT, &CancellationToken::new(), || async {
        match status(clients, name).await {
            Err(error) => Look::Ready(Err(error)),
            Ok(StackStatus::CreateInProgress | StackStatus::RollbackInProgress) => {
                Look::NotYet("in progress".to_owned())
            }
            Ok(ended) => Look::Ready(Ok(ended)),
        }
    })
    .await??;
    if status == StackStatus::CreateComplete {
        return Ok(());
    }
    let why = first_failure(clients, name).await?.unwrap_or_else(|| "no reason is given".to_owned());
    Err(ServiceError::Unusable { operation, what: format!("{status}: {why}") })
}

async fn status(clients: &Clients, name: &str) -> Result<StackStatus, ServiceError> {
    let operation = format!("CloudFormation DescribeStacks {name}");
    let answer = clients.cloudformation.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|error| ServiceError::request(&operation, &error))?;
    let stack = answer.stacks.unwrap_or_default().into_iter().next();
    stack
        .and_then(|stack| stack.stack_status)
        .ok_or_else(|| ServiceError::Unusable { operation, what: "no stack".to_owned() })
}

/// The first resource that could not be made, and why: what followed was only undone.
async fn first_failure(clients: &Clients, name: &str) -> Result<Option<String>, ServiceError> {
    let mut first = None;
    let mut next = None;
    loop {
        let answer = clients.cloudformation.describe_stack_events().stack_name(name).set_next_token(next).send().await;
        let operation = format!("CloudFormation DescribeStackEvents {name}");
        let answer = answer.map_err(|error| ServiceError::request(operation, &error))?;
        // The newest event comes first.
        for event in answer.stack_events.unwrap_or_default() {
            if event.resource_status == Some(ResourceStatus::CreateFailed) {
                let id = event.logical_resource_id.unwrap_or_default();
                first = Some(format!("{id}: {}", event.resource_status_reason.unwrap_or_default()));
            }
        }
        next = answer.next_token;
        if next.is_none() {
            return Ok(first);
        }
    }
}
