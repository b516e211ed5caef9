//! What a program prints, on its way to `steps/<name>.log`: line by line as it comes, without secrets, bounded.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
};

use crate::{
    backup::BackupError,
    redact::{Lines, hide},
};

/// Size of a log. Of a longer output the first and the last half of this are kept.
pub(super) const LOG_BYTES_MAX: usize = 1 << 20;

/// Of one line, this much is kept.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The end of a line that was cut off may be half a secret, which nothing can recognise: so much of it goes too, at least.
const CUT_END_BYTES: usize = 4 << 10;

/// Where something was printed. Lines of the two are not mixed, however they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    Out,
    Err,
}

/// A log that is being written. All text in it is without the secrets that were known when it came.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    out: Unfinished,
    err: Unfinished,
    known: Vec<String>,
    head: String,
    tail: String,
    /// Bytes between head and tail that are gone.
    dropped: usize,
    failed: Option<io::Error>,
}

/// A line that has not ended, and what is known of the ones before it.
#[derive(Debug, Default)]
struct Unfinished {
    bytes: Vec<u8>,
    /// Bytes of this line beyond its limit.
    beyond: usize,
    lines: Lines,
}

impl Log {
    /// Creates `<name>.log` in `folder`, or `<name>-2.log` when that is there: a step that is run again leaves a log each time.
    pub(super) fn create(folder: &Path, name: &str, known: Vec<String>) -> Result<Self, BackupError> {
        let mut number = 1;
        let (path, file) = loop {
            let path = folder.join(if number == 1 { format!("{name}.log") } else { format!("{name}-{number}.log") });
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(BackupError::file(&path, error)),
            }
        };
        let mut log = Self {
            path,
            file,
            out: Unfinished::default(),
            err: Unfinished::default(),
            known: Vec::new(),
            head: String::new(),
            tail: String::new(),
            dropped: 0,
            failed: None,
        };
        log.know(known);
        Ok(log)
    }

    /// Adds values that are secret whatever they look like.
    pub(super) fn know(&mut self, secrets: Vec<String>) {
        self.known.extend(secrets);
        // One secret may be the beginning of another.
        self.known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.known.dedup();
    }

    /// Takes what was printed; whole lines of it are in the file when this returns.
    pub(super) fn take(&mut self, printed: Printed, bytes: &[u8]) {
        let mut fresh = String::new();
        // A carriage return ends a line too: some programs print their progress over itself.
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = self.unfinished(printed);
            let room = LINE_BYTES_MAX.saturating_sub(line.bytes.len()).min(piece.len());
            line.bytes.extend_from_slice(&piece[..room]);
            line.beyond += piece.len() - room;
            if piece.ends_with(b"\n") || piece.ends_with(b"\r") {
                let line = self.line(printed);
                if self.keep(&line) {
                    fresh.push_str(&line);
                }
            }
        }
        self.write(&fresh);
    }

    /// Ends the log. `secrets` are what turned out to be secret since: they are taken out of what is already there.
    /// Returns all of the log.
    pub(super) fn finish(mut self, secrets: Vec<String>) -> Result<String, BackupError> {
        self.know(secrets);
        let mut fresh = String::new();
        for printed in [Printed::Out, Printed::Err] {
            let line = self.line(printed);
            if self.keep(&line) {
                fresh.push_str(&line);
            }
        }
        self.write(&fresh);
        if self.dropped > 0 || self.head.len() + self.tail.len() > LOG_BYTES_MAX {
            self.shorten();
        }
        let left_out = if self.dropped == 0 { String::new() } else { format!("[{} bytes left out]\n", self.dropped) };
        let text = format!("{}{left_out}{}", self.head, self.tail);
        let clean = hide(&text, &self.known);
        let written = match self.failed.take() {
            Some(error) => Err(error),
            None if self.dropped == 0 && clean == text => Ok(()),
            None => replace(&self.path, &clean),
        };
        written.map_err(|error| BackupError::file(&self.path, error))?;
        Ok(clean)
    }

    fn unfinished(&mut self, printed: Printed) -> &mut Unfinished {
        match printed {
            Printed::Out => &mut self.out,
            Printed::Err => &mut self.err,
        }
    }

    /// The line that has ended, without secrets and with its end.
    fn line(&mut self, printed: Printed) -> String {
        let cut_end = self.known.first().map_or(0, String::len).max(CUT_END_BYTES);
        let known = mem::take(&mut self.known);
        let unfinished = self.unfinished(printed);
        let (bytes, beyond) = (mem::take(&mut unfinished.bytes), mem::take(&mut unfinished.beyond));
        let raw = String::from_utf8_lossy(&bytes);
        let body = raw.trim_end_matches(['\n', '\r']);
        let end = &raw[body.len()..];
        let mut line = if raw.is_empty() { String::new() } else { unfinished.lines.redact(body, &known) };
        self.known = known;
        if beyond > 0 {
            line.truncate(line.floor_char_boundary(line.len().saturating_sub(cut_end)));
            line.push_str(" [the rest of this line is left out]\n");
        } else if end.is_empty() && !line.is_empty() {
            line.push('\n');
        } else {
            line.push_str(end);
        }
        line
    }

    /// Adds a line to what is kept; true when it belongs into the file at once.
    fn keep(&mut self, line: &str) -> bool {
        let half = LOG_BYTES_MAX / 2;
        if self.tail.is_empty() && self.head.len() + line.len() <= half {
            self.head.push_str(line);
        } else {
            self.tail.push_str(line);
        }
        let fits = self.dropped == 0 && self.head.len() + self.tail.len() <= LOG_BYTES_MAX;
        // Drained in large steps, so that a chatty program does not cost a copy a line.
        if self.tail.len() > 2 * half {
            self.shorten();
        }
        fits
    }

    /// Leaves the last half, from the beginning of a line on: half a line could hold half a secret.
    fn shorten(&mut self) {
        let excess = self.tail.len().saturating_sub(LOG_BYTES_MAX / 2);
        let end = self.tail.as_bytes()[excess..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let cut = end.map_or(self.tail.len(), |end| excess + end + 1);
        self.tail.drain(..cut);
        self.dropped += cut;
    }

    /// A log that cannot be written does not keep the program from printing; the error is told at the end.
    fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(text.as_bytes()).err();
        }
    }
}

