//! What can go wrong when talking to a service, sorted by what it means for a ledger.

use std::error::Error as StdError;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use thiserror::Error;

/// A request to a service that did not succeed.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The request failed.
    #[error("{operation} failed: {cause}")]
    Request {
        /// What was asked, such as `DynamoDB PutItem on orders`.
        operation: String,
        /// Whether it may have been executed all the same.
        certainty: Certainty,
        /// AWS error code, such as `ResourceNotFoundException`, when the service gave one.
        code: Option<String>,
        /// HTTP status of the answer that came, whatever it said.
        status: Option<u16>,
        /// The innermost cause, without secrets.
        cause: String,
    },
    /// The service answered with something firedrill cannot use.
    #[error("{operation} answered {what}")]
    Unusable {
        /// What was asked.
        operation: String,
        /// What came.
        what: String,
    },
    /// A local file could not be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not become usable in time.
    #[error(transparent)]
    Wait(#[from] crate::poll::WaitError),
}

/// Whether a failed request may have been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It cannot have been: never sent, connection refused, or a definite 4xx.
    NotExecuted,
    /// It may have been: time-out, reset, 5xx, an answer that could not be read.
    Unknown,
}

impl ServiceError {
    /// From an SDK error. `operation` names the request for people.
    pub fn request<E>(operation: impl Into<String>, error: &SdkError<E, Response>) -> Self
    where
        E: StdError + 'static,
        SdkError<E, Response>: aws_smithy_types::error::metadata::ProvideErrorMetadata,
    {
        use aws_smithy_types::error::metadata::ProvideErrorMetadata;
        // The service said yes with something the SDK cannot read: the target does not know the call.
        if error.raw_response().is_some_and(|answer| answer.status().is_success()) {
            return Self::Unusable { operation: operation.into(), what: innermost(error) };
        }
        let certainty = match error {
            SdkError::ConstructionFailure(_) => Certainty::NotExecuted,
            SdkError::DispatchFailure(failure) => {
                let refused = failure.as_connector_error().is_some_and(connection_refused);
                if refused { Certainty::NotExecuted } else { Certainty::Unknown }
            }
            SdkError::ServiceError(answer) => {
                if (400..500).contains(&answer.raw().status().as_u16()) {
                    Certainty::NotExecuted
                } else {
                    Certainty::Unknown
                }
            }
            _ => Certainty::Unknown,
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let code = error.code().map(str::to_owned);
        let message = error.message().map(str::to_owned);
        let cause = match (&code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => innermost(error),
        };
        Self::Request { operation: operation.into(), certainty, code, status, cause }
    }

    /// The AWS error code, when the service gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Request { code, .. } => code.as_deref(),
            Self::Unusable { .. } | Self::File { .. } | Self::Wait(_) => None,
        }
    }

    /// The same failure of a later part of something whose earlier parts were executed: it may not be called rejected.
    #[must_use]
    pub fn happened_in_part(mut self) -> Self {
        if let Self::Request { certainty, .. } = &mut self {
            *certainty = Certainty::Unknown;
        }
        self
    }

    /// Whether something answered, whatever it said: then there is something.
    pub fn was_answered(&self) -> bool {
        match self {
            Self::Request { status, .. } => status.is_some(),
            Self::Unusable { .. } => true,
            Self::File { .. } | Self::Wait(_) => false,
        }
    }

    /// Whether the answer says that the service is out. The answer to a HEAD request has no code.
    ///
    /// Source: the API reference of each service, "Common errors".
    pub fn says_out(&self) -> bool {
        match self {
            Self::Request { status, code, .. } => {
                *status == Some(503) && code.as_deref().is_none_or(|code| code == "ServiceUnavailable")
            }
            Self::Unusable { .. } | Self::File { .. } | Self::Wait(_) => false,
        }
    }

    /// Whether the request may have been executed.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Request { certainty, .. } => *certainty,
            Self::File { .. } => Certainty::NotExecuted,
            Self::Unusable { .. } | Self::Wait(_) => Certainty::Unknown,
        }
    }
}

/// Whether the connection itself was refused, so that no byte of the request left.
fn connection_refused(error: &aws_smithy_runtime_api::client::result::ConnectorError) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = current.source();
    }
    false
}

/// The last cause in the chain, which says what happened without the SDK's wrapping.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(next) = current.source() {
        current = next;
    }
    current.to_string()
}
