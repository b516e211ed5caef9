//! Waiting: the only place that sleeps. Every wait has a limit and says what it waited for.

use std::{fmt::Display, future::Future};

use firedrill_model::units::Span;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// A wait that did not end well.
#[derive(Debug, Error)]
pub enum WaitError {
    /// The limit passed.
    #[error("waited {limit} for {what}; last seen: {last}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Span,
        /// The last status seen.
        last: String,
    },
    /// The run was asked to stop.
    #[error("stopped while waiting for {what}")]
    Cancelled {
        /// What was waited for.
        what: String,
    },
}

/// What one look at a condition saw.
#[derive(Debug)]
pub enum Look<T> {
    /// It holds.
    Ready(T),
    /// Not yet; the status goes into the time-out error.
    NotYet(String),
}

/// Looks every `every` until ready, the limit or cancellation.
pub async fn until<T, F, Fut>(
    what: impl Display,
    every: Span,
    limit: Span,
    cancel: &CancellationToken,
    mut look: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Look<T>>,
{
    let mut last = String::from("nothing");
    let looking = async {
        loop {
            match look().await {
                Look::Ready(value) => return value,
                Look::NotYet(status) => last = status,
            }
            sleep(every).await;
        }
    };
    let outcome = tokio::select! {
        value = looking => Ok(value),
        () = sleep(limit) => Err(None),
        () = cancel.cancelled() => Err(Some(())),
    };
    outcome.map_err(|cancelled| match cancelled {
        Some(()) => WaitError::Cancelled { what: what.to_string() },
        None => WaitError::TimedOut { what: what.to_string(), limit, last },
    })
}

/// Pauses for `span`; false when cancelled before its end.
pub async fn pause(span: Span, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(span) => true,
        () = cancel.cancelled() => false,
    }
}

/// Runs `future` for at most `limit`; `None` when the limit passed first.
pub async fn at_most<T>(limit: Span, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit.std(), future).await.ok()
}

/// Pauses a thread that may block. It cannot be cancelled: look around often.
pub fn rest(span: Span) {
    std::thread::sleep(span.std());
}

#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
async fn sleep(span: Span) {
    tokio::time::sleep(span.std()).await;
}
