//! Recovery time actual: from t0 to the start of the last unbroken stretch of complete passes of every probe.

use std::collections::BTreeMap;

use firedrill_model::{
    findings::FindingKind,
    ids::{ProbeId, ResourceId, ResourceKind},
    plan::{Plan, PlannedProbe},
    scenario::Rto,
    units::{RunTime, Span},
    verification::{RecoveryTime, TimedPhase},
};

use crate::{
    asserted::RTO,
    findings::{Book, Draft, Handle},
    ledger::Ledger,
    timeline::{Round, Timeline},
};

/// Share of the objective that firedrill itself may be late by: one part in this many.
const LAG_PARTS: u64 = 20;

/// How one probe stood over the outage.
#[derive(Debug, Default)]
struct Course<'t> {
    last_failure: Option<&'t Round>,
    /// First pass after the last failure.
    ready: Option<&'t Round>,
    /// The longest time between two rounds since then.
    silence: Span,
    last: Option<&'t Round>,
}

/// What the probes say together.
#[derive(Debug)]
enum Readiness<'t> {
    /// From here on every round of every probe passed.
    From(RunTime),
    /// This probe had not passed for good when observation ended.
    Never(&'t PlannedProbe, Option<&'t Round>),
    /// No probe was ever stopped: there was nothing to recover from.
    NeverLost,
    /// It cannot be said.
    Unknown(String),
}

/// Measures the recovery time and judges it.
pub(crate) fn measure(plan: &Plan, timeline: &Timeline, ledger: &Ledger, book: &mut Book) -> RecoveryTime {
    let rto = plan.expect.rto.as_ref();
    let mut time = RecoveryTime {
        objective_ms: rto.map(|rto| rto.within),
        uncertainty_ms: plan.probe_interval,
        t0_ms: timeline.t0(),
        ..RecoveryTime::default()
    };
    let (Some(t0), Some(ends)) = (time.t0_ms, timeline.observation_ends) else {
        let why = if time.t0_ms.is_none() {
            "the recovery time was not measured: no fault was seen to stop a request"
        } else {
            "the recovery time was not measured: the observation after the recovery did not take place"
        };
        let root = book.root_of_kind(FindingKind::FaultDidNotBite).or(book.unseen());
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO).follows(root));
        return time;
    };
    let stable_for = rto.map_or(plan.observe, |rto| rto.stable_for);
    match readiness(plan, timeline, t0, ends) {
        Readiness::From(ready) => {
            time.ready_ms = Some(ready);
            let phases = phases(timeline, plan.detect.decide, t0, ready);
            time.actual_ms = Some(phases.iter().fold(Span::default(), |sum, phase| sum.plus(phase.span_ms)));
            time.phases = phases;
            if ends.since(ready) < stable_for {
                unstable(&mut time, ends.since(ready), stable_for, book);
            } else {
                judge(&mut time, rto, timeline, book);
                prove(rto, timeline, ledger, ready, book);
            }
        }
        Readiness::NeverLost => {
            let why = "no probe failed after the fault: there was nothing to recover from";
            let root = book.root_of_kind(FindingKind::FaultDidNotBite);
            book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO).follows(root));
        }
        Readiness::Never(probe, failure) => never(plan, rto, timeline, (t0, ends), probe, failure, book),
        Readiness::Unknown(why) => {
            book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO));
        }
    }
    lag(rto, timeline, book);
    time
}

/// What never became stable in time has no recovery time.
fn forget(time: &mut RecoveryTime) {
    time.actual_ms = None;
    time.phases.clear();
}

