//! The program that is killed: it takes the steps of a run, with the functions with which a run takes them, and ends itself
//! after one of them.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use firedrill::{
    poll::{self, Look},
    recovery::isolate::isolate,
    run::{Drill, Stop, steps},
    step::STEP,
    target::{INSTALL_LIMIT, Launch, RunningTarget, install::Silent, install_aside},
};
use firedrill_model::{
    history::Event,
    ids::{Region, Zone},
    plan::{Plan, PlannedFault},
    rule::{Pattern, Rule},
    units::Span,
};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

use super::remains::children_of;

/// Set in the process that is to run a drill: the file of its [`Job`].
pub const JOB: &str = "FIREDRILL_KILLED_JOB";

/// What one process runs, and where it ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// File of the plan.
    pub plan: PathBuf,
    /// Which of its faults are switched on, in order.
    pub faults: Vec<usize>,
    /// Folder of run directories.
    pub out: PathBuf,
    /// The firedrill program, and the cache folder with the stand-in for the emulator.
    pub program: PathBuf,
    pub cache: PathBuf,
    /// File of the steps that were taken, one a line.
    pub steps: PathBuf,
    /// `None`: it comes to its end.
    pub end: Option<End>,
}

/// Where a process ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// After this step.
    pub step: Step,
    /// Who ends with it.
    pub with: With,
}

/// A step, and how often it was taken before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub what: String,
    pub before: usize,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.before + 1)
    }
}

/// Who is killed together with the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum With {
    /// Nobody: the supervisor heals.
    Nobody,
    /// The supervisor: the guards of the emulators end them.
    Supervisor,
    /// The supervisor and the guards: only `heal` is left.
    Guards,
}

/// Runs the drill of [`JOB`], in the process that is to do so; in any other, returns at once.
pub fn run() {
    let Some(job) = std::env::var_os(JOB) else { return };
    let job: Job = serde_json::from_slice(&fs::read(job).unwrap()).unwrap();
    let steps = OpenOptions::new().create(true).append(true).open(&job.steps).unwrap();
    let ending = Ending { end: job.end.clone(), taken: Mutex::new((BTreeMap::new(), steps)) };
    let told = ending.with_filter(filter_fn(|of| of.target() == STEP));
    tracing_subscriber::registry().with(told).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(drill(job));
}

/// The steps of a run, between which there are traffic, backups and recovery in a real one.
async fn drill(job: Job) {
    let plan: Plan = serde_json::from_slice(&fs::read(&job.plan).unwrap()).unwrap();
    let stop = Stop::default();
    let drill = steps::begin(plan, "", &job.out, stop.token().clone()).unwrap();
    let emulator = install_aside(job.cache.clone(), INSTALL_LIMIT, &Silent).await.unwrap();
    let launch = Launch { program: job.program, cache: job.cache };
    let mut target = steps::start_target(&drill, &launch, &emulator).await.unwrap();
    let mut events = target.events();
    tokio::select! {
        () = strike(&drill, &target, &job.faults) => {}
        lost = steps::follow_target(&drill, &stop, &mut events) => panic!("{lost}"),
    }
    steps::heal(&drill, Some(&target)).await.unwrap();
    target.stop(false).await.unwrap();
    drill.journal.append_synced(Event::TornDown { kept: false }).unwrap();
}

async fn strike(drill: &Drill, target: &RunningTarget, faults: &[usize]) {
    for fault in faults.iter().map(|number| &drill.plan.disaster[*number]) {
        steps::arm(drill, target, fault).await.unwrap();
        bite(drill, fault).await;
    }
    isolate(drill, target, 0, &drill.plan.topology.primary).await.unwrap();
}

/// Sends requests of the kind that the fault is about until it has stopped one and that is in the history. What has to rise
/// first stops none yet.
async fn bite(drill: &Drill, fault: &PlannedFault) {
    if fault.fault.rules.is_empty() || fault.fault.rules.iter().any(|rule| rule.fires.ramp.is_some()) {
        return;
    }
    let never = CancellationToken::new();
    let bitten = || async {
        for rule in &fault.fault.rules {
            request(drill, rule).await;
        }
        let mut records = drill.dir.read_history().unwrap().map(|record| record.unwrap().event);
        let bit = records.any(|event| matches!(event, Event::FaultBit { id, .. } if id == fault.id));
        if bit { Look::Ready(()) } else { Look::NotYet("no request was stopped".to_owned()) }
    };
    poll::until("the fault to bite", Span::from_ms(5), Span::from_secs(5), &never, bitten).await.unwrap();
}

/// One request that a rule is about, through the plane. What becomes of it does not matter.
async fn request(drill: &Drill, rule: &Rule) {
    let sample = |patterns: &[Pattern], default: &str| match patterns.first() {
        Some(pattern) if pattern.as_str() != "*" => pattern.as_str().replace('*', ""),
        _ => default.to_owned(),
    };
    let scope = &rule.scope;
    let region = sample(&scope.region, drill.plan.topology.primary.as_str());
    let (service, key) = (sample(&scope.service, "dynamodb"), sample(&scope.principal, "AKIA"));
    let head = match service.as_str() {
        "s3" => "PUT /bucket/key HTTP/1.1".to_owned(),
        "lambda" => "POST /2015-03-31/functions/name/invocations HTTP/1.1".to_owned(),
        _ => format!("POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.{}", sample(&scope.operation, "PutItem")),
    };
    let text = format!(
        "{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{{}}"
    );
    // By the address of the region or zone from which it comes.
    let by = sample(&scope.origin, &region);
    let of_zone = drill.zones.get().unwrap().get(&Zone::new(&by)).cloned();
    let url = of_zone.unwrap_or_else(|| drill.endpoint(&Region::new(&by)).unwrap().plane_url.clone());
    let address = url.trim_start_matches("http://").to_owned();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(text.as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await
    };
    // A fault may answer nothing.
    drop(poll::at_most(Span::from_ms(20), exchange).await);
}

/// Writes every step down, and ends the process after the one that it is to end after.
struct Ending {
    end: Option<End>,
    taken: Mutex<(BTreeMap<String, usize>, File)>,
}

impl<S: tracing::Subscriber> Layer<S> for Ending {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, file) = &mut *taken;
        let count = counts.entry(message.0.clone()).or_default();
        let step = Step { what: message.0, before: *count };
        *count += 1;
        writeln!(file, "{}", serde_json::to_string(&step).unwrap()).unwrap();
        if let Some(End { with, .. }) = self.end.as_ref().filter(|end| end.step == step) {
            end(*with);
        }
    }
}

/// Kills this process with whom it is to take along, those first whom the others would make end.
fn end(with: With) {
    let own = std::process::id().cast_signed();
    let supervisors = if with == With::Nobody { Vec::new() } else { children_of(own) };
    let guards: Vec<i32> = match with {
        With::Guards => supervisors.iter().flat_map(|supervisor| children_of(*supervisor)).collect(),
        With::Nobody | With::Supervisor => Vec::new(),
    };
    for pid in guards.into_iter().chain(supervisors).chain([own]) {
        // One of them may have ended by itself.
        assert!(matches!(kill(Pid::from_raw(pid), Signal::SIGKILL), Ok(()) | Err(Errno::ESRCH)));
    }
    unreachable!("SIGKILL cannot be ignored");
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
