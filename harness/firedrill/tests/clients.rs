//! Clients through the fault plane see what they see without it.

#[path = "clients/sdk_for_rust.rs"]
mod sdk_for_rust;
mod support;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use firedrill::target::{
    INSTALL_LIMIT, Launch, RunningTarget, cache_folder,
    install::{self, Emulator, PINS, Pins, Silent},
    install_aside,
};
use firedrill_model::{
    ids::Region,
    plan::{Layout, TargetKind, TargetPlan},
    run_dir::RunDir,
    verdict::EnvironmentClass,
};
use serde_json::Value;
use support::printed;

/// What makes a Python with the emulator into one with the AWS CLI, too.
const CLI_REQUIREMENTS: &str = include_str!("../../../fixtures/clients/requirements.txt");
/// The name of a call that is meant to fail holds one of these.
const MEANT_TO_FAIL: [&str; 4] = ["absent", "condition", "not modified", "wrong checksum"];

/// Who makes the calls.
enum Client {
    /// A program with its arguments, which a URL and a region follow; it prints the lines.
    Program(PathBuf, Vec<OsString>),
    /// The AWS SDK for Rust, in this process.
    SdkForRust,
}

/// A client that makes many calls and gives for each one JSON line with its name, `call`, and with what it saw.
struct Matrix {
    client: Client,
    /// So many lines at least: a client that ends early compares nothing.
    lines_min: usize,
    /// Some line holds each of these, or the client did not do what is to be compared.
    shows: &'static [&'static str],
}

impl Matrix {
    /// What it gives of an address.
    async fn lines(&self, url: &str, region: &Region) -> Vec<String> {
        match &self.client {
            Client::SdkForRust => sdk_for_rust::lines(url, region).await,
            Client::Program(program, args) => {
                let output = Command::new(program).args(args).args([url, region.as_str()]).output().expect("it runs");
                assert!(output.status.success(), "{}", printed(&output));
                String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
            }
        }
    }

    /// Runs it against a region itself and against one that is alike through the plane, and compares line by line.
    async fn compare(&self, emulator: &Emulator) {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = TargetPlan {
            kind: TargetKind::Local,
            layout: Layout::ProcessPerRegion,
            environment_class: EnvironmentClass::Emulator,
            engine: install::ENGINE.to_owned(),
        };
        let cache = cache_folder().expect("a cache folder");
        let launch = Launch { program: env!("CARGO_BIN_EXE_firedrill").into(), cache };
        let regions = [Region::from("us-east-1"), Region::from("eu-west-1")];
        let target = RunningTarget::start(&launch, emulator, &plan, (&regions, &[], 0), &RunDir::new(dir.path())).await;
        let target = target.expect("the target starts");
        let endpoints: BTreeMap<_, _> = target.endpoints();
        let direct = self.lines(&endpoints[&regions[0]].direct_url, &regions[0]).await;
        let through = self.lines(&endpoints[&regions[1]].plane_url, &regions[1]).await;
        target.stop(false).await.expect("it ends");

        assert!(direct.len() >= self.lines_min, "{direct:#?}");
        for shown in self.shows {
            assert!(direct.iter().any(|line| line.contains(shown)), "no line shows {shown}: {direct:#?}");
        }
        // What fails must be what is meant to fail: two addresses of which nothing answers are alike, too.
        let failed = |line: &&String| line.contains("\"error\"") || line.contains("\"http\"");
        for line in direct.iter().filter(failed) {
            assert!(MEANT_TO_FAIL.iter().any(|meant| name(line).contains(meant)), "{line}");
        }
        assert_eq!(direct.len(), through.len(), "{through:#?}");
        let pairs = direct.iter().zip(&through).map(|(direct, through)| (anywhere(direct), anywhere(through)));
        let unlike: Vec<_> = pairs.filter(|(direct, through)| direct != through).collect();
        assert!(unlike.is_empty(), "{unlike:#?}");
    }
}

/// Which call a line is of.
fn name(line: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("a JSON line");
    line["call"].as_str().expect("a name").to_owned()
}

/// A line without its region.
fn anywhere(line: &str) -> String {
    line.replace("us-east-1", "REGION").replace("eu-west-1", "REGION")
}

