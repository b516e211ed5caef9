//! Running the user's own programs: backups, restores and recovery steps alike.
//!
//! The contract, as `docs/commands.md` states it:
//!
//! - The working folder is the scenario's. The first word of the command is looked for there when it holds a `/`, else in
//!   `PATH`.
//! - The environment is `PATH`, `FIREDRILL_ACTION` (`backup`, or `restore` for every step of a recovery), `FIREDRILL_RUN_DIR`,
//!   `FIREDRILL_RECOVERY_POINT` (folder of the point's artefacts, when a program made it),
//!   `FIREDRILL_PRIMARY_REGION`, `FIREDRILL_RECOVERY_REGION`, `FIREDRILL_NAMES` (JSON: side → resource → physical name),
//!   `FIREDRILL_OUTPUT`, `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the emulator's credentials, what the
//!   target offers (`FIREDRILL_PYTHON`), the outputs of earlier steps, and nothing else.
//! - Lines `NAME=value` in the file `FIREDRILL_OUTPUT` become environment of later steps.
//! - The program runs in a process group of its own. At its time-out, or when the run is stopped, the group gets SIGTERM
//!   and after a short grace SIGKILL.
//! - Exit code 0 means success. Output is kept in `steps/<name>.log`, without secrets and at most 1 MiB of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use firedrill_model::{topology::Side, units::Span};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use super::BackupError;
use crate::{poll, redact::redact, run::Drill, services::clients::EMULATOR_ACCOUNT};

/// Output kept of one program, each of stdout and stderr.
const OUTPUT_BYTES_MAX: usize = 512 << 10;

/// Size of `FIREDRILL_OUTPUT` that is read.
const OUTPUTS_BYTES_MAX: u64 = 64 << 10;

/// From SIGTERM to SIGKILL.
const GRACE: Span = Span::from_secs(2);

/// Last output that goes into an error.
const LAST_LINES: usize = 5;

/// Secret of the emulator's credentials: worthless, and yet never printed.
const EMULATOR_SECRET: &str = "emulator";

/// One program to run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Name of its log: `backup-rp-0001`.
    pub name: String,
    /// Program and arguments.
    pub command: &'a [String],
    /// `backup` or `restore`.
    pub action: &'a str,
    /// The side whose region is `AWS_REGION`.
    pub side: Side,
    /// Folder of the point's artefacts.
    pub recovery_point: Option<PathBuf>,
    /// Outputs of earlier steps.
    pub outputs: BTreeMap<String, String>,
    /// Limit.
    pub timeout: Span,
}

/// What a program left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// `NAME=value` lines it wrote.
    pub outputs: BTreeMap<String, String>,
    /// Last line of its output, redacted.
    pub last_line: String,
}

/// Runs a program to its end and keeps its output.
pub async fn run(drill: &Drill, run: &Run<'_>) -> Result<Ran, BackupError> {
    let Some((program, arguments)) = run.command.split_first() else {
        return Err(BackupError::Command { program: run.name.clone(), what: "has no program".to_owned() });
    };
    let steps = drill.dir.root().join("steps");
    tokio::fs::create_dir_all(&steps).await.map_err(|error| BackupError::file(&steps, error))?;
    let outputs = steps.join(format!("{}.outputs", run.name));
    tokio::fs::write(&outputs, b"").await.map_err(|error| BackupError::file(&outputs, error))?;
    let environment = environment(drill, run, &outputs)?;
    let mut child = Command::new(resolved(program, &drill.plan.scenario.folder))
        .args(arguments)
        .current_dir(&drill.plan.scenario.folder)
        .env_clear()
        .envs(&environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(program, format!("could not be started: {error}")))?;
    let group = Group::of(&child);
    let ended = attend(drill, &mut child, run.timeout, &group).await;
    let (ending, output) = ended.map_err(|error| failed(program, format!("could not be waited for: {error}")))?;
    let secrets = secrets(&environment);
    let text = redact(&output, &secrets);
    let log = steps.join(format!("{}.log", run.name));
    tokio::fs::write(&log, &text).await.map_err(|error| BackupError::file(&log, error))?;
    match ending {
        Ending::Exited(status) if status.success() => {
            let outputs = read_outputs(&outputs, program).await?;
            let last_line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
            Ok(Ran { outputs, last_line })
        }
        Ending::Exited(status) => Err(failed(program, format!("ended with {status}; {}", last_lines(&text)))),
        Ending::TimedOut => Err(failed(program, format!("was ended after {}; {}", run.timeout, last_lines(&text)))),
        Ending::Stopped => Err(BackupError::Stopped),
    }
}

