//! The real installer with a real pip, on a Python without `ensurepip` and without `uv`: a wheel made here, from an index
//! made here. Nothing leaves the machine.
//!
//! Each installation is a process of its own, this test program again, because Python and pip read their settings from the
//! environment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "each installation is told by its environment what to do")]
#![allow(clippy::explicit_write, reason = "what a test program prints is caught unless it is written")]

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use firedrill::target::{
    INSTALL_LIMIT, InstallProgress, Launch, RunningTarget,
    install::{self, ENGINE, Pins, Stage},
    install_aside,
};
use firedrill_model::{
    ids::Region,
    plan::{Layout, TargetKind, TargetPlan},
    run_dir::RunDir,
    units::Span,
    verdict::EnvironmentClass,
};
use sha2::{Digest, Sha256};

use super::{
    bare::{self, WHEEL},
    index::Index,
    support::{self, printed},
};

const PASSWORD: &str = "s3cr3t-of-ann";
/// Of the environment of an installation: the cache folder. Without it, the test that installs does nothing.
const CACHE: &str = "FIREDRILL_TEST_CACHE";
/// What to install: `stand-in`, or the emulator itself: `emulator`, `started` afterwards.
const WHAT: &str = "FIREDRILL_TEST_WHAT";
const REQUIREMENTS: &str = "FIREDRILL_TEST_REQUIREMENTS";
const PIP_WHEEL: &str = "FIREDRILL_TEST_PIP_WHEEL";
const PIP_SHA256: &str = "FIREDRILL_TEST_PIP_SHA256";
const LIMIT_MS: &str = "FIREDRILL_TEST_LIMIT_MS";

/// Tells every stage.
struct Told;

impl InstallProgress for Told {
    fn stage(&self, stage: Stage) {
        writeln!(std::io::stdout(), "stage: {} {:?}", stage.text, stage.packages).unwrap();
    }

    fn working(&self, _: Option<i32>) {}
}

/// Not a test of its own: what the others start.
#[test]
fn an_installation_in_a_process_of_its_own() {
    let Ok(cache) = env::var(CACHE).map(PathBuf::from) else { return };
    let of = |name: &str| env::var(name).unwrap_or_default();
    // The name of this test stands on the line so far.
    writeln!(std::io::stdout()).unwrap();
    let (requirements, pip_wheel, pip_sha256) = (of(REQUIREMENTS), of(PIP_WHEEL), of(PIP_SHA256));
    let limit = of(LIMIT_MS).parse().map_or(INSTALL_LIMIT, Span::from_ms);
    let outcome = match of(WHAT).as_str() {
        "stand-in" => {
            let pins = Pins { requirements: &requirements, pip_wheel: &pip_wheel, pip_sha256: &pip_sha256 };
            install::install(&cache, &pins, &Told).map_err(|error| error.to_string())
        }
        _ => runtime().block_on(install_aside(cache.clone(), limit, &Told)).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(emulator) => {
            if of(WHAT) == "started" {
                runtime().block_on(start_and_stop(&cache, &emulator));
            }
            writeln!(std::io::stdout(), "installed: {}", emulator.python().display()).unwrap();
        }
        Err(error) => writeln!(std::io::stdout(), "error: {error}").unwrap(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

async fn start_and_stop(cache: &Path, emulator: &install::Emulator) {
    let launch = Launch { program: env!("CARGO_BIN_EXE_firedrill").into(), cache: cache.to_owned() };
    let plan = TargetPlan {
        kind: TargetKind::Local,
        layout: Layout::ProcessPerRegion,
        environment_class: EnvironmentClass::Emulator,
        engine: ENGINE.to_owned(),
    };
    let dir = tempfile::tempdir().unwrap();
    let regions = ["us-east-1", "eu-west-1"].map(Region::from);
    let target =
        RunningTarget::start(&launch, emulator, &plan, (&regions, &[], 0), &RunDir::new(dir.path())).await.unwrap();
    assert_eq!(target.endpoints().len(), 2);
    target.stop(false).await.unwrap();
}

/// A machine with a Python without `ensurepip`, an empty cache, and nothing else on PATH.
struct Machine {
    folder: tempfile::TempDir,
    pip_wheel: String,
    pip_sha256: String,
    wheel_sha256: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Machine {
    /// `None`, with the reason where skipped tests are told, when this machine cannot be made into one.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let Some(python) = bare::python(&folder.path().join("bare")) else {
            support::skip(test, "this machine's Python cannot be copied without its `ensurepip`");
            return None;
        };
        let venv = Command::new(&python).args(["-m", "venv"]).arg(folder.path().join("with-pip")).output().unwrap();
        assert!(!venv.status.success(), "`ensurepip` is hidden: {}", printed(&venv));
        let Some((pip_wheel, pip)) = bare::pip_wheel() else {
            support::skip(test, "there is no wheel of pip on this machine");
            return None;
        };
        fs::create_dir(folder.path().join("home")).unwrap();
        let wheel = bare::wheel();
        let (pip_sha256, wheel_sha256) = (sha256(&pip), sha256(&wheel));
        let files = BTreeMap::from([(pip_wheel.clone(), pip), (WHEEL.to_owned(), wheel)]);
        Some(Self { folder, pip_wheel, pip_sha256, wheel_sha256, files })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn index(&self, credentials: Option<&str>, pace: Duration) -> Index {
        Index::serve(self.files.clone(), credentials, pace)
    }

    /// An installation with nothing of this process's environment.
    fn command(&self) -> Command {
        let mut command = itself();
        command
            .env_clear()
            .env("PATH", self.path("bare/bin"))
            .env("HOME", self.path("home"))
            .env(CACHE, self.path("cache"))
            .env(WHAT, "stand-in")
            .env(PIP_WHEEL, &self.pip_wheel)
            .env(PIP_SHA256, &self.pip_sha256)
            .env(REQUIREMENTS, requirements(&self.wheel_sha256));
        command
    }

    fn install_from(&self, index_url: &str) -> Output {
        self.command().env("PIP_INDEX_URL", index_url).output().unwrap()
    }

    /// What the cache holds beside the lock.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("cache")).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| Path::new(name).extension() != Some("lock".as_ref())).collect()
    }
}

fn itself() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["real::an_installation_in_a_process_of_its_own", "--exact", "--nocapture"]).stdin(Stdio::null());
    command
}

