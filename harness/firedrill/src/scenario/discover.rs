//! Finding scenario files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use miette::Diagnostic;
use thiserror::Error;

/// Folders that are skipped unless a path names them: their scenarios are meant to fail, are not scenarios, or take too long
/// for every change.
pub const SKIPPED: [&str; 3] = ["must-fail", "invalid", "nightly"];

/// Where scenarios are looked for when only names are given.
const HOME: &str = "scenarios";

/// The name of a scenario stands near the top of its file; what is larger is no scenario.
const HEAD: u64 = 64 << 10;

/// Scenarios that cannot be found.
#[derive(Debug, Diagnostic, Error)]
pub enum DiscoverError {
    /// A path cannot be searched.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(help("give the path of a scenario file or of a folder of them"))]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder that is searched when nothing else is said is not there.
    #[error("there is no folder `{HOME}` here")]
    #[diagnostic(help("`firedrill init STACK` writes a first scenario there; or give the path of one"))]
    NoHome,
    /// Nothing was found for some of what was asked for.
    #[error("there is no scenario for `{}`", wanted.join("`, `"))]
    #[diagnostic(help("`firedrill list` shows scenarios; `firedrill init STACK` writes a first one"))]
    Nothing {
        /// What nothing was found for.
        wanted: Vec<String>,
    },
}

/// The scenario files that `words` name: files as they are; every `.yaml` or `.yml` file in and below folders, except
/// in [`SKIPPED`] ones. A word that is neither keeps the files with that word in their name or in that of their scenario,
/// looked for below `scenarios` when no path is given. Sorted, each once, at least one.
pub fn discover(words: &[String]) -> Result<Vec<PathBuf>, DiscoverError> {
    let is_path = |word: &String| Path::new(word).exists() || word.contains('/') || word.contains('.');
    let (paths, filters): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| is_path(word));
    let home = HOME.to_owned();
    let paths = if paths.is_empty() { vec![&home] } else { paths };
    let mut found = BTreeSet::new();
    for path in paths.into_iter().map(PathBuf::from) {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => search(&path, &mut found)?,
            Ok(_) => drop(found.insert(path)),
            Err(source) if source.kind() == io::ErrorKind::NotFound && path == Path::new(HOME) => {
                return Err(DiscoverError::NoHome);
            }
            Err(source) => return Err(DiscoverError::Unreadable { path, source }),
        }
    }
    // What is read here is read again later: a pipe could not be.
    let readable = found.iter().filter(|path| !filters.is_empty() && path.is_file());
    let names: BTreeMap<&PathBuf, String> = readable.filter_map(|path| Some((path, name_in(path)?))).collect();
    let called = |path: &PathBuf, word: &str| {
        let of_file = path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains(word));
        of_file || names.get(path).is_some_and(|name| name.contains(word))
    };
    // A name that no file has is a slip: to leave it out silently would leave a drill out.
    let absent = filters.iter().filter(|word| !found.iter().any(|path| called(path, word)));
    let absent: Vec<String> = absent.map(|word| (*word).clone()).collect();
    if !absent.is_empty() {
        return Err(DiscoverError::Nothing { wanted: absent });
    }
    let wanted = |path: &&PathBuf| filters.is_empty() || filters.iter().any(|word| called(path, word));
    let mut found: BTreeSet<PathBuf> = found.iter().filter(wanted).cloned().collect();
    if found.is_empty() {
        return Err(DiscoverError::Nothing { wanted: words.to_vec() });
    }
    // One file by two paths is one scenario.
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found.into_iter().collect())
}

/// The scenario's own name, as its file says on the first line that does.
fn name_in(path: &Path) -> Option<String> {
    let lines = BufReader::new(fs::File::open(path).ok()?.take(HEAD)).lines();
    let name = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("scenario:")?.to_owned()))?;
    Some(name.split(" #").next().unwrap_or_default().trim().to_owned())
}

fn search(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), DiscoverError> {
    let unreadable = |source| DiscoverError::Unreadable { path: folder.to_owned(), source };
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

    use super::{DiscoverError, discover};

    #[test]
    fn folders_are_searched_and_the_skipped_ones_must_be_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for file in ["b.yaml", "a/c.yml", "a/notes.md", "must-fail/d.yaml", "invalid/e.yaml", "nightly/f.yaml"] {
            fs::create_dir_all(root.join(file).parent().expect("a parent")).expect("created");
            fs::write(root.join(file), "").expect("written");
        }
        let below = |word: &str| root.join(word).display().to_string();
        let names = |words: &[String]| -> Vec<String> {
            let shown = |path: &std::path::PathBuf| path.strip_prefix(root).expect("below").display().to_string();
            discover(words).expect("found").iter().map(shown).collect()
        };
        assert_eq!(names(&[below("")]), ["a/c.yml", "b.yaml"]);
        assert_eq!(names(&[below("must-fail"), below("a/notes.md")]), ["a/notes.md", "must-fail/d.yaml"]);
        assert_eq!(names(&[below(""), "c".to_owned()]), ["a/c.yml"]);
        fs::write(root.join("b.yaml"), "# a comment\nscenario:  orders-elsewhere  # not here\n").expect("written");
        assert_eq!(names(&[below(""), "elsewhere".to_owned()]), ["b.yaml"], "by the name that `list` shows");
        assert!(discover(&[below(""), "not".to_owned()]).is_err(), "a comment is no name");
        assert!(matches!(discover(&[below("absent")]), Err(DiscoverError::Unreadable { .. })));
        assert_eq!(names(&[below("b.yaml"), below("a/../b.yaml")]).len(), 1, "one file by two paths");
        for found in ["b.yaml", ""] {
            let words = [below(found), "b".to_owned(), "absent".to_owned()];
            let error = discover(&words).expect_err("one name is of no file");
            assert_eq!(error.to_string(), "there is no scenario for `absent`");
        }
    }
}
