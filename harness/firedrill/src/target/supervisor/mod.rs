//! The supervisor process: owns the emulators and the fault plane, and undoes everything when the runner is gone.
//!
//! One loop owns all state. Commands come as lines on standard input, answers and events leave on standard output, and
//! the log goes to standard error.

mod emulator;
mod faults;
pub mod protocol;
mod regions;

use std::{io, os::fd::AsFd};

use firedrill_model::{ids::FaultId, units::Span};
use firedrill_plane::rules::Bite;
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::unix::pipe,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::{
    faults::{Faults, Healed, Wait},
    protocol::{Command, Healing, Message, Outcome, Request, TargetEvent},
    regions::Regions,
};
use crate::poll;

/// How often it looks whether an emulator ended by itself.
const LOOK_EVERY: Span = Span::from_ms(250);

/// The supervisor cannot work.
#[derive(Debug, Error)]
pub enum SupervisorError {
    /// Signals cannot be received.
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    /// It was started by hand.
    #[error("standard input and output are not pipes; firedrill starts `supervise` itself")]
    NoPipe(#[source] io::Error),
}

/// Serves one runner until its pipe closes, it says stop, or SIGTERM comes; then heals and ends everything. A kept
/// target is served until SIGTERM.
pub async fn run() -> Result<(), SupervisorError> {
    let mut signals = Signals::new().map_err(SupervisorError::Signals)?;
    let (commands, answers) = pipes().map_err(SupervisorError::NoPipe)?;
    let runner_gone = CancellationToken::new();
    let (requests, mut inbox) = mpsc::channel(16);
    let mut reading = JoinSet::new();
    reading.spawn(read(commands, requests, runner_gone.clone()));
    let (bites, mut bitten) = mpsc::unbounded_channel();
    let mut supervisor = Supervisor {
        regions: Regions::default(),
        faults: Faults::default(),
        bites,
        answers,
        runner_gone,
        standing: Standing::Serving,
    };
    while supervisor.standing != Standing::Ended {
        tokio::select! {
            request = inbox.recv(), if supervisor.standing == Standing::Serving => match request {
                Some(request) => supervisor.answer(request).await,
                None => break,
            },
            Some(Bite { fault: id, rule }) = bitten.recv() => supervisor.tell(TargetEvent::FaultBit { id, rule }).await,
            fault = supervisor.faults.expired() => supervisor.expire(&fault).await,
            () = signals.terminated() => break,
            _ = poll::pause(LOOK_EVERY, &supervisor.regions.watched) => supervisor.look().await,
        }
    }
    supervisor.end().await;
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// For the runner at the other end of the pipe.
    Serving,
    /// The runner left the target up on purpose.
    Kept,
    /// The runner said stop.
    Ended,
}

struct Supervisor {
    regions: Regions,
    faults: Faults,
    bites: mpsc::UnboundedSender<Bite>,
    answers: pipe::Sender,
    runner_gone: CancellationToken,
    standing: Standing,
}

impl Supervisor {
    async fn answer(&mut self, request: Request) {
        let outcome = match request.command {
            Command::Start(setup) => self.regions.start(setup, self.bites.clone(), &self.runner_gone).await,
            Command::Arm { fault } => self.faults.arm(&mut self.regions, fault).await,
            Command::Heal { fault } => self.heal(&fault, "heal", true).await.map(|healing| Outcome::Healed { healing }),
            Command::Stop { keep } => {
                self.heal_all(keep).await;
                if keep {
                    self.standing = Standing::Kept;
                } else {
                    self.regions.end().await;
                    self.standing = Standing::Ended;
                }
                Ok(Outcome::Stopped)
            }
        };
        let outcome = outcome.unwrap_or_else(|message| {
            tracing::warn!(message, "a command failed");
            Outcome::Failed { message }
        });
        self.say(&Message::Answer { id: request.id, outcome }).await;
    }

    /// Switches a fault off and says so. Who goes on to use its region waits until that answers, but not for a runner that is gone.
    async fn heal(&mut self, fault: &FaultId, by: &str, goes_on: bool) -> Result<Healing, String> {
        let gone = self.runner_gone.clone();
        let wait = if goes_on { Wait::UntilAnswering(&gone) } else { Wait::No };
        let Healed { ended, outcome } = self.faults.heal(&mut self.regions, fault, wait).await;
        if ended {
            self.tell(TargetEvent::FaultEnded { id: fault.clone(), by: by.to_owned() }).await;
        }
        outcome
    }

    /// A fault has lasted as long as it may, whoever is alive to see it.
    async fn expire(&mut self, fault: &FaultId) {
        if let Err(error) = self.heal(fault, "duration", true).await {
            tracing::error!(%fault, error, "a fault that lasted too long cannot be healed");
        }
    }

    async fn heal_all(&mut self, goes_on: bool) {
        for fault in self.faults.active() {
            if let Err(error) = self.heal(&fault, "heal", goes_on).await {
                tracing::error!(%fault, error, "a fault cannot be healed");
            }
        }
    }

    async fn look(&mut self) {
        for region in self.regions.take_exited().await {
            tracing::error!(%region, "the emulator ended by itself");
            self.tell(TargetEvent::ProcessExited { region }).await;
        }
    }

    async fn tell(&mut self, event: TargetEvent) {
        self.say(&Message::Event { event }).await;
    }

    /// Writes one line. The runner may be gone; the supervisor goes on to heal.
    async fn say(&mut self, message: &Message) {
        let written = match serde_json::to_vec(message) {
            Ok(mut line) => {
                line.push(b'\n');
                self.answers.write_all(&line).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the runner does not listen");
        }
    }

    async fn end(&mut self) {
        self.heal_all(false).await;
        self.regions.end().await;
    }
}

/// Signals of a terminal are not for the supervisor: the runner tells it what to do, or its pipe closes.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM; SIGINT and SIGHUP are received and ignored.
    async fn terminated(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => {}
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

/// Reads commands until the pipe closes, which cancels `runner_gone` even while a command is at work.
async fn read(commands: pipe::Receiver, requests: mpsc::Sender<Request>, runner_gone: CancellationToken) {
    let mut lines = BufReader::new(commands).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(request) => {
                if requests.send(request).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(%error, "a line from the runner cannot be read"),
        }
    }
    runner_gone.cancel();
}

/// Standard input and output as pipes that can be waited for.
fn pipes() -> io::Result<(pipe::Receiver, pipe::Sender)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((pipe::Receiver::from_owned_fd(input)?, pipe::Sender::from_owned_fd(output)?))
}