/// How a program ended.
enum Ending {
    Exited(std::process::ExitStatus),
    TimedOut,
    Stopped,
}

/// A process group that is killed when the guard goes, so that no descendant outlives the step.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        // A group that has already ended is what is wanted.
        if let Some(Err(error)) = self.0.map(|group| killpg(group, signal))
            && error != nix::errno::Errno::ESRCH
        {
            tracing::warn!(%error, "cannot signal the process group of a step");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Reads the output while waiting for the end, the time-out or the stop of the run.
async fn attend(drill: &Drill, child: &mut Child, timeout: Span, group: &Group) -> std::io::Result<(Ending, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async { tokio::join!(bounded(stdout), bounded(stderr)) };
    let waiting = async {
        let ending = tokio::select! {
            ended = poll::at_most(timeout, child.wait()) => match ended {
                Some(status) => Ending::Exited(status?),
                None => Ending::TimedOut,
            },
            () = drill.cancel.cancelled() => Ending::Stopped,
        };
        if !matches!(ending, Ending::Exited(_)) {
            group.signal(Signal::SIGTERM);
            if let Some(Err(error)) = poll::at_most(GRACE, child.wait()).await {
                tracing::warn!(%error, "cannot wait for a step that was told to end");
            }
        }
        // Whatever the program left running holds the pipes open: it ends with the program.
        group.signal(Signal::SIGKILL);
        std::io::Result::Ok(ending)
    };
    let (ending, (stdout, stderr)) = tokio::join!(waiting, reading);
    let separator = if stdout.is_empty() || stderr.is_empty() { "" } else { "\n--- stderr ---\n" };
    Ok((ending?, format!("{stdout}{separator}{stderr}")))
}

/// Reads to the end and keeps the first and the last part.
async fn bounded(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    let mut dropped = 0;
    let mut buffer = vec![0; 8 << 10];
    while let Ok(read) = pipe.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let room = (OUTPUT_BYTES_MAX / 2).saturating_sub(head.len()).min(read);
        head.extend_from_slice(&buffer[..room]);
        tail.extend_from_slice(&buffer[room..read]);
        let excess = tail.len().saturating_sub(OUTPUT_BYTES_MAX / 2);
        // Drained in large steps, so that a chatty program does not cost a copy a read.
        if excess > OUTPUT_BYTES_MAX / 2 {
            tail.drain(..excess);
            dropped += excess;
        }
    }
    let cut = if dropped == 0 { String::new() } else { format!("\n[{dropped} bytes left out]\n") };
    format!("{}{cut}{}", String::from_utf8_lossy(&head), String::from_utf8_lossy(&tail))
}

fn failed(program: &str, what: String) -> BackupError {
    BackupError::Command { program: program.to_owned(), what }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "it printed nothing".to_owned();
    }
    format!("it last printed: {}", lines[lines.len().saturating_sub(LAST_LINES)..].join(" / "))
}

fn resolved(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}

