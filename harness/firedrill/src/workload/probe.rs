//! Readiness probes: they use the clients' own path, and a pass means that a client would have been served.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use firedrill_model::{
    history::Event,
    ids::ProbeId,
    plan::PlannedProbe,
    units::{RunTime, Span},
};
use futures_util::future::{join_all, try_join_all};
use tokio_util::sync::CancellationToken;

use super::{
    WorkloadError,
    background::Background,
    dataset::Dataset,
    probe_pass::{By, Pass},
    traffic::Sites,
};
use crate::{
    poll::{self, Look, WaitError},
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
            sites: Arc::new(Sites::connect(drill, planned.timeout, drill.plan.detect.zone.as_ref())),
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
            by: By::Probe,
        };
        let seen = pass.run(&self.planned.resource).await?;
        let (ok, detail) = match seen {
            Ok(()) => (true, String::new()),
            Err(what) => (false, what),
        };
        let probe = self.planned.id.clone();
        let ended = self.drill.clock.now();
        self.drill.journal.append(Event::Probed {
            probe: probe.clone(),
            began_ms: began,
            ok,
            detail: detail.clone(),
        })?;
        self.drill.lag.note(ended, self.drill.clock.now());
        Ok(ProbeResult { probe, began, ok, detail })
    }

    /// Passes at every point of the common schedule until stopped. A pass that takes longer than the interval is not
    /// started a second time: the points it ran over are left out.
    async fn watch(self, began: RunTime, readiness: Readiness, stop: CancellationToken) -> Result<(), WorkloadError> {
        let every = self.drill.plan.probe_interval.micros().max(1);
        loop {
            let now = self.drill.clock.now();
            let index = now.since(began).micros().div_ceil(every);
            let at = began.plus(Span::from_micros(index * every));
            if !poll::pause(at.since(now), &stop).await {
                return Ok(());
            }
            self.drill.lag.note(at, self.drill.clock.now());
            readiness.begins(&self.planned.id, self.drill.clock.now());
            readiness.note(&self.pass().await?);
        }
    }
}

/// What is known of each probe.
#[derive(Clone, Debug)]
struct Readiness(Arc<Mutex<BTreeMap<ProbeId, Known>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Since when it has been passing without a break: when the first of these passes began.
    passing_since: Option<RunTime>,
    /// When the pass began that has not ended.
    under_way: Option<RunTime>,
    /// Passes that begin then or later do not count any more.
    closed: Option<RunTime>,
}

