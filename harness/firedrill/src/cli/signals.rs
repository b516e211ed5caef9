//! Turns SIGINT, SIGTERM and SIGHUP into a request to stop.

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::run::{Stop, StopReason};

/// Waits for signals and passes each to `stop`; never returns. A second signal changes nothing: the end of a run is
/// limited in time, and leaving it early would leave things behind.
pub(super) async fn watch(stop: &Stop) -> Result<std::convert::Infallible, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::internal(miette::miette!("cannot watch signals: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => stop.request(StopReason::Interrupt),
            _ = terminate.recv() => stop.request(StopReason::Terminate),
            _ = hangup.recv() => stop.request(StopReason::Hangup),
        }
    }
}
