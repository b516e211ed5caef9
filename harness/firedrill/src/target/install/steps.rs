//! The steps that fill a virtual environment: with `uv` when it is there, else with a pinned pip.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use serde::Deserialize;

use super::{InstallError, InstallProgress, REQUIREMENTS, Stage, SystemPython, in_cache, python};

/// The pip that installs everything else when there is no `uv`.
const PIP_WHEEL: &str = "pip-26.3-py3-none-any.whl";
const PIP_SHA256: &str = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13";
const BOOTSTRAP: &str = include_str!("bootstrap.py");
/// Kills the program that it runs, with all that it started, when standard input closes: whoever closed it, and however.
const GUARD: &str = include_str!("guard.sh");
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
    cert: Option<String>,
    trusted_hosts: Vec<String>,
}

/// Makes the environment at `folder`; returns the installer's name.
pub(super) fn build(
    folder: &Path,
    python: &SystemPython,
    progress: &dyn InstallProgress,
) -> Result<&'static str, InstallError> {
    progress.stage(Stage::of(format!("making a virtual environment with {python}")));
    let mut venv = Command::new(&python.program);
    venv.args(["-m", "venv", "--without-pip"]).arg(folder);
    run(progress, "making a virtual environment", &venv, |_| {})?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(in_cache(&requirements))?;
    if let Some(uv) = python::find_uv() {
        match with_uv(&uv, folder, &requirements, progress) {
            Ok(()) => return Ok("uv"),
            // An old uv, or one that cannot reach the index in its own way: pip may still.
            Err(error) => tracing::warn!(%error, "uv could not install the emulator; trying pip"),
        }
    }
    with_pip(folder, &requirements, progress)?;
    Ok("pip")
}

/// Imports what a drill needs, so that a broken environment is noticed here and not in the middle of a run.
pub(super) fn check(folder: &Path, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    let mut command = Command::new(folder.join("bin").join("python"));
    command.args(["-I", "-c", "import boto3, hypercorn, ministack.app"]);
    run(progress, "checking the emulator", &command, |_| {})
}

fn with_uv(uv: &Path, folder: &Path, requirements: &Path, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    progress.stage(Stage::of("downloading and installing the emulator with uv (about 215 MB)"));
    let settings = read_settings(folder, progress)?;
    let mut command = Command::new(uv);
    command.args(["pip", "install", "--require-hashes", "--only-binary", ":all:", "--compile-bytecode"]);
    command.arg("--python").arg(folder.join("bin").join("python"));
    command.args(settings.index_url.iter().flat_map(|url| ["--default-index", url]));
    command.args(settings.extra_index_urls.iter().flat_map(|url| ["--index", url]));
    command.args(settings.find_links.iter().flat_map(|place| ["--find-links", place]));
    command.args(settings.trusted_hosts.iter().flat_map(|host| ["--allow-insecure-host", host]));
    if let Some(cert) = &settings.cert {
        command.env("SSL_CERT_FILE", cert);
    }
    command.arg("--requirement").arg(requirements);
    run(progress, "installing the emulator with uv", &command, |_| {})
}

fn with_pip(folder: &Path, requirements: &Path, progress: &dyn InstallProgress) -> Result<(), InstallError> {
    let python = folder.join("bin").join("python");
    progress.stage(Stage::of("downloading pip"));
    let mut fetch = bootstrap(&python);
    fetch.args(["fetch", PIP_WHEEL, PIP_SHA256]).arg(folder);
    run(progress, "downloading pip", &fetch, |_| {})?;

    let wheel = folder.join(PIP_WHEEL);
    let total = REQUIREMENTS.lines().filter(|line| line.contains("==")).count() as u64;
    let mut collected = 0;
    let mut command = Command::new(&python);
    // A wheel is a zip archive that Python can run from; pip's own environment settings are left as the user has them.
    command.arg(wheel.join("pip")).args(["--disable-pip-version-check", "--no-input", "install"]);
    command.args(["--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "--requirement"]);
    command.arg(requirements);
    run(progress, "installing the emulator with pip", &command, |line| {
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
    run(progress, "reading pip's settings", &command, |line| text.push_str(line))?;
    serde_json::from_str(&text)
        .map_err(|error| InstallError::Step { step: "reading pip's settings", tail: error.to_string() })
}

fn bootstrap(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-I", "-c", BOOTSTRAP]);
    command
}

/// Runs a program to its end in a process group of its own that does not outlive this process, each line of its output through `line`; an error holds the end
/// of all it wrote.
fn run(
    progress: &dyn InstallProgress,
    step: &'static str,
    command: &Command,
    mut line: impl FnMut(&str),
) -> Result<(), InstallError> {
    let program = OsStr::to_string_lossy(command.get_program()).into_owned();
    let spawn_error = |source| InstallError::Spawn { program: program.clone(), source };
    let mut child = guarded(command).spawn().map_err(spawn_error)?;
    progress.working(i32::try_from(child.id()).ok());
    // Kept until the end: waiting would close it.
    let _held = child.stdin.take();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let complaints = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr
            && let Err(error) = stderr.read_to_end(&mut text)
        {
            tracing::debug!(%error, "the output of an installer could not be read");
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut output = Vec::new();
    for text in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
        line(&text);
        output.push(text);
    }
    let status = child.wait().map_err(spawn_error);
    progress.working(None);
    let status = status?;
    let complaints = complaints.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    output.extend(complaints.lines().map(str::to_owned));
    let tail = output[output.len().saturating_sub(TAIL_LINES)..].join("\n");
    Err(InstallError::Step { step, tail: format!("{status}\n{tail}") })
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
        assert_eq!(lines, 40);
        let text = error.to_string();
        assert!(text.starts_with("trying failed: exit status: 3") && text.ends_with("out-40\nwhy"), "{text}");
        assert!(!text.contains("out-20"), "only the tail: {text}");
    }

    #[test]
    fn an_absent_program_is_named() {
        let error = run(&Silent, "trying", &Command::new("no-such-program-here"), |_| {}).expect_err("it is not there");
        let text = error.to_string();
        assert!(text.starts_with("trying failed: exit status: 127"), "{text}");
        assert!(text.contains("no-such-program-here: not found"), "{text}");
    }
}
