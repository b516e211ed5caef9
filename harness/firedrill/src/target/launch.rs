//! What starting a target needs from the machine: firedrill's own program and the cache folder.

use std::{
    env, io,
    path::{Path, PathBuf},
};

/// Where firedrill's program and its cache are. Made once by the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The firedrill program: it is started again as the supervisor.
    pub program: PathBuf,
    /// Folder of installed emulators.
    pub cache: PathBuf,
}

impl Launch {
    /// The running program, and the cache folder by `FIREDRILL_CACHE`, else `XDG_CACHE_HOME`, else the home folder.
    pub fn here() -> io::Result<Self> {
        Ok(Self { program: env::current_exe()?, cache: cache_folder()? })
    }
}

/// The folder of installed emulators that the environment names.
pub fn cache_folder() -> io::Result<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    choose(folder("FIREDRILL_CACHE"), folder("XDG_CACHE_HOME"), folder("HOME")).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "none of FIREDRILL_CACHE, XDG_CACHE_HOME and HOME is set")
    })
}

/// XDG base directories that are not absolute must be ignored.
fn choose(own: Option<PathBuf>, xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    own.map(|folder| std::path::absolute(&folder).unwrap_or(folder))
        .or_else(|| xdg.filter(|folder| folder.is_absolute()).map(|folder| folder.join("firedrill")))
        .or_else(|| home.map(|home| home.join(Path::new(".cache/firedrill"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_the_environment() {
        let path = |text: &str| Some(PathBuf::from(text));
        let cases = [
            (path("/own"), path("/xdg"), path("/home/a"), path("/own")),
            (None, path("/xdg"), path("/home/a"), path("/xdg/firedrill")),
            (None, path("relative"), path("/home/a"), path("/home/a/.cache/firedrill")),
            (None, None, path("/home/a"), path("/home/a/.cache/firedrill")),
            (None, None, None, None),
        ];
        for (own, xdg, home, expected) in cases {
            assert_eq!(choose(own, xdg, home), expected);
        }
    }
}