fn readiness<'t>(plan: &'t Plan, timeline: &'t Timeline, t0: RunTime, ends: RunTime) -> Readiness<'t> {
    let mut courses: BTreeMap<&ProbeId, Course<'t>> = BTreeMap::new();
    for round in timeline.rounds.iter().filter(|round| round.ended >= t0 && round.began <= ends) {
        let course = courses.entry(&round.probe).or_default();
        if !round.ok {
            (course.last_failure, course.ready, course.silence) = (Some(round), None, Span::default());
        } else if course.ready.is_none() {
            course.ready = Some(round);
        } else if let Some(last) = course.last {
            course.silence = course.silence.max(round.began.since(last.ended));
        }
        course.last = Some(round);
    }
    let mut ready = t0;
    for probe in &plan.probes {
        let Some(course) = courses.get(&probe.id) else {
            return Readiness::Unknown(format!("probe {} was not run after the fault", probe.id));
        };
        let Some(first) = course.ready else { return Readiness::Never(probe, course.last_failure) };
        if course.last_failure.is_some() {
            ready = ready.max(first.began);
        }
        // Silence is not a pass: rounds must follow each other, and reach the end of observation.
        let last = course.last.map_or(Span::default(), |last| ends.since(last.ended));
        let silence = course.silence.max(last);
        let allowed = plan.probe_interval.plus(plan.probe_interval).plus(probe.timeout);
        if silence > allowed {
            return Readiness::Unknown(format!("probe {} was silent for {silence} while it had to hold", probe.id));
        }
    }
    if timeline.felt(t0) { Readiness::From(ready) } else { Readiness::NeverLost }
}

/// The parts of the recovery time; they add up to it because each begins where the one before ends.
fn phases(timeline: &Timeline, decide: Span, t0: RunTime, ready: RunTime) -> Vec<TimedPhase> {
    let inside = |at: RunTime, after: RunTime| at.clamp(after, ready.max(after));
    let detected = inside(timeline.detected.or(timeline.recovery_began).unwrap_or(t0), t0);
    let cut_over = timeline.cut_over.map(|at| inside(at, detected));
    let restored = timeline
        .steps
        .iter()
        .filter(|step| step.kind != "cutover" && cut_over.is_none_or(|cut_over| step.ended <= cut_over))
        .map(|step| inside(step.ended, detected))
        .max()
        .unwrap_or(detected);
    let cut_over = cut_over.unwrap_or(restored);
    let phase = |name: &str, span_ms: Span, declared: bool| TimedPhase { name: name.to_owned(), span_ms, declared };
    vec![
        phase("detect", detected.since(t0), false),
        phase("decide", decide, true),
        phase("restore", restored.since(detected), false),
        phase("cut over", cut_over.since(restored), false),
        phase("settle", ready.since(cut_over), false),
    ]
}

fn unstable(time: &mut RecoveryTime, held: Span, stable_for: Span, book: &mut Book) {
    forget(time);
    let why = format!("every probe passed for {held} when observation ended; {stable_for} were wanted");
    let advice = "observe for longer, or look for what made a probe fail so late";
    // A service that came up this late may or may not have stayed up: a miss is certain only once the objective is past.
    let late = time.objective_ms.zip(time.t0_ms.zip(time.ready_ms));
    let missed = late.is_some_and(|(objective, (t0, ready))| ready.since(t0) > objective.plus(time.uncertainty_ms));
    let draft = if missed {
        Draft::failure(FindingKind::RtoMissed, why)
    } else {
        Draft::undecided(FindingKind::NotMeasured, why).follows(book.unseen())
    };
    book.add(draft.check(RTO).help(advice));
}

fn judge(time: &mut RecoveryTime, rto: Option<&Rto>, timeline: &Timeline, book: &mut Book) {
    let (Some(rto), Some(actual)) = (rto, time.actual_ms) else { return };
    let margin = time.uncertainty_ms;
    if actual > rto.within.plus(margin) {
        let parts = time.phases.iter().map(|phase| format!("{} {}", phase.name, phase.span_ms));
        let ready = time.ready_ms.map(|ready| format!("ready from {}", timeline.clock(ready)));
        let longest = time.phases.iter().max_by_key(|phase| phase.span_ms).map_or("", |phase| phase.name.as_str());
        book.add(
            Draft::failure(FindingKind::RtoMissed, format!("recovery took {actual}; the objective is {}", rto.within))
                .check(RTO)
                .detail(parts.chain(ready))
                .help(format!("the longest part is `{longest}`: begin there")),
        );
        forget(time);
    } else if actual.plus(margin) > rto.within {
        let why = format!("recovery took {actual} ± {margin}: the objective of {} lies between", rto.within);
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO).help("probe more often"));
    }
}

