//! A target that is up, as the runner holds it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use async_trait::async_trait;
use firedrill_model::{
    history::ProcessRecord,
    ids::{FaultId, Region, Zone},
    plan::{PlannedFault, TargetPlan},
    run_dir::RunDir,
    units::Span,
};
use tokio::{
    process::{Child, Command as Program},
    sync::mpsc,
};

use super::{
    Launch, TargetError, TargetEvent,
    install::Emulator,
    link::Link,
    process,
    record::{Addresses, TARGET_SCHEMA, TargetRecord},
    supervisor::protocol::{Command, EndpointRecord, Healing, Outcome, Setup},
};
use crate::{
    poll,
    services::clients::{EMULATOR_ACCOUNT, Endpoint},
    step::STEP,
};

/// How long an ordered end may take before the supervisor is killed; it needs at most 5 s.
const END_LIMIT: Span = Span::from_secs(10);

/// Role of the supervisor in [`RunningTarget::processes`].
pub const SUPERVISOR: &str = "supervisor";

/// A target that is up. Dropping it closes the supervisor's pipe: faults are healed and the regions end.
#[derive(Debug)]
pub struct RunningTarget {
    link: Link,
    supervisor: Child,
    events: Option<mpsc::Receiver<TargetEvent>>,
    record: TargetRecord,
    record_path: PathBuf,
}

impl RunningTarget {
    /// Starts a supervisor, and through it the plane and every region; returns when all regions are healthy. What runs in one
    /// of the zones has an address of its own on the plane. Writes `target.json` and, in the folder `target`, the logs.
    pub async fn start(
        launch: &Launch,
        emulator: &Emulator,
        plan: &TargetPlan,
        (regions, zones, seed): (&[Region], &[Zone], u64),
        dir: &RunDir,
    ) -> Result<Self, TargetError> {
        let folder = absolute(&dir.root().join("target"))?;
        fs::create_dir_all(&folder).map_err(cannot_use(&folder))?;
        let log = folder.join("supervisor.log");
        let (mut supervisor, pipe, answers) = spawn(&launch.program, &log)?;
        tracing::trace!(target: STEP, "the supervisor is started");
        let (link, events) = Link::new(pipe, answers, log.clone());
        let (python, regions, zones) = (emulator.python(), regions.to_vec(), zones.to_vec());
        let setup = Setup { python, layout: plan.layout, seed, regions, zones, folder };
        let Outcome::Started { endpoints, zones, processes } = link.ask(Command::Start(setup)).await? else {
            return Err(TargetError::Protocol("no endpoints".to_owned()));
        };
        let own = supervisor.id().and_then(|pid| process::record(SUPERVISOR, i32::try_from(pid).ok()?));
        let Some(own) = own else {
            drop(supervisor.start_kill());
            return Err(TargetError::SupervisorGone { log });
        };
        let record = TargetRecord {
            schema: TARGET_SCHEMA.to_owned(),
            target: plan.clone(),
            endpoints: endpoints.into_iter().map(addresses).collect(),
            zones,
            access_key_id: EMULATOR_ACCOUNT.to_owned(),
            processes: [own].into_iter().chain(processes).collect(),
            started_by: vec![launch.program.display().to_string(), "supervise".to_owned()],
            python: emulator.python(),
            kept: false,
        };
        let record_path = dir.target();
        record.write(&record_path).map_err(cannot_use(&record_path))?;
        tracing::trace!(target: STEP, "the target is recorded");
        Ok(Self { link, supervisor, events: Some(events), record, record_path })
    }

    /// Where each region answers.
    pub fn endpoints(&self) -> BTreeMap<Region, Endpoint> {
        let endpoint = |(region, addresses): (&Region, &Addresses)| {
            let endpoint = Endpoint {
                region: region.clone(),
                plane_url: addresses.plane_url.clone(),
                direct_url: addresses.direct_url.clone(),
            };
            (region.clone(), endpoint)
        };
        self.record.endpoints.iter().map(endpoint).collect()
    }

