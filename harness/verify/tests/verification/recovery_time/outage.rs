//! Outages drawn at random: faults that arm, bite and end, probes that pass, fail and fall silent at jittered instants.

use firedrill_model::{
    history::{Ending, Event},
    ids::FaultId,
    ledger::Origin,
    scenario::{Expect, Rto},
    units::{RunTime, Span},
};
use proptest::prelude::*;

use crate::support::{CUTOVER, World, ambiguous, orders, probed, put};

/// The first rounds begin about here, milliseconds of the run.
const BEGINS: u64 = 15_000;

/// What a probe does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Passing,
    Failing,
    Silent,
}

/// One round of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) ok: bool,
}

/// When a fault was armed, bit and ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultTimes {
    pub(crate) armed: u64,
    pub(crate) bit: Option<u64>,
    pub(crate) ended: Option<u64>,
}

impl FaultTimes {
    /// It never bit, or had ended when it would have.
    pub(crate) fn struck_nothing(&self) -> bool {
        self.bit.is_none_or(|bit| self.ended.is_some_and(|ended| ended <= bit.max(self.armed)))
    }
}

/// Everything that the recovery time depends on, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    pub(crate) interval: u64,
    pub(crate) timeout: u64,
    pub(crate) probes: Vec<Vec<Round>>,
    pub(crate) faults: Vec<FaultTimes>,
    pub(crate) ends: u64,
    pub(crate) decide: u64,
    pub(crate) within: u64,
    pub(crate) stable_for: u64,
    pub(crate) ride_out: bool,
    pub(crate) lag: Option<u64>,
    /// When the restore was over.
    pub(crate) restored: u64,
    /// A program of the user's own ran from then until then.
    pub(crate) program: Option<(u64, u64)>,
    /// For how long the plan wants to observe after the last step.
    pub(crate) observe: u64,
    /// A late write by the restore, acknowledged or not.
    pub(crate) restore_write: Option<(u64, bool)>,
    /// The run crashed then, and somebody healed it.
    pub(crate) crashed: Option<u64>,
}

/// A stretch of a probe: what it does, for how long, how long a round takes and how much the next is late.
type Stretch = (Doing, u64, u64, u64);

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let doing = prop_oneof![5 => Just(Doing::Passing), 4 => Just(Doing::Failing), 2 => Just(Doing::Silent)];
    // Most are as in a drill: all is well, then not, then well to the end, with a few things between.
    let stretch = (doing, 100..5_000_u64, 1..1_000_u64, 0..400_u64);
    let some = prop_oneof![1 => Just(Vec::new()), 6 => prop::collection::vec(stretch, 1..5)];
    let whole = (3_000..6_500_u64, some, prop::bool::weighted(0.85), 1..1_000_u64, 0..400_u64);
    whole.prop_map(|(well, mut some, again, takes, late)| {
        some.insert(0, (Doing::Passing, well, takes.min(100), 0));
        if again {
            some.push((Doing::Passing, 60_000, takes, late));
        }
        some
    })
}

/// The rounds of a probe up to 3 s after `ends`, on a grid so that instants meet.
fn rounds(stretches: &[Stretch], ends: u64, interval: u64, grid: u64) -> Vec<Round> {
    let (mut at, mut until, mut rounds) = (BEGINS, BEGINS, Vec::new());
    for &(doing, length, takes, late) in stretches {
        until = (until.max(at) + length).min(ends + 3_000);
        while at < until {
            let began = at / grid * grid;
            if doing == Doing::Silent {
                at = until;
                break;
            }
            let ended = began + takes.div_ceil(grid) * grid;
            rounds.push(Round { began, ended, ok: doing == Doing::Passing });
            // The next one is due an interval after this one began, and not before this one is over.
            at = (began + interval).max(ended + grid) + late;
        }
    }
    rounds
}

fn faults(grid: u64) -> impl Strategy<Value = Vec<FaultTimes>> {
    let bit = prop_oneof![6 => (0..2_500_u64).prop_map(Some), 1 => Just(None)];
    let ended = prop_oneof![5 => Just(None), 1 => (0..12_000_u64).prop_map(Some)];
    let fault = (18_000..21_000_u64, bit, ended).prop_map(move |(armed, bit, ended)| {
        let on = |at: u64| at / grid * grid;
        // A bite may be recorded before the fault is known to be armed, and an end before either.
        FaultTimes {
            armed: on(armed),
            bit: bit.map(|after| on(armed + after - after.min(300))),
            ended: ended.map(|after| on(armed + after)),
        }
    });
    prop_oneof![2 => prop::collection::vec(fault.clone(), 1), 1 => prop::collection::vec(fault, 2..4)]
}

