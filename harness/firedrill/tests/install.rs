//! Installing the emulator: on machines that lack something, with stand-ins for Python; and by the real installer, in
//! `install/real.rs`.

#[path = "install/bare.rs"]
mod bare;
#[path = "install/index.rs"]
mod index;
#[path = "install/real.rs"]
mod real;
mod support;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use firedrill::target::install::place;
use sha2::{Digest, Sha256};
use support::{firedrill, printed};

const SMALL: &str = "harness/firedrill/tests/data/small.yaml";

/// A machine with its own PATH, cache and run directories.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a shell script on PATH.
    fn with(self, program: &str, script: &str) -> Self {
        let path = self.path("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        self
    }

    /// Puts programs of the system on PATH.
    fn with_tools(self, tools: &[&str]) -> Self {
        for tool in tools {
            std::os::unix::fs::symlink(format!("/usr/bin/{tool}"), self.path("bin").join(tool)).expect("linked");
        }
        self
    }

    fn command(&self, cache: &Path) -> Command {
        self.command_for(Path::new(SMALL), cache)
    }

    fn command_for(&self, scenario: &Path, cache: &Path) -> Command {
        let mut command = firedrill(&["run"]);
        command.arg(scenario).arg("--out").arg(self.path("runs"));
        command.env("PATH", self.path("bin")).env("FIREDRILL_CACHE", cache);
        command
    }

    /// The small scenario with limits that are shorter than anything here takes.
    fn hurried(&self) -> PathBuf {
        let text = fs::read_to_string(support::root().join(SMALL)).expect("readable");
        let stacks = support::root().join("fixtures/stacks/");
        let text = text.replace("../../../../fixtures/stacks/", stacks.to_str().expect("UTF-8"));
        let path = self.path("hurried.yaml");
        fs::write(&path, format!("{text}\nlimits: {{ run: 2s, phase: 1s }}\n")).expect("written");
        path
    }

    /// Held as another firedrill holds it that installs.
    fn locked(&self) -> File {
        fs::create_dir_all(self.path("cache")).expect("a folder");
        let lock = File::create(place(&self.path("cache")).with_extension("lock")).expect("created");
        lock.lock().expect("locked");
        lock
    }

    fn run(&self) -> Output {
        self.command(&self.path("cache")).output().expect("it runs")
    }

    /// What the cache holds beside the lock.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("cache")).into_iter().flatten();
        let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
        names.filter(|name| Path::new(name).extension() != Some("lock".as_ref())).collect()
    }
}

/// A Python that says it is of this version; what else it is asked for is done by `then`.
fn python(minor: u32, then: &str) -> String {
    format!("case \"$*\" in *version_info*) echo 3; echo {minor}; echo \"$0\";; *) {then};; esac")
}

fn words(output: &Output) -> String {
    printed(output).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn without_python_the_error_says_what_to_install() {
    let output = Machine::new().run();
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("needs Python 3.10 or newer, and there is no `python3` on PATH"), "{text}");
    assert!(text.contains("apt install python3"), "{text}");
}

#[test]
fn a_python_that_is_too_old_is_named() {
    let output = Machine::new().with("python3", &python(9, "exit 1")).run();
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("needs Python 3.10 or newer, and the newest found is Python 3.9"), "{text}");
}

#[test]
fn a_step_that_fails_shows_its_last_words_and_leaves_nothing_half_done() {
    let machine = Machine::new().with("python3", &python(12, "echo 'no module named venv' >&2; exit 1"));
    for _ in 0..2 {
        let output = machine.run();
        let text = words(&output);
        assert_eq!(output.status.code(), Some(75), "{text}");
        assert!(text.contains("making a virtual environment failed"), "{text}");
        assert!(text.contains("no module named venv"), "{text}");
        assert_eq!(machine.cached(), Vec::<String>::new());
    }
}

#[test]
fn a_cache_folder_that_cannot_be_written_is_the_users_to_mend() {
    let machine = Machine::new().with("python3", &python(12, "exit 0"));
    let output = machine.command(Path::new("/proc/nowhere")).output().expect("it runs");
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("cannot use the cache folder `/proc/nowhere`") && text.contains("FIREDRILL_CACHE"), "{text}");
}

