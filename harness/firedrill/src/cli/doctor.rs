//! `firedrill doctor`: what is here, what is missing, and how to get it. Changes nothing.

use std::{
    fmt, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use firedrill_model::{run_dir::RunDir, units::ByteSize};
use nix::sys::statvfs::statvfs;

use super::{
    Failure,
    failure::exit,
    heal::{self, Life},
    screen,
};
use crate::target::{
    cache_folder,
    install::{self, ENGINE},
};

/// What the emulator takes, and as much again while it is being installed.
const NEEDED: ByteSize = ByteSize::new(600 << 20);
/// Ports that a drill opens: an emulator and a plane address for each of two regions.
const PORTS: usize = 4;

/// Looks at what a drill needs.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Folder of the run directories.
    #[arg(long, default_value = "runs", value_name = "FOLDER")]
    pub out: PathBuf,
}

/// Exits 0 when a drill can run here, 75 when something it needs is missing.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let findings = examine(&args.out, cache_folder());
    for finding in &findings {
        screen::line(finding.to_string());
    }
    let missing = findings.iter().any(|finding| finding.state == State::Missing);
    Ok(if missing { exit::UNAVAILABLE } else { 0 })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fine,
    /// A drill runs without it.
    Note,
    /// No drill can run.
    Missing,
}

/// One line of the examination.
#[derive(Debug)]
struct Finding {
    state: State,
    what: &'static str,
    text: String,
}

impl fmt::Display for Finding {
    /// `ok  python        Python 3.11 (/usr/bin/python3)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Fine => "ok",
            State::Note => "--",
            State::Missing => "!!",
        };
        write!(f, "  {mark}  {:<12}  {}", self.what, self.text)
    }
}

fn examine(out: &Path, cache: Result<PathBuf, impl fmt::Display>) -> Vec<Finding> {
    let mut findings = vec![python(), uv()];
    match cache {
        Ok(cache) => findings.extend([emulator(&cache), writable(&cache), space(&cache)]),
        Err(error) => findings.push(Finding { state: State::Missing, what: "cache", text: error.to_string() }),
    }
    findings.extend([ports(), leftovers(out)]);
    findings
}

fn python() -> Finding {
    let what = "python";
    match install::find_python() {
        Ok(python) => Finding { state: State::Fine, what, text: python.to_string() },
        Err(error) => Finding { state: State::Missing, what, text: error.to_string() },
    }
}

fn uv() -> Finding {
    let what = "uv";
    match install::find_uv() {
        Some(_) => Finding { state: State::Fine, what, text: "here; it installs the emulator faster".to_owned() },
        None => Finding { state: State::Note, what, text: "not here; the emulator is installed with pip".to_owned() },
    }
}

fn emulator(cache: &Path) -> Finding {
    let what = "emulator";
    if let Some(emulator) = install::installed(cache) {
        Finding { state: State::Fine, what, text: format!("{ENGINE} in {}", emulator.folder().display()) }
    } else {
        let text = format!("{ENGINE} is not installed; the first `firedrill run` does it (about 215 MB, online)");
        Finding { state: State::Note, what, text }
    }
}

fn writable(cache: &Path) -> Finding {
    let what = "cache";
    let tried = fs::create_dir_all(cache).and_then(|()| tempfile::tempfile_in(cache).map(drop));
    match tried {
        Ok(()) => Finding { state: State::Fine, what, text: format!("{} can be written", cache.display()) },
        Err(error) => {
            let text = format!("{} cannot be written ({error}); set FIREDRILL_CACHE to another", cache.display());
            Finding { state: State::Missing, what, text }
        }
    }
}

fn space(cache: &Path) -> Finding {
    let what = "disk";
    match statvfs(cache) {
        Ok(disk) => {
            let free = ByteSize::new(disk.blocks_available() * disk.fragment_size());
            if free < NEEDED && install::installed(cache).is_none() {
                let text = format!("{free} free at {}; installing needs {NEEDED}", cache.display());
                return Finding { state: State::Missing, what, text };
            }
            Finding { state: State::Fine, what, text: format!("{free} free") }
        }
        Err(error) => Finding { state: State::Note, what, text: format!("free space cannot be read: {error}") },
    }
}

