//! `firedrill check`: reads scenarios and says what is wrong with them. Nothing is run.

use std::path::{Path, PathBuf};

use firedrill_model::scenario::Scenario;
use miette::{Report, Severity, miette};

use super::{Failure, failure::exit, screen};
use crate::{
    plan::lint::lint,
    scenario::{self, Problem},
};

/// Which scenarios.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Scenario files, or folders of them. `must-fail` and `invalid` folders must be named.
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
}

/// What was found in one file.
#[derive(Debug)]
pub struct Checked {
    /// The scenario, when the file is one.
    pub scenario: Option<Scenario>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// How many problems have this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// Reads and lints one file.
pub fn check(path: &Path) -> Checked {
    match scenario::load(path) {
        Ok((scenario, stack, source)) => {
            let problems = lint(&scenario, &stack, &source);
            Checked { scenario: Some(scenario), problems }
        }
        Err(diagnostics) => Checked { scenario: None, problems: diagnostics.problems },
    }
}

/// The scenario files below `paths`; finding none is bad usage.
pub fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let files = scenario::discover(paths).map_err(|error| Failure::usage(Report::from_err(error)))?;
    if files.is_empty() {
        let searched: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(Failure::usage(miette!(
            help = "name a file, or write a first one with `firedrill init STACK`",
            "there is no scenario in {}",
            searched.join(", ")
        )));
    }
    Ok(files)
}

/// Prints every problem of every file. 0 when none is an error, 64 otherwise.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub async fn run(args: Args) -> Result<u8, Failure> {
    let files = found(&args.paths)?;
    let (mut errors, mut warnings) = (0, 0);
    for file in &files {
        let checked = check(file);
        errors += checked.count(Severity::Error);
        warnings += checked.count(Severity::Warning);
        for problem in checked.problems {
            screen::line(format!("{:?}", Report::new(problem)));
        }
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    screen::line(format!(
        "{} scenario{} checked: {errors} error{}, {warnings} warning{}",
        files.len(),
        plural(files.len()),
        plural(errors),
        plural(warnings)
    ));
    Ok(if errors == 0 { 0 } else { exit::USAGE })
}
