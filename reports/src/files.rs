//! Writing a file whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::ReportError;

/// Writes `text` beside `path` and renames it over `path`, so that a reader never sees half a file and a full disk never
/// costs the file that was there before.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = write_synced(&part, text).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        drop(fs::remove_file(&part));
        ReportError::Write { path: path.display().to_string(), source }
    })
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        replace(&path, "old").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace(&folder.path().join("gone/run.json"), "x").unwrap_err();
        assert!(error.to_string().contains("gone/run.json"), "{error}");
    }
}
