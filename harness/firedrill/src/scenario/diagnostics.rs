//! Problems of a file that a user wrote, each with its position.

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use thiserror::Error;

/// A file with a longer line, in bytes, is not shown: its place is named in words.
const LINE_MAX: usize = 400;

/// Characters of such a line that are shown.
const EXCERPT: usize = 40;

/// One problem: what is wrong, where, what was found there and what to do next.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong: a lowercase sentence.
    pub message: String,
    /// An error stops the file from being used, a warning does not, advice is worth knowing.
    pub severity: Severity,
    /// Positions in the file (bytes) and what was found there; the first is the place of the problem.
    pub labels: Vec<(Range<usize>, String)>,
    /// What to do next.
    pub help: Option<String>,
    source: Arc<NamedSource<String>>,
}

impl Problem {
    /// An error in `source`.
    pub fn error(source: &Arc<NamedSource<String>>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            severity: Severity::Error,
            labels: Vec::new(),
            help: None,
            source: Arc::clone(source),
        }
    }

    /// The same problem with another weight.
    #[must_use]
    pub fn weighing(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Points at a position; nothing is added when it is not known.
    #[must_use]
    pub fn at(mut self, place: Option<Range<usize>>, found: impl Into<String>) -> Self {
        if let Some(place) = place {
            self.labels.push((place, found.into()));
        }
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Line and column, counted from 1, of the first label.
    pub fn position(&self) -> Option<(usize, usize)> {
        let (place, _) = self.labels.first()?;
        let before = self.source.inner().get(..place.start)?;
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

impl Problem {
    /// Whether the file can be shown around the problem.
    fn is_shown(&self) -> bool {
        !self.labels.is_empty() && self.source.inner().lines().all(|line| line.len() <= LINE_MAX)
    }

    /// ` (at line 3, column 12: `[[[[…`)`, for a file whose lines are too long to be shown.
    fn place_in_words(&self) -> Option<String> {
        let (line, column) = self.position().filter(|_| !self.is_shown())?;
        let (place, _) = self.labels.first()?;
        let rest = self.source.inner().get(place.start..)?.lines().next().unwrap_or_default();
        let excerpt: String = rest.chars().take(EXCERPT).collect();
        let more = if rest.chars().nth(EXCERPT).is_some() { "…" } else { "" };
        Some(format!(" (at line {line}, column {column}: `{excerpt}{more}`)"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.message, self.place_in_words().unwrap_or_default())
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.is_shown().then_some(&*self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().enumerate().map(|(position, (place, found))| {
            let text = (!found.is_empty()).then(|| found.clone());
            if position == 0 {
                LabeledSpan::new_primary_with_span(text, place.clone())
            } else {
                LabeledSpan::new_with_span(text, place.clone())
            }
        });
        Some(Box::new(labels))
    }
}

/// Everything that is wrong with a file. Never empty.
#[derive(Clone, Debug, Error)]
#[error("cannot use `{file}`: {}", count(problems))]
pub struct Diagnostics {
    /// The file that was asked for.
    pub file: String,
    /// The problems, in the order of the passes that found them.
    pub problems: Vec<Problem>,
}

fn count(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") }
}

impl Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

impl From<Problem> for Diagnostics {
    fn from(problem: Problem) -> Self {
        Self { file: problem.source.name().to_owned(), problems: vec![problem] }
    }
}

impl Diagnostics {
    /// `Ok` when there is nothing to report.
    pub fn unless_empty(file: &str, problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { file: file.to_owned(), problems }) }
    }
}