#[test]
fn an_installation_that_is_stopped_leaves_no_emulator_and_no_process() {
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        let machine = Machine::new();
        let told = machine.path("pid");
        let stuck = format!("echo $$ > '{}.part'; mv '{0}.part' '{0}'; exec sleep 600", told.display());
        let machine = machine.with("python3", &python(12, &stuck)).with_tools(&["sleep", "mv"]);
        let mut going = machine
            .command(&machine.path("cache"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        support::within(Duration::from_secs(10), "the installation to begin", || told.exists());
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(going.id().to_string()).status().expect("kill");
        assert!(sent.success());
        support::within(Duration::from_secs(10), "the end of the run", || going.try_wait().expect("a child").is_some());
        assert_eq!(going.wait().expect("ended").code(), code, "SIG{signal}");
        let child = fs::read_to_string(&told).expect("a process id");
        support::within(Duration::from_secs(5), "the end of what it started", || {
            !Path::new("/proc").join(child.trim()).exists()
        });
        // What a killed run began is taken away by the next.
        if code.is_some() {
            assert_eq!(machine.cached(), Vec::<String>::new(), "SIG{signal}");
        }
    }
}

#[test]
fn installing_is_not_on_the_clock_of_the_phase_or_of_the_run() {
    let slow = python(12, "sleep 3; echo 'no module named venv' >&2; exit 1");
    let machine = Machine::new().with("python3", &slow).with_tools(&["sleep"]);
    let output = machine.command_for(&machine.hurried(), &machine.path("cache")).output().expect("it runs");
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("making a virtual environment failed") && text.contains("no module named venv"), "{text}");
    assert!(!text.contains("took longer than"), "{text}");
    assert_eq!(machine.cached(), Vec::<String>::new());
}

#[test]
fn waiting_for_another_firedrill_is_not_on_the_clock_of_the_phase_or_of_the_run() {
    let machine = Machine::new().with("python3", &python(12, "echo 'no module named venv' >&2; exit 1"));
    let lock = machine.locked();
    let going = machine
        .command_for(&machine.hurried(), &machine.path("cache"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    std::thread::sleep(Duration::from_secs(3));
    drop(lock);
    let output = going.wait_with_output().expect("it ended");
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("no module named venv"), "{text}");
}

#[test]
fn waiting_for_another_firedrill_can_be_stopped() {
    let machine = Machine::new().with("python3", &python(12, "exit 1"));
    let lock = machine.locked();
    let mut going = machine
        .command(&machine.path("cache"))
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(going.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("waiting for another firedrill")), "it does not say so");
    let sent = Command::new("kill").arg("-INT").arg(going.id().to_string()).status().expect("kill");
    assert!(sent.success());
    support::within(Duration::from_secs(10), "the end of the run", || going.try_wait().expect("a child").is_some());
    assert_eq!(going.wait().expect("ended").code(), Some(130));
    drop(lock);
    assert_eq!(machine.cached(), Vec::<String>::new());
}

/// Stands in for an installed emulator: healthy, with tables and buckets, without functions; and what it knows nothing of
/// it says yes to, as a web server does.
const WITHOUT_FUNCTIONS: &str = r#"#!/bin/sh
[ "$2" = "-S" ] && exec /usr/bin/python3 "$@"
case "$*" in *find_spec*) exit 0;; esac
exec /usr/bin/python3 -c '
import http.server, os
class Emulator(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, kind, body = 200, "text/html", "<html>welcome</html>"
        target = self.headers.get("x-amz-target") or ""
        if "ListTables" in target:
            kind, body = "application/x-amz-json-1.0", "{\"TableNames\":[]}"
        elif target:
            kind, body = "application/x-amz-json-1.0", "{}"
        elif "/2015-03-31/functions" in self.path:
            status, kind, body = 501, "application/json", "{\"message\":\"no functions here\"}"
        elif "/s3/aws4_request" in (self.headers.get("authorization") or ""):
            kind, body = "application/xml", "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    do_GET = do_POST = answer
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Emulator).serve_forever()
'
"#;

#[test]
fn every_service_that_the_target_lacks_is_named_before_the_run_starts() {
    let machine = Machine::new();
    let cache = machine.path("cache");
    let python = place(&cache).join("bin/python");
    fs::create_dir_all(python.parent().expect("a folder")).expect("created");
    fs::write(&python, WITHOUT_FUNCTIONS).expect("written");
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("executable");
    let requirements = fs::read(support::root().join("fixtures/emulator/requirements.txt")).expect("readable");
    let stamp = serde_json::json!({
        "engine": "a stand-in", "python": "", "installer": "",
        "requirements_sha256": hex::encode(Sha256::digest(requirements)),
    });
    fs::write(place(&cache).join("firedrill.json"), stamp.to_string()).expect("written");

    let output = machine.run();
    let text = words(&output);
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("the target lacks what this drill needs"), "{text}");
    for region in ["us-east-1", "eu-west-1"] {
        assert!(text.contains(&format!("Lambda in {region} (ListFunctions failed")), "{text}");
        assert!(text.contains(&format!("DynamoDB Streams in {region} (ListStreams answered no list)")), "{text}");
        assert!(text.contains(&format!("IAM in {region} (ListRoles answered")), "{text}");
        assert!(
            !text.contains(&format!("DynamoDB in {region}")) && !text.contains(&format!("S3 in {region}")),
            "{text}"
        );
    }
    assert!(!text.contains("CloudWatch") && !text.contains("CloudFormation"), "not needed: {text}");
    assert!(!text.contains("provision"), "nothing was made there: {text}");
    let started = support::processes(&support::only_run(&machine.path("runs")));
    support::gone_within(Duration::from_secs(5), &started);
}
