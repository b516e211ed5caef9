//! What rules know of a request.

use http::request::Parts;

use crate::{
    classify::{self, Attribution},
    operation,
    protocol::Protocol,
};

/// What rules know of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Region that it is for.
    pub region: String,
    /// Service as it is signed.
    pub service: String,
    /// Operation, as far as it can be told.
    pub operation: Option<String>,
    /// Names of buckets, tables, functions … that it names.
    pub resources: Vec<String>,
    /// Access key that it is signed with.
    pub principal: Option<String>,
    /// Region or zone by whose address it came in.
    pub origin: Option<String>,
    /// Its body, which was not read yet, may tell an operation or more resources.
    pub body_tells: bool,
}

impl Facts {
    /// What the head of a request tells, and its body where that was read.
    pub fn of(attribution: &Attribution, protocol: Protocol, head: &Parts, body: Option<&[u8]>) -> Self {
        let Attribution { region, service, principal, origin, .. } = attribution;
        let host = classify::host(&head.uri, &head.headers);
        let asked = operation::asked(service, protocol, &head.method, &head.uri, &head.headers, &host, body);
        Self {
            region: region.to_string(),
            service: service.clone(),
            operation: asked.operation,
            resources: asked.resources,
            principal: principal.clone(),
            origin: origin.as_ref().map(ToString::to_string),
            body_tells: asked.body_tells,
        }
    }
}