fn clients() -> PathBuf {
    support::root().join("fixtures/clients")
}

async fn emulator() -> Emulator {
    install_aside(cache_folder().expect("a cache folder"), INSTALL_LIMIT, &Silent).await.expect("an emulator")
}

/// Whether `test` is run: in the nightly job alone, since its client has to be installed.
fn in_the_night(test: &str) -> bool {
    if !support::nightly() {
        support::skip(test, "a client that the nightly job installs");
    }
    support::nightly()
}

#[tokio::test]
async fn boto3_sees_the_same_through_the_plane_as_without_it() {
    let emulator = emulator().await;
    let matrix = Matrix {
        client: Client::Program(emulator.python(), vec!["-I".into(), clients().join("matrix.py").into()]),
        lines_min: 61,
        shows: &[],
    };
    matrix.compare(&emulator).await;
}

#[tokio::test]
async fn the_sdk_for_rust_sees_the_same_through_the_plane_as_without_it() {
    let matrix = Matrix {
        client: Client::SdkForRust,
        lines_min: 130,
        shows: &[
            "\"x-amz-content-sha256\":\"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\"",
            "\"x-amz-trailer\":\"x-amz-checksum-crc32\"",
            "\"content-encoding\":\"gzip\"",
            "\"smithy-protocol\":\"rpc-v2-cbor\"",
            "\"InvokeComplete\":1",
            "\"type\":\"NoSuchBucket\"",
            "\"type\":\"ConditionalCheckFailedException\"",
        ],
    };
    matrix.compare(&emulator().await).await;
}

#[tokio::test]
async fn the_aws_cli_sees_the_same_through_the_plane_as_without_it() {
    if !in_the_night("the_aws_cli_sees_the_same_through_the_plane_as_without_it") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let requirements = format!("{}{CLI_REQUIREMENTS}", PINS.requirements);
    let with_cli = install::install(dir.path(), &Pins { requirements: &requirements, ..PINS }, &Silent);
    let matrix = Matrix {
        client: Client::Program(
            with_cli.expect("the AWS CLI").python(),
            vec!["-I".into(), clients().join("matrix_cli.py").into()],
        ),
        lines_min: 65,
        shows: &["\"continued\": true", "\"connections\": 1,", "\"PUT 200\", \"PUT 200\"", "\"GET 206\", \"GET 206\""],
    };
    matrix.compare(&emulator().await).await;
}

#[tokio::test]
async fn the_sdk_for_javascript_sees_the_same_through_the_plane_as_without_it() {
    const TEST: &str = "the_sdk_for_javascript_sees_the_same_through_the_plane_as_without_it";
    if !in_the_night(TEST) {
        return;
    }
    if !has_node() {
        support::skip(TEST, "there is no Node.js 20.15 or newer with npm");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    install_sdk_for_javascript(dir.path());
    let matrix = Matrix {
        client: Client::Program("node".into(), vec![dir.path().join("matrix.mjs").into()]),
        lines_min: 80,
        shows: &[
            "\"x-amz-content-sha256\":\"STREAMING-UNSIGNED-PAYLOAD-TRAILER\",\"x-amz-trailer\":\"x-amz-checksum-crc32\"",
            "\"continued\":true",
            "{\"made\":1}",
            "\"InvokeComplete\"",
            "\"type\":\"NoSuchBucket\"",
        ],
    };
    matrix.compare(&emulator().await).await;
}

/// `zlib.crc32`, with which the script makes an archive, came with Node.js 20.15 and 22.2.
fn has_node() -> bool {
    let succeeds = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    succeeds("npm", &["--version"]) && succeeds("node", &["--eval", "require('zlib').crc32('')"])
}

/// Node.js looks for modules beside the script.
fn install_sdk_for_javascript(folder: &Path) {
    for file in ["package.json", "package-lock.json", "matrix.mjs"] {
        fs::copy(clients().join(file), folder.join(file)).expect("copied");
    }
    let mut npm = Command::new("npm");
    let output = npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder).output();
    let output = output.expect("npm runs");
    assert!(output.status.success(), "{}", printed(&output));
}
