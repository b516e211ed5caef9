//! Installing beside the runtime, with a limit of its own: it blocks for minutes the first time on a machine.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::units::Span;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::sync::mpsc;

use super::{
    InstallError, InstallProgress, TargetError,
    install::{self, Emulator, PINS, Stage},
};
use crate::poll;

/// How long an installation may take: the emulator comes in 10 minutes over a link of 3 Mbit/s. As long again may be waited
/// for another firedrill that installs it.
pub const INSTALL_LIMIT: Span = Span::from_secs(30 * 60);

/// The emulator, installed into `cache` if it is not there. Dropped before its end, or past `limit`, it ends what it
/// started and leaves nothing half done.
pub async fn install_aside(
    cache: PathBuf,
    limit: Span,
    progress: &dyn InstallProgress,
) -> Result<Emulator, TargetError> {
    let (sender, mut heard) = mpsc::unbounded_channel();
    let installer = Installer::default();
    let relay = Relay { news: sender, installer: installer.clone() };
    let ended = EndedWithTheRun(installer);
    let installing = tokio::task::spawn_blocking(move || install::install(&cache, &PINS, &relay));
    let mut began = false;
    let in_time = loop {
        match poll::at_most(limit, turn(&mut heard, progress)).await {
            Some(Turn::Began) => began = true,
            Some(Turn::Ended) => break true,
            None => break false,
        }
    };
    drop(ended);
    match installing.await {
        Ok(Ok(emulator)) => Ok(emulator),
        Ok(Err(_)) if !in_time && began => Err(InstallError::TooSlow { limit }.into()),
        Ok(Err(_)) if !in_time => Err(InstallError::Occupied { limit }.into()),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(TargetError::Protocol(format!("the installation crashed: {error}"))),
    }
}

/// What ends a turn: the wait for another firedrill, or the installation itself.
enum Turn {
    /// The lock is held: the installation begins.
    Began,
    /// Nothing is done any more.
    Ended,
}

async fn turn(heard: &mut mpsc::UnboundedReceiver<News>, progress: &dyn InstallProgress) -> Turn {
    while let Some(news) = heard.recv().await {
        match news {
            News::Stage(stage) => progress.stage(stage),
            News::Began => return Turn::Began,
        }
    }
    Turn::Ended
}

enum News {
    Stage(Stage),
    Began,
}

/// The process group that installs, shared by the thread that waits for it and by whoever may end it.
#[derive(Clone, Debug, Default)]
struct Installer(Arc<Mutex<InstallerState>>);

#[derive(Debug, Default)]
struct InstallerState {
    group: Option<Pid>,
    unwanted: bool,
}

impl Installer {
    fn change(&self, change: impl FnOnce(&mut InstallerState)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if let (Some(group), true) = (state.group, state.unwanted)
            && let Err(error) = killpg(group, Signal::SIGKILL)
        {
            tracing::debug!(%group, %error, "the installer had ended");
        }
    }
}

/// Ends the installer when the run stops before it is done: the thread that waits for it would outlive the run.
struct EndedWithTheRun(Installer);

impl Drop for EndedWithTheRun {
    fn drop(&mut self) {
        self.0.change(|state| state.unwanted = true);
    }
}

struct Relay {
    news: mpsc::UnboundedSender<News>,
    installer: Installer,
}

impl Relay {
    fn tell(&self, news: News) {
        if self.news.send(news).is_err() {
            tracing::debug!("nobody watches the installation");
        }
    }
}

impl InstallProgress for Relay {
    fn began(&self) {
        self.tell(News::Began);
    }

    fn stage(&self, stage: Stage) {
        self.tell(News::Stage(stage));
    }

    fn working(&self, group: Option<i32>) {
        self.installer.change(|state| state.group = group.map(Pid::from_raw));
    }

    fn unwanted(&self) -> bool {
        self.installer.0.lock().unwrap_or_else(PoisonError::into_inner).unwanted
    }
}
