//! How the disaster is noticed, and what ends the drill at once.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    scenario::{Alarm, Detect, Detector, StopCondition, Traffic, Watch},
    units::Span,
};

use super::{DATA, Reader};
use crate::scenario::{
    key_path::KeyPath,
    raw::{RawDetect, RawScenario, RawStop},
    written::Format as _,
};

/// When a scenario says nothing else.
const FAILURES_IN_A_ROW: u32 = 3;

/// What a canary can use.
const CANARY: [ResourceKind; 3] = [ResourceKind::Bucket, ResourceKind::Table, ResourceKind::Trigger];

/// For periods under an hour (CloudWatch API reference, `PutMetricAlarm`, `Period`).
const ALARM_SECONDS_MAX: u64 = 86_400;

impl Reader<'_> {
    /// What ends the drill at once.
    pub(super) fn stop(&mut self, index: usize, raw: &RawStop) -> Option<StopCondition> {
        let path = KeyPath::of(["stop_when"]).index(index);
        let by = match (&raw.alarm, &raw.region, &raw.fails) {
            (Some(name), Some(region), None) => {
                Watch::Alarm { name: name.clone(), region: self.side(&region.0, &path.key("region"))? }
            }
            (None, None, Some(program)) => {
                Watch::Program { command: self.command(program, &path.key("fails"))?, timeout: program.timeout }
            }
            _ => {
                let help = "write `alarm: NAME` with `region: us-east-1`, or `fails: ./check.sh`";
                self.wrong(&path, format!("`{path}` must say what is looked at"), "here", help);
                return None;
            }
        };
        if raw.every.0 == Span::default() {
            let message = "there has to be time between two looks";
            self.wrong(&path.key("every"), message, "zero", "write `every: 5s`");
        }
        Some(StopCondition { every: raw.every.0, by })
    }

    pub(super) fn detect(
        &mut self,
        raw: &RawScenario,
        traffic: &[Traffic],
        seed: &BTreeMap<ResourceId, u64>,
    ) -> Detect {
        let path = KeyPath::of(["detect"]);
        let canary = match &raw.detect.canary {
            Some(name) => self.resource(name, &CANARY, &path.key("canary")),
            None => traffic.first().map(|load| load.resource.clone()).or_else(|| seed.keys().next().cloned()),
        };
        let canary = canary.or_else(|| self.catalogue.only(&DATA).all().first().cloned());
        if canary.is_none() {
            let help = "the stack needs a bucket or a table";
            self.wrong(&path, "there is nothing whose loss could be noticed", "here", help);
        }
        Detect {
            canary: canary.unwrap_or_else(|| ResourceId::new(ResourceKind::Table, "none")),
            reads: raw.detect.reads,
            zone: raw.detect.zone.as_ref().and_then(|zone| self.zone(zone, &path.key("zone"))),
            every: raw.detect.every.0,
            by: self.detector(&raw.detect, &path),
            decide: raw.detect.decide.0,
        }
    }

    fn detector(&mut self, raw: &RawDetect, path: &KeyPath) -> Detector {
        let Some(alarm) = &raw.alarm else {
            return Detector::Failures { in_a_row: raw.failures.unwrap_or(FAILURES_IN_A_ROW) };
        };
        if raw.failures.is_some() {
            let help = "leave one of them out: failures are counted, or an alarm is waited for";
            self.wrong(&path.key("failures"), "`failures` and `alarm` are both given", "beside `alarm`", help);
        }
        let period = alarm.period.0;
        let seconds = period.micros() / 1_000_000;
        if Span::from_secs(seconds) != period || !(matches!(seconds, 10 | 20 | 30) || seconds > 0 && seconds % 60 == 0)
        {
            let message = format!("CloudWatch has no alarm period of {}", period.write());
            self.wrong(&path.key("alarm").key("period"), message, "here", "write `10s`, `20s`, `30s` or whole minutes");
        } else if seconds.saturating_mul(alarm.periods.into()) > ALARM_SECONDS_MAX {
            let message = "an alarm looks back a day at the most";
            self.wrong(&path.key("alarm").key("periods"), message, "too many", "give fewer or shorter periods");
        }
        Detector::Alarm(Alarm { name: alarm.name.clone(), period, periods: alarm.periods })
    }
}
