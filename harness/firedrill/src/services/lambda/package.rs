//! A function's code as a zip archive.

use std::{
    fs, io,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::services::ServiceError;

/// Folders that hold no source.
const LEFT_OUT: [&str; 2] = ["__pycache__", ".git"];

/// Packs a folder, the same bytes for the same files: names sorted, times and permissions fixed, no compiled Python.
pub fn package(folder: &Path) -> Result<Bytes, ServiceError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source: io::Error| ServiceError::File { path, source }
    };
    let mut names = Vec::new();
    collect(folder, Path::new(""), &mut names).map_err(failed(folder))?;
    names.sort();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for name in &names {
        let path = folder.join(name);
        let content = fs::read(&path).map_err(failed(&path))?;
        add(&mut archive, &slashed(name), &content).map_err(failed(&path))?;
    }
    let packed = archive.finish().map_err(into_io).map_err(failed(folder))?;
    Ok(Bytes::from(packed.into_inner()))
}

/// Packs one file.
pub fn archive(name: &str, content: &[u8]) -> Result<Bytes, ServiceError> {
    let failed = |source: io::Error| ServiceError::File { path: name.to_owned(), source };
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut archive, name, content).map_err(failed)?;
    let packed = archive.finish().map_err(into_io).map_err(failed)?;
    Ok(Bytes::from(packed.into_inner()))
}

fn add(archive: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, content: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    archive.start_file(name, options).map_err(into_io)?;
    archive.write_all(content)
}

/// Collects the names of all files below `folder/within`, relative to `folder`.
fn collect(folder: &Path, within: &Path, names: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(within))? {
        let entry = entry?;
        let name = within.join(entry.file_name());
        if LEFT_OUT.iter().any(|left_out| entry.file_name() == *left_out) {
            continue;
        }
        if entry.path().is_dir() {
            collect(folder, &name, names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// A name as archives hold it.
fn slashed(name: &Path) -> String {
    name.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn into_io(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn the_same_files_give_the_same_bytes_whatever_was_written_first() {
        let one = folder_with(&[("app.py", "a"), ("lib/x.py", "b"), ("__pycache__/app.pyc", "compiled")]);
        let other = folder_with(&[("lib/x.py", "b"), ("app.py", "a")]);
        assert_eq!(package(one.path()).unwrap(), package(other.path()).unwrap());
    }

    #[test]
    fn another_byte_gives_another_archive() {
        let one = package(folder_with(&[("app.py", "a")]).path()).unwrap();
        assert_ne!(one, package(folder_with(&[("app.py", "b")]).path()).unwrap());
        assert_ne!(one, package(folder_with(&[("app2.py", "a")]).path()).unwrap());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = package(Path::new("no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "cannot use `no/such/folder`");
    }
}
