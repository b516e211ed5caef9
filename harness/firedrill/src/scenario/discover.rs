//! Finding scenario files.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Folders that are skipped unless a path names them: their scenarios are meant to fail or are not scenarios.
pub const SKIPPED: [&str; 2] = ["must-fail", "invalid"];

/// A path that cannot be searched.
#[derive(Debug, Error)]
#[error("cannot read `{}`", path.display())]
pub struct DiscoverError {
    /// The path.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The scenario files that `paths` name: files as they are, and every `.yaml` or `.yml` file in and below folders,
/// except in [`SKIPPED`] ones. Sorted, each once.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DiscoverError> {
    let mut found = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            search(path, &mut found)?;
        } else if let Err(source) = fs::metadata(path) {
            return Err(DiscoverError { path: path.clone(), source });
        } else {
            found.insert(path.clone());
        }
    }
    Ok(found.into_iter().collect())
}

fn search(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), DiscoverError> {
    let unreadable = |source| DiscoverError { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        // Links to folders are not followed, so that a loop ends.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                search(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::discover;

    #[test]
    fn folders_are_searched_and_the_skipped_ones_must_be_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for file in ["b.yaml", "a/c.yml", "a/notes.md", "must-fail/d.yaml", "invalid/e.yaml"] {
            fs::create_dir_all(root.join(file).parent().expect("a parent")).expect("created");
            fs::write(root.join(file), "").expect("written");
        }
        let names = |paths: &[std::path::PathBuf]| -> Vec<String> {
            let shown = |path: &std::path::PathBuf| path.strip_prefix(root).expect("below").display().to_string();
            discover(paths).expect("found").iter().map(shown).collect()
        };
        assert_eq!(names(&[root.to_owned()]), ["a/c.yml", "b.yaml"]);
        assert_eq!(names(&[root.join("must-fail"), root.join("a/notes.md")]), ["a/notes.md", "must-fail/d.yaml"]);
        assert!(discover(&[root.join("absent")]).is_err());
    }
}
