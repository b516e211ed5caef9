//! Running the user's own programs: backups, restores and recovery steps alike. `docs/commands.md` is their contract.
//!
//! A program is attended by a task of its own, which ends by the contract whatever becomes of the caller: one who drops
//! the future of [`run`], for a stop of the run, a time-out or the end of the backups, thereby tells the program to end and
//! goes on at once. The program has its grace beside that, and its log is written. [`Programs::ended`] waits for the last.

mod environment;
mod group;
mod log;
mod outputs;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use firedrill_model::{topology::Side, units::Span};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin, Command},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::outputs::{Outputs, for_the_record};
use self::{
    environment::environment,
    group::Group,
    log::{Log, Printed},
    outputs::{OutputFile, secrets},
};
use super::BackupError;
use crate::{poll, run::Drill, target::process::GUARD};

/// From SIGTERM to SIGKILL.
const GRACE: Span = Span::from_secs(2);

/// What a program may take that was told to end: its grace, then until it is seen to be dead, then the rest of its output.
const END_LIMIT: Span = Span::from_secs(8);

/// Last output that goes into an error.
const LAST_LINES: usize = 5;

/// Of one line, this much goes into the history.
const NOTE_BYTES_MAX: usize = 1000;

/// One program to run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Name of its log: `backup-rp-0001`.
    pub name: String,
    /// Program and arguments.
    pub command: &'a [String],
    /// `backup`, `restore` or `watch`.
    pub action: &'a str,
    /// The side whose region is `AWS_REGION`.
    pub side: Side,
    /// It uses that region past the fault plane: no fault is meant for who watches over a drill.
    pub direct: bool,
    /// Folder of the point's artefacts.
    pub recovery_point: Option<PathBuf>,
    /// Outputs of earlier steps.
    pub outputs: Outputs,
    /// Limit.
    pub timeout: Span,
}

/// What a program left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// `NAME=value` lines it wrote.
    pub outputs: Outputs,
    /// Last line of its output, redacted.
    pub last_line: String,
}

/// The programs of one run that have not ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Programs {
    tasks: TaskTracker,
    /// From SIGTERM to SIGKILL.
    grace: Span,
}

impl Default for Programs {
    fn default() -> Self {
        Self::with_grace(GRACE)
    }
}

impl Programs {
    fn with_grace(grace: Span) -> Self {
        let tasks = TaskTracker::new();
        // Closed, it still takes tasks; open, it could not be waited for.
        tasks.close();
        Self { tasks, grace }
    }

    /// Waits until every program has ended, once nobody waits for what one of them does.
    pub async fn ended(&self) {
        if poll::at_most(END_LIMIT, self.tasks.wait()).await.is_none() {
            tracing::warn!("a program did not end in {END_LIMIT} after it was killed");
        }
    }
}

/// Runs a program to its end and keeps its output.
pub async fn run(drill: &Drill, run: &Run<'_>) -> Result<Ran, BackupError> {
    let Some((program, arguments)) = run.command.split_first() else {
        return Err(failed(&run.name, "has no program".to_owned()));
    };
    let steps = drill.dir.root().join("steps");
    tokio::fs::create_dir_all(&steps).await.map_err(|error| BackupError::file(&steps, error))?;
    let outputs = OutputFile::create()?;
    let environment = environment(drill, run, outputs.path())?;
    let log = Log::create(&steps, &run.name, secrets(&run.outputs))?;
    let folder = &drill.plan.scenario.folder;
    let mut child = spawn(&resolved(program, folder), arguments, folder, &environment)
        .map_err(|error| failed(program, format!("could not be started: {error}")))?;
    let stop = drill.cancel.child_token();
    let going = Going {
        program: program.clone(),
        group: Group::of(&child),
        _lifeline: child.stdin.take(),
        child,
        record: Mutex::new(Record { log, outputs }),
        timeout: run.timeout,
        grace: drill.programs.grace,
        stop: stop.clone(),
    };
    let _told_to_end_when_dropped = stop.drop_guard();
    let attended = drill.programs.tasks.spawn(going.attend()).await;
    attended.unwrap_or_else(|crashed| Err(failed(program, format!("could not be attended: {crashed}"))))
}

