//! The runner's end of the pipe to the supervisor.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    TargetError, TargetEvent,
    supervisor::protocol::{Command, Message, Outcome, Request},
};
use crate::step::{STEP, word};

/// More events than any run has; should nobody read them, they are dropped rather than answers delayed.
const EVENTS_MAX: usize = 1024;

/// Requests that wait for their answer; `None` once the supervisor is gone.
type Pending = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<Outcome>>>>>;

/// Sends commands and sorts what comes back. Dropping it closes the pipe.
#[derive(Debug)]
pub(super) struct Link {
    writer: AsyncMutex<Writer>,
    pending: Pending,
    log: PathBuf,
    _reading: JoinSet<()>,
}

#[derive(Debug)]
struct Writer {
    pipe: ChildStdin,
    next_id: u64,
}

impl Link {
    pub(super) fn new(pipe: ChildStdin, answers: ChildStdout, log: PathBuf) -> (Self, mpsc::Receiver<TargetEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let pending: Pending = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let mut reading = JoinSet::new();
        reading.spawn(read(answers, Arc::clone(&pending), events));
        let writer = AsyncMutex::new(Writer { pipe, next_id: 1 });
        (Self { writer, pending, log, _reading: reading }, receiver)
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask(&self, command: Command) -> Result<Outcome, TargetError> {
        let gone = || TargetError::SupervisorGone { log: self.log.clone() };
        let (answer, answered) = oneshot::channel();
        let mut writer = self.writer.lock().await;
        let id = writer.next_id;
        writer.next_id += 1;
        let request = Request { id, command };
        let mut line = serde_json::to_vec(&request).map_err(|error| TargetError::Protocol(error.to_string()))?;
        line.push(b'\n');
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(gone)?.insert(id, answer);
        writer.pipe.write_all(&line).await.map_err(|_| gone())?;
        tracing::trace!(target: STEP, "{} is ordered", word(&request.command));
        drop(writer);
        let outcome = answered.await.map_err(|_| gone())?;
        tracing::trace!(target: STEP, "{} is answered: {}", word(&request.command), word(&outcome));
        if let Outcome::Failed { message } = outcome { Err(TargetError::Refused(message)) } else { Ok(outcome) }
    }
}

async fn read(answers: ChildStdout, pending: Pending, events: mpsc::Sender<TargetEvent>) {
    let mut lines = BufReader::new(answers).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Answer { id, outcome }) => {
                let waiting =
                    pending.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|p| p.remove(&id));
                // Who asked may have stopped waiting.
                drop(waiting.map(|waiting| waiting.send(outcome)));
            }
            Ok(Message::Event { event }) => tell(&events, event),
            Err(error) => tracing::warn!(%error, "the supervisor wrote a line that cannot be read"),
        }
    }
    // Whoever still waits learns it by the closed channel.
    pending.lock().unwrap_or_else(PoisonError::into_inner).take();
    tell(&events, TargetEvent::SupervisorGone);
}

fn tell(events: &mpsc::Sender<TargetEvent>, event: TargetEvent) {
    if let Err(error) = events.try_send(event) {
        tracing::debug!(%error, "an event of the target was not heard");
    }
}
