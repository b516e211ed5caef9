//! `firedrill verify RUN_DIR`: judges a run again from its directory alone.

use std::{io::IsTerminal, path::PathBuf};

use firedrill_model::{
    run_dir::{RunDir, file_sha256, read_json},
    verdict::Verdict,
    verification::Verification,
};
use firedrill_reports::RunRecord;
use serde::Deserialize;

use super::{Failure, screen};
use crate::run::chain;

/// Judge a run again from its directory alone; writes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run directory
    run_dir: PathBuf,
    /// Print the whole result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let dir = open(&args.run_dir)?;
    let (verification, record) = judge(&dir)?;
    for note in notes(&dir, &verification) {
        screen::note(&note);
    }
    if args.json {
        let text =
            serde_json::to_string_pretty(&record).map_err(|error| Failure::internal(miette::miette!("{error}")))?;
        screen::line(text);
    } else {
        screen::line(firedrill_reports::terminal(&record, std::io::stdout().is_terminal(), screen::columns()));
    }
    Ok(verification.counted(false).exit_code())
}

/// The run directory at `path`, when it looks like one.
pub(super) fn open(path: &std::path::Path) -> Result<RunDir, Failure> {
    let dir = RunDir::new(path);
    if dir.plan().is_file() {
        return Ok(dir);
    }
    let found = if path.is_dir() { "a folder without `plan.json`" } else { "no such folder" };
    Err(Failure::usage(miette::miette!(
        help = "name a folder that `firedrill run` wrote, such as runs/20261123-140151-7f3a91",
        "`{}` is not a run directory: found {found}",
        path.display()
    )))
}

/// Verifies a run directory and makes its record.
pub(super) fn judge(dir: &RunDir) -> Result<(Verification, RunRecord), Failure> {
    let unreadable = |error: &(dyn std::error::Error + 'static)| {
        Failure::usage(miette::miette!(
            help = "the run directory was written by another version, or a file of it was altered or cut off",
            "cannot judge `{}`: {}",
            dir.root().display(),
            chain(error)
        ))
    };
    let verification = firedrill_verify::verify(dir).map_err(|error| unreadable(&error))?;
    let record = firedrill_reports::build(dir, &verification).map_err(|error| unreadable(&error))?;
    Ok((verification, record))
}

/// What the verdict does not rest on and a reader should know: what there was nothing to compare with, and what the
/// directory says otherwise. Files that cannot be read at all are findings or errors.
pub(super) fn notes(dir: &RunDir, verification: &Verification) -> Vec<String> {
    #[derive(Deserialize)]
    struct Recorded {
        verdict: Verdict,
    }
    let mut notes = Vec::new();
    if let Ok(None) = dir.read_history_head() {
        let what = if dir.record().is_file() { "run.json does not say" } else { "there is no run.json that says" };
        notes.push(format!("note: {what} how long the history was; one that lost its end would not be noticed"));
    }
    if let Ok(recorded) = read_json::<Recorded>(&dir.record())
        && recorded.verdict != verification.verdict
    {
        let (was, is) = (recorded.verdict.word(), verification.verdict.word());
        notes.push(format!("note: run.json says {was}; judged again it is {is}"));
    }
    if let (Ok(plan), Ok(found)) = (dir.read_plan(), file_sha256(&dir.scenario()))
        && found.as_deref() != Some(plan.scenario.sha256.as_str())
    {
        let what = if found.is_some() { "is not the file that was planned" } else { "is not there" };
        notes.push(format!("note: scenario.yaml {what}: the plan holds the SHA-256 {}", plan.scenario.sha256));
    }
    notes
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::*;
    use crate::{clock::RunClock, run::Journal, scenario, scenario::tests::root};

    /// A run directory that has a plan and an empty history.
    pub(in crate::cli) fn directory(folder: &std::path::Path) -> RunDir {
        let file = root().join("scenarios/order-pipeline-region-loss.yaml");
        let loaded = scenario::load(&file).expect("a scenario");
        let plan = crate::plan::plan(&loaded, &crate::plan::Choices { seed: 0 }).expect("a plan");
        let dir = RunDir::new(folder);
        fs::write(dir.plan(), serde_json::to_string_pretty(&plan).expect("JSON")).expect("written");
        fs::copy(file, dir.scenario()).expect("copied");
        drop(Journal::create(&dir.history(), RunClock::start()).expect("a journal"));
        fs::write(dir.ledger(), "").expect("written");
        dir
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = directory(folder.path());
        let said = || judge(&dir).expect_err("unreadable").report.to_string();
        fs::write(dir.ledger(), "?\n").expect("written");
        assert!(said().contains("ledger.jsonl` line 1 is not what firedrill writes there"), "{}", said());
        fs::remove_file(dir.history()).expect("removed");
        assert!(said().contains("history.jsonl`: No such file"), "{}", said());
        fs::write(dir.plan(), "{\n?").expect("written");
        assert!(said().contains("plan.json` line 2 is not what firedrill writes there"), "{}", said());
    }

    #[test]
    fn a_reader_is_told_what_the_verdict_does_not_rest_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = directory(folder.path());
        let (verification, mut record) = judge(&dir).expect("judged");
        assert_eq!(verification.verdict, Verdict::Inconclusive);
        let noted = || notes(&dir, &verification).join("\n");
        assert!(noted().starts_with("note: there is no run.json") && noted().lines().count() == 1, "{}", noted());

        record.verdict = Verdict::Pass;
        fs::write(dir.record(), serde_json::to_string(&record).expect("JSON")).expect("written");
        assert!(noted().contains("note: run.json says PASS; judged again it is INCONCLUSIVE"), "{}", noted());

        fs::write(dir.scenario(), "scenario: another").expect("written");
        assert!(noted().contains("note: scenario.yaml is not the file that was planned"), "{}", noted());
        fs::remove_file(dir.scenario()).expect("removed");
        assert!(noted().contains("note: scenario.yaml is not there"), "{}", noted());
    }
}
