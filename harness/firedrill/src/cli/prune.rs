//! `firedrill prune`: removes old run directories.

use std::{
    fs,
    path::{Path, PathBuf},
};

use firedrill_model::run_dir::{RunDir, read_json};
use serde::Deserialize;

use super::{
    Failure,
    heal::{self, Life},
    runs_folder, screen,
};
use crate::run::chain;

/// Remove old run directories. The newest are kept, and so is whatever still runs or is not a run directory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of run directories
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// How many of the newest to keep
    #[arg(long, default_value_t = 20, value_parser = count)]
    keep: usize,
    /// Say what would be removed and remove nothing
    #[arg(long)]
    dry_run: bool,
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "write a whole number, such as 20")
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    for line in prune(args)? {
        screen::line(line);
    }
    Ok(0)
}

/// Removes what is too old; what was done, for people.
fn prune(args: &Args) -> Result<Vec<String>, Failure> {
    let mut runs = runs_folder::entries(&args.out)?;
    runs.retain(|path| is_run(path));
    let old = runs.len().saturating_sub(args.keep);
    let mut kept = runs.len() - old;
    let mut lines = Vec::new();
    for path in &runs[..old] {
        if let Some(reason) = needed(path) {
            kept += 1;
            lines.push(reason);
            continue;
        }
        if !args.dry_run {
            fs::remove_dir_all(path)
                .map_err(|error| Failure::internal(miette::miette!("cannot remove `{}`: {error}", path.display())))?;
        }
        lines.push(format!("{} {}", if args.dry_run { "would remove" } else { "removed" }, path.display()));
    }
    lines.push(format!("{kept} kept"));
    Ok(lines)
}

/// Why a run directory cannot go, for people: its history is all that its processes can be ended from.
fn needed(path: &Path) -> Option<String> {
    let path_shown = path.display();
    match heal::life(&RunDir::new(path)) {
        Ok(Life::Over) => None,
        Ok(Life::Running) => Some(format!("left {path_shown}: it is still running")),
        Ok(Life::LeftUp) => {
            Some(format!("left {path_shown}: its target is still up; `firedrill heal {path_shown}` ends it"))
        }
        Ok(Life::Unstarted) => Some(format!(
            "left {path_shown}: its history is empty: it is starting, or crashed at once; if so, remove it by hand"
        )),
        Err(error) => Some(format!("left {path_shown}: whether it still runs cannot be told: {}", chain(&error))),
    }
}

/// A folder of its own, not a link to one, with the name of a run and a plan of firedrill's.
fn is_run(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let plan = RunDir::new(path).plan();
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
        && path.file_name().and_then(|name| name.to_str()).is_some_and(is_run_id)
        && plan.is_file()
        && read_json::<Head>(&plan).is_ok_and(|head| head.schema.starts_with("firedrill.plan/"))
}

