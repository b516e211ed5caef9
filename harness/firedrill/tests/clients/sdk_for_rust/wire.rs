//! What goes over the wire, as far as a client is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_s3::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
    },
    error::BoxError,
};
use serde_json::{Value, json};

/// Hears every exchange of the clients that it is given to.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire(Arc<Mutex<Vec<Value>>>);

impl Wire {
    /// The exchanges since the last time.
    pub(super) fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut *self.heard())
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let sent: BTreeMap<_, _> = request
            .headers()
            .iter()
            .filter(|(name, _)| is_sent(name))
            .map(|(name, value)| (name, if is_digest(value) { "digest" } else { value }))
            .collect();
        self.heard().push(json!({ "method": request.method(), "sent": sent }));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let headers: BTreeMap<_, _> = answer.headers().iter().filter(|(name, _)| is_answered(name)).collect();
        if let Some(exchange) = self.heard().last_mut() {
            exchange["status"] = json!(answer.status().as_u16());
            exchange["names"] = json!(passed(answer.headers().iter().map(|(name, _)| name)));
            exchange["headers"] = json!(headers);
        }
        Ok(())
    }
}

/// The names of headers, sorted, without what stands between two neighbours on the way (RFC 9110, section 7.6.1) and how they
/// find the end of a message (RFC 9112, section 6).
pub(super) fn passed<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const BETWEEN: [&str; 4] = ["connection", "keep-alive", "content-length", "transfer-encoding"];
    let mut passed: Vec<_> = names.filter(|name| !BETWEEN.contains(name)).collect();
    passed.sort_unstable();
    passed
}

/// Whether a header of a request says how its body is sent.
fn is_sent(name: &str) -> bool {
    const SENT: [&str; 7] = [
        "content-encoding",
        "smithy-protocol",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-trailer",
    ];
    SENT.contains(&name) || name.starts_with("x-amz-checksum-")
}

/// Whether the value of an answer's header is compared, too.
fn is_answered(name: &str) -> bool {
    const ANSWERED: [&str; 7] = [
        "accept-ranges",
        "content-encoding",
        "content-range",
        "content-type",
        "etag",
        "smithy-protocol",
        "x-amz-function-error",
    ];
    ANSWERED.contains(&name) || name.starts_with("x-amz-checksum-") || name.starts_with("x-amz-meta-")
}

/// The digest of a body may be that of names and times; only how it is signed is compared.
fn is_digest(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}
