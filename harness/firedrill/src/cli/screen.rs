//! The only writer to stdout and stderr: data goes to the first, everything else to the second.

use std::io::{self, Write};

/// Writes `text` and a line feed to stdout. A reader that went away (`| head`) is not an error.
pub(super) fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()));
}

/// Columns of the terminal that stdout is; `None` when it is none.
pub(super) fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// Writes a report to stderr: what was wrong, what was found, what to do next.
pub(super) fn error(report: &miette::Report) {
    drop(writeln!(io::stderr().lock(), "{report:?}"));
}

/// Writes one line for people to stderr.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
