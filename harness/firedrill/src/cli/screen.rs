//! The only writer to stdout and stderr: data goes to the first, everything else to the second.

use std::{
    io::{self, Write},
    sync::Mutex,
};

use miette::Report;

use crate::scenario::{Diagnostics, Problem};

/// The first error of writing to stdout. Kept until the command has ended: a drill is not given up halfway for it.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes `text` and a line feed to stdout.
pub(super) fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    remember(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()));
}

/// Columns of the terminal that stdout is; `None` when it is none.
pub(super) fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// Keeps what went wrong with stdout for [`unwritten`]. A reader that went away (`| head`) is not an error.
pub(super) fn remember(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut first) = UNWRITTEN.lock()
    {
        first.get_or_insert(error);
    }
}

/// The first error of writing to stdout since the program began.
pub(super) fn unwritten() -> Option<io::Error> {
    UNWRITTEN.lock().ok()?.take()
}

/// A problem of a file as `check` shows it.
pub(super) fn shown(problem: Problem) -> String {
    format!("{:?}", Report::new(problem))
}

/// Writes a report to stderr: what was wrong, what was found, what to do next. Of a file that cannot be used these are
/// its problems.
pub(super) fn error(report: &Report) {
    match report.downcast_ref::<Diagnostics>() {
        Some(diagnostics) => diagnostics.problems.iter().for_each(|problem| note(&shown(problem.clone()))),
        None => note(&format!("{report:?}")),
    }
}

/// Writes one line for people to stderr.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
