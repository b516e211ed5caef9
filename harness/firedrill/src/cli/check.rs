//! `firedrill check`: reads scenarios and says what is wrong with them. Nothing is run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use miette::Severity;

use super::{Failure, failure::exit, screen};
use crate::{
    plan::lint::lint,
    scenario::{self, Loaded, Problem, key_path::KeyPath},
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
    /// The file, as it was found.
    pub path: PathBuf,
    /// The scenario, when the file is one.
    pub loaded: Option<Loaded>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// How many problems have this weight.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// Whether a drill can be made of it.
    pub(super) fn is_usable(&self) -> bool {
        self.loaded.is_some() && self.count(Severity::Error) == 0
    }
}

/// Reads and lints one file.
pub(super) fn check(path: &Path) -> Checked {
    let path = path.to_owned();
    match scenario::load(&path) {
        Ok(loaded) => Checked { path, problems: lint(&loaded), loaded: Some(loaded) },
        Err(diagnostics) => Checked { path, loaded: None, problems: diagnostics.problems },
    }
}

/// Reads and lints every file that `words` name. A name belongs to one of them: reports and vaults are told apart by it.
pub(super) fn check_all(words: &[String]) -> Result<Vec<Checked>, Failure> {
    let mut files: Vec<Checked> =
        scenario::discover(words).map_err(Failure::usage)?.iter().map(|path| check(path)).collect();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for file in &mut files {
        let Some(Loaded { scenario, source, .. }) = &file.loaded else { continue };
        if let Some(owner) = owners.get(&scenario.name) {
            let problem = source.error(format!("`{owner}` is called `{}` too", scenario.name));
            let problem = problem.at(source.place(&KeyPath::of(["scenario"])), "the same name");
            file.problems.push(problem.help("names are unique in a project: choose another"));
        } else {
            owners.insert(scenario.name.clone(), source.shown().to_owned());
        }
    }
    Ok(files)
}

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Prints every problem of every file. 0 when none is an error, 64 otherwise.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let files = check_all(&args.scenarios)?;
    let all = |severity| files.iter().map(|file| file.count(severity)).sum::<usize>();
    let (errors, warnings) = (all(Severity::Error), all(Severity::Warning));
    let end = format!(
        "{} checked: {}, {}",
        counted(files.len(), "scenario"),
        counted(errors, "error"),
        counted(warnings, "warning")
    );
    for problem in files.into_iter().flat_map(|file| file.problems) {
        screen::line(screen::shown(problem));
    }
    screen::line(end);
    Ok(if errors == 0 { 0 } else { exit::USAGE })
}
