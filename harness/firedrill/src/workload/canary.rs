//! The canary: a small write, time and again from the first traffic on, whose failures mean that the disaster has been
//! noticed.

use std::sync::Arc;

use firedrill_model::{
    ledger::{Origin, Outcome},
    scenario::Detector,
    topology::Side,
    units::Span,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    WorkloadError,
    dataset::{Dataset, KeyNumber, ProbeSlot},
    traffic::Sites,
    writer::{Write, Writer},
};
use crate::{
    poll::{self, Look, WaitError},
    run::Drill,
    services::{
        Clients, ServiceError,
        clients::Conduct,
        cloudwatch::{self, AlarmState},
    },
};

/// A canary waits for its answer as long as the next one is away, but never less than this.
const TIMEOUT_MIN: Span = Span::from_ms(250);

/// A running canary.
#[derive(Debug)]
pub struct Canary {
    drill: Drill,
    /// Failures in a row among the writes that began after the fault.
    failures: watch::Receiver<u32>,
    /// Clients of the region that has the alarm.
    watchtower: Clients,
    writing: JoinSet<Result<(), WorkloadError>>,
    stop: CancellationToken,
}

/// How the disaster was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Canary writes in a row that had failed by then.
    pub failures: u32,
    /// The alarm that went off.
    pub alarm: Option<String>,
}

impl Canary {
    /// Starts the plan's canary, with its alarm if it has one. What ends it before its time cancels the drill.
    pub async fn start(drill: &Drill) -> Result<Self, WorkloadError> {
        let plan = &drill.plan.detect;
        let watchtower = drill.site(Side::Recovery, Conduct::Control).clients;
        if let Detector::Alarm(alarm) = &plan.by {
            cloudwatch::put_alarm(&watchtower, alarm, &plan.canary).await?;
        }
        let stop = drill.cancel.child_token();
        let (counted, failures) = watch::channel(0);
        let mut writing = JoinSet::new();
        writing.spawn(write_on(drill.clone(), watchtower.clone(), counted, stop.clone()));
        Ok(Self { drill: drill.clone(), failures, watchtower, writing, stop })
    }

    /// Waits until the alarm says that all is well. An alarm that has gone off before the fault detects nothing.
    pub async fn steady(&self) -> Result<(), WorkloadError> {
        self.until_alarm_is(AlarmState::Ok).await
    }

    /// Waits until the disaster is noticed. Has no limit of its own but the phase's; cancelling the drill ends it.
    pub async fn detect(&self) -> Result<Detected, WorkloadError> {
        let alarm = match &self.drill.plan.detect.by {
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
                None
            }
            Detector::Alarm(alarm) => {
                self.until_alarm_is(AlarmState::Alarm).await?;
                Some(alarm.name.clone())
            }
        };
        Ok(Detected { failures: *self.failures.borrow(), alarm })
    }

    /// Waits until the alarm is in this state; at once when there is none.
    async fn until_alarm_is(&self, wanted: AlarmState) -> Result<(), WorkloadError> {
        let Detector::Alarm(alarm) = &self.drill.plan.detect.by else { return Ok(()) };
        let every = self.drill.plan.detect.every;
        let limit = self.drill.plan.limits.phase;
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
    pub async fn stop(mut self) -> Result<(), WorkloadError> {
        self.stop.cancel();
        match self.writing.join_next().await {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}

async fn write_on(
    drill: Drill,
    watchtower: Clients,
    counted: watch::Sender<u32>,
    stop: CancellationToken,
) -> Result<(), WorkloadError> {
    let ended = write_until(&drill, &watchtower, &counted, &stop).await;
    if ended.is_err() {
        drill.cancel.cancel();
    }
    ended
}

async fn write_until(
    drill: &Drill,
    watchtower: &Clients,
    counted: &watch::Sender<u32>,
    stop: &CancellationToken,
) -> Result<(), WorkloadError> {
    let plan = &drill.plan.detect;
    let dataset = Arc::new(Dataset::of(&drill.plan)?);
    let sites = Sites::connect(drill, plan.every.max(TIMEOUT_MIN));
    let name = format!("canary.{}", plan.canary.file_stem());
    let mut writer = Writer::new(drill, &dataset, &plan.canary, name, Origin::Probe);
    loop {
        let began = drill.clock.now();
        let write = Write::first(KeyNumber::probe(ProbeSlot::Canary, began.micros()), None);
        let standing = drill.authority.standing();
        let line = writer.attempt(sites.of(standing.side), standing, &write).await?;
        let failed = line.outcome != Outcome::Acknowledged;
        if matches!(plan.by, Detector::Alarm(_)) {
            cloudwatch::publish(watchtower, &plan.canary, failed).await?;
        }
        // What failed before the fault has not noticed the fault.
        let after_the_fault = drill.struck.get().is_some_and(|struck| began >= *struck);
        counted.send_modify(|count| *count = if failed && after_the_fault { *count + 1 } else { 0 });
        let rest = began.plus(plan.every).since(drill.clock.now());
        if !poll::pause(rest, stop).await {
            return Ok(());
        }
    }
}
