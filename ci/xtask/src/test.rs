//! `cargo xtask test`: every check that a change must pass, with one build.

use crate::{
    commands::{Steps, command, present},
    fuzz,
};

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the real drills out
    #[arg(long)]
    no_drills: bool,
}

/// Passing drills and must-fail drills: each is run once here; the nightly job repeats them.
pub(crate) const DRILLS: [&str; 2] = ["scenarios", "scenarios/must-fail"];

/// What the nightly job runs besides.
pub(crate) const NIGHTLY: [&str; 2] = ["scenarios/nightly", "scenarios/nightly/must-fail"];

/// Every change is judged by the same draws; the nightly job draws anew each time.
const SEED: &str = "5eed";

/// Runs every step; true when nothing failed.
pub(crate) fn run(args: &Args) -> bool {
    let mut steps = Steps::default();
    steps.run("format", "cargo", &["fmt", "--all", "--check"]);
    steps.run(
        "lints",
        "cargo",
        &["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"],
    );
    licences(&mut steps);
    fuzz::check_lock(&mut steps);
    let built = steps.run("build", "cargo", &["build", "--release", "--locked", "--workspace", "--all-targets"]);
    let tests = ["test", "--release", "--locked", "--workspace", "--no-fail-fast"];
    steps.run_tests("tests", &tests, command("cargo"));
    steps.run(
        "docs",
        "cargo",
        &["doc", "--release", "--locked", "--workspace", "--no-deps", "--document-private-items"],
    );
    if args.no_drills {
        steps.skip("drills", "--no-drills was given");
    } else if built {
        for folder in DRILLS {
            let name = format!("drills in {folder}");
            let drill = ["run", "--release", "--locked", "--", "run", folder, "--accept-stated", "--seed", SEED];
            steps.run(&name, "cargo", &drill);
        }
    }
    steps.finish()
}

/// Licences, bans and sources always; advisories where their database can be had.
fn licences(steps: &mut Steps) {
    if !present("cargo", &["deny", "--version"]) {
        let installed = steps.run("install cargo-deny", "cargo", &["install", "--locked", "cargo-deny"]);
        if !installed {
            return;
        }
    }
    steps.run("licences, bans, sources", "cargo", &["deny", "--locked", "check", "licenses", "bans", "sources"]);
    if present("cargo", &["deny", "--locked", "fetch", "db"]) {
        steps.run("advisories", "cargo", &["deny", "--locked", "check", "advisories"]);
    } else {
        steps.skip("advisories", "the advisory database cannot be reached");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::DRILLS;
    use crate::commands::root;

    /// Real drills that a change may have to wait for.
    const DRILLS_MAX: usize = 20;

    /// Those of them that `harness/firedrill/tests/drills.rs` runs by day.
    const DRILLS_IN_TESTS: usize = 3;

    #[test]
    fn every_change_waits_for_at_most_twenty_real_drills() {
        let scenarios_in = |folder: &str| {
            let entries = fs::read_dir(root().join(folder)).expect("the folder of drills");
            let files = entries.map(|entry| entry.expect("an entry").path());
            files
                .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
                .count()
        };
        let counts = DRILLS.map(scenarios_in);
        let most = DRILLS_MAX - DRILLS_IN_TESTS;
        assert!(counts.iter().all(|count| *count > 0), "{DRILLS:?} hold {counts:?} drills: the folders have moved");
        assert!(
            counts.iter().sum::<usize>() <= most,
            "{DRILLS:?} hold {counts:?} drills, more than {most}: every change would wait for them; put those that are like \
             another one below scenarios/nightly"
        );
    }
}
