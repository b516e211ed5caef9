//! Readiness probes: they use the clients' own path, and a pass means that a client would have been served.

use std::sync::Arc;

use firedrill_model::{
    history::Event,
    ids::ProbeId,
    plan::PlannedProbe,
    units::{RunTime, Span},
};
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{WorkloadError, dataset::Dataset, probe_pass::Pass, traffic::Sites};
use crate::{
    poll::{self, Look},
    run::Drill,
};

/// What one pass of one probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// Which probe.
    pub probe: ProbeId,
    /// When the pass began: that is when it counts.
    pub began: RunTime,
    /// It passed completely.
    pub ok: bool,
    /// What failed; empty when it passed.
    pub detail: String,
}

/// One probe of the plan with its clients.
#[derive(Clone, Debug)]
struct Probe {
    drill: Drill,
    dataset: Arc<Dataset>,
    sites: Arc<Sites>,
    planned: PlannedProbe,
}

impl Probe {
    /// Every probe of the plan.
    fn all(drill: &Drill) -> Result<Vec<Self>, WorkloadError> {
        let dataset = Arc::new(Dataset::of(&drill.plan)?);
        let probes = drill.plan.probes.iter().map(|planned| Self {
            drill: drill.clone(),
            dataset: Arc::clone(&dataset),
            sites: Arc::new(Sites::connect(drill, planned.timeout)),
            planned: planned.clone(),
        });
        Ok(probes.collect())
    }

    /// One pass, journalled. `Err` means that it could not be recorded.
    async fn pass(&self) -> Result<ProbeResult, WorkloadError> {
        let began = self.drill.clock.now();
        let standing = self.drill.authority.standing();
        let pass = Pass {
            drill: &self.drill,
            dataset: &self.dataset,
            site: self.sites.of(standing.side),
            standing,
            began,
            deadline: began.plus(self.planned.timeout),
        };
        let seen = pass.run(&self.planned.resource).await?;
        let (ok, detail) = match seen {
            Ok(()) => (true, String::new()),
            Err(what) => (false, what),
        };
        let probe = self.planned.id.clone();
        self.drill.journal.append(Event::Probed { probe: probe.clone(), began_ms: began, ok, detail: detail.clone() })?;
        Ok(ProbeResult { probe, began, ok, detail })
    }

    /// Passes at every point of the common schedule until stopped. A pass that takes longer than the interval is not
    /// started a second time: the points it ran over are left out.
    async fn watch(self, schedule_began: RunTime, stop: CancellationToken) -> Result<(), WorkloadError> {
        let every = self.drill.plan.probe_interval.micros().max(1);
        let watched = async {
            loop {
                let now = self.drill.clock.now();
                let index = now.since(schedule_began).micros().div_ceil(every);
                let at = schedule_began.plus(Span::from_micros(index * every));
                if !poll::pause(at.since(now), &stop).await {
                    return Ok(());
                }
                self.pass().await?;
            }
        };
        let ended: Result<(), WorkloadError> = watched.await;
        if ended.is_err() {
            self.drill.cancel.cancel();
        }
        ended
    }
}

/// One round: every probe of the plan once, at the same time, journalled.
pub async fn round(drill: &Drill) -> Result<Vec<ProbeResult>, WorkloadError> {
    let probes = Probe::all(drill)?;
    join_all(probes.iter().map(Probe::pass)).await.into_iter().collect()
}

/// Waits for the first round in which every probe passes, for at most `limit`.
pub async fn steady_state(drill: &Drill, limit: Span) -> Result<Vec<ProbeResult>, WorkloadError> {
    let probes = Probe::all(drill)?;
    let look = || async {
        let round: Result<Vec<_>, _> = join_all(probes.iter().map(Probe::pass)).await.into_iter().collect();
        match round {
            Ok(results) => match failed(&results) {
                None => Look::Ready(Ok(results)),
                Some(status) => Look::NotYet(status),
            },
            Err(error) => Look::Ready(Err(error)),
        }
    };
    poll::until("the steady state", drill.plan.probe_interval, limit, &drill.cancel, look).await?
}

/// The probes that failed, as one text; `None` when all passed.
fn failed(results: &[ProbeResult]) -> Option<String> {
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.ok)
        .map(|result| format!("{}: {}", result.probe, result.detail))
        .collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

/// Probes running at the plan's interval, each on its own.
#[derive(Debug)]
pub struct Prober {
    probes: JoinSet<Result<(), WorkloadError>>,
    stop: CancellationToken,
}

impl Prober {
    /// Starts every probe of the plan. A history or ledger that cannot be written ends them and cancels the drill.
    pub fn start(drill: &Drill) -> Result<Self, WorkloadError> {
        let stop = drill.cancel.child_token();
        let began = drill.clock.now();
        let mut probes = JoinSet::new();
        for probe in Probe::all(drill)? {
            probes.spawn(probe.watch(began, stop.clone()));
        }
        Ok(Self { probes, stop })
    }

    /// Begins no further pass and waits for those that run.
    pub async fn stop(mut self) -> Result<(), WorkloadError> {
        self.stop.cancel();
        while let Some(ended) = self.probes.join_next().await {
            ended??;
        }
        Ok(())
    }
}
