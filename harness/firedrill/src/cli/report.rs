//! `firedrill report RUN_DIR`: judges a run again and writes its reports anew.

use std::path::PathBuf;

use super::{Failure, screen, verify};
use crate::run::chain;

/// Write the reports of a run again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run directory
    run_dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let dir = verify::open(&args.run_dir)?;
    let (verification, _) = verify::judge(&dir)?;
    // Before the record that they speak of is written anew.
    for note in verify::notes(&dir, &verification) {
        screen::note(&note);
    }
    firedrill_reports::write(&dir, &verification).map_err(|error| {
        Failure::internal(miette::miette!("cannot write the reports of `{}`: {}", dir.root().display(), chain(&error)))
    })?;
    for name in ["report.html", "summary.md", "junit.xml", "run.json"] {
        screen::line(dir.root().join(name).display().to_string());
    }
    Ok(verification.counted(false).exit_code())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_report_that_cannot_be_written_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = verify::tests::directory(folder.path());
        fs::create_dir_all(dir.root().join("report.html/in-the-way")).expect("created");
        let failure = run(&Args { run_dir: folder.path().to_owned() }).expect_err("unwritable");
        let said = failure.report.to_string();
        assert!(said.contains("report.html`: ") && said.contains("directory (os error"), "{said}");
    }
}
