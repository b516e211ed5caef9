//! The canary: a small write, or all that a probe does, time and again from the first traffic on; its failures mean that the
//! disaster has been noticed.

use std::sync::Arc;

use firedrill_model::{history::Phase, ids::ResourceKind, scenario::Detector, topology::Side, units::Span};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    WorkloadError,
    background::Background,
    dataset::Dataset,
    probe_pass::{By, Pass},
    traffic::Sites,
};
use crate::{
    plan::{limits, probes},
    poll::{self, Look, WaitError},
    run::Drill,
    services::{
        Clients, ServiceError,
        clients::Conduct,
        cloudwatch::{self, AlarmState},
    },
};

/// A canary that only writes waits for its answer as long as the next one is away, but never less than this.
const TIMEOUT_MIN: Span = Span::from_ms(250);

/// A running canary.
#[derive(Debug)]
pub struct Canary {
    drill: Drill,
    /// Failures in a row among the writes that began after the fault.
    failures: watch::Receiver<u32>,
    /// Clients of the region that has the alarm.
    watchtower: Clients,
    writing: Background,
}

impl Canary {
    /// Starts the plan's canary, with its alarm if it has one. What ends it before its time cancels the drill.
    pub async fn start(drill: &Drill) -> Result<Self, WorkloadError> {
        let plan = &drill.plan.detect;
        let watchtower = drill.site(Side::Recovery, Conduct::Control).clients;
        if let Detector::Alarm(alarm) = &plan.by {
            cloudwatch::put_alarm(&watchtower, alarm, &plan.canary).await?;
        }
        let (counted, failures) = watch::channel(0);
        let writing = Background::start(drill, |stop| write_until(drill.clone(), watchtower.clone(), counted, stop));
        Ok(Self { drill: drill.clone(), failures, watchtower, writing })
    }

    /// Waits until the alarm says that all is well. An alarm that has gone off before the fault detects nothing.
    pub async fn steady(&self) -> Result<(), WorkloadError> {
        self.until_alarm_is(AlarmState::Ok).await
    }

    /// Waits until the disaster is noticed; how many writes in a row had failed by then. The canary then writes no more,
    /// and nobody waits for a write of it that hangs: that would be counted as recovery time.
    pub async fn detect(&self) -> Result<u32, WorkloadError> {
        match &self.drill.plan.detect.by {
            Detector::Failures { in_a_row } => {
                let mut failures = self.failures.clone();
                let enough = failures.wait_for(|count| count >= in_a_row);
                let noticed = tokio::select! {
                    noticed = enough => noticed.is_ok(),
                    () = self.drill.cancel.cancelled() => false,
                };
                if !noticed {
                    let what = format!("the canary on {} to fail", self.drill.plan.detect.canary);
                    return Err(WaitError::Cancelled { what }.into());
                }
            }
            Detector::Alarm(_) => self.until_alarm_is(AlarmState::Alarm).await?,
        }
        self.writing.end();
        Ok(*self.failures.borrow())
    }

    /// Waits until the alarm is in this state; at once when there is none.
    async fn until_alarm_is(&self, wanted: AlarmState) -> Result<(), WorkloadError> {
        let Detector::Alarm(alarm) = &self.drill.plan.detect.by else { return Ok(()) };
        let every = self.drill.plan.detect.every;
        let limit = limits::of_phase(&self.drill.plan, Phase::Detect);
        let seen: Result<(), ServiceError> = poll::until(
            format!("alarm `{}` to be {wanted:?}", alarm.name),
            every,
            limit,
            &self.drill.cancel,
            || async {
                match cloudwatch::alarm_state(&self.watchtower, &alarm.name).await {
                    Ok(state) if state == wanted => Look::Ready(Ok(())),
                    Ok(state) => Look::NotYet(format!("{state:?}")),
                    Err(error) => Look::Ready(Err(error)),
                }
            },
        )
        .await?;
        Ok(seen?)
    }

    /// Writes no more and waits for the write in flight. `Err` says what ended the canary before its time.
    pub async fn stop(self) -> Result<(), WorkloadError> {
        self.writing.stop().await
    }
}

async fn write_until(
    drill: Drill,
    watchtower: Clients,
    counted: watch::Sender<u32>,
    stop: CancellationToken,
) -> Result<(), WorkloadError> {
    let plan = &drill.plan.detect;
    let dataset = Arc::new(Dataset::of(&drill.plan)?);
    let whole = plan.reads || plan.canary.kind() == Some(ResourceKind::Trigger);
    let limit = if whole { probes::limit(&plan.canary) } else { plan.every.max(TIMEOUT_MIN) };
    let sites = Sites::connect(&drill, limit, plan.zone.as_ref());
    loop {
        let (began, standing) = (drill.clock.now(), drill.authority.standing());
        let (site, deadline) = (sites.of(standing.side), began.plus(limit));
        let pass = Pass { drill: &drill, dataset: &dataset, site, standing, began, deadline, by: By::Canary };
        let seen = if whole { pass.run(&plan.canary).await? } else { pass.writes(&plan.canary).await? };
        let failed = seen.is_err();
        if matches!(plan.by, Detector::Alarm(_)) {
            cloudwatch::publish(&watchtower, &plan.canary, failed).await?;
        }
        // What failed before the fault has not noticed the fault.
        let after_the_fault = drill.struck.get().is_some_and(|struck| began >= *struck);
        counted.send_modify(|count| *count = if failed && after_the_fault { *count + 1 } else { 0 });
        let now = drill.clock.now();
        // An answer that came after the next write was due is not firedrill's own lag.
        let due = began.plus(plan.every).max(now);
        if !poll::pause(due.since(now), &stop).await {
            return Ok(());
        }
        drill.lag.note(due, drill.clock.now());
    }
}
