//! One emulator process with everything it starts, as one process group under a guard.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
};

use firedrill_model::{history::ProcessRecord, ids::Region, units::Span};
use nix::sys::signal::Signal;
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{
    poll::{self, Look},
    target::{install::search_path, process},
};

const GUARD: &str = include_str!("guard.py");
/// From start to healthy; measured 0.3 to 0.8 s on an idle machine.
const HEALTH_LIMIT: Span = Span::from_secs(30);
const HEALTH_EVERY: Span = Span::from_ms(50);
/// A single look at the health page.
const LOOK_LIMIT: Span = Span::from_secs(2);
/// Between the polite signal and the one that cannot be ignored.
const POLITE_LIMIT: Span = Span::from_secs(2);
const END_LIMIT: Span = Span::from_secs(2);
/// Another program may take a port between the moment it was found free and the moment it is used.
const PORT_ATTEMPTS: u32 = 4;
const TAIL_BYTES: u64 = 2000;

/// Why an emulator could not be started.
#[derive(Debug, Error)]
pub(crate) enum EmulatorError {
    /// A file, process or socket could not be had.
    #[error("cannot start the emulator of {region}: {source}")]
    Io {
        /// What it would have served.
        region: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before it was healthy.
    #[error("the emulator of {region} ended before it answered; the end of its log `{}`:\n{tail}", log.display())]
    Died {
        /// What it would have served.
        region: String,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
    /// It did not become healthy.
    #[error("the emulator of {region} does not answer: {reason}; the end of its log:\n{tail}")]
    Silent {
        /// What it would have served.
        region: String,
        /// How long was waited, and the last that was seen.
        reason: String,
        /// The end of its log.
        tail: String,
    },
}

/// What is to be started.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// A Python that has the emulator.
    pub(crate) python: PathBuf,
    /// For people and file names: the region, or `all-regions`.
    pub(crate) name: String,
    /// Region of what does not name one.
    pub(crate) home: Region,
    /// Where functions send their AWS calls unless they are told otherwise.
    pub(crate) function_endpoint: String,
    /// Folder for its log and temporary files.
    pub(crate) folder: PathBuf,
}

/// A running emulator. Dropping it closes the guard's pipe, which kills the whole group.
#[derive(Debug)]
pub(crate) struct Emulator {
    guard: Child,
    process: ProcessRecord,
    port: u16,
    scratch: PathBuf,
}

#[derive(Deserialize)]
struct GuardReport {
    pid: i32,
}

impl Emulator {
    /// Starts it and waits until it is healthy.
    pub(crate) async fn start(recipe: &Recipe, cancel: &CancellationToken) -> Result<Self, EmulatorError> {
        Self::start_on(recipe, free_port, cancel).await
    }

