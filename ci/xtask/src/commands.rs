//! Runs programs and remembers how each ended.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

/// The steps of one `xtask` command with how they ended.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: u32,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Steps {
    /// Runs `program` with `args`, showing what it prints. A step that fails does not stop the ones after it.
    pub(crate) fn run(&mut self, name: &str, program: &str, args: &[&str]) -> bool {
        self.run_with(name, program, args, &mut command(program))
    }

    /// [`Steps::run`] for tests: those that skip themselves say so in a file, and are named in the summary.
    pub(crate) fn run_tests(&mut self, name: &str, args: &[&str], mut command: Command) -> bool {
        let told = std::env::temp_dir().join(format!("firedrill-skipped-{}", std::process::id()));
        let ok = self.run_with(name, "cargo", args, command.env("FIREDRILL_SKIPPED", &told));
        if let Ok(text) = fs::read_to_string(&told) {
            self.skipped.extend(text.lines().map(str::to_owned));
            drop(fs::remove_file(&told));
        }
        ok
    }

    /// [`Steps::run`] with a command that was prepared, such as with variables of its environment.
    pub(crate) fn run_with(&mut self, name: &str, program: &str, args: &[&str], command: &mut Command) -> bool {
        say(&format!("--- {name}: {program} {}", args.join(" ")));
        let began = Instant::now();
        let status = command.args(args).stdin(Stdio::null()).status();
        let ok = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        let how = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let said = format!("{how}, {} s", began.elapsed().as_secs());
        if ok {
            self.passed(name, &said);
        } else {
            self.failed(name, &said);
        }
        ok
    }

    /// A step that is done and is as it should be.
    pub(crate) fn passed(&mut self, name: &str, how: &str) {
        say(&format!("--- {name}: {how}"));
        self.passed += 1;
    }

    /// A step that is not as it should be.
    pub(crate) fn failed(&mut self, name: &str, how: &str) {
        say(&format!("--- {name}: {how}"));
        self.failed.push(name.to_owned());
    }

    /// Names a step that is not run, and why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        say(&format!("--- {name}: skipped: {why}"));
        self.skipped.push(format!("{name} ({why})"));
    }

    /// Prints the summary; true when nothing failed.
    pub(crate) fn finish(self) -> bool {
        for name in &self.failed {
            say(&format!("failed: {name}"));
        }
        for name in &self.skipped {
            say(&format!("skipped: {name}"));
        }
        say(&format!("steps: {} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len()));
        self.failed.is_empty()
    }
}

/// A command in the workspace's root, with cargo's own environment left out so that a nested cargo rebuilds nothing.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" || name == "CARGO_MANIFEST_PATH" {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Whether a program can be started.
pub(crate) fn present(program: &str, args: &[&str]) -> bool {
    let started = command(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok_and(|status| status.success())
}

/// The workspace's root, asked of cargo at run time: with one target folder for several clones, the program that was
/// built in one of them is run in the others too.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("this program is started by `cargo xtask`");
    PathBuf::from(package).join("../..")
}

#[expect(clippy::print_stdout, reason = "the output of this program is its purpose")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