fn ports() -> Finding {
    let what = "ports";
    let bound: Result<Vec<TcpListener>, _> = (0..PORTS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    match bound {
        Ok(_) => Finding { state: State::Fine, what, text: "127.0.0.1 has free ports".to_owned() },
        Err(error) => Finding { state: State::Missing, what, text: format!("no free port on 127.0.0.1: {error}") },
    }
}

/// Runs whose runner has ended while something it started goes on: crashed, or kept on purpose.
fn leftovers(out: &Path) -> Finding {
    let what = "leftovers";
    let entries = fs::read_dir(out).into_iter().flatten().filter_map(Result::ok);
    let mut left: Vec<String> = entries
        .filter(|entry| is_left(&RunDir::new(entry.path())))
        .map(|entry| entry.path().display().to_string())
        .collect();
    left.sort();
    if left.is_empty() {
        return Finding {
            state: State::Fine,
            what,
            text: format!("no run in {} left anything running", out.display()),
        };
    }
    let text = format!("still up: {}; `firedrill heal --all` ends them", left.join(", "));
    Finding { state: State::Note, what, text }
}

fn is_left(dir: &RunDir) -> bool {
    matches!(heal::life(dir), Ok(Life::LeftUp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_looked_at() {
        let (out, cache) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let findings = examine(out.path(), Ok::<_, String>(cache.path().to_owned()));
        let looked_at: Vec<&str> = findings.iter().map(|finding| finding.what).collect();
        assert_eq!(looked_at, ["python", "uv", "emulator", "cache", "disk", "ports", "leftovers"]);
        assert_eq!(findings.last().map(|finding| finding.state), Some(State::Fine), "an empty folder has no leftovers");
        // What this machine has is left out: only that a line says it.
        let of_this_machine = |finding: &Finding| ["python", "uv", "disk"].contains(&finding.what);
        let shown: Vec<String> = findings
            .into_iter()
            .map(|finding| match finding {
                of if of_this_machine(&of) => {
                    Finding { state: State::Note, text: "[of this machine]".to_owned(), ..of }
                }
                of => of,
            })
            .map(|finding| finding.to_string())
            .collect();
        let shown = shown.join("\n").replace(&out.path().display().to_string(), "[runs]");
        insta::assert_snapshot!(shown.replace(&cache.path().display().to_string(), "[cache]"), @r"
        --  python        [of this machine]
        --  uv            [of this machine]
        --  emulator      ministack 1.5.33 is not installed; the first `firedrill run` does it (about 215 MB, online)
        ok  cache         [cache] can be written
        --  disk          [of this machine]
        ok  ports         127.0.0.1 has free ports
        ok  leftovers     no run in [runs] left anything running
        ");
    }

    #[test]
    fn without_a_cache_folder_no_drill_can_run() {
        let out = tempfile::tempdir().expect("a folder");
        let findings = examine(out.path(), Err("neither FIREDRILL_CACHE nor HOME is set"));
        let missing: Vec<String> =
            findings.iter().filter(|finding| finding.what == "cache").map(ToString::to_string).collect();
        insta::assert_snapshot!(missing.join("\n"), @"  !!  cache         neither FIREDRILL_CACHE nor HOME is set");
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let finding = writable(&file.join("below"));
        assert_eq!(finding.state, State::Missing);
        assert!(finding.to_string().contains("FIREDRILL_CACHE"), "{finding}");
    }

    #[test]
    fn a_finding_reads_in_columns() {
        let finding = Finding { state: State::Note, what: "uv", text: "not here".to_owned() };
        insta::assert_snapshot!(finding, @"  --  uv            not here");
    }
}
