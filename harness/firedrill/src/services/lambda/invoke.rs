//! Calling a function.

use aws_sdk_lambda::primitives::Blob;
use firedrill_model::ids::ResourceKind::Function;
use serde_json::Value;

use super::describe::alias_of;
use crate::services::{ServiceError, Site, error::Certainty};

/// Calls a function with a JSON text through its alias (if it has one) and waits for its answer. A function that raised is an error of
/// code `FunctionError`.
pub async fn invoke(site: &Site, name: &str, payload: String) -> Result<Value, ServiceError> {
    let operation = format!("Lambda Invoke of {name}");
    let physical = site.name_of(Function, name);
    let alias = alias_of(site, &physical).await?.map(|alias| alias.name);
    let request =
        site.clients.lambda.invoke().function_name(&physical).set_qualifier(alias).payload(Blob::new(payload));
    let answer = request.send().await.map_err(|error| ServiceError::request(&operation, &error))?;
    let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
    if answer.function_error.is_some() {
        return Err(ServiceError::Request {
            operation,
            certainty: Certainty::Unknown,
            code: Some(String::from("FunctionError")),
            status: Some(200),
            cause: raised(&body),
        });
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body)
        .map_err(|error| ServiceError::Unusable { operation, what: format!("something that is not JSON: {error}") })
}

/// What a function raised, as Lambda puts it into the answer.
fn raised(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let part = |name: &str| answer.get(name).and_then(Value::as_str);
    match (part("errorType"), part("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        (_, None) => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::raised;

    #[test]
    fn what_a_function_raised_is_told_in_one_line() {
        for (body, expected) in [
            (r#"{"errorType": "KeyError", "errorMessage": "'rev'", "stackTrace": []}"#, "KeyError: 'rev'"),
            (r#"{"errorMessage": "Task timed out after 3.00 seconds"}"#, "Task timed out after 3.00 seconds"),
            ("no json", "no json"),
        ] {
            assert_eq!(raised(body.as_bytes()), expected);
        }
    }
}
