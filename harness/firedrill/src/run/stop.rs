//! Why and how a run is asked to stop.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a run was asked to stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// A limit in time passed.
    TimeOut,
    /// A stop condition of the scenario was met, or could not be looked at.
    Condition,
    /// The target went away without a fault of the plan.
    TargetLost,
    /// The terminal or CI job went away.
    Hangup,
    /// Asked to end.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

impl StopReason {
    /// The word in the history.
    pub fn word(self) -> &'static str {
        match self {
            Self::TimeOut => "time-out",
            Self::Condition => "stop condition",
            Self::TargetLost => "target lost",
            Self::Hangup => "SIGHUP",
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// A request to stop, shared by everything that runs. The first reason stays; that of the whole outranks it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
    whole: Option<Box<Stop>>,
}

impl Stop {
    /// Asks everything to stop.
    pub fn request(&self, reason: StopReason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// A stop of one part: it follows this one, and can be requested alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), reason: Arc::default(), whole: Some(Box::new(self.clone())) }
    }

    /// Why, once it was requested here or for the whole.
    pub fn reason(&self) -> Option<StopReason> {
        let whole = self.whole.as_ref().and_then(|whole| whole.reason());
        self.reason.get().copied().max(whole)
    }

    /// What the run's tasks watch.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
