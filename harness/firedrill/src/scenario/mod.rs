//! Scenario files: text → [`firedrill_model::scenario::Scenario`] and [`firedrill_model::stack::Stack`].
//!
//! A file is read in four passes, and each pass reports everything it finds before the next begins. What is wrong in the stack
//! file, and names that the stack does not have, are reported beside what is wrong in the shape:
//!
//! 1. [`source`]: size, syntax, nesting → a tree of nodes with their positions.
//! 2. [`shape`]: the tree against the JSON Schema of the raw types → unknown keys, absent keys, wrong types, unknown
//!    words, units that cannot be read.
//! 3. [`raw`], [`stack_raw`]: serde fills the raw types. After pass 2 this does not fail.
//! 4. [`meaning`], [`stack`], [`template`]: names are resolved and rules that span keys are checked → validated types.

pub mod choices;
pub mod diagnostics;
pub mod discover;
pub mod key_path;
pub mod meaning;
pub mod names;
pub mod nearest;
pub mod raw;
pub mod reference;
pub mod regions;
pub mod schema;
pub mod shape;
pub mod source;
pub mod stack;
pub mod stack_raw;
pub mod template;
pub mod written;

use std::path::Path;

use firedrill_model::{scenario::Scenario, stack::Stack};

pub use self::{
    diagnostics::{Diagnostics, Problem},
    discover::discover,
    source::{Source, Source as ScenarioSource},
};
use self::{key_path::KeyPath, meaning::Report, raw::RawScenario, shape::Misshapen};

/// A scenario file that can be planned.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The drill.
    pub scenario: Scenario,
    /// The stack it names.
    pub stack: Stack,
    /// The file.
    pub source: ScenarioSource,
}

/// Reads a scenario and the stack it names. Every problem of the pass that failed is in the error.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    understand(Source::read(path)?)
}

/// [`load`] for a file that has been read.
pub fn understand(source: ScenarioSource) -> Result<Loaded, Diagnostics> {
    let misshapen = shape::check(&source, &schema::scenario());
    if !misshapen.is_empty() {
        let more = beside(&source, &misshapen);
        let problems = misshapen.into_iter().map(|one| one.problem).chain(more).collect();
        return Err(Diagnostics { file: source.shown().to_owned(), problems });
    }
    let raw = source.fill()?;
    let (scenario, stack) = resolve(&source, &raw, Report::Everything)?;
    Ok(Loaded { scenario, stack, source })
}

/// What is wrong beside the shape: in the stack file, and with names of its resources. Anything else may only seem wrong as long
/// as values are missing.
fn beside(source: &Source, misshapen: &[Misshapen]) -> Vec<Problem> {
    let paths: Vec<&KeyPath> = misshapen.iter().map(|one| &one.path).collect();
    let given = KeyPath::of(["workload", "parameters"]);
    if paths.iter().any(|path| path.steps().starts_with(given.steps())) {
        return Vec::new();
    }
    let Some(raw) = source.fill_without(&paths) else { return Vec::new() };
    resolve(source, &raw, Report::NamesAlone).err().map(|wrong| wrong.problems).unwrap_or_default()
}

fn resolve(source: &Source, raw: &RawScenario, report: Report) -> Result<(Scenario, Stack), Diagnostics> {
    let stack_path = source.folder().join(&raw.workload.stack);
    if !stack_path.is_file() {
        return Err(meaning::absent_stack(source, &raw.workload.stack).into());
    }
    let stack = stack::load(&stack_path, &source.shown_beside(&raw.workload.stack), &raw.workload.parameters)?;
    let scenario = meaning::scenario(raw, source, &stack, &stack_path, report)?;
    Ok((scenario, stack))
}

#[cfg(test)]
pub(crate) mod tests;
