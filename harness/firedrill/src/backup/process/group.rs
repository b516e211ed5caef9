//! The process group of a program, and how it is ended.

use firedrill_model::{history::ProcessRecord, units::Span};
use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use crate::{
    poll::{self, Look},
    target::process::{self, Standing},
};

/// How often an ending group is looked at.
const LOOK_EVERY: Span = Span::from_ms(20);

/// A process group that is killed when the guard goes, so that no member outlives the step.
pub(super) struct Group(Option<ProcessRecord>);

impl Group {
    /// The group that `child`, which was not waited for yet, was made the leader of.
    pub(super) fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self(leader.and_then(|leader| process::record("step", leader)))
    }

    /// Tells every member to end and gives all of them, not the leader alone, the grace to do so.
    pub(super) async fn end(&self, leader: &mut Child, grace: Span) {
        self.signal(Signal::SIGTERM);
        if !self.gone_within(leader, grace).await {
            tracing::debug!("a step did not end in its grace and is killed");
        }
    }

    /// Kills whatever is left; whether all of it is gone within `limit`.
    pub(super) async fn killed(&self, leader: &mut Child, limit: Span) -> bool {
        self.signal(Signal::SIGKILL);
        self.gone_within(leader, limit).await
    }

    async fn gone_within(&self, leader: &mut Child, limit: Span) -> bool {
        let gone = async {
            if let Err(error) = leader.wait().await {
                tracing::warn!(%error, "cannot wait for a step that was told to end");
            }
            let never = CancellationToken::new();
            let look =
                || async { if self.is_empty() { Look::Ready(()) } else { Look::NotYet("still there".to_owned()) } };
            poll::until("the process group of a step", LOOK_EVERY, limit, &never, look).await.is_ok()
        };
        poll::at_most(limit, gone).await == Some(true)
    }

    fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|leader| process::standing(leader) == Standing::Gone)
    }

    fn signal(&self, signal: Signal) {
        if let Some(Err(error)) = self.0.as_ref().map(|leader| process::signal(leader, signal)) {
            tracing::warn!(%error, "cannot signal the process group of a step");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}
