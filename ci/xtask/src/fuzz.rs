//! Fuzzing of what reads other people's bytes: libFuzzer with the coverage of LLVM, which a stable compiler can do as well. Without
//! an address sanitizer, which it cannot: there is no `unsafe` to watch.

use std::{fs, process::Command};

use crate::commands::{Steps, command, root};

/// Where the targets are.
const PACKAGE: &str = "harness/plane/fuzz";
/// Each with the folders of its examples.
const TARGETS: [(&str, &[&str]); 2] = [
    ("classify", &["harness/plane/fuzz/seeds/classify"]),
    ("rules", &["harness/plane/fuzz/seeds/rules", "fixtures/rules"]),
];
/// Where they are built, and where what was found is kept, below the root.
const FOLDER: &str = "target/fuzz";

/// How the compiler tells libFuzzer what was reached, and what was compared with what.
const INSTRUMENTED: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// The targets are no members of the workspace and have a lock of their own, which nobody else would find to be out of date.
pub(crate) fn check_lock(steps: &mut Steps) {
    let manifest = format!("{PACKAGE}/Cargo.toml");
    let tree = ["tree", "--locked", "--depth", "0", "--manifest-path", &manifest];
    steps.run("lock of the fuzz targets", "cargo", &tree);
}

/// Builds the targets and runs each for so long. An input that breaks one is kept below `target/fuzz`.
pub(crate) fn run(steps: &mut Steps, seconds: u32) {
    let Some(host) = host() else { return steps.failed("fuzz targets", "rustc does not say what it builds for") };
    // With a target that is named, build scripts and macros are not instrumented.
    let build =
        ["build", "--release", "--locked", "--manifest-path", &format!("{PACKAGE}/Cargo.toml"), "--target", &host];
    let mut cargo = command("cargo");
    cargo.env("RUSTFLAGS", INSTRUMENTED.join(" ")).env("CARGO_TARGET_DIR", root().join(FOLDER));
    if !steps.run_with("fuzz targets", "cargo", &build, &mut cargo) {
        return;
    }
    for (target, examples) in TARGETS {
        let kept = format!("{FOLDER}/{target}");
        if let Err(error) = fs::create_dir_all(root().join(&kept)) {
            return steps.failed(target, &error.to_string());
        }
        let program = root().join(FOLDER).join(&host).join("release").join(target).display().to_string();
        let (limit, prefix) = (format!("-max_total_time={seconds}"), format!("-artifact_prefix={kept}-"));
        // What was found in earlier runs is begun with, and then the examples.
        let words =
            [limit.as_str(), &prefix, "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", kept.as_str()];
        steps.run(&format!("fuzz {target}"), &program, &[&words[..], examples].concat());
    }
}

/// What the compiler builds for by itself.
fn host() -> Option<String> {
    let told = Command::new("rustc").arg("-vV").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    told.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}
