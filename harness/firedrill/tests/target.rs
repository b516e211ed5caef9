//! The local target for real: an emulator per region behind the fault plane, taken away and brought back.
//!
//! The first test to run installs the pinned emulator into the user's cache folder; later runs work offline.

use std::{collections::BTreeMap, path::Path};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use firedrill::{
    fault::region_outage,
    poll::{self, Look},
    services::{
        Clients, ServiceError,
        api::{self, Api},
        clients::{Conduct, Endpoint},
        error::Certainty,
    },
    target::{
        Healing, INSTALL_LIMIT, InstallProgress, Launch, RunningTarget, SUPERVISOR, Switch as _, TargetError,
        TargetEvent, cache_folder,
        install::Stage,
        install_aside,
        process::{self, Standing},
    },
};
use firedrill_model::{
    history::ProcessRecord,
    ids::{FaultId, Region},
    plan::{Layout, PlannedFault, TargetKind, TargetPlan},
    run_dir::{RunDir, read_json},
    scenario::{Onset, Symptom},
    units::Span,
    verdict::EnvironmentClass,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

const EAST: &str = "us-east-1";
const WEST: &str = "eu-west-1";
const TABLE: &str = "orders";

struct Shown;

impl InstallProgress for Shown {
    #[expect(clippy::print_stderr, reason = "a first installation takes a while: say so")]
    fn stage(&self, stage: Stage) {
        eprintln!("installing: {}", stage.text);
    }

    fn working(&self, _: Option<i32>) {}
}

fn launch() -> Launch {
    Launch { program: env!("CARGO_BIN_EXE_firedrill").into(), cache: cache_folder().expect("a cache folder") }
}

async fn start(layout: Layout, dir: &Path) -> RunningTarget {
    let plan = TargetPlan {
        kind: TargetKind::Local,
        layout,
        environment_class: EnvironmentClass::Emulator,
        engine: firedrill::target::install::ENGINE.to_owned(),
    };
    let launch = launch();
    let emulator = install_aside(launch.cache.clone(), INSTALL_LIMIT, &Shown).await.expect("an emulator");
    let regions = [Region::from(EAST), Region::from(WEST)];
    RunningTarget::start(&launch, &emulator, &plan, (&regions, &[], 0), &RunDir::new(dir))
        .await
        .expect("the target starts")
}

fn outage(id: &str, symptom: Symptom) -> PlannedFault {
    PlannedFault {
        id: FaultId::from(id),
        when: Onset::At { delay: Span::default() },
        fault: region_outage(&Region::from(EAST), symptom).expect("a symptom of regions"),
        duration_max: Span::from_secs(600),
    }
}

fn clients(endpoints: &BTreeMap<Region, Endpoint>, region: &str, conduct: Conduct) -> Clients {
    Clients::connect(&endpoints[&Region::from(region)], conduct, None)
}

async fn create_table(clients: &Clients) {
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build();
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build();
    clients
        .dynamodb
        .create_table()
        .table_name(TABLE)
        .attribute_definitions(attribute.expect("an attribute"))
        .key_schema(key.expect("a key"))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("a table");
}

async fn put(clients: &Clients, id: &str) -> Result<(), ServiceError> {
    let request = clients.dynamodb.put_item().table_name(TABLE).item("id", AttributeValue::S(id.to_owned()));
    request.send().await.map(drop).map_err(|error| ServiceError::request("PutItem", &error))
}

async fn has(clients: &Clients, id: &str) -> bool {
    let request = clients.dynamodb.get_item().table_name(TABLE).key("id", AttributeValue::S(id.to_owned()));
    request.send().await.expect("the table answers").item.is_some()
}

async fn next(events: &mut mpsc::Receiver<TargetEvent>) -> TargetEvent {
    poll::at_most(Span::from_secs(20), events.recv()).await.expect("an event in time").expect("the target lives")
}

/// Waits until every process and what it started is gone; the law says 5 s.
async fn gone(processes: &[ProcessRecord]) {
    let never = CancellationToken::new();
    let waited = poll::until("the target's end", Span::from_ms(50), Span::from_secs(5), &never, || {
        let left: Vec<&ProcessRecord> =
            processes.iter().filter(|process| process::standing(process) != Standing::Gone).collect();
        let look = if left.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{left:?}")) };
        async move { look }
    });
    waited.await.expect("nothing outlives its run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_taken_away_and_comes_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut target = start(Layout::ProcessPerRegion, dir.path()).await;
    let mut events = target.events();
    let endpoints = target.endpoints();
    let east = clients(&endpoints, EAST, Conduct::Traffic { timeout: Span::from_secs(3) });
    let west = clients(&endpoints, WEST, Conduct::Control);
    create_table(&east).await;
    create_table(&west).await;
    put(&east, "before").await.expect("acknowledged");
    assert!(!has(&west, "before").await, "regions are apart");

    target.arm(&outage("fault-1", Symptom::Refused)).await.expect("armed");
    let refused = put(&east, "refused").await.expect_err("the region is gone");
    assert_eq!(refused.certainty(), Certainty::NotExecuted, "{refused}");
    assert_eq!(next(&mut events).await, TargetEvent::FaultBit { id: FaultId::from("fault-1"), rule: None });
    put(&west, "meanwhile").await.expect("the other region works");
    assert_eq!(target.heal(&FaultId::from("fault-1")).await.expect("healed"), Healing::Undone);
    assert_eq!(
        next(&mut events).await,
        TargetEvent::FaultEnded { id: FaultId::from("fault-1"), by: "heal".to_owned() }
    );
    assert!(has(&east, "before").await && !has(&east, "refused").await);

    target.arm(&outage("fault-2", Symptom::Timeouts)).await.expect("armed");
    let held = put(&east, "held").await.expect_err("no answer comes");
    assert_eq!(held.certainty(), Certainty::Unknown, "{held}");
    assert_eq!(next(&mut events).await, TargetEvent::FaultBit { id: FaultId::from("fault-2"), rule: None });
    assert_eq!(target.heal(&FaultId::from("fault-2")).await.expect("healed"), Healing::Undone);
    next(&mut events).await;
    assert!(has(&east, "before").await, "data is kept");
    assert!(!has(&east, "held").await, "a held request is never forwarded later");
    assert_eq!(target.heal(&FaultId::from("fault-2")).await.expect("answered"), Healing::WasNotOn);

    target.arm(&outage("fault-3", Symptom::Destroyed)).await.expect("armed");
    let refused = put(&east, "destroyed").await.expect_err("the region is gone");
    assert_eq!(refused.certainty(), Certainty::NotExecuted, "{refused}");
    let region = target.processes().into_iter().find(|process| process.role == EAST).expect("recorded");
    assert_eq!(process::standing(&region), Standing::Gone);
    assert_eq!(target.heal(&FaultId::from("fault-3")).await.expect("answered"), Healing::Stays);
    put(&east, "after").await.expect_err("and stays gone");
    assert!(has(&west, "meanwhile").await);

    let processes = target.processes();
    target.stop(false).await.expect("stopped");
    gone(&processes).await;
    let record: firedrill::target::record::TargetRecord =
        read_json(&RunDir::new(dir.path()).target()).expect("target.json");
    assert_eq!(record.endpoints.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_pass_through_the_plane_unchanged() {
    let dir = tempfile::tempdir().expect("a folder");
    let target = start(Layout::SharedProcess, dir.path()).await;
    let endpoints = target.endpoints();
    let east = clients(&endpoints, EAST, Conduct::Control);
    east.s3.create_bucket().bucket("uploads").send().await.expect("a bucket");
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n * 7 % 251).expect("a byte")).collect();
    let key = "a folder/ünï+%#?'\".bin";
    let put = east.s3.put_object().bucket("uploads").key(key).metadata("write-id", "w-1").body(body.clone().into());
    put.send().await.expect("acknowledged");
    let got = clients(&endpoints, EAST, Conduct::Clean);
    let got = got.s3.get_object().bucket("uploads").key(key).send().await.expect("an object");
    assert_eq!(got.metadata().and_then(|metadata| metadata.get("write-id")).map(String::as_str), Some("w-1"));
    let bytes = got.body.collect().await.expect("a body").into_bytes();
    assert!(bytes == body, "{} bytes came back of {}", bytes.len(), body.len());

    let destroyed = target.arm(&outage("fault-1", Symptom::Destroyed)).await.expect_err("one process for all");
    assert!(matches!(&destroyed, TargetError::Refused(reason) if reason.contains("share one process")), "{destroyed}");
    let processes = target.processes();
    target.stop(false).await.expect("stopped");
    gone(&processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_that_a_drill_can_need_answers_and_one_of_a_lost_region_does_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let target = start(Layout::ProcessPerRegion, dir.path()).await;
    let endpoints = target.endpoints();
    let apis = [Api::DynamoDb, Api::Streams, Api::S3, Api::Lambda, Api::Iam, Api::CloudFormation, Api::CloudWatch];
    for region in [EAST, WEST] {
        let clients = clients(&endpoints, region, Conduct::Control);
        for api in apis {
            api::ask(&clients, api).await.unwrap_or_else(|error| panic!("{api} in {region}: {error}"));
        }
    }
    target.arm(&outage("fault-1", Symptom::Refused)).await.expect("armed");
    let east = clients(&endpoints, EAST, Conduct::Traffic { timeout: Span::from_secs(3) });
    for api in apis {
        api::ask(&east, api).await.expect_err("the region is gone");
    }
    target.stop(false).await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_ends_by_itself_after_its_longest_duration() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut target = start(Layout::ProcessPerRegion, dir.path()).await;
    let mut events = target.events();
    let fault = PlannedFault { duration_max: Span::from_ms(200), ..outage("fault-1", Symptom::Refused) };
    target.arm(&fault).await.expect("armed");
    let id = FaultId::from("fault-1");
    assert_eq!(next(&mut events).await, TargetEvent::FaultBit { id: id.clone(), rule: None });
    assert_eq!(next(&mut events).await, TargetEvent::FaultEnded { id, by: "duration".to_owned() });
    create_table(&clients(&target.endpoints(), EAST, Conduct::Control)).await;
    target.stop(false).await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_runner_that_vanished() {
    let dir = tempfile::tempdir().expect("a folder");
    let target = start(Layout::ProcessPerRegion, dir.path()).await;
    target.arm(&outage("fault-1", Symptom::Timeouts)).await.expect("armed");
    let processes = target.processes();
    assert_eq!(processes.len(), 3, "{processes:?}");
    drop(target);
    gone(&processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_supervisor_that_was_killed() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut target = start(Layout::ProcessPerRegion, dir.path()).await;
    let mut events = target.events();
    // A stopped region cannot notice anything itself.
    target.arm(&outage("fault-1", Symptom::Timeouts)).await.expect("armed");
    let processes = target.processes();
    let supervisor = processes.iter().find(|process| process.role == SUPERVISOR).expect("recorded");
    kill(Pid::from_raw(supervisor.pid), Signal::SIGKILL).expect("it runs");
    assert_eq!(next(&mut events).await, TargetEvent::SupervisorGone);
    let error = target.heal(&FaultId::from("fault-1")).await.expect_err("nobody heals");
    assert!(matches!(error, TargetError::SupervisorGone { .. }), "{error}");
    drop(target);
    gone(&processes).await;
}

/// The emulator keeps the key of its user pools in a file that all runs of a machine would share.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_emulator_are_in_the_run_and_end_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let target = start(Layout::SharedProcess, dir.path()).await;
    let address = target.endpoints()[&Region::from(EAST)].direct_url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 16\r\n";
    let operation = "x-amz-target: AWSCognitoIdentityProviderService.ListUserPools\r\n";
    let request = format!("{head}{operation}\r\n{{\"MaxResults\":1}}");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.contains("UserPools"), "{answer}");

    let scratch = dir.path().join("target/all-regions.tmp");
    assert!(scratch.join("cognito-rsa-key.pem").exists(), "{:?}", std::fs::read_dir(&scratch).map(Vec::from_iter));
    target.stop(false).await.expect("stopped");
    assert!(!scratch.exists());
}

/// Whoever kills the guard alone must not have a region left over, stopped or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_ends_with_its_guard() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut target = start(Layout::ProcessPerRegion, dir.path()).await;
    let mut events = target.events();
    target.arm(&outage("fault-1", Symptom::Timeouts)).await.expect("armed");
    let region = target.processes().into_iter().find(|process| process.role == EAST).expect("recorded");
    kill(parent(region.pid), Signal::SIGKILL).expect("it runs");
    assert_eq!(next(&mut events).await, TargetEvent::ProcessExited { region: Region::from(EAST) });
    gone(&[region]).await;
    assert!(!dir.path().join("target/us-east-1.tmp").exists());
    target.stop(false).await.expect("stopped");
}

/// Who has started a process.
fn parent(pid: i32) -> Pid {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    Pid::from_raw(parent.trim().parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_that_dies_is_reported() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut target = start(Layout::ProcessPerRegion, dir.path()).await;
    let mut events = target.events();
    let region = target.processes().into_iter().find(|process| process.role == EAST).expect("recorded");
    kill(Pid::from_raw(region.pid), Signal::SIGKILL).expect("it runs");
    assert_eq!(next(&mut events).await, TargetEvent::ProcessExited { region: Region::from(EAST) });
    target.stop(false).await.expect("stopped");
    let left = std::fs::read_dir(dir.path().join("target")).expect("logs").filter_map(Result::ok);
    let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name == "eu-west-1.tmp").collect();
    assert!(left.is_empty(), "temporary files are removed: {left:?}");
}