/// Any outage.
pub(crate) fn outages() -> impl Strategy<Value = Outage> {
    let sizes =
        (prop_oneof![Just(50_u64), Just(1)], prop_oneof![Just(200_u64), Just(500), Just(1_000)], 30_000..40_000_u64);
    sizes.prop_flat_map(|(grid, interval, ends)| {
        let ends = ends / grid * grid;
        let on = move |at: u64| at / grid * grid;
        let probes = prop::collection::vec(stretches(), 1..4);
        let probes = probes.prop_map(move |all| all.iter().map(|one| rounds(one, ends, interval, grid)).collect());
        let rules = (
            prop_oneof![4 => Just(0), 1 => 0..12_000_u64],
            prop_oneof![3 => 500..20_000_u64, 2 => Just(60_000)],
            prop_oneof![4 => 0..5_000_u64, 1 => 0..20_000_u64],
            any::<bool>(),
            prop_oneof![9 => Just(Some(5)), 2 => (0..900_u64).prop_map(Some), 1 => Just(None)],
        );
        let timeout = prop_oneof![Just(300_u64), Just(1_000)];
        let write = prop_oneof![9 => Just(None), 1 => (20_000..34_000_u64, any::<bool>()).prop_map(Some)];
        let restored = prop_oneof![7 => 19_000..21_000_u64, 1 => 20_000..30_000_u64];
        let crashed = prop_oneof![19 => Just(None), 1 => (18_000..60_000_u64).prop_map(Some)];
        // Mostly before readiness is likely, now and then about the cutover, and seldom for long.
        let program = (prop_oneof![Just(CUTOVER - 50), Just(CUTOVER), 21_000..30_000_u64], 50..3_000_u64);
        let program = program.prop_map(move |(began, takes)| (on(began), on(began + takes)));
        let program = prop_oneof![5 => Just(None), 1 => program.prop_map(Some)];
        let observe = prop_oneof![4 => (0..5_000_u64).prop_map(|less| (less, 0)), 2 => Just((0, 0)), 1 => Just((0, 1))];
        let steps = (restored, program, observe);
        (probes, faults(grid), rules, timeout, write, steps, crashed).prop_map(
            move |(probes, faults, rules, timeout, write, (restored, program, (less, more)), crashed)| {
                let (decide, within, stable_for, ride_out, lag) = rules;
                let last = last_step(on(restored), program);
                Outage {
                    interval,
                    timeout,
                    probes,
                    faults,
                    ends,
                    decide: on(decide),
                    within: on(within),
                    stable_for: on(stable_for),
                    ride_out,
                    lag,
                    restored: on(restored),
                    program,
                    observe: ends.saturating_sub(last + less) + more,
                    restore_write: write.map(|(at, acknowledged)| (on(at), acknowledged)),
                    crashed,
                }
            },
        )
    })
}

impl Outage {
    /// The run in which it happens, of which nothing but the recovery time is asserted.
    pub(crate) fn world(&self) -> World {
        let mut world = World::whole();
        self.plan(&mut world);
        // Nothing else is asserted: without captures a run is written and judged faster.
        world.content.clear();
        world.configuration.clear();
        world.deliveries = None;
        world.crashed_ms = self.crashed;
        world.events.retain(|(_, event)| !is_drawn(event));
        let id = |number: usize| FaultId::new(format!("fault-{}", number + 1));
        for (number, fault) in self.faults.iter().enumerate() {
            world.events.push((fault.armed, Event::FaultArmed { id: id(number) }));
            world.events.extend(fault.bit.map(|at| (at, Event::FaultBit { id: id(number), rule: None })));
            let ended = Event::FaultEnded { id: id(number), by: "duration".to_owned() };
            world.events.extend(fault.ended.map(|at| (at, ended)));
        }
        for (probe, rounds) in world.plan.probes.iter().zip(&self.probes) {
            world.events.extend(rounds.iter().map(|round| (round.ended, probed(&probe.id, round.began, round.ok))));
        }
        world.events.push((self.ends, Event::ObservationEnds { until_ms: RunTime::from_ms(self.ends) }));
        let ended = |step: usize| Event::StepEnded { step, ending: Ending::Done, note: String::new() };
        world.events.push((self.restored, ended(0)));
        if let Some((from, until)) = self.program {
            world.events.push((from, Event::StepBegan { step: 2, step_kind: "command".to_owned() }));
            world.events.push((until, ended(2)));
        }
        world.events.extend(self.lag.map(|lag| (59_000, Event::SchedulingLag { max_ms: Span::from_ms(lag) })));
        world.events.sort_by_key(|(at, _)| *at);
        if let Some((at, acknowledged)) = self.restore_write {
            let mut line = put(&orders(), "C-1#o-1", "o-1-2", at);
            line.origin = Origin::Restore;
            world.ledger.push(if acknowledged { line } else { ambiguous(line) });
        }
        world
    }

    fn plan(&self, world: &mut World) {
        let plan = &mut world.plan;
        let rto = Rto {
            within: Span::from_ms(self.within),
            stable_for: Span::from_ms(self.stable_for),
            source: None,
            ride_out: self.ride_out,
        };
        plan.expect = Expect { rto: Some(rto), ..Expect::default() };
        plan.detect.decide = Span::from_ms(self.decide);
        plan.observe = Span::from_ms(self.observe);
        plan.probe_interval = Span::from_ms(self.interval);
        plan.probes.truncate(self.probes.len());
        plan.probes.iter_mut().for_each(|probe| probe.timeout = Span::from_ms(self.timeout));
    }

    /// When the last step was over.
    pub(crate) fn last_step(&self) -> u64 {
        last_step(self.restored, self.program)
    }

    /// For how long nothing may be heard of a probe.
    pub(crate) fn allowed(&self) -> u64 {
        2 * self.interval + self.timeout
    }
}

/// When the last of the restore, the program and the cutover was over.
fn last_step(restored: u64, program: Option<(u64, u64)>) -> u64 {
    program.map_or(0, |(_, until)| until).max(restored).max(CUTOVER + 10)
}

/// Whether an event of the whole world is drawn instead.
fn is_drawn(event: &Event) -> bool {
    matches!(
        event,
        Event::FaultArmed { .. }
            | Event::FaultBit { .. }
            | Event::FaultEnded { .. }
            | Event::Probed { .. }
            | Event::ObservationEnds { .. }
            | Event::SchedulingLag { .. }
            | Event::StepEnded { step: 0, .. }
    )
}
