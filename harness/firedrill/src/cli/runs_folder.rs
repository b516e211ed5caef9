//! The folder of run directories, `--out`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Failure;

/// Everything in the folder, in the order of its names: that of time, since run ids begin with the UTC start.
pub(super) fn entries(out: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listed = || -> io::Result<Vec<PathBuf>> { fs::read_dir(out)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = listed().map_err(|error| {
        Failure::usage(miette::miette!(
            help = "name the folder with --out",
            "cannot read the folder of runs `{}`: {error}",
            out.display()
        ))
    })?;
    paths.sort();
    Ok(paths)
}