fn requirements(sha256: &str) -> String {
    format!("firedrill-stand-in==1.0 \\\n    --hash=sha256:{sha256}\n")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// That it was installed and can be used.
fn assert_installed(output: &Output) {
    let text = printed(output);
    let python = text.lines().find_map(|line| line.strip_prefix("installed: ")).unwrap_or_else(|| panic!("{text}"));
    let imports = Command::new(python).args(["-I", "-c", "import boto3, ministack.app"]).status().unwrap();
    assert!(imports.success(), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

/// What it failed with.
fn failure(output: &Output) -> String {
    let text = printed(output);
    assert!(!text.contains(PASSWORD) && !text.contains("installed: "), "{text}");
    let at = text.find("error: ").unwrap_or_else(|| panic!("{text}"));
    text[at..].to_owned()
}

#[test]
fn it_is_installed_with_a_password_that_is_never_shown_and_is_there_when_the_index_is_gone() {
    let Some(machine) = Machine::new("installing from an index with a password") else { return };
    let index = machine.index(Some(&format!("ann:{PASSWORD}")), Duration::ZERO);
    let url = format!("http://ann:{PASSWORD}@{}/simple", index.address());
    let first = machine.install_from(&url);
    assert_installed(&first);
    let text = printed(&first);
    for stage in ["making a virtual environment", "downloading pip", "downloading firedrill-stand-in Some((1, 1))"] {
        assert!(text.contains(&format!("stage: {stage}")), "{stage:?} is not told: {text}");
    }
    assert_eq!((index.given(&machine.pip_wheel), index.given(WHEEL)), (1, 1), "{:?}", index.requests());

    index.stop();
    let asked = index.requests();
    let second = machine.install_from(&url);
    assert_installed(&second);
    assert!(!printed(&second).contains("stage:"), "nothing is left to do: {}", printed(&second));
    assert_eq!(index.requests(), asked);
}

#[test]
fn what_has_another_hash_is_refused_and_nothing_is_left() {
    let Some(machine) = Machine::new("a wheel with another hash") else { return };
    let index = machine.index(Some(&format!("ann:{PASSWORD}")), Duration::ZERO);
    let url = format!("http://ann:{PASSWORD}@{}/simple", index.address());
    let other = sha256(b"another");
    let error = failure(
        &machine.command().env("PIP_INDEX_URL", &url).env(REQUIREMENTS, requirements(&other)).output().unwrap(),
    );
    assert!(
        error.contains("installing the emulator with pip failed") && error.contains(&machine.wheel_sha256),
        "{error}"
    );
    assert_eq!(machine.cached(), Vec::<String>::new());

    let error = failure(&machine.command().env("PIP_INDEX_URL", &url).env(PIP_SHA256, &other).output().unwrap());
    assert!(error.contains("downloading pip failed") && error.contains("does not have the pinned SHA-256"), "{error}");
    assert_eq!(machine.cached(), Vec::<String>::new());

    let error = failure(&machine.install_from(&url.replace("ann:", "bob:")));
    assert!(error.contains("downloading pip failed") && error.contains("/simple/pip/: HTTP Error 401"), "{error}");
    assert!(!error.contains("Traceback"), "{error}");
    assert_eq!(machine.cached(), Vec::<String>::new());
}

#[test]
fn of_two_that_install_at_once_one_waits_and_both_have_it() {
    let Some(machine) = Machine::new("two installers at once") else { return };
    let index = machine.index(None, Duration::from_millis(500));
    let url = format!("http://{}/simple", index.address());
    let start = || -> Child {
        machine.command().env("PIP_INDEX_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let outputs = [start(), start()].map(|going| thread::spawn(move || going.wait_with_output().unwrap()));
    let outputs = outputs.map(|output| output.join().unwrap());
    let waited = outputs.iter().filter(|output| printed(output).contains("waiting for another firedrill")).count();
    for output in &outputs {
        assert_installed(output);
    }
    assert_eq!(waited, 1);
    assert_eq!((index.given(&machine.pip_wheel), index.given(WHEEL)), (1, 1), "{:?}", index.requests());
    assert_eq!(machine.cached().len(), 1);
}

#[test]
fn a_proxy_is_used_whether_the_environment_or_pips_settings_name_it() {
    let Some(machine) = Machine::new("installing through a proxy") else { return };
    for name in ["http_proxy", "PIP_PROXY"] {
        let proxy = machine.index(None, Duration::ZERO);
        let output = machine
            .command()
            .env("PIP_INDEX_URL", "http://index.invalid/simple")
            .env("PIP_TRUSTED_HOST", "index.invalid")
            .env("PIP_NO_CACHE_DIR", "1")
            .env(name, format!("http://{}", proxy.address()))
            .output()
            .unwrap();
        assert_installed(&output);
        let asked = proxy.requests();
        assert!(asked.iter().all(|request| request.starts_with("GET http://index.invalid/")), "{asked:?}");
        assert_eq!((proxy.given(&machine.pip_wheel), proxy.given(WHEEL)), (1, 1), "{asked:?}");
        fs::remove_dir_all(machine.path("cache")).unwrap();
    }
}

#[test]
fn a_folder_of_wheels_is_enough() {
    let Some(machine) = Machine::new("installing from a folder") else { return };
    let wheels = machine.path("wheels");
    fs::create_dir(&wheels).unwrap();
    for (name, bytes) in &machine.files {
        fs::write(wheels.join(name), bytes).unwrap();
    }
    let output = machine.command().env("PIP_FIND_LINKS", &wheels).env("PIP_NO_INDEX", "1").output().unwrap();
    assert_installed(&output);
}

#[test]
fn uv_is_told_the_same_settings_none_of_them_on_its_command_line_and_pip_follows_when_it_fails() {
    let Some(machine) = Machine::new("uv with a password") else { return };
    let told = machine.path("told");
    let uv = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho \"$@\" > {0}.args\nexport -p > {0}.env\n\
         echo 'Downloading ministack (2.3MiB)' >&2\necho \"no answer from $UV_DEFAULT_INDEX\" >&2\nexit 2\n",
        told.display()
    );
    let program = machine.path("bare/bin/uv");
    fs::write(&program, uv).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let index = machine.index(Some(&format!("ann:{PASSWORD}")), Duration::ZERO);
    let url = format!("http://ann:{PASSWORD}@{}/simple", index.address());
    let output = machine.command().env("PIP_INDEX_URL", &url).output().unwrap();
    assert_installed(&output);
    assert!(printed(&output).contains("stage: downloading ministack (2.3MiB) Some((0, 1))"), "{}", printed(&output));
    let read = |end: &str| fs::read_to_string(told.with_extension(end)).unwrap();
    assert!(!read("args").contains(PASSWORD) && read("args").contains("--require-hashes"), "{}", read("args"));
    assert!(
        read("env").contains(&format!("UV_DEFAULT_INDEX='{url}'"))
            || read("env").contains(&format!("UV_DEFAULT_INDEX=\"{url}\"")),
        "{}",
        read("env")
    );
}

#[test]
fn uv_installs_where_it_is_present_with_every_setting_that_pip_has() {
    let Some(machine) = Machine::new("uv that installs") else { return };
    let (told, wheel) = (machine.path("told"), machine.path(WHEEL));
    fs::write(&wheel, &machine.files[WHEEL]).unwrap();
    // What it would do, without a network: unpacks the wheel where the given Python looks.
    let uv = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho \"$@\" > {0}.args\nexport -p > {0}.env\n\
         while [ \"$1\" != --python ]; do shift; done\n\
         exec \"$2\" -I -c 'import sysconfig, zipfile\n\
         zipfile.ZipFile(\"{1}\").extractall(sysconfig.get_paths()[\"purelib\"])'\n",
        told.display(),
        wheel.display(),
    );
    let program = machine.path("bare/bin/uv");
    fs::write(&program, uv).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = machine
        .command()
        .env("PIP_INDEX_URL", "http://index.invalid/simple")
        .env("PIP_EXTRA_INDEX_URL", "http://more.invalid/simple http://most.invalid/simple")
        .env("PIP_FIND_LINKS", "/wheels")
        .env("PIP_TRUSTED_HOST", "index.invalid")
        .env("PIP_CERT", "/certificates.pem")
        .env("PIP_PROXY", "http://proxy.invalid:8080")
        .output()
        .unwrap();
    assert_installed(&output);
    let text = printed(&output);
    assert!(
        text.contains("stage: downloading the emulator with uv") && !text.contains("stage: downloading pip"),
        "{text}"
    );
    let read = |end: &str| fs::read_to_string(told.with_extension(end)).unwrap();
    for word in ["--require-hashes", "--only-binary :all:", "--allow-insecure-host index.invalid"] {
        assert!(read("args").contains(word), "{word}: {}", read("args"));
    }
    let environment = read("env").replace('"', "'");
    for (name, value) in [
        ("UV_DEFAULT_INDEX", "http://index.invalid/simple"),
        ("UV_INDEX", "http://more.invalid/simple http://most.invalid/simple"),
        ("UV_FIND_LINKS", "/wheels"),
        ("SSL_CERT_FILE", "/certificates.pem"),
        ("HTTPS_PROXY", "http://proxy.invalid:8080"),
    ] {
        assert!(environment.contains(&format!("{name}='{value}'")), "{name}: {environment}");
    }
    // The second time nothing is asked.
    fs::remove_file(told.with_extension("args")).unwrap();
    assert_installed(&machine.command().output().unwrap());
    assert!(!told.with_extension("args").exists());
}

#[test]
fn an_installation_that_takes_too_long_is_ended_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let script =
        "#!/bin/sh\ncase \"$*\" in *version_info*) echo 3; echo 12; echo \"$0\";; *) exec /bin/sleep 600;; esac\n";
    fs::write(bin.join("python3"), script).unwrap();
    fs::set_permissions(bin.join("python3"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let cache = folder.path().join("cache");
    let install = || {
        let mut command = itself();
        command.env("PATH", &bin).env(CACHE, &cache).env(WHAT, "emulator").env(LIMIT_MS, "700");
        failure(&command.output().unwrap())
    };
    let error = install();
    assert!(error.contains("installing the emulator took longer than 0.7 s"), "{error}");
    let left = || fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(left().len(), 1, "the lock alone: {:?}", left());
    let lock = fs::File::open(install::place(&cache).with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let error = install();
    assert!(error.contains("waited 0.7 s for another firedrill"), "{error}");
}

/// The emulator itself, from the index that this machine's settings name.
#[test]
fn the_emulator_is_installed_without_ensurepip_and_starts_again_without_a_network() {
    let test = "installing the emulator from the package index";
    if !support::nightly() {
        support::skip(test, "for the nightly job: it downloads what is installed");
        return;
    }
    let Some(machine) = Machine::new(test) else { return };
    let install = || {
        let mut command = itself();
        command.env("PATH", machine.path("bare/bin")).env(CACHE, machine.path("cache")).env(WHAT, "started");
        command
    };
    let first = install().output().unwrap();
    assert_installed(&first);
    assert!(printed(&first).contains("stage: downloading pip"), "{}", printed(&first));
    let mut offline = install();
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_PROXY"] {
        offline.env(name, "http://127.0.0.1:9");
    }
    let second = offline.env("PIP_INDEX_URL", "http://127.0.0.1:9/simple").output().unwrap();
    assert_installed(&second);
    assert!(!printed(&second).contains("stage:"), "{}", printed(&second));
}
