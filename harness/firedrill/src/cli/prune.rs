//! `firedrill prune`: removes old run directories.

use std::{fs, path::PathBuf};

use firedrill_model::run_dir::RunDir;

use super::{Failure, screen};

/// Remove old run directories. The newest are kept, and so is whatever is not a run directory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of run directories
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// How many of the newest to keep
    #[arg(long, default_value_t = 20)]
    keep: usize,
    /// Say what would be removed and remove nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(miette::miette!(
            help = "name the folder with --out",
            "cannot read the folder of runs `{}`: {error}",
            args.out.display()
        ))
    };
    let mut runs = Vec::new();
    for entry in fs::read_dir(&args.out).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if RunDir::new(&path).plan().is_file() {
            runs.push(path);
        }
    }
    // Run ids begin with the UTC start, so names sort by age.
    runs.sort();
    let old = runs.len().saturating_sub(args.keep);
    for path in &runs[..old] {
        if !args.dry_run {
            fs::remove_dir_all(path)
                .map_err(|error| Failure::internal(miette::miette!("cannot remove `{}`: {error}", path.display())))?;
        }
        screen::line(format!("{} {}", if args.dry_run { "would remove" } else { "removed" }, path.display()));
    }
    screen::line(format!("{} kept", runs.len() - old));
    Ok(0)
}
