//! The load: writers paced to a rate, each on keys of its own.

use std::{collections::BTreeMap, sync::Arc};

use firedrill_model::{
    ids::{ResourceId, Zone},
    ledger::{Origin, Outcome},
    plan::Plan,
    scenario::Traffic as Load,
    topology::Side,
    units::{RunTime, Span},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    WorkloadError,
    authority::Authority,
    dataset::Dataset,
    own_keys::{OwnKeys, Share},
    writer::Writer,
};
use crate::{
    poll,
    run::{Drill, Vantage},
    services::{Site, clients::Conduct},
};

/// Running traffic. Dropping it ends the writers where they are, so that in-flight writes have no line: call
/// [`Traffic::stop`].
#[derive(Debug)]
pub struct Traffic {
    writers: JoinSet<Result<Paced, WorkloadError>>,
    stop: CancellationToken,
}

/// What the traffic did, beyond the counts of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficSummary {
    /// Writes attempted.
    pub attempts: u64,
    /// Points of the schedule at which a writer still waited for an answer; nothing was written for them.
    pub slots_missed: u64,
}

impl Traffic {
    /// Starts every writer of the plan.
    ///
    /// A ledger that cannot be written ends the writers and cancels the drill: without a ledger nothing can be proved.
    pub fn start(drill: &Drill) -> Result<Self, WorkloadError> {
        let dataset = Arc::new(Dataset::of(&drill.plan)?);
        let stop = drill.cancel.child_token();
        let mut writers = JoinSet::new();
        let began = drill.clock.now();
        let mut shares = Shares::of(&drill.plan);
        for load in &drill.plan.traffic {
            let sites = Arc::new(Sites::connect(drill, load.timeout, load.zone.as_ref()));
            for at in 0..load.writers {
                let name = format!("{}.{at}", load.name);
                let mut keys = |resource: &ResourceId, habits| {
                    OwnKeys::new(&dataset, resource, shares.next(resource), habits, drill.plan.seed, &name)
                };
                let pacer = Pacer {
                    drill: drill.clone(),
                    sites: Arc::clone(&sites),
                    resource: load.resource.clone(),
                    keys: keys(&load.resource, (load.mix, load.size)),
                    with: load
                        .with
                        .as_ref()
                        .map(|with| (with.resource.clone(), keys(&with.resource, (load.mix, with.size)))),
                    writer: Writer::new(drill, &dataset, name, Origin::Traffic),
                    schedule: Schedule::of(load, at, began),
                };
                writers.spawn(pacer.run(stop.clone()));
            }
        }
        Ok(Self { writers, stop })
    }

    /// Stops issuing and waits until every write in flight of every writer has its line. `Err` says what ended a writer
    /// before its time.
    pub async fn stop(mut self) -> Result<TrafficSummary, WorkloadError> {
        self.stop.cancel();
        let mut summary = TrafficSummary::default();
        let mut failure = None;
        while let Some(ended) = self.writers.join_next().await {
            match ended.map_err(WorkloadError::from).flatten() {
                Ok(paced) => {
                    summary.attempts += paced.attempts;
                    summary.slots_missed += paced.slots_missed;
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(summary), Err)
    }
}

/// Which keys of a resource each of its writers owns, given out in the order of the loads.
struct Shares(BTreeMap<ResourceId, Share>);

impl Shares {
    fn of(plan: &Plan) -> Self {
        let mut shares: BTreeMap<ResourceId, Share> = BTreeMap::new();
        for load in &plan.traffic {
            for resource in load.resources() {
                shares.entry(resource.clone()).or_default().writers += u64::from(load.writers);
            }
        }
        Self(shares)
    }

    /// The share of the next writer of `resource`.
    fn next(&mut self, resource: &ResourceId) -> Share {
        let next = self.0.entry(resource.clone()).or_default();
        let share = *next;
        next.writer += 1;
        share
    }
}

/// Clients of both sides with the time-out of one load.
#[derive(Debug)]
pub(super) struct Sites {
    outside: BothSides,
    /// Where they are until they are rerouted.
    placed: Option<(Zone, BothSides)>,
    authority: Authority,
}

#[derive(Debug)]
struct BothSides {
    primary: Site,
    recovery: Site,
}

impl Sites {
    /// Both sides for clients in `zone`, or outside of all.
    pub(super) fn connect(drill: &Drill, timeout: Span, zone: Option<&Zone>) -> Self {
        let sides = |from| {
            let site = |side| drill.site_from(side, Conduct::Traffic { timeout }, from);
            BothSides { primary: site(Side::Primary), recovery: site(Side::Recovery) }
        };
        Self {
            outside: sides(Vantage::Outside),
            placed: zone.map(|zone| (zone.clone(), sides(Vantage::Zone(zone)))),
            authority: drill.authority.clone(),
        }
    }

    /// A side, by the way that its clients have now.
    pub(super) fn of(&self, side: Side) -> &Site {
        let placed = self.placed.as_ref().filter(|(zone, _)| !self.authority.is_rerouted(zone));
        let BothSides { primary, recovery } = placed.map_or(&self.outside, |(_, sides)| sides);
        match side {
            Side::Primary => primary,
            Side::Recovery => recovery,
        }
    }
}

/// The points in time at which one writer writes: fixed from the start, whatever the answers are.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    first: RunTime,
    every: Option<Span>,
}

/// The next point of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    index: u64,
    at: RunTime,
}

