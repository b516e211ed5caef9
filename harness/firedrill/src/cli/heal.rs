//! `firedrill heal`: undoes what a run left behind, from its journal alone, and writes there what the run could not.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Args as ClapArgs};
use firedrill_model::{
    history::{Event, ProcessRecord, Record},
    ids::FaultId,
    run_dir::{RunDir, RunDirError},
    units::Span,
};
use miette::Diagnostic;
use nix::sys::signal::Signal;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{Failure, failure::exit, runs_folder, screen};
use crate::{
    poll::{self, Look},
    run::{
        afterword::{self, AfterwordError},
        chain,
    },
    target::{
        SUPERVISOR,
        process::{self, RUNNER, Standing},
    },
};

/// The supervisor needs at most 5 s to heal and to end its emulators.
const POLITE_LIMIT: Span = Span::from_secs(6);
const KILL_LIMIT: Span = Span::from_secs(5);
const LOOK_EVERY: Span = Span::from_ms(50);

/// Undoes what a crashed or kept run left behind: ends its processes, and with them every fault.
#[derive(ClapArgs, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["run_dir", "all"]))]
pub(super) struct Args {
    /// The run directory.
    #[arg(value_name = "RUN_DIR")]
    pub run_dir: Option<PathBuf>,
    /// Every run below `--out`.
    #[arg(long)]
    pub all: bool,
    /// Folder of the run directories.
    #[arg(long, default_value = "runs", value_name = "FOLDER")]
    pub out: PathBuf,
}

/// Heals one run or all of them. Can be repeated: what is already gone is reported as such.
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let runs = match args.run_dir {
        Some(run_dir) => vec![run_dir],
        None => run_dirs(&args.out)?,
    };
    if runs.is_empty() {
        screen::line(format!("there are no runs in {}", args.out.display()));
    }
    let mut worst = 0;
    for root in &runs {
        let trace = match Trace::read(&RunDir::new(root)) {
            Ok(trace) => trace,
            Err(error) if args.all => {
                tracing::warn!(%error, run = %root.display(), "left out: its history cannot be read");
                worst = worst.max(exit::USAGE);
                continue;
            }
            Err(error) => return Err(Failure::usage(Unreadable { run: root.clone(), source: error })),
        };
        let outcome = heal(&trace).await;
        for line in outcome.lines(root, &trace) {
            screen::line(line);
        }
        if matches!(outcome, Outcome::Clean | Outcome::Ended(_))
            && let Err(unfinished) = finish(root)
        {
            if !args.all {
                return Err(Failure::internal(unfinished));
            }
            tracing::warn!("{}", chain(&unfinished));
            worst = worst.max(exit::INTERNAL);
        }
        worst = worst.max(outcome.exit(args.all));
    }
    Ok(worst)
}

#[derive(Debug, Error, Diagnostic)]
#[error("`{}` cannot be healed: its history cannot be read", run.display())]
#[diagnostic(help("name a run directory, such as the newest folder in `runs`, or use `--all`"))]
struct Unreadable {
    run: PathBuf,
    source: RunDirError,
}

#[derive(Debug, Error, Diagnostic)]
enum Unfinished {
    #[error("`{}` is healed, and that cannot be written into its history", run.display())]
    #[diagnostic(help("free some space or mend the folder, then heal it again: what is gone stays gone"))]
    Unwritten { run: PathBuf, source: AfterwordError },
    #[error("`{}` is healed, and temporary files of its emulators cannot be removed", run.display())]
    #[diagnostic(help("remove the folders `target/*.tmp` in it"))]
    Cluttered { run: PathBuf, source: io::Error },
}

/// Once nothing of a run is left: completes its history, and removes what its emulators wrote.
fn finish(run: &Path) -> Result<(), Unfinished> {
    let appended = afterword::append(&RunDir::new(run).history(), missing);
    appended.map_err(|source| Unfinished::Unwritten { run: run.to_owned(), source })?;
    remove_scratch(&run.join("target")).map_err(|source| Unfinished::Cluttered { run: run.to_owned(), source })
}

/// Removes the temporary files of emulators, which their supervisor removes if it lives to do so.
fn remove_scratch(target: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            match fs::remove_dir_all(&path) {
                // The supervisor was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// What a crashed run did not live to write: that its faults are off and that nothing of it is left. Empty for a run that
/// came to its own end, kept or not, and for one that was healed before.
fn missing(records: &[Record]) -> Vec<Event> {
    if records.iter().any(|record| matches!(record.event, Event::TornDown { .. })) {
        return Vec::new();
    }
    let mut trace = Trace::default();
    for record in records {
        trace.follow(record.event.clone());
    }
    let ended = trace.faults.iter().map(|id| Event::FaultEnded { id: id.clone(), by: "heal".to_owned() });
    let healed = Event::Healed { faults: trace.faults.clone() };
    ended.chain([healed, Event::TornDown { kept: false }]).collect()
}

/// Folders below `out` that have a history, in the order of their names, which is that of time.
fn run_dirs(out: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut runs = runs_folder::entries(out)?;
    runs.retain(|path| RunDir::new(path).history().is_file());
    Ok(runs)
}

/// What a journal says was started and switched on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    processes: Vec<ProcessRecord>,
    faults: Vec<FaultId>,
    /// The run, or a heal after it, came to its end.
    torn_down: bool,
}

/// What is still there of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The run goes on.
    Running,
    /// The run is over, and processes that it started are not.
    LeftUp,
    /// Its history is empty so far: it has not said yet which process runs it.
    Unstarted,
    /// Nothing of it is left.
    Over,
}

