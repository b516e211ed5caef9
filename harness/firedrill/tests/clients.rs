//! Clients through the fault plane see what they see without it.

mod support;

use std::{collections::BTreeMap, process::Command};

use firedrill::target::{INSTALL_LIMIT, Launch, RunningTarget, cache_folder, install::Silent, install_aside};
use firedrill_model::{
    ids::Region,
    plan::{Layout, TargetKind, TargetPlan},
    run_dir::RunDir,
    verdict::EnvironmentClass,
};

/// What `fixtures/clients/matrix.py` prints of an address.
fn matrix(python: &std::path::Path, url: &str, region: &Region) -> Vec<String> {
    let script = support::root().join("fixtures/clients/matrix.py");
    let output = Command::new(python).arg("-I").arg(script).args([url, region.as_str()]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn boto3_sees_the_same_through_the_plane_as_without_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = TargetPlan {
        kind: TargetKind::Local,
        layout: Layout::ProcessPerRegion,
        environment_class: EnvironmentClass::Emulator,
        engine: firedrill::target::install::ENGINE.to_owned(),
    };
    let cache = cache_folder().expect("a cache folder");
    let launch = Launch { program: env!("CARGO_BIN_EXE_firedrill").into(), cache: cache.clone() };
    let emulator = install_aside(cache, INSTALL_LIMIT, &Silent).await.expect("an emulator");
    // Two regions that are alike: one is asked itself, the other through the plane.
    let regions = [Region::from("us-east-1"), Region::from("eu-west-1")];
    let target = RunningTarget::start(&launch, &emulator, &plan, (&regions, 0), &RunDir::new(dir.path())).await;
    let target = target.expect("the target starts");
    let endpoints: BTreeMap<_, _> = target.endpoints();
    let direct = matrix(&emulator.python(), &endpoints[&regions[0]].direct_url, &regions[0]);
    let through = matrix(&emulator.python(), &endpoints[&regions[1]].plane_url, &regions[1]);
    assert!(direct.len() > 60, "{direct:#?}");
    // What fails must be what is meant to fail: two addresses of which nothing answers are alike, too.
    let failed = |line: &&String| line.contains("\"error\"") || line.contains("\"http\"");
    for line in direct.iter().filter(failed) {
        assert!(["absent", "condition", "not modified"].iter().any(|meant| line.contains(meant)), "{line}");
    }
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(direct.replace("us-east-1", "eu-west-1"), through.replace("us-east-1", "eu-west-1"));
    }
    assert_eq!(direct.len(), through.len());
    target.stop(false).await.expect("it ends");
}
