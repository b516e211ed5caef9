//! The steps that fill a virtual environment: with `uv` when it is there, else with a pinned pip.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use serde::Deserialize;

use super::{InstallError, InstallProgress, Pins, Stage, SystemPython, in_cache, python};
use crate::{redact::redact, target::process::GUARD};

const BOOTSTRAP: &str = include_str!("bootstrap.py");
/// How much of a failed program's output goes into the error.
const TAIL_LINES: usize = 12;
/// What would lead an installer away from the environment that is being filled.
const MISLEADING: [&str; 8] = [
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_REQUIREMENT",
];

/// Index settings as pip would read them.
#[derive(Debug, Deserialize)]
struct Settings {
    index_url: Option<String>,
    extra_index_urls: Vec<String>,
    find_links: Vec<String>,
    no_index: bool,
    cert: Option<String>,
    trusted_hosts: Vec<String>,
    proxy: Option<String>,
}

/// Makes the environment at `folder`; returns the installer's name.
pub(super) fn build(
    folder: &Path,
    python: &SystemPython,
    pins: &Pins<'_>,
    progress: &dyn InstallProgress,
) -> Result<&'static str, InstallError> {
    progress.stage(Stage::of(format!("making a virtual environment with {python}")));
    let mut venv = Command::new(&python.program);
    venv.args(["-m", "venv", "--without-pip"]).arg(folder);
    run(progress, "making a virtual environment", &venv, |_| {})?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, pins.requirements).map_err(in_cache(&requirements))?;
    if let Some(uv) = python::find_uv() {
        match with_uv(&uv, folder, &requirements, progress) {
            Ok(()) => return Ok("uv"),
            Err(error) if progress.unwanted() => return Err(error),
            // An old uv, or one that cannot reach the index in its own way: pip may still.
            Err(error) => tracing::warn!(%error, "uv could not install the emulator; trying pip"),
        }
    }
    with_pip(folder, &requirements, pins, progress)?;
    Ok("pip")
}

/// Imports what a drill needs, so that a broken environment is noticed here and not in the middle of a run.
pub(super) fn check(folder: &Path, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    let mut command = Command::new(folder.join("bin").join("python"));
    command.args(["-I", "-c", "import boto3, hypercorn, ministack.app"]);
    run(progress, "checking the emulator", &command, |_| {})
}

fn with_uv(uv: &Path, folder: &Path, requirements: &Path, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    progress.stage(Stage::of("downloading the emulator with uv"));
    let settings = read_settings(folder, progress)?;
    let mut command = Command::new(uv);
    command.args(["pip", "install", "--require-hashes", "--only-binary", ":all:", "--compile-bytecode"]);
    command.arg("--python").arg(folder.join("bin").join("python"));
    command.args(settings.no_index.then_some("--no-index"));
    command.args(settings.trusted_hosts.iter().flat_map(|host| ["--allow-insecure-host", host]));
    command.arg("--requirement").arg(requirements);
    // Addresses may hold credentials, and everybody on the machine can read a command line.
    if let Some(url) = &settings.index_url {
        command.env("UV_DEFAULT_INDEX", url);
    }
    if !settings.extra_index_urls.is_empty() {
        command.env("UV_INDEX", settings.extra_index_urls.join(" "));
    }
    if !settings.find_links.is_empty() {
        command.env("UV_FIND_LINKS", settings.find_links.join(","));
    }
    if let Some(cert) = &settings.cert {
        command.env("SSL_CERT_FILE", cert);
    }
    if let Some(proxy) = &settings.proxy {
        command.env("HTTP_PROXY", proxy).env("HTTPS_PROXY", proxy);
    }
    let mut heard = UvProgress::default();
    run(progress, "installing the emulator with uv", &command, |line| {
        if let Said::Stderr(text) = line
            && let Some(stage) = heard.stage(text)
        {
            progress.stage(stage);
        }
    })
}

/// What uv says without a terminal: `Downloading botocore (15.2MiB)` and ` Downloaded botocore` of each package that is not
/// small, then `Prepared`, `Installed` and `Bytecode compiled`.
#[derive(Debug, Default)]
struct UvProgress {
    announced: u64,
    downloaded: u64,
}

