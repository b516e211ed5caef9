//! Work of the workload that goes on beside the run until it is told to end.

use std::future::Future;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::WorkloadError;
use crate::run::Drill;

/// Running work. Dropping it ends the work where it is, so that writes in flight have no line: call
/// [`Background::stop`].
#[derive(Debug)]
pub(super) struct Background {
    work: JoinSet<Result<(), WorkloadError>>,
    stop: CancellationToken,
}

impl Background {
    /// Starts `work`, which heeds the token it is given. Work that fails cancels the drill: without its records nothing
    /// can be proved.
    pub(super) fn start<F>(drill: &Drill, work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), WorkloadError>> + Send + 'static,
    {
        let stop = drill.cancel.child_token();
        let whole_drill = drill.cancel.clone();
        let work = work(stop.clone());
        let mut works = JoinSet::new();
        works.spawn(async move {
            let ended = work.await;
            if ended.is_err() {
                whole_drill.cancel();
            }
            ended
        });
        Self { work: works, stop }
    }

    /// Lets the work begin nothing more, without waiting for what is under way.
    pub(super) fn end(&self) {
        self.stop.cancel();
    }

    /// Begins nothing more and waits for what is under way. `Err` says what ended the work before its time.
    pub(super) async fn stop(mut self) -> Result<(), WorkloadError> {
        self.end();
        match self.work.join_next().await {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}
