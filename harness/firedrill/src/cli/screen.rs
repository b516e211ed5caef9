//! The only writer to stdout. Data goes there; logs and errors go to stderr.

use std::io::{self, Write};

/// Writes `text` and a line feed. A reader that went away (`| head`) is not an error.
pub fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()));
}
