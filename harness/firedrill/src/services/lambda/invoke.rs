//! Calling a function.

use serde_json::Value;

use crate::services::{ServiceError, Site};

/// Calls a function through its alias (if it has one) and waits for its answer. A function that raised is an error of
/// code `FunctionError`.
pub async fn invoke(site: &Site, name: &str, payload: &Value) -> Result<Value, ServiceError> {
    unimplemented!("{site:?} {name} {payload:?}")
}
