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
    for line in prune(args)? {
        screen::line(line);
    }
    Ok(0)
}

/// Removes what is too old; what was done, for people.
fn prune(args: &Args) -> Result<Vec<String>, Failure> {
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
    let mut lines = Vec::new();
    for path in &runs[..old] {
        if !args.dry_run {
            fs::remove_dir_all(path)
                .map_err(|error| Failure::internal(miette::miette!("cannot remove `{}`: {error}", path.display())))?;
        }
        lines.push(format!("{} {}", if args.dry_run { "would remove" } else { "removed" }, path.display()));
    }
    lines.push(format!("{} kept", runs.len() - old));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_runs_go_and_what_is_no_run_stays() {
        let out = tempfile::tempdir().expect("a folder");
        let runs = ["20261121-090000-aaaaaa", "20261122-090000-bbbbbb", "20261123-090000-cccccc"];
        for name in runs.iter().chain(&["notes"]) {
            fs::create_dir(out.path().join(name)).expect("created");
        }
        for name in runs {
            fs::write(RunDir::new(out.path().join(name)).plan(), "{}").expect("written");
        }
        let said = |dry_run| {
            let args = Args { out: out.path().to_owned(), keep: 1, dry_run };
            prune(&args).expect("readable").join("\n").replace(&out.path().display().to_string(), "runs")
        };
        insta::assert_snapshot!(said(true), @r"
        would remove runs/20261121-090000-aaaaaa
        would remove runs/20261122-090000-bbbbbb
        1 kept
        ");
        insta::assert_snapshot!(said(false), @r"
        removed runs/20261121-090000-aaaaaa
        removed runs/20261122-090000-bbbbbb
        1 kept
        ");
        insta::assert_snapshot!(said(false), @"1 kept");
        assert!(out.path().join("notes").is_dir() && out.path().join(runs[2]).is_dir());
    }
}