    /// [`Emulator::start`] on the first of `ports` that no other program has.
    async fn start_on(
        recipe: &Recipe,
        mut ports: impl FnMut() -> io::Result<u16>,
        cancel: &CancellationToken,
    ) -> Result<Self, EmulatorError> {
        let mut attempt = 1;
        loop {
            let port = ports().map_err(|source| EmulatorError::Io { region: recipe.name.clone(), source })?;
            match Self::try_start(recipe, port, cancel).await {
                Err(EmulatorError::Died { tail, .. }) if attempt < PORT_ATTEMPTS && tail.contains("in use") => {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_start(recipe: &Recipe, port: u16, cancel: &CancellationToken) -> Result<Self, EmulatorError> {
        let io_error = |source| EmulatorError::Io { region: recipe.name.clone(), source };
        let log = recipe.folder.join(format!("{}.log", recipe.name));
        let scratch = recipe.folder.join(format!("{}.tmp", recipe.name));
        fs::create_dir_all(&scratch).map_err(io_error)?;
        let mut guard = command(recipe, port, &scratch, &log).and_then(|mut c| c.spawn()).map_err(io_error)?;
        let died = || EmulatorError::Died { region: recipe.name.clone(), log: log.clone(), tail: tail(&log) };
        let mut report = String::new();
        if let Some(stdout) = guard.stdout.take() {
            BufReader::new(stdout).read_line(&mut report).await.map_err(io_error)?;
        }
        let pid = serde_json::from_str::<GuardReport>(&report).map_err(|_| died())?.pid;
        let process = process::record(recipe.name.clone(), pid).ok_or_else(died)?;
        let mut emulator = Self { guard, process, port, scratch };
        let healthy =
            poll::until(format!("the emulator of {}", recipe.name), HEALTH_EVERY, HEALTH_LIMIT, cancel, || {
                let (exited, process) = (emulator.exited(), emulator.process.clone());
                async move {
                    match look(port).await {
                        _ if exited => Look::Ready(false),
                        Ok(()) if process::listens(&process, port) => Look::Ready(true),
                        // Its data would be taken for ours: the emulator of another run answers in the same way.
                        Ok(()) => Look::NotYet(format!("another program answers on port {port}")),
                        Err(error) => Look::NotYet(error.to_string()),
                    }
                }
            })
            .await;
        match healthy {
            Ok(true) => Ok(emulator),
            Ok(false) => {
                emulator.kill().await;
                emulator.remove_scratch();
                Err(died())
            }
            Err(error) => {
                emulator.end().await;
                Err(EmulatorError::Silent { region: recipe.name.clone(), reason: error.to_string(), tail: tail(&log) })
            }
        }
    }

    /// Its first process, which leads the group.
    pub(crate) fn process(&self) -> &ProcessRecord {
        &self.process
    }

    /// Where it listens on the loopback interface.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Sends a signal to all of its processes. True when there was something left to signal.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        Ok(process::signal(&self.process, signal)?)
    }

    /// Waits until it answers, after it was stopped.
    pub(crate) async fn answers(&self, limit: Span, cancel: &CancellationToken) -> Result<(), poll::WaitError> {
        let port = self.port;
        poll::until(format!("{} to answer again", self.process.role), HEALTH_EVERY, limit, cancel, || async move {
            match look(port).await {
                Ok(()) => Look::Ready(()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await
    }

    /// Whether it ended by itself.
    pub(crate) fn exited(&mut self) -> bool {
        !matches!(self.guard.try_wait(), Ok(None))
    }

    /// Ends all of its processes within 4 s, politely at first, and removes its temporary files.
    pub(crate) async fn end(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            if let Err(error) = self.signal(signal) {
                tracing::warn!(role = self.process.role, %error, "cannot signal an emulator");
            }
        }
        if poll::at_most(POLITE_LIMIT, self.guard.wait()).await.is_none() {
            self.kill().await;
        }
        // The guard may have been killed: it is not what decides whether the group is gone.
        if process::standing(&self.process) != process::Standing::Gone {
            self.kill().await;
        }
        self.remove_scratch();
    }

    /// Removes its temporary files, once it is gone.
    pub(crate) fn remove_scratch(&self) {
        if let Err(error) = fs::remove_dir_all(&self.scratch) {
            tracing::warn!(%error, folder = %self.scratch.display(), "temporary files were left behind");
        }
    }

    /// Kills all of its processes, stopped or not, and waits until they are gone.
    pub(crate) async fn kill(&mut self) {
        if let Err(error) = self.signal(Signal::SIGKILL) {
            tracing::error!(role = self.process.role, %error, "cannot kill an emulator");
        }
        // The guard waits for the others, unless it is itself what ended first.
        let (process, never) = (&self.process, CancellationToken::new());
        let gone = poll::until("an emulator to end", HEALTH_EVERY, END_LIMIT, &never, || async move {
            match process::standing(process) {
                process::Standing::Gone => Look::Ready(()),
                left @ (process::Standing::Running | process::Standing::LeftGroup) => Look::NotYet(format!("{left:?}")),
            }
        });
        if gone.await.is_err() || poll::at_most(END_LIMIT, self.guard.wait()).await.is_none() {
            tracing::error!(role = self.process.role, "an emulator did not end after SIGKILL");
        }
    }
}

/// The guard's command line and the whole environment: nothing is inherited, so that no credentials of the user reach
/// the emulator or a function in it.
fn command(recipe: &Recipe, port: u16, scratch: &Path, log: &Path) -> io::Result<Command> {
    let log = File::create(log)?;
    let path = search_path(&recipe.python).map(|folder| folder.display().to_string()).join(":");
    let mut command = Command::new(&recipe.python);
    command
        .args(["-I", "-S", "-c", GUARD])
        .arg(&recipe.python)
        .args(["-I", "-m", "ministack"])
        .env_clear()
        .env("PATH", path)
        .env("HOME", scratch)
        .env("TMPDIR", scratch)
        .env("STATE_DIR", scratch)
        .env("LANG", "C.UTF-8")
        .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
        .env("GATEWAY_PORT", port.to_string())
        .env("MINISTACK_REGION", recipe.home.as_str())
        .env("AWS_ENDPOINT_URL", &recipe.function_endpoint)
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .env("DOCKER_HOST", "unix:///nonexistent")
        .env("LOG_LEVEL", "WARNING")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0);
    Ok(command)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// One look at the health page. Spoken by hand: a client with a pool would keep a connection to a process that may be
/// stopped next.
async fn look(port: u16) -> io::Result<()> {
    let asking = async {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        if &head == b"HTTP/1.1 200" {
            Ok(())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
        }
    };
    poll::at_most(LOOK_LIMIT, asking).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// The end of a log, for an error.
fn tail(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("(it cannot be read: {error})"))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::fs::PermissionsExt,
        thread,
    };

    use super::*;

    /// Stands in for a Python that has the emulator: it answers every request with 200, as the health page does.
    const STAND_IN: &str = r#"#!/bin/sh
[ "$2" = "-S" ] && exec /usr/bin/python3 "$@"
exec /usr/bin/python3 -c '
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
http.server.HTTPServer.allow_reuse_address = False
http.server.HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Health).serve_forever()
'
"#;

    /// Answers every connection as the health page of another run's emulator would.
    fn stranger() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 512];
                if stream.read(&mut request).is_ok_and(|length| length > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_port_that_another_program_has_is_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python");
        fs::write(&python, STAND_IN).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        let recipe = Recipe {
            python,
            name: "us-east-1".into(),
            home: "us-east-1".into(),
            function_endpoint: String::new(),
            folder: folder.path().to_owned(),
        };
        let taken = stranger();
        let free = free_port().unwrap();
        let mut ports = [taken, free].into_iter();
        let cancel = CancellationToken::new();
        let started = Emulator::start_on(&recipe, || Ok(ports.next().unwrap()), &cancel).await;
        let mut emulator = started.unwrap();
        assert_eq!(emulator.address().port(), free);
        assert!(process::listens(emulator.process(), free) && !process::listens(emulator.process(), taken));
        emulator.end().await;
        assert_eq!(process::standing(emulator.process()), process::Standing::Gone);
    }
}