impl Readiness {
    fn unknown(probes: impl IntoIterator<Item = ProbeId>) -> Self {
        Self(Arc::new(Mutex::new(probes.into_iter().map(|probe| (probe, Known::default())).collect())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProbeId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, probe: &ProbeId, at: RunTime) {
        self.lock().entry(probe.clone()).or_default().under_way = Some(at);
    }

    fn note(&self, result: &ProbeResult) {
        let mut all = self.lock();
        let known = all.entry(result.probe.clone()).or_default();
        known.under_way = None;
        if known.closed.is_none_or(|end| result.began < end) {
            known.passing_since = result.ok.then_some(known.passing_since.unwrap_or(result.began));
        }
    }

    /// No pass counts that begins at `end` or later.
    fn close(&self, end: RunTime) {
        self.lock().values_mut().for_each(|known| known.closed = Some(end));
    }

    /// The probes of which a pass that counts has not ended.
    fn under_way(&self) -> Vec<ProbeId> {
        let counts = |known: &Known| known.under_way.is_some_and(|began| known.closed.is_none_or(|end| began < end));
        self.lock().iter().filter(|(_, known)| counts(known)).map(|(probe, _)| probe.clone()).collect()
    }

    /// Since when all of them have been passing; `None` when a probe is not or there is none.
    fn passing_since(&self) -> Option<RunTime> {
        let since = self.lock().values().map(|known| known.passing_since).collect::<Option<Vec<RunTime>>>();
        since?.into_iter().max()
    }
}

/// One round: every probe of the plan once, at the same time, journalled.
pub async fn round(drill: &Drill) -> Result<Vec<ProbeResult>, WorkloadError> {
    let probes = Probe::all(drill)?;
    join_all(probes.iter().map(Probe::pass)).await.into_iter().collect()
}

/// Waits for the first round in which every probe passes, for at most `limit`. Returns that round.
pub async fn steady_state(drill: &Drill, limit: Span) -> Result<Vec<ProbeResult>, WorkloadError> {
    let look = || async {
        match round(drill).await {
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
    watching: Background,
    readiness: Readiness,
}

impl Prober {
    /// Starts every probe of the plan. A history or ledger that cannot be written ends them and cancels the drill.
    pub fn start(drill: &Drill) -> Result<Self, WorkloadError> {
        let probes = Probe::all(drill)?;
        let readiness = Readiness::unknown(drill.plan.probes.iter().map(|planned| planned.id.clone()));
        let watching = Background::start(drill, |stop| watch_all(drill.clone(), probes, readiness.clone(), stop));
        Ok(Self { watching, readiness })
    }

    /// Since when every probe had been passing at `end`, by every pass that began before: one that is under way then may yet
    /// fail, and is waited for. `None` when a probe was not passing.
    pub async fn passing_at(&self, drill: &Drill, end: RunTime) -> Result<Option<RunTime>, WaitError> {
        self.readiness.close(end);
        let every = Span::from_ms(20);
        poll::until("the end of the last passes of the probes", every, drill.plan.limits.phase, &drill.cancel, || {
            let under_way = self.readiness.under_way();
            async move {
                match under_way.first() {
                    None => Look::Ready(()),
                    Some(probe) => Look::NotYet(format!("{probe} is under way")),
                }
            }
        })
        .await?;
        Ok(self.readiness.passing_since())
    }

    /// Begins no further pass and waits for those that run. `Err` says what ended the probes before their time.
    pub async fn stop(self) -> Result<(), WorkloadError> {
        self.watching.stop().await
    }
}

async fn watch_all(
    drill: Drill,
    probes: Vec<Probe>,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), WorkloadError> {
    let began = drill.clock.now();
    let watches = probes.into_iter().map(|probe| probe.watch(began, readiness.clone(), stop.clone()));
    try_join_all(watches).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(probe: &str, began_ms: u64, ok: bool) -> ProbeResult {
        ProbeResult { probe: probe.into(), began: RunTime::from_ms(began_ms), ok, detail: String::new() }
    }

    #[test]
    fn readiness_is_the_youngest_unbroken_stretch_of_all_probes() {
        let readiness = Readiness::unknown(["table/orders".into(), "bucket/uploads".into()]);
        let since = |ms| Some(RunTime::from_ms(ms));
        assert_eq!(readiness.passing_since(), None, "nothing is known yet");
        readiness.note(&result("table/orders", 100, true));
        assert_eq!(readiness.passing_since(), None, "one probe has not passed yet");
        readiness.note(&result("bucket/uploads", 150, true));
        readiness.note(&result("table/orders", 200, true));
        assert_eq!(readiness.passing_since(), since(150));
        readiness.note(&result("table/orders", 300, false));
        assert_eq!(readiness.passing_since(), None, "a failure breaks the stretch");
        readiness.note(&result("table/orders", 400, true));
        assert_eq!(readiness.passing_since(), since(400));
        assert_eq!(Readiness::unknown([]).passing_since(), None, "no probe proves nothing");
    }

    #[test]
    fn a_pass_that_is_under_way_at_the_end_counts_and_a_later_one_does_not() {
        let readiness = Readiness::unknown(["table/orders".into()]);
        readiness.note(&result("table/orders", 100, true));
        readiness.begins(&"table/orders".into(), RunTime::from_ms(190));
        readiness.close(RunTime::from_ms(200));
        assert_eq!(readiness.under_way(), ["table/orders".into()]);
        readiness.note(&result("table/orders", 190, true));
        assert_eq!(readiness.under_way(), []);
        readiness.begins(&"table/orders".into(), RunTime::from_ms(200));
        assert_eq!(readiness.under_way(), [], "nobody waits for one that does not count");
        readiness.note(&result("table/orders", 200, false));
        assert_eq!(readiness.passing_since(), Some(RunTime::from_ms(100)));
        readiness.note(&result("table/orders", 199, false));
        assert_eq!(readiness.passing_since(), None);
    }

    #[test]
    fn a_round_fails_with_the_names_of_what_failed() {
        let mut broken = result("trigger/total-orders", 100, false);
        broken.detail = "no effect in totals".into();
        assert_eq!(failed(&[result("table/orders", 100, true)]), None);
        let text = failed(&[result("table/orders", 100, true), broken]);
        assert_eq!(text.as_deref(), Some("trigger/total-orders: no effect in totals"));
    }
}
