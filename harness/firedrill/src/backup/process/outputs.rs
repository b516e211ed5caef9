//! The file `FIREDRILL_OUTPUT`, by which a program hands values to later steps.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::failed;
use crate::{
    backup::BackupError,
    redact::{is_secret_name, redact_value},
};

/// Size of `FIREDRILL_OUTPUT` that is read.
const BYTES_MAX: u64 = 64 << 10;

/// Values by name.
pub(crate) type Outputs = BTreeMap<String, String>;

/// The file of one program: outside the evidence, in a folder that only its owner can look into, and gone with this value.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    /// Length when it was last looked at.
    seen: u64,
    _folder: TempDir,
}

impl OutputFile {
    pub(super) fn create() -> Result<Self, BackupError> {
        let folder = tempfile::Builder::new()
            .prefix("firedrill-outputs-")
            .tempdir()
            .map_err(|error| BackupError::file(&std::env::temp_dir(), error))?;
        let path = folder.path().join("outputs");
        fs::write(&path, b"").map_err(|error| BackupError::file(&path, error))?;
        Ok(Self { path, seen: 0, _folder: folder })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Secret values of the whole lines that are there, when the file has changed since the last look.
    pub(super) fn fresh_secrets(&mut self) -> Vec<String> {
        let length = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if length == self.seen {
            return Vec::new();
        }
        self.seen = length;
        let text = self.text().unwrap_or_default();
        // A last line without its end is still being written: half a value is none.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(named).filter_map(secret).collect()
    }

    /// Secret values of every line, whether or not all of them are as they must be.
    pub(super) fn secrets(&self) -> Vec<String> {
        self.text().unwrap_or_default().lines().filter_map(named).filter_map(secret).collect()
    }

    /// What the program wrote.
    pub(super) fn read(&self, program: &str) -> Result<Outputs, BackupError> {
        let text = self.text().map_err(|error| BackupError::file(&self.path, error))?;
        if text.len() as u64 > BYTES_MAX {
            return Err(failed(program, format!("wrote more than {BYTES_MAX} bytes of outputs")));
        }
        parse(&text).map_err(|line| failed(program, format!("wrote outputs of which line {line} is not NAME=value")))
    }

    /// At most one byte more than may be there.
    fn text(&self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The secret values among `outputs`.
pub(super) fn secrets(outputs: &Outputs) -> Vec<String> {
    outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter_map(secret).collect()
}

/// `outputs` as they may be written down: no value of a secret's name, and no secret within another value.
pub(crate) fn for_the_record(outputs: &Outputs) -> Outputs {
    let known = secrets(outputs);
    outputs.iter().map(|(name, value)| (name.clone(), redact_value(name, value, &known))).collect()
}

fn secret((name, value): (&str, &str)) -> Option<String> {
    (is_secret_name(name) && !value.is_empty()).then(|| value.to_owned())
}

/// Reads `NAME=value` lines; the number of the first one that is not is the error. Its text is not: it may be the second
/// line of a secret.
fn parse(text: &str) -> Result<Outputs, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| named(line).map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or(at + 1)).collect()
}

fn named(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let first = name.chars().next()?;
    let good = (first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !value.contains(['\0', '\r']);
    good.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::REDACTED;

    #[test]
    fn outputs_are_names_and_values() {
        let good = parse("VAULT=abc\n\nENTRIES=12=13\r\n").unwrap();
        assert_eq!(good["ENTRIES"], "12=13");
        assert_eq!(good["VAULT"], "abc");
        for bad in ["no value", "1ST=x", "=x", "A B=x", "A=b\rc"] {
            assert_eq!(parse(&format!("A=b\n\n{bad}")), Err(3), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_known_as_soon_as_its_line_is_whole() {
        let mut file = OutputFile::create().unwrap();
        assert_eq!(file.fresh_secrets(), [""; 0]);
        fs::write(file.path(), "ENTRIES=1\nDB_PASSWORD=hun").unwrap();
        assert_eq!(file.fresh_secrets(), [""; 0]);
        assert_eq!(file.secrets(), ["hun"], "nothing more comes when the program has ended");
        fs::write(file.path(), "ENTRIES=1\nDB_PASSWORD=hunter2\n").unwrap();
        assert_eq!(file.fresh_secrets(), ["hunter2"]);
        let folder = file.path().parent().unwrap().to_owned();
        drop(file);
        assert!(!folder.exists());
    }

    #[test]
    fn too_many_outputs_are_refused() {
        let file = OutputFile::create().unwrap();
        fs::write(file.path(), "A=b\n".repeat(20_000)).unwrap();
        let error = file.read("backup.sh").unwrap_err().to_string();
        assert_eq!(error, "`backup.sh` wrote more than 65536 bytes of outputs");
    }

    #[test]
    fn what_is_written_down_holds_no_secret() {
        let outputs = parse("ENTRIES=12\nVAULT_TOKEN=t0k\nHINT=use t0k\nDB=postgres://me:pw@host/orders").unwrap();
        let written = for_the_record(&outputs);
        assert_eq!(written["ENTRIES"], "12");
        assert_eq!(written["VAULT_TOKEN"], REDACTED);
        assert_eq!(written["HINT"], format!("use {REDACTED}"));
        assert_eq!(written["DB"], format!("postgres://{REDACTED}@host/orders"));
    }
}
