//! `firedrill check`: reads scenarios and says what is wrong with them. Nothing is run.

use std::path::Path;

use firedrill_model::scenario::Scenario;
use miette::{Report, Severity};

use super::{Failure, failure::exit, screen};
use crate::{
    plan::lint::lint,
    scenario::{self, Problem},
};

/// Which scenarios.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Scenario files or folders; a word that is neither filters by name. `must-fail` and `invalid` must be named
    #[arg(default_value = "scenarios")]
    scenarios: Vec<String>,
}

/// What was found in one file.
#[derive(Debug)]
pub(super) struct Checked {
    /// The scenario, when the file is one.
    pub scenario: Option<Scenario>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// How many problems have this weight.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// Reads and lints one file.
pub(super) fn check(path: &Path) -> Checked {
    match scenario::load(path) {
        Ok(loaded) => Checked { problems: lint(&loaded), scenario: Some(loaded.scenario) },
        Err(diagnostics) => Checked { scenario: None, problems: diagnostics.problems },
    }
}

/// Prints every problem of every file. 0 when none is an error, 64 otherwise.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let files = scenario::discover(&args.scenarios).map_err(Failure::usage)?;
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
