//! The body of an answer as the service sent it. SDK types drop fields that the SDK does not know; a configuration
//! that is compared must not.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::AfterDeserializationInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use serde_json::Value;

use super::{ServiceError, xml};

/// An interceptor that keeps the body of the last answer: give a clone to `customize().interceptor(…)`.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyTap(Arc<Mutex<Bytes>>);

#[dyn_dispatch_hint]
impl Intercept for BodyTap {
    fn name(&self) -> &'static str {
        "BodyTap"
    }

    // The body is read between the hooks before and after deserialization, so that only the later one sees it.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

impl BodyTap {
    fn bytes(&self) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The body as JSON.
    pub(crate) fn json(&self, operation: &str) -> Result<Value, ServiceError> {
        serde_json::from_slice(&self.bytes()).map_err(|error| ServiceError::Unusable {
            operation: operation.to_owned(),
            what: format!("something that is not JSON: {error}"),
        })
    }

    /// The body, XML, as JSON without its root element.
    pub(crate) fn xml(&self, operation: &str) -> Result<Value, ServiceError> {
        self.xml_as(operation, |name| name)
    }

    /// The same with elements under other names, see [`xml::to_json`].
    pub(crate) fn xml_as(&self, operation: &str, called: fn(&str) -> &str) -> Result<Value, ServiceError> {
        xml::to_json(&self.bytes(), called).map_err(|error| ServiceError::Unusable {
            operation: operation.to_owned(),
            what: format!("something that is not XML: {error}"),
        })
    }
}

/// Sends a request of any SDK and gives the body of its answer; `None` when the answer is an error whose code is one of
/// `absent`.
macro_rules! read_raw {
    ($request:expr, $operation:expr, $form:ident, absent: $absent:expr) => {{
        let tap = $crate::services::raw::BodyTap::default();
        match $request.customize().interceptor(tap.clone()).send().await {
            Ok(_) => Ok(Some(tap.$form(&$operation)?)),
            Err(error) => {
                let error = $crate::services::ServiceError::request(&$operation, &error);
                let absent: &[&str] = &$absent;
                if error.code().is_some_and(|code| absent.contains(&code)) { Ok(None) } else { Err(error) }
            }
        }
    }};
}
pub(crate) use read_raw;
