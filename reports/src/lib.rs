//! What people and machines read after a run: the run record and its renderings.
//!
//! [`build`] turns a run directory and its [`Verification`] into a [`RunRecord`]; every rendering is a pure function of
//! that record, so that an old `run.json` can be rendered again without the run. [`write`] does both and saves the files.

mod build;
mod chronicle;
mod diff;
mod files;
mod html;
mod junit;
mod limitation;
mod markdown;
mod record;
mod schema;
mod seed;
mod summary;
mod terminal;
mod timeline;
mod words;

use firedrill_model::{
    run_dir::{RunDir, RunDirError},
    verification::Verification,
};
use thiserror::Error;

pub use self::{
    build::build, diff::diff, html::html, junit::junit, limitation::limitation, markdown::markdown, record::*,
    schema::run_schema, terminal::terminal,
};

/// Name of the page in a run directory.
pub const HTML_FILE: &str = "report.html";
/// Name of the Markdown summary in a run directory.
pub const MARKDOWN_FILE: &str = "summary.md";
/// Name of the `JUnit` file in a run directory.
pub const JUNIT_FILE: &str = "junit.xml";

/// Why a report could not be written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The plan, the history or the ledger cannot be read.
    #[error("the run directory cannot be reported on")]
    RunDir(#[from] RunDirError),
    /// A file could not be written; the one that was there before is untouched.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The page could not be rendered: a defect of firedrill.
    #[error("the page could not be rendered")]
    Html(#[from] minijinja::Error),
    /// `JUnit` could not be rendered: a defect of firedrill.
    #[error("the JUnit file could not be rendered")]
    Junit(#[from] quick_junit::SerializeError),
    /// The record could not be written as JSON: a defect of firedrill.
    #[error("the run record could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Builds the record of the run and writes `run.json`, `report.html`, `summary.md` and `junit.xml` into its directory.
/// Each file appears whole or not at all.
pub fn write(dir: &RunDir, verification: &Verification) -> Result<RunRecord, ReportError> {
    let record = build(dir, verification)?;
    let mut json = serde_json::to_string_pretty(&record)?;
    json.push('\n');
    files::replace(&dir.record(), &json)?;
    files::replace(&dir.root().join(HTML_FILE), &html(&record)?)?;
    files::replace(&dir.root().join(MARKDOWN_FILE), &markdown(&record))?;
    files::replace(&dir.root().join(JUNIT_FILE), &junit(&record)?)?;
    Ok(record)
}