/// `20261123-140151-7f3a91`, and `-2` after it for a second run of the same second and seed.
fn is_run_id(name: &str) -> bool {
    let of = |part: Option<&str>, length: usize, digit: fn(&u8) -> bool| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| digit(&byte)))
    };
    let mut parts = name.split('-');
    of(parts.next(), 8, u8::is_ascii_digit)
        && of(parts.next(), 6, u8::is_ascii_digit)
        && of(parts.next(), 6, u8::is_ascii_hexdigit)
        && parts.next().is_none_or(|number| number.parse::<u16>().is_ok_and(|number| number > 1))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use firedrill_model::{
        history::{Event, ProcessRecord},
        plan::PLAN_SCHEMA,
    };

    use super::*;
    use crate::{
        clock::RunClock,
        run::Journal,
        target::process::{self, RUNNER},
    };

    const RUNS: [&str; 3] = ["20261121-090000-aaaaaa", "20261122-090000-bbbbbb", "20261123-090000-cccccc"];

    /// A run directory with these processes, at its end when `over`.
    fn make(out: &Path, name: &str, processes: Vec<ProcessRecord>, over: bool) {
        fs::create_dir(out.join(name)).expect("created");
        let dir = RunDir::new(out.join(name));
        fs::write(dir.plan(), format!(r#"{{ "schema": "{PLAN_SCHEMA}" }}"#)).expect("written");
        let journal = Journal::create(&dir.history(), RunClock::start()).expect("a journal");
        if !processes.is_empty() {
            journal.append(Event::TargetStarted { processes }).expect("written");
        }
        if over {
            journal.append(Event::TornDown { kept: true }).expect("written");
        }
    }

    fn said(out: &Path, keep: usize, dry_run: bool) -> String {
        let args = Args { out: out.to_owned(), keep, dry_run };
        prune(&args).expect("readable").join("\n").replace(&out.display().to_string(), "runs")
    }

    #[test]
    fn the_oldest_runs_go() {
        let out = tempfile::tempdir().expect("a folder");
        for name in RUNS {
            make(out.path(), name, Vec::new(), true);
        }
        insta::assert_snapshot!(said(out.path(), 1, true), @r"
        would remove runs/20261121-090000-aaaaaa
        would remove runs/20261122-090000-bbbbbb
        1 kept
        ");
        insta::assert_snapshot!(said(out.path(), 1, false), @r"
        removed runs/20261121-090000-aaaaaa
        removed runs/20261122-090000-bbbbbb
        1 kept
        ");
        insta::assert_snapshot!(said(out.path(), 1, false), @"1 kept");
        assert!(out.path().join(RUNS[2]).is_dir());
    }

    #[test]
    fn what_still_lives_or_cannot_be_told_is_left() {
        let out = tempfile::tempdir().expect("a folder");
        let mut region = Command::new("sleep").arg("600").process_group(0).spawn().expect("sleep starts");
        let record = |role, pid: u32| process::record(role, i32::try_from(pid).expect("a pid")).expect("it runs");
        make(out.path(), RUNS[0], vec![record("us-east-1", region.id())], true);
        make(out.path(), RUNS[1], vec![record(RUNNER, std::process::id())], false);
        make(out.path(), RUNS[2], Vec::new(), false);
        make(out.path(), "20261124-090000-dddddd", Vec::new(), true);
        fs::write(RunDir::new(out.path().join("20261124-090000-dddddd")).history(), "?\n").expect("written");
        let first = said(out.path(), 0, false);
        region.kill().expect("it runs");
        region.wait().expect("reaped");
        insta::assert_snapshot!(first, @r"
        left runs/20261121-090000-aaaaaa: its target is still up; `firedrill heal runs/20261121-090000-aaaaaa` ends it
        left runs/20261122-090000-bbbbbb: it is still running
        left runs/20261123-090000-cccccc: its history is empty: it is starting, or crashed at once; if so, remove it by hand
        left runs/20261124-090000-dddddd: whether it still runs cannot be told: `runs/20261124-090000-dddddd/history.jsonl` line 1 is not what firedrill writes there: expected value at line 1 column 1
        4 kept
        ");
        assert!(
            said(out.path(), 0, false).starts_with("removed runs/20261121-090000-aaaaaa\n"),
            "nothing of it is up now"
        );
    }

    #[test]
    fn what_is_no_run_stays() {
        let out = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        make(elsewhere.path(), RUNS[0], Vec::new(), true);
        std::os::unix::fs::symlink(elsewhere.path().join(RUNS[0]), out.path().join(RUNS[0])).expect("a link");
        make(out.path(), "my-terraform", Vec::new(), true);
        make(out.path(), RUNS[1], Vec::new(), true);
        fs::write(RunDir::new(out.path().join(RUNS[1])).plan(), r#"{ "schema": "another/1" }"#).expect("written");
        fs::create_dir(out.path().join(RUNS[2])).expect("created");
        insta::assert_snapshot!(said(out.path(), 0, false), @"0 kept");
        assert!(elsewhere.path().join(RUNS[0]).is_dir());
    }

    #[test]
    fn a_run_id_is_known_by_its_form() {
        for id in ["20261123-140151-7f3a91", "20261123-140151-7f3a91-2", "20261123-140151-7f3a91-999"] {
            assert!(is_run_id(id), "{id}");
        }
        let others =
            ["20261123-140151", "20261123-140151-7f3a9", "20261123-140151-7f3a91-1", "20261123-140151-7f3a91-2-3"];
        for other in others.into_iter().chain(["", "runs", "2026112x-140151-7f3a91", "20261123-140151-7f3a91-old"]) {
            assert!(!is_run_id(other), "{other}");
        }
    }
}