/// Starts a program under a guard, which ends with the pipe on its standard input.
fn spawn(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> std::io::Result<Child> {
    if program.components().count() > 1 {
        std::fs::metadata(program)?; // the guard would only say that it did not find it
    }
    Command::new("/bin/sh")
        .args(["-c", GUARD, "firedrill"])
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Exited(ExitStatus),
    TimedOut,
    Stopped,
}

/// A program that runs.
struct Going {
    program: String,
    group: Group,
    child: Child,
    /// When it closes the group is killed, as it does when firedrill itself is.
    _lifeline: Option<ChildStdin>,
    record: Mutex<Record>,
    timeout: Span,
    grace: Span,
    stop: CancellationToken,
}

/// What it leaves.
struct Record {
    log: Log,
    outputs: OutputFile,
}

impl Going {
    /// Sees the program to its end.
    async fn attend(mut self) -> Result<Ran, BackupError> {
        let pipes = (self.child.stdout.take(), self.child.stderr.take());
        let over = CancellationToken::new();
        let waiting = async {
            let ending = ending(&mut self.child, self.timeout, &self.stop).await;
            if !matches!(ending, Ok(Ending::Exited(_))) {
                self.group.end(&mut self.child, self.grace).await;
            }
            // Whatever the program left running in its group ends with it.
            if !self.group.killed(&mut self.child, self.grace).await {
                tracing::warn!("a step that was killed is still there");
            }
            over.cancel();
            ending
        };
        let reading = async {
            let all = async {
                tokio::join!(follow(pipes.0, Printed::Out, &self.record), follow(pipes.1, Printed::Err, &self.record))
            };
            tokio::pin!(all);
            tokio::select! {
                _ = &mut all => {}
                // A process that left the group may hold the pipes open for as long as it likes.
                () = over.cancelled() => drop(poll::at_most(self.grace, all).await),
            }
        };
        let (ending, ()) = tokio::join!(waiting, reading);
        let Record { log, outputs } = self.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        let text = log.finish(outputs.secrets())?;
        let program = &self.program;
        match ending.map_err(|error| failed(program, format!("could not be waited for: {error}")))? {
            Ending::Exited(status) if status.success() => {
                Ok(Ran { outputs: outputs.read(program)?, last_line: last_lines(&text, 1).concat() })
            }
            Ending::Exited(status) => Err(BackupError::Command {
                program: program.clone(),
                what: format!("ended with {status}; {}", last_words(&text)),
                code: status.code(),
            }),
            Ending::TimedOut => {
                Err(failed(program, format!("was ended after {}; {}", self.timeout, last_words(&text))))
            }
            Ending::Stopped => Err(BackupError::Stopped),
        }
    }
}

/// Waits for the end, the time-out or the stop.
async fn ending(child: &mut Child, timeout: Span, stop: &CancellationToken) -> std::io::Result<Ending> {
    tokio::select! {
        ended = poll::at_most(timeout, child.wait()) => match ended {
            Some(status) => Ok(Ending::Exited(status?)),
            None => Ok(Ending::TimedOut),
        },
        () = stop.cancelled() => Ok(Ending::Stopped),
    }
}

/// Hands what is printed to the log until the pipe is closed.
async fn follow(pipe: Option<impl AsyncRead + Unpin>, printed: Printed, record: &Mutex<Record>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 8 << 10];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let mut record: MutexGuard<'_, Record> = record.lock().unwrap_or_else(PoisonError::into_inner);
        // First: what it has named as a secret may be what it prints now.
        let fresh = record.outputs.fresh_secrets();
        record.log.know(fresh);
        record.log.take(printed, &buffer[..read]);
    }
}

fn failed(program: &str, what: String) -> BackupError {
    BackupError::Command { program: program.to_owned(), what, code: None }
}

fn last_words(text: &str) -> String {
    let lines = last_lines(text, LAST_LINES);
    if lines.is_empty() { "it printed nothing".to_owned() } else { format!("it last printed: {}", lines.join(" / ")) }
}

/// The last lines that say something, in order.
fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let said = text.rsplit(['\n', '\r']).map(str::trim_end).filter(|line| !line.is_empty());
    let mut lines: Vec<&str> = said.take(count).map(|line| &line[..line.floor_char_boundary(NOTE_BYTES_MAX)]).collect();
    lines.reverse();
    lines
}

fn resolved(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}