fn environment(drill: &Drill, run: &Run<'_>, outputs: &Path) -> Result<BTreeMap<String, String>, BackupError> {
    let topology = &drill.plan.topology;
    let region = topology.region(run.side);
    let endpoint = drill
        .endpoint(region)
        .ok_or_else(|| failed(&run.name, format!("needs `{region}`, which the target did not start")))?;
    let names = serde_json::to_string(&drill.plan.names)
        .map_err(|error| BackupError::File { path: "FIREDRILL_NAMES".to_owned(), source: error.into() })?;
    // Later entries win: a step's output cannot redefine the contract's own variables.
    let mut environment = run.outputs.clone();
    environment.extend(drill.tools.get().cloned().unwrap_or_default());
    let own = [
        ("PATH", search_path()),
        ("FIREDRILL_ACTION", run.action.to_owned()),
        ("FIREDRILL_RUN_DIR", drill.dir.root().display().to_string()),
        ("FIREDRILL_PRIMARY_REGION", topology.primary.to_string()),
        ("FIREDRILL_RECOVERY_REGION", topology.recovery.to_string()),
        ("FIREDRILL_NAMES", names),
        ("FIREDRILL_OUTPUT", outputs.display().to_string()),
        ("AWS_ENDPOINT_URL", endpoint.plane_url.clone()),
        ("AWS_REGION", region.to_string()),
        ("AWS_DEFAULT_REGION", region.to_string()),
        ("AWS_ACCESS_KEY_ID", EMULATOR_ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", EMULATOR_SECRET.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(folder) = &run.recovery_point {
        environment.insert("FIREDRILL_RECOVERY_POINT".to_owned(), folder.display().to_string());
    }
    Ok(environment)
}

#[expect(clippy::disallowed_methods, reason = "the contract hands on the caller's PATH, and that alone")]
fn search_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned())
}

/// Values of outputs whose names speak of secrets. The emulator's own are public.
fn secrets(environment: &BTreeMap<String, String>) -> Vec<&str> {
    let secret =
        |name: &str| ["SECRET", "TOKEN", "PASSWORD"].iter().any(|word| name.to_ascii_uppercase().contains(word));
    environment
        .iter()
        .filter(|(name, value)| secret(name) && value.as_str() != EMULATOR_SECRET)
        .map(|(_, value)| value.as_str())
        .collect()
}

async fn read_outputs(path: &Path, program: &str) -> Result<BTreeMap<String, String>, BackupError> {
    let metadata = tokio::fs::metadata(path).await.map_err(|error| BackupError::file(path, error))?;
    if metadata.len() > OUTPUTS_BYTES_MAX {
        return Err(failed(program, format!("wrote more than {OUTPUTS_BYTES_MAX} bytes of outputs")));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| BackupError::file(path, error))?;
    parse_outputs(&text).map_err(|line| failed(program, format!("wrote the output `{line}`, which is not NAME=value")))
}

/// Reads `NAME=value` lines; the first line that is not one is the error.
fn parse_outputs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let named = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let first = name.chars().next()?;
        let good = (first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !value.contains('\0');
        good.then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| named(line).ok_or_else(|| redact(line, &[])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_names_and_values() {
        let good = parse_outputs("VAULT=abc\n\nENTRIES=12=13\n").unwrap();
        assert_eq!(good["ENTRIES"], "12=13");
        assert_eq!(good["VAULT"], "abc");
        for bad in ["no value", "1ST=x", "=x", "A B=x"] {
            assert_eq!(parse_outputs(bad), Err(bad.to_owned()));
        }
    }

    #[tokio::test]
    async fn long_output_keeps_its_beginning_and_its_end() {
        let text = format!("first {} last", "x".repeat(3 * OUTPUT_BYTES_MAX));
        let kept = bounded(Some(text.as_bytes())).await;
        assert!(kept.starts_with("first ") && kept.ends_with(" last"));
        assert!(kept.contains("bytes left out]") && kept.len() < 2 * OUTPUT_BYTES_MAX);
    }

    #[test]
    fn a_program_with_a_slash_is_found_in_the_scenario_s_folder() {
        assert_eq!(resolved("./backup.sh", Path::new("/scenarios")), Path::new("/scenarios/./backup.sh"));
        assert_eq!(resolved("python3", Path::new("/scenarios")), Path::new("python3"));
    }
}