impl Schedule {
    /// Writers of a load take turns, so that the whole load is even.
    fn of(load: &Load, writer: u32, began: RunTime) -> Self {
        let interval = load.rate.interval();
        let turn = interval.map_or(0, |interval| interval.micros() * u64::from(writer));
        Self {
            first: began.plus(Span::from_micros(turn)),
            every: interval.map(|interval| Span::from_micros((interval.micros() * u64::from(load.writers)).max(1))),
        }
    }

    /// The first slot at or after `index` that is not over before `now`. `None` for a rate of zero.
    fn next(&self, index: u64, now: RunTime) -> Option<Slot> {
        let every = self.every?.micros();
        let passed = now.since(self.first).micros().div_ceil(every);
        let index = index.max(passed);
        Some(Slot { index, at: self.first.plus(Span::from_micros(index * every)) })
    }
}

/// How a writer kept to its schedule.
#[derive(Clone, Copy, Debug, Default)]
struct Paced {
    attempts: u64,
    slots_missed: u64,
}

/// One writer with its keys and its schedule.
struct Pacer {
    drill: Drill,
    sites: Arc<Sites>,
    writer: Writer,
    resource: ResourceId,
    keys: OwnKeys,
    /// What is written before each new key.
    with: Option<(ResourceId, OwnKeys)>,
    schedule: Schedule,
}

impl Pacer {
    async fn run(self, stop: CancellationToken) -> Result<Paced, WorkloadError> {
        let cancel = self.drill.cancel.clone();
        let paced = self.write_until(&stop).await;
        if paced.is_err() {
            cancel.cancel();
        }
        paced
    }

    /// Writes at each slot until stopped. While an answer is awaited slots pass unused: a slow region slows its own
    /// writers, by at most the time-out, and is not paid back in a burst.
    async fn write_until(mut self, stop: &CancellationToken) -> Result<Paced, WorkloadError> {
        let mut paced = Paced::default();
        let mut due = 0;
        while let Some(slot) = self.schedule.next(due, self.drill.clock.now()) {
            paced.slots_missed += slot.index - due;
            if !poll::pause(slot.at.since(self.drill.clock.now()), stop).await {
                break;
            }
            self.drill.lag.note(slot.at, self.drill.clock.now());
            self.write().await?;
            paced.attempts += 1;
            due = slot.index + 1;
        }
        Ok(paced)
    }

    async fn write(&mut self) -> Result<(), WorkloadError> {
        let standing = self.drill.authority.standing();
        let write = self.keys.next(standing);
        if let Some((resource, keys)) = self.with.as_mut().filter(|_| write.is_first()) {
            let before = keys.fresh();
            let line = self.writer.attempt(self.sites.of(standing.side), standing, resource, &before).await?;
            keys.settle(&before, &line);
            if line.outcome != Outcome::Acknowledged {
                return Ok(()); // a client that could not do the first thing does not do the second
            }
        }
        // Authority may have moved meanwhile; a key that nobody has written may be written on either side.
        let standing = if write.is_first() { self.drill.authority.standing() } else { standing };
        let line = self.writer.attempt(self.sites.of(standing.side), standing, &self.resource, &write).await?;
        self.keys.settle(&write, &line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::scenario::Companion;
    use proptest::prelude::*;

    use super::*;
    use crate::workload::sample;

    #[test]
    fn writers_of_a_resource_are_numbered_over_all_its_loads() {
        let mut plan = sample::plan(7);
        let with = Companion { resource: sample::uploads(), size: None };
        plan.traffic.push(Load { with: Some(with), ..sample::load(sample::orders(), 4, 10) });
        let writers = |resource| plan.traffic.iter().filter(|load| load.resources().any(|of| of == resource)).count();
        let (orders, uploads) = (sample::orders(), sample::uploads());
        assert_eq!((writers(&orders), writers(&uploads)), (2, 2));
        let mut shares = Shares::of(&plan);
        let all: Vec<u64> = (0..7).map(|_| shares.next(&orders).writer).collect();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(shares.next(&uploads), Share { writer: 0, writers: 6 });
        assert_eq!(shares.next(&uploads), Share { writer: 1, writers: 6 });
    }

    #[test]
    fn a_rate_of_zero_has_no_slots() {
        let schedule = Schedule::of(&sample::load(sample::orders(), 3, 0), 0, RunTime::default());
        assert_eq!(schedule.next(0, RunTime::from_ms(5)), None);
    }

    proptest! {
        #[test]
        fn a_slot_is_never_in_the_past_and_never_comes_twice(
            writers in 1..6_u32, rate in 1..200_u64, writer in 0..6_u32, steps in prop::collection::vec(0..3_000_000_u64, 1..40),
        ) {
            let load = sample::load(sample::orders(), writers, rate);
            let schedule = Schedule::of(&load, writer % writers, RunTime::from_ms(10));
            let (mut due, mut now) = (0, RunTime::from_ms(10));
            for took in steps {
                let slot = schedule.next(due, now).unwrap();
                prop_assert!(slot.index >= due && slot.at >= now);
                let every = 1_000_000 / rate * u64::from(writers);
                prop_assert!(slot.index == due || slot.at.since(now).micros() < every, "only what is past is left out");
                (due, now) = (slot.index + 1, slot.at.plus(Span::from_micros(took)));
            }
        }

        #[test]
        fn the_writers_of_a_load_together_keep_its_rate(writers in 1..6_u32, rate in 1..100_u64) {
            let load = sample::load(sample::orders(), writers, rate);
            let end = RunTime::from_ms(10_000);
            let slots: u64 = (0..writers)
                .map(|writer| Schedule::of(&load, writer, RunTime::default()).next(0, end).unwrap().index)
                .sum();
            prop_assert!(slots.abs_diff(rate * 10) <= u64::from(writers), "{slots} in 10 s");
        }
    }
}