impl UvProgress {
    /// What a line says of the stage.
    fn stage(&mut self, line: &str) -> Option<Stage> {
        let line = line.trim();
        let counted = |text: String, progress: &Self| {
            let packages = (progress.announced > 0).then_some((progress.downloaded, progress.announced));
            Some(Stage { text, packages })
        };
        if let Some(package) = line.strip_prefix("Downloading ") {
            self.announced += 1;
            counted(format!("downloading {package}"), self)
        } else if let Some(package) = line.strip_prefix("Downloaded ") {
            self.downloaded = self.announced.min(self.downloaded + 1);
            counted(format!("downloaded {package}"), self)
        } else if line.starts_with("Prepared ") {
            self.downloaded = self.announced;
            counted("unpacking all of them".to_owned(), self)
        } else if line.starts_with("Installed ") {
            counted("compiling all of them".to_owned(), self)
        } else {
            None
        }
    }
}

fn with_pip(
    folder: &Path,
    requirements: &Path,
    pins: &Pins<'_>,
    progress: &dyn InstallProgress,
) -> Result<(), InstallError> {
    let python = folder.join("bin").join("python");
    progress.stage(Stage::of("downloading pip"));
    let mut fetch = bootstrap(&python);
    fetch.args(["fetch", pins.pip_wheel, pins.pip_sha256]).arg(folder);
    run(progress, "downloading pip", &fetch, |_| {})?;

    let wheel = folder.join(pins.pip_wheel);
    let total = pins.requirements.lines().filter(|line| line.contains("==")).count() as u64;
    let mut collected = 0;
    let mut command = Command::new(&python);
    // A wheel is a zip archive that Python can run from; pip's own environment settings are left as the user has them.
    command.arg(wheel.join("pip")).args(["--disable-pip-version-check", "--no-input", "install"]);
    command.args(["--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "--requirement"]);
    command.arg(requirements);
    run(progress, "installing the emulator with pip", &command, |line| {
        let Said::Stdout(line) = line else { return };
        if let Some(rest) = line.strip_prefix("Collecting ") {
            collected += 1;
            let name = rest.split(['=', '[', ' ']).next().unwrap_or(rest);
            progress.stage(Stage { text: format!("downloading {name}"), packages: Some((collected, total)) });
        } else if line.starts_with("Installing collected packages") {
            progress.stage(Stage { text: "unpacking all of them".to_owned(), packages: Some((total, total)) });
        }
    })?;
    fs::remove_file(&wheel).map_err(in_cache(&wheel))
}

fn read_settings(folder: &Path, progress: &dyn InstallProgress) -> Result<Settings, InstallError> {
    let mut command = bootstrap(&folder.join("bin").join("python"));
    command.arg("settings");
    let mut text = String::new();
    run(progress, "reading pip's settings", &command, |line| {
        if let Said::Stdout(line) = line {
            text.push_str(line);
        }
    })?;
    serde_json::from_str(&text)
        .map_err(|error| InstallError::Step { step: "reading pip's settings", tail: error.to_string() })
}

fn bootstrap(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-I", "-c", BOOTSTRAP]);
    command
}

/// A line that a program wrote.
#[derive(Clone, Copy, Debug)]
enum Said<'a> {
    Stdout(&'a str),
    Stderr(&'a str),
}

/// Runs a program to its end in a process group of its own that does not outlive this process, each line of its output
/// through `line` as it comes; an error holds the end of all it wrote, without secrets.
fn run(
    progress: &dyn InstallProgress,
    step: &'static str,
    command: &Command,
    mut line: impl FnMut(Said<'_>),
) -> Result<(), InstallError> {
    let program = OsStr::to_string_lossy(command.get_program()).into_owned();
    let spawn_error = |source| InstallError::Spawn { program: program.clone(), source };
    let mut child = guarded(command).spawn().map_err(spawn_error)?;
    progress.working(i32::try_from(child.id()).ok());
    // Kept until the end: waiting would close it.
    let _held = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, said) = mpsc::channel();
    let (mut output, mut complaints) = (Vec::new(), Vec::new());
    thread::scope(|threads| {
        let complaining = sender.clone();
        threads.spawn(move || pass_on(stdout, |text| sender.send((false, text)).is_ok()));
        threads.spawn(move || pass_on(stderr, |text| complaining.send((true, text)).is_ok()));
        for (complaint, text) in said {
            if complaint {
                line(Said::Stderr(&text));
                complaints.push(text);
            } else {
                line(Said::Stdout(&text));
                output.push(text);
            }
        }
    });
    let status = child.wait().map_err(spawn_error);
    progress.working(None);
    let status = status?;
    if status.success() {
        return Ok(());
    }
    output.append(&mut complaints);
    let tail = output[output.len().saturating_sub(TAIL_LINES)..].join("\n");
    Err(InstallError::Step { step, tail: format!("{status}\n{}", redact(&tail, &[])) })
}

/// Each line of `stream`, whatever its bytes, until nobody takes them.
fn pass_on(stream: Option<impl Read>, mut take: impl FnMut(String) -> bool) {
    let mut lines = stream.map(|stream| BufReader::new(stream).split(b'\n')).into_iter().flatten();
    while let Some(Ok(line)) = lines.next() {
        if !take(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()) {
            return;
        }
    }
}

fn guarded(command: &Command) -> Command {
    let mut guarded = Command::new("/bin/sh");
    guarded.args(["-c", GUARD, "firedrill"]).arg(command.get_program()).args(command.get_args());
    guarded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for name in MISLEADING {
        guarded.env_remove(name);
    }
    guarded.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    guarded
}

#[cfg(test)]
mod tests {
    use super::{super::Silent, *};

    #[test]
    fn a_failed_step_tells_the_end_of_its_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "for i in $(seq 1 40); do echo out-$i; done; echo why >&2; exit 3"]);
        let mut lines = 0;
        let error = run(&Silent, "trying", &command, |_| lines += 1).expect_err("it failed");
        assert_eq!(lines, 41, "what it says on either stream");
        let text = error.to_string();
        assert!(text.starts_with("trying failed: exit status: 3") && text.ends_with("out-40\nwhy"), "{text}");
        assert!(!text.contains("out-20"), "only the tail: {text}");
    }

    #[test]
    fn an_error_holds_no_password() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'no answer from https://ann:s3cr3t@index.example/simple/pip/' >&2; exit 1"]);
        let text = run(&Silent, "trying", &command, |_| {}).expect_err("it failed").to_string();
        assert!(text.contains("index.example/simple/pip/") && !text.contains("s3cr3t"), "{text}");
    }

    #[test]
    fn the_progress_of_uv_is_what_it_says() {
        let said = [
            "Using Python 3.11.7 environment at: env",
            "Resolved 43 packages in 472ms",
            "Downloading duckdb (23.2MiB)",
            "Downloading botocore (15.2MiB)",
            " Downloaded botocore",
            " Downloaded duckdb",
            "Prepared 43 packages in 1.77s",
            "Installed 43 packages in 183ms",
            "Bytecode compiled 1314 files in 4.64s",
            " + annotated-types==0.8.0",
        ];
        let mut progress = UvProgress::default();
        let stages: Vec<_> = said.into_iter().filter_map(|line| progress.stage(line)).collect();
        let told: Vec<String> = stages.iter().map(|stage| format!("{:?} {}", stage.packages, stage.text)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        Some((0, 1)) downloading duckdb (23.2MiB)
        Some((0, 2)) downloading botocore (15.2MiB)
        Some((1, 2)) downloaded botocore
        Some((2, 2)) downloaded duckdb
        Some((2, 2)) unpacking all of them
        Some((2, 2)) compiling all of them
        ");
        let all_there = UvProgress::default().stage("Prepared 43 packages in 2ms").expect("a stage");
        assert_eq!(all_there.packages, None, "nothing was downloaded: no bar");
    }

    #[test]
    fn an_absent_program_is_named() {
        let error = run(&Silent, "trying", &Command::new("no-such-program-here"), |_| {}).expect_err("it is not there");
        let text = error.to_string();
        assert!(text.starts_with("trying failed: exit status: 127"), "{text}");
        assert!(text.contains("no-such-program-here: not found"), "{text}");
    }
}