/// Puts `text` in the place of a file, which is at no time half written.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(path.parent().unwrap_or(path))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::redact::REDACTED;

    fn log(folder: &Path, known: &[&str]) -> Log {
        Log::create(folder, "step", known.iter().map(ToString::to_string).collect()).unwrap()
    }

    fn written(folder: &Path) -> String {
        fs::read_to_string(folder.join("step.log")).unwrap()
    }

    #[test]
    fn lines_are_in_the_file_as_they_come_and_never_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), &[]);
        log.take(Printed::Out, b"one\ntw");
        log.take(Printed::Err, b"warning\n");
        assert_eq!(written(folder.path()), "one\nwarning\n");
        log.take(Printed::Out, b"o\n50 %\r100 %");
        assert_eq!(written(folder.path()), "one\nwarning\ntwo\n50 %\r");
        let all = log.finish(Vec::new()).unwrap();
        assert_eq!(all, "one\nwarning\ntwo\n50 %\r100 %\n");
        assert_eq!(written(folder.path()), all);
    }

    #[test]
    fn a_known_secret_never_reaches_the_file_however_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), &["s3k", "s3kr1t!"]);
        log.take(Printed::Out, b"it is s3k");
        log.take(Printed::Err, b"meanwhile\n");
        log.take(Printed::Out, b"r1t! now\n");
        assert_eq!(written(folder.path()), format!("meanwhile\nit is {REDACTED} now\n"));
        log.finish(Vec::new()).unwrap();
    }

    #[test]
    fn what_turns_out_to_be_a_secret_is_taken_out_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), &[]);
        log.take(Printed::Out, b"made hunter2\n");
        let all = log.finish(vec!["hunter2".to_owned()]).unwrap();
        assert_eq!(all, format!("made {REDACTED}\n"));
        assert_eq!(written(folder.path()), all);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_private_key_is_taken_out_over_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), &[]);
        log.take(Printed::Out, b"-----BEGIN PRIVATE KEY-----\nMII");
        log.take(Printed::Out, b"E\n-----END PRIVATE KEY-----\nafter\n");
        assert_eq!(log.finish(Vec::new()).unwrap(), format!("{REDACTED}\n{REDACTED}\n{REDACTED}\nafter\n"));
    }

    #[test]
    fn a_long_output_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), &[]);
        let line = format!("{}\n", "x".repeat(999));
        log.take(Printed::Out, b"first\n");
        for _ in 0..5000 {
            log.take(Printed::Out, line.as_bytes());
            assert!(log.head.len() + log.tail.len() <= 2 * LOG_BYTES_MAX);
        }
        assert!(written(folder.path()).len() <= LOG_BYTES_MAX, "bounded before its end too");
        log.take(Printed::Out, b"last");
        let all = log.finish(Vec::new()).unwrap();
        assert_eq!(written(folder.path()), all);
        assert!(all.starts_with("first\n") && all.ends_with("\nlast\n"));
        let (before, after) = all.split_once(" bytes left out]\n").unwrap();
        let (before, left_out) = before.rsplit_once('[').unwrap();
        let kept = before.len() + after.len();
        assert!(kept > LOG_BYTES_MAX - 3000 && kept <= LOG_BYTES_MAX, "{kept}");
        assert_eq!(kept + left_out.parse::<usize>().unwrap(), 6 + 5 + 5000 * 1000, "every byte is accounted for");
    }

    #[test]
    fn a_line_that_is_cut_off_does_not_show_half_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secret = "s3kr1t".repeat(10);
        let mut log = log(folder.path(), &[&secret]);
        log.take(Printed::Out, "x".repeat(LINE_BYTES_MAX - 30).as_bytes());
        log.take(Printed::Out, format!("{secret}{}\nnext\n", "y".repeat(LINE_BYTES_MAX)).as_bytes());
        let all = log.finish(Vec::new()).unwrap();
        assert!(all.ends_with("x [the rest of this line is left out]\nnext\n") && !all.contains("s3k"));
        assert!(all.len() < LINE_BYTES_MAX);
    }

    #[test]
    fn a_step_that_is_run_again_leaves_a_log_each_time() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut log = log(folder.path(), &[]);
            log.take(Printed::Out, text.as_bytes());
            log.finish(Vec::new()).unwrap();
        }
        assert_eq!(written(folder.path()), "first\n");
        assert_eq!(fs::read_to_string(folder.path().join("step-2.log")).unwrap(), "second\n");
    }
}
