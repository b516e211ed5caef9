//! The first half of a run: target, workload, steady state.

use std::collections::BTreeSet;

use firedrill_model::{
    capture::CaptureName,
    history::{Event, Phase},
    ids::{ResourceKind, Zone},
    plan::Plan,
    topology::Side,
    units::Span,
};
use tokio::sync::mpsc;

use super::{
    Drill,
    capabilities::{self, Lacking},
    capture::{Scope, capture},
    deploy::deploy,
    dispatch::Holdings,
    phase::{Noted, PhaseError, noted, phase, phase_after},
    progress::Progress,
    provision,
    steps::StepError,
};
use crate::{
    plan::{describe::counted, names},
    recovery::redrive,
    services::{ServiceError, Site, clients::Conduct},
    target::{
        INSTALL_LIMIT, InstallProgress, Launch, RunningTarget, TargetError, TargetEvent,
        install::{Emulator, Stage},
        install_aside,
    },
    workload::{
        drain::{Owed, drain},
        probe, seed,
    },
};

/// How long one request of the seed may take.
const SEED_TIMEOUT: Span = Span::from_secs(30);

/// Passes the stages of an installation on to whoever watches the run.
struct Stages<'a>(&'a dyn Progress);

impl InstallProgress for Stages<'_> {
    fn stage(&self, stage: Stage) {
        self.0.installing(&stage.text, stage.packages);
    }

    fn working(&self, _: Option<i32>) {}
}

/// Installs the emulator if it is not there, starts the target, and asks it for all that the plan needs. The target's events
/// are given back; they must be followed from then on.
pub(super) async fn preflight(
    drill: &Drill,
    launch: &Launch,
    progress: &dyn Progress,
    holdings: &mut Holdings,
) -> Result<mpsc::Receiver<TargetEvent>, PhaseError> {
    let install = async { Ok(install_aside(launch.cache.clone(), INSTALL_LIMIT, &Stages(progress)).await?) };
    let start = async |emulator: Emulator| {
        let mut target = start_target(drill, launch, &emulator).await?;
        let events = target.events();
        drill.tools.get_or_init(|| [("FIREDRILL_PYTHON".to_owned(), target.python().display().to_string())].into());
        holdings.target = Some(target);
        let seen = capabilities::ask_all(drill, &emulator).await?;
        noted::<_, PreflightError>(events, format!("{}; {seen}", inventory(drill)))
    };
    phase_after(drill, progress, Phase::Preflight, true, install, start).await
}

/// Starts a target with the regions of the plan, and writes down the processes that it has.
pub async fn start_target(drill: &Drill, launch: &Launch, emulator: &Emulator) -> Result<RunningTarget, StepError> {
    let plan = &drill.plan;
    let regions = [plan.topology.primary.clone(), plan.topology.recovery.clone()];
    let zones: Vec<Zone> = plan.placed.values().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let served = (&regions[..], &zones[..], plan.seed);
    let target = RunningTarget::start(launch, emulator, &plan.target, served, &drill.dir).await?;
    drill.journal.append_synced(Event::TargetStarted { processes: target.processes() })?;
    drill.endpoints.get_or_init(|| target.endpoints());
    drill.zones.get_or_init(|| target.zones());
    Ok(target)
}

#[derive(Debug, thiserror::Error)]
enum PreflightError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Lacking(#[from] Lacking),
}

/// `4 tables, 1 bucket, 2 functions, 2 triggers`.
fn inventory(drill: &Drill) -> String {
    let first = [ResourceKind::Table, ResourceKind::Bucket];
    let others = ResourceKind::ALL.into_iter().filter(|kind| *kind != ResourceKind::Role && !first.contains(kind));
    counted(&drill.plan.stack.resources(), first.into_iter().chain(others))
}

/// Provisions, seeds and waits for the steady state; then records how the source is configured.
pub(super) async fn stand_up(drill: &Drill, progress: &dyn Progress) -> Result<(), PhaseError> {
    let stack = &drill.plan.stack;
    let site = drill.site(Side::Primary, Conduct::Control);
    phase(drill, progress, Phase::Provision, true, provisioned(drill, &site)).await?;
    phase(drill, progress, Phase::Seed, true, async {
        // Tried once, as traffic is: a second attempt that nobody sees would leave a version that no line explains.
        let clients = drill.site(Side::Primary, Conduct::Traffic { timeout: SEED_TIMEOUT });
        let summary = seed::seed(drill, &clients).await.map_err(SeedError::Write)?;
        if stack.template.is_some() {
            // The triggers of a template are there from the beginning.
            let settled = drain(drill, &site, Owed::Seed, drill.plan.limits.phase).await;
            if !settled.map_err(SeedError::Write)? {
                return Err(SeedError::Unsettled);
            }
        } else {
            provision::connect(&site, stack).await.map_err(SeedError::Connect)?;
            let triggers: Vec<String> = stack.triggers.keys().cloned().collect();
            redrive::redrive(drill, &site, &triggers, &[]).await.map_err(SeedError::Effects)?;
        }
        noted::<_, SeedError>((), summary.to_string())
    })
    .await?;
    phase(drill, progress, Phase::SteadyState, true, async {
        let probes = probe::steady_state(drill, drill.plan.limits.phase).await.map_err(SteadyStateError::Probes)?;
        capture(drill, CaptureName::Source, Side::Primary, Scope::Configuration)
            .await
            .map_err(SteadyStateError::Capture)?;
        noted::<_, SteadyStateError>((), format!("{} probes", probes.len()))
    })
    .await
}

/// Creates the resources, and says where and how.
async fn provisioned(drill: &Drill, site: &Site) -> Result<Noted<()>, ServiceError> {
    let Plan { stack, topology, scenario, .. } = &*drill.plan;
    let Some(template) = &stack.template else {
        provision::create(site, stack).await?;
        return noted((), format!("in {}", topology.primary));
    };
    let code_bucket = names::code_bucket(&scenario.name, &topology.primary);
    let made_up = deploy(site, stack, template, &code_bucket).await?;
    let mut note = format!("in {} by CloudFormation, as stack {}", topology.primary, stack.name);
    if !made_up.is_empty() {
        note.push_str("; left out by the target and set by the services' own calls: ");
        note.push_str(&made_up.join(", "));
    }
    noted((), note)
}

#[derive(Debug, thiserror::Error)]
enum SeedError {
    #[error("cannot write the data set")]
    Write(#[source] crate::workload::WorkloadError),
    #[error("cannot connect the triggers")]
    Connect(#[source] ServiceError),
    #[error("the effects of the data set did not settle within the phase's limit")]
    Unsettled,
    #[error("cannot bring about the effects of the data set")]
    Effects(#[source] redrive::RedriveError),
}

#[derive(Debug, thiserror::Error)]
enum SteadyStateError {
    #[error(transparent)]
    Probes(crate::workload::WorkloadError),
    #[error(transparent)]
    Capture(super::capture::CaptureError),
}