    /// By zone, the address for what runs in it.
    pub fn zones(&self) -> BTreeMap<Zone, String> {
        self.record.zones.clone()
    }

    /// The supervisor ([`SUPERVISOR`]) and the process group of each region, for the journal.
    pub fn processes(&self) -> Vec<ProcessRecord> {
        self.record.processes.clone()
    }

    /// Switches a fault off. When the region is back, it was seen to answer before its requests passed again.
    pub async fn heal(&self, id: &FaultId) -> Result<Healing, TargetError> {
        let outcome = self.link.ask(Command::Heal { fault: id.clone() }).await?;
        if let Outcome::Healed { healing } = outcome {
            Ok(healing)
        } else {
            Err(TargetError::Protocol(format!("{outcome:?}")))
        }
    }

    /// What the target reports by itself. The first call takes the receiver; later ones get one that is closed.
    pub fn events(&mut self) -> mpsc::Receiver<TargetEvent> {
        self.events.take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// A Python that has boto3, for users' scripts.
    pub fn python(&self) -> PathBuf {
        self.record.python.clone()
    }

    /// Heals every fault, then ends everything that was started; with `keep` the regions and the plane stay up, under
    /// the supervisor, until `firedrill heal`.
    pub async fn stop(mut self, keep: bool) -> Result<(), TargetError> {
        let answer = poll::at_most(END_LIMIT, self.link.ask(Command::Stop { keep })).await;
        let stopped = answer.unwrap_or(Err(TargetError::Silent { limit: END_LIMIT }));
        if keep {
            stopped?;
            self.record.kept = true;
            return self.record.write(&self.record_path).map_err(cannot_use(&self.record_path));
        }
        // Closing the pipe says the same once more, should the command have failed.
        drop(self.link);
        tracing::trace!(target: STEP, "the supervisor's pipe is closed");
        if poll::at_most(END_LIMIT, self.supervisor.wait()).await.is_none() {
            // Its guards end the emulators.
            self.supervisor.kill().await.map_err(|error| TargetError::Protocol(error.to_string()))?;
        }
        tracing::trace!(target: STEP, "the supervisor is gone");
        stopped.map(drop)
    }
}

/// What takes regions away.
#[async_trait]
pub trait Switch: fmt::Debug + Send + Sync {
    /// Switches a fault on. When this returns, nothing of what it takes away answers any more. Write the journal first.
    async fn arm(&self, fault: &PlannedFault) -> Result<(), TargetError>;
}

#[async_trait]
impl Switch for RunningTarget {
    async fn arm(&self, fault: &PlannedFault) -> Result<(), TargetError> {
        let outcome = self.link.ask(Command::Arm { fault: fault.clone() }).await?;
        if let Outcome::Armed = outcome { Ok(()) } else { Err(TargetError::Protocol(format!("{outcome:?}"))) }
    }
}

/// The supervisor in a process group of its own, so that Ctrl-C at the terminal does not end it before it heals.
fn spawn(
    program: &Path,
    log: &Path,
) -> Result<(Child, tokio::process::ChildStdin, tokio::process::ChildStdout), TargetError> {
    let log = File::create(log).map_err(cannot_use(log))?;
    let failed = |source| TargetError::Spawn { program: program.to_owned(), source };
    let mut child = Program::new(program)
        .arg("supervise")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(pipe), Some(answers)) => Ok((child, pipe, answers)),
        _ => Err(failed(io::ErrorKind::BrokenPipe.into())),
    }
}

fn addresses(endpoint: EndpointRecord) -> (Region, Addresses) {
    (endpoint.region, Addresses { plane_url: endpoint.plane_url, direct_url: endpoint.direct_url })
}

fn absolute(path: &Path) -> Result<PathBuf, TargetError> {
    std::path::absolute(path).map_err(cannot_use(path))
}

fn cannot_use(path: &Path) -> impl FnOnce(io::Error) -> TargetError + use<> {
    let path = path.to_owned();
    move |source| TargetError::File { path, source }
}