/// What is still there of the run in `dir`, as its journal and the processes of this machine tell.
pub(super) fn life(dir: &RunDir) -> Result<Life, RunDirError> {
    Ok(Trace::read(dir)?.life())
}

impl Trace {
    fn read(dir: &RunDir) -> Result<Self, RunDirError> {
        let mut trace = Self::default();
        for record in dir.read_history()? {
            trace.follow(record?.event);
        }
        Ok(trace)
    }

    fn follow(&mut self, event: Event) {
        if let Event::RunBegan { runner, .. } = event {
            self.processes.extend(runner);
        } else if let Event::TargetStarted { processes } = event {
            self.processes.extend(processes);
        } else if let Event::FaultArming { id, .. } | Event::Isolating { id, .. } = event {
            self.faults.push(id);
        } else if let Event::FaultEnded { id, .. } = event {
            self.faults.retain(|fault| *fault != id);
        } else if let Event::Healed { faults } = event {
            self.faults.retain(|fault| !faults.contains(fault));
        } else if let Event::TornDown { .. } = event {
            self.torn_down = true;
        }
    }

    fn life(&self) -> Life {
        if self.of_role(RUNNER).any(|runner| process::standing(runner) == Standing::Running) {
            Life::Running
        } else if !left(self).is_empty() {
            Life::LeftUp
        } else if self.processes.is_empty() && !self.torn_down {
            Life::Unstarted
        } else {
            Life::Over
        }
    }

    fn of_role(&self, role: &str) -> impl Iterator<Item = &ProcessRecord> {
        self.processes.iter().filter(move |process| process.role == role)
    }

    /// What may be ended: everything firedrill started, never the runner itself.
    fn owned(&self) -> impl Iterator<Item = &ProcessRecord> {
        self.processes.iter().filter(|process| process.role != RUNNER)
    }
}

/// What healing one run came to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The run still goes on: only its own end may end it.
    StillRunning,
    /// Nothing of it was left.
    Clean,
    /// What was left was ended, and is gone.
    Ended(Vec<ProcessRecord>),
    /// Something could not be ended.
    Left(Vec<ProcessRecord>),
}

async fn heal(trace: &Trace) -> Outcome {
    // A kept run's runner has ended; one that lives heals by itself, and taking its target away would spoil its verdict.
    match trace.life() {
        Life::Running => return Outcome::StillRunning,
        Life::Unstarted | Life::Over => return Outcome::Clean,
        Life::LeftUp => {}
    }
    let found = left(trace);
    // The supervisor first: it heals, and ends the regions itself.
    for supervisor in trace.of_role(SUPERVISOR) {
        send(supervisor, Signal::SIGTERM);
    }
    if trace.of_role(SUPERVISOR).any(|supervisor| process::standing(supervisor) != Standing::Gone) {
        wait(trace, POLITE_LIMIT).await;
    }
    for process in trace.owned() {
        send(process, Signal::SIGKILL);
    }
    if wait(trace, KILL_LIMIT).await { Outcome::Ended(found) } else { Outcome::Left(left(trace)) }
}

fn left(trace: &Trace) -> Vec<ProcessRecord> {
    trace.owned().filter(|process| process::standing(process) != Standing::Gone).cloned().collect()
}

fn send(process: &ProcessRecord, signal: Signal) {
    if let Err(error) = process::signal(process, signal) {
        tracing::warn!(role = process.role, pid = process.pid, %error, "cannot send {signal}");
    }
}

/// Whether everything is gone within `limit`.
async fn wait(trace: &Trace, limit: Span) -> bool {
    let look = || {
        let left = left(trace).len();
        async move { if left == 0 { Look::Ready(()) } else { Look::NotYet(format!("{left} left")) } }
    };
    poll::until("the target's end", LOOK_EVERY, limit, &CancellationToken::new(), look).await.is_ok()
}

impl Outcome {
    /// 75 when something is left, or when the one run that was asked for is still going on.
    fn exit(&self, all: bool) -> u8 {
        match self {
            Self::Clean | Self::Ended(_) => 0,
            Self::StillRunning if all => 0,
            Self::StillRunning | Self::Left(_) => exit::UNAVAILABLE,
        }
    }

    fn lines(&self, run: &Path, trace: &Trace) -> Vec<String> {
        let name =
            run.file_name().map_or_else(|| run.display().to_string(), |name| name.to_string_lossy().into_owned());
        let each = |processes: &[ProcessRecord]| -> Vec<String> {
            processes.iter().map(|process| format!("  {:<14} process group {}", process.role, process.pid)).collect()
        };
        let mut lines = match self {
            Self::StillRunning => vec![format!("{name}: still running; end it with Ctrl-C, which heals it")],
            Self::Clean => vec![format!("{name}: clean, nothing is left running")],
            Self::Ended(ended) => [vec![format!("{name}: ended, and seen to be gone")], each(ended)].concat(),
            Self::Left(left) => [vec![format!("{name}: NOT clean, still running")], each(left)].concat(),
        };
        if !trace.faults.is_empty() && matches!(self, Self::Clean | Self::Ended(_)) {
            let faults: Vec<&str> = trace.faults.iter().map(FaultId::as_str).collect();
            lines.push(format!("  {} ended with the target it was armed on", faults.join(", ")));
        }
        lines
    }
}

#[cfg(test)]
#[path = "heal_tests.rs"]
mod tests;