fn never(
    plan: &Plan,
    rto: Option<&Rto>,
    timeline: &Timeline,
    (t0, ends): (RunTime, RunTime),
    probe: &PlannedProbe,
    failure: Option<&Round>,
    book: &mut Book,
) {
    let why = format!("probe {} never passed for good; observation ended {} after the fault", probe.id, ends.since(t0));
    let observed_long_enough = rto.is_some_and(|rto| ends.since(t0) >= rto.within);
    let draft = if observed_long_enough {
        Draft::failure(FindingKind::RtoMissed, why)
    } else {
        Draft::undecided(FindingKind::NotMeasured, format!("{why}, before the objective was reached"))
    };
    let last = failure.map(|round| format!("last failure {}: {}", timeline.clock(round.ended), round.detail));
    let cut_short = book.unseen().filter(|_| !observed_long_enough);
    let root = cause(plan, probe, book).or(cut_short);
    let finding =
        book.add(draft.check(RTO).detail(last).follows(root).help(format!(
            "use {} on the recovery side the way a client does, and mend what it needs",
            probe.resource
        )));
    book.remember_never_ready(finding);
}

/// What keeps a probe from passing, when a finding says so: something at its resource, or for a trigger along its path.
fn cause(plan: &Plan, probe: &PlannedProbe, book: &Book) -> Option<Handle> {
    let mut places = vec![probe.resource.clone()];
    if let Some(trigger) = plan.stack.triggers.get(probe.resource.name())
        && probe.resource.kind() == Some(ResourceKind::Trigger)
    {
        places.push(ResourceId::new(ResourceKind::Function, &trigger.function));
        places.push(trigger.source_resource());
        places.extend(trigger.effect.as_ref().map(|effect| ResourceId::new(ResourceKind::Table, &effect.table)));
    }
    places.iter().find_map(|place| book.roots_at(place).next())
}

/// A recovery counts only when it is one.
fn prove(rto: Option<&Rto>, timeline: &Timeline, ledger: &Ledger, ready: RunTime, book: &mut Book) {
    let ride_out = rto.is_some_and(|rto| rto.ride_out);
    if let (Some((fault, at, by)), false) = (timeline.ended_before(ready), ride_out) {
        book.add(
            Draft::undecided(
                FindingKind::SelfHealed,
                format!("{fault} ended by itself ({by}) before the service was ready"),
            )
            .check(RTO)
            .detail([format!("it ended {}, readiness came {}", timeline.clock(at), timeline.clock(ready))])
            .help("let the fault last for the whole drill, or say `ride_out` when waiting is the procedure"),
        );
    }
    let last = timeline.restored().max(ledger.last_restore_write);
    if let Some(last) = last.filter(|&last| last > ready) {
        book.add(
            Draft::failure(FindingKind::RestoreAfterReadiness, "the restore went on after the service was found ready")
                .check(RTO)
                .detail([format!("ready from {}, restored until {}", timeline.clock(ready), timeline.clock(last))])
                .help("cut over once the restore is complete, or probe what it restores last"),
        );
    }
}

fn lag(rto: Option<&Rto>, timeline: &Timeline, book: &mut Book) {
    let Some(rto) = rto else { return };
    let Some(lag) = timeline.scheduling_lag else {
        let why = "how late firedrill itself was is not recorded";
        book.add(Draft::undecided(FindingKind::SchedulingLag, why).check(RTO).follows(book.unseen()));
        return;
    };
    if lag.micros().saturating_mul(LAG_PARTS) > rto.within.micros() {
        book.add(
            Draft::undecided(
                FindingKind::SchedulingLag,
                format!(
                    "firedrill itself was up to {lag} late, more than a twentieth of the objective of {}",
                    rto.within
                ),
            )
            .check(RTO)
            .help("run the drill on a machine with less load"),
        );
    }
}
