//! Recovery time actual: from t0 to the start of the last unbroken stretch of complete passes of every probe.

use std::collections::BTreeMap;

use firedrill_model::{
    findings::FindingKind,
    ids::{ProbeId, ResourceKind},
    plan::{Plan, PlannedProbe},
    scenario::Rto,
    units::{RunTime, Span},
    verification::{RecoveryTime, TimedPhase},
};

use crate::{
    asserted::RTO,
    findings::{Book, Draft, Handle},
    ledger::Ledger,
    timeline::{Round, Step, Timeline},
};

/// Share of the objective that firedrill itself may be late by: one part in this many.
const LAG_PARTS: u64 = 20;

/// How one probe stood, round by round.
#[derive(Debug)]
struct Course<'t> {
    last: Option<&'t Round>,
    last_failure: Option<&'t Round>,
    /// The first of the passes that followed each other without a failure or silence between them.
    unbroken: Option<&'t Round>,
    /// From then on it may have passed all the while: silence is no failure. `None` while it fails.
    may_pass_since: Option<RunTime>,
    /// The last silence of all.
    silence: Option<Span>,
}

impl<'t> Course<'t> {
    /// Follows the rounds of a probe to the end of observation.
    fn of(rounds: impl Iterator<Item = &'t Round>, allowed: Span, ends: RunTime) -> Self {
        let may_pass_since = Some(RunTime::default());
        let mut course = Self { last: None, last_failure: None, unbroken: None, may_pass_since, silence: None };
        for round in rounds {
            course.listen(round.began, allowed);
            if round.ok {
                course.unbroken = course.unbroken.or(Some(round));
                course.may_pass_since = course.may_pass_since.or(Some(round.began));
            } else {
                (course.unbroken, course.may_pass_since, course.last_failure) = (None, None, Some(round));
            }
            course.last = Some(round);
        }
        course.listen(ends, allowed);
        course
    }

    /// Silence is not a pass: rounds must follow each other, and reach the end of observation. It is no failure either.
    fn listen(&mut self, until: RunTime, allowed: Span) {
        let Some(last) = self.last else { return };
        let silence = until.since(last.ended);
        if silence > allowed {
            self.unbroken = None;
            self.may_pass_since = self.may_pass_since.or(Some(last.ended));
            self.silence = Some(silence);
        }
    }
}

/// What the probes say together.
#[derive(Debug)]
struct Readiness<'t> {
    kind: ReadinessKind<'t>,
    /// It did not come before.
    not_before: RunTime,
}

#[derive(Debug)]
enum ReadinessKind<'t> {
    /// From `since` on every round of every probe passed; each had passed once when `passed` had come.
    From { since: RunTime, passed: RunTime },
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
    let readiness = readiness(plan, timeline, t0, ends);
    let at_least = readiness.not_before.since(t0).plus(plan.detect.decide);
    let miss = Miss {
        certain: rto.is_some_and(|rto| at_least > rto.within.plus(time.uncertainty_ms)),
        late: lag(rto, timeline, book),
    };
    let stable_for = rto.map_or(plan.observe, |rto| rto.stable_for);
    match readiness.kind {
        ReadinessKind::From { since, passed } => {
            time.ready_ms = Some(since);
            let phases = phases(timeline, plan.detect.decide, t0, since);
            time.actual_ms = Some(phases.iter().fold(Span::default(), |sum, phase| sum.plus(phase.span_ms)));
            time.phases = phases;
            if let Some(due) = timeline.recovered().map(|at| at.plus(plan.observe)).filter(|due| ends < *due) {
                cut_short(&mut time, miss, timeline, (ends, due), book);
            } else if ends.since(since) < stable_for {
                unstable(&mut time, miss, ends.since(since), stable_for, book);
            } else {
                judge(&mut time, miss, rto, timeline, book);
                prove(rto, timeline, ledger, (since, passed), book);
            }
        }
        ReadinessKind::NeverLost => {
            let why = "no probe failed after the fault: there was nothing to recover from";
            let root = book.root_of_kind(FindingKind::FaultDidNotBite);
            book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO).follows(root));
        }
        ReadinessKind::Never(probe, failure) => never(plan, miss, timeline, (t0, ends), probe, failure, book),
        ReadinessKind::Unknown(why) => {
            book.add(miss.draft(why, book).check(RTO));
        }
    }
    time
}

/// Whether the objective is missed.
#[derive(Clone, Copy, Debug)]
struct Miss {
    /// It is, by all that was seen: even the earliest instant that readiness can have come at was too late.
    certain: bool,
    /// The finding that firedrill was itself too late to say so.
    late: Option<Handle>,
}

impl Miss {
    /// A failure when the miss is certain and can be told, else undecided.
    fn draft(self, why: String, book: &Book) -> Draft {
        match self.late {
            None if self.certain => Draft::failure(FindingKind::RtoMissed, why),
            late => Draft::undecided(FindingKind::NotMeasured, why).follows(late.or(book.unseen())),
        }
    }
}

/// What never became stable in time has no recovery time.
fn forget(time: &mut RecoveryTime) {
    time.actual_ms = None;
    time.phases.clear();
}

fn readiness<'t>(plan: &'t Plan, timeline: &'t Timeline, t0: RunTime, ends: RunTime) -> Readiness<'t> {
    let mut rounds: BTreeMap<&ProbeId, Vec<&Round>> = BTreeMap::new();
    for round in timeline.rounds.iter().filter(|round| round.began <= ends) {
        rounds.entry(&round.probe).or_default().push(round);
    }
    let (mut since, mut passed, mut not_before) = (t0, t0, t0);
    let (mut never, mut unknown) = (None, None);
    for probe in &plan.probes {
        let own = rounds.remove(&probe.id).unwrap_or_default();
        let allowed = plan.probe_interval.plus(plan.probe_interval).plus(probe.timeout);
        let course = Course::of(own.into_iter(), allowed, ends);
        not_before = not_before.max(course.may_pass_since.unwrap_or(ends));
        if course.may_pass_since.is_none() {
            never = never.or(Some((probe, course.last_failure)));
        }
        match (course.unbroken, course.silence) {
            (Some(first), _) => (since, passed) = (since.max(first.began), passed.max(first.ended)),
            (None, None) => unknown = unknown.or_else(|| Some(format!("probe {} was not run", probe.id))),
            (None, Some(silence)) => {
                let why = || format!("probe {} was silent for {silence} while it had to hold", probe.id);
                unknown = unknown.or_else(|| Some(why()));
            }
        }
    }
    let kind = match (never, unknown) {
        _ if !timeline.felt(t0) => ReadinessKind::NeverLost,
        (Some((probe, failure)), _) => ReadinessKind::Never(probe, failure),
        (None, Some(why)) => ReadinessKind::Unknown(why),
        (None, None) => ReadinessKind::From { since, passed },
    };
    Readiness { kind, not_before }
}

/// The parts of the recovery time; they add up to it because each begins where the one before ends.
fn phases(timeline: &Timeline, decide: Span, t0: RunTime, ready: RunTime) -> Vec<TimedPhase> {
    let inside = |at: RunTime, after: RunTime| at.clamp(after, ready.max(after));
    let detected = inside(timeline.detected.or(timeline.recovery_began).unwrap_or(t0), t0);
    let moves = |step: &&Step| matches!(step.kind.as_str(), "cutover" | "reroute");
    let rerouted = timeline.steps.iter().filter(|step| step.kind == "reroute").map(|step| step.ended).max();
    let cut_over = timeline.cut_over.or(rerouted).map(|at| inside(at, detected));
    let restored = timeline
        .steps
        .iter()
        .filter(|step| !moves(step) && cut_over.is_none_or(|cut_over| step.ended <= cut_over))
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

/// Whatever came after the end that the plan had fixed is nobody's failure; what came before it may have been one.
fn cut_short(
    time: &mut RecoveryTime,
    miss: Miss,
    timeline: &Timeline,
    (ends, due): (RunTime, RunTime),
    book: &mut Book,
) {
    forget(time);
    let (ended, due) = (timeline.clock(ends), timeline.clock(due));
    let why = format!("observation ended {ended}; by the plan it has to go on until {due}");
    book.add(miss.draft(why, book).check(RTO));
}

fn unstable(time: &mut RecoveryTime, miss: Miss, held: Span, stable_for: Span, book: &mut Book) {
    forget(time);
    // A service that came up this late may or may not have stayed up: a miss is certain only once the objective is past.
    let why = format!("every probe passed for {held} when observation ended; {stable_for} were wanted");
    let advice = "observe for longer, or look for what made a probe fail so late";
    book.add(miss.draft(why, book).check(RTO).help(advice));
}

fn judge(time: &mut RecoveryTime, miss: Miss, rto: Option<&Rto>, timeline: &Timeline, book: &mut Book) {
    let (Some(rto), Some(actual)) = (rto, time.actual_ms) else { return };
    let margin = time.uncertainty_ms;
    if miss.certain {
        let parts = time.phases.iter().map(|phase| format!("{} {}", phase.name, phase.span_ms));
        let ready = time.ready_ms.map(|ready| format!("ready from {}", timeline.clock(ready)));
        let longest = time.phases.iter().max_by_key(|phase| phase.span_ms).map_or("", |phase| phase.name.as_str());
        let why = format!("recovery took {actual}; the objective is {}", rto.within);
        book.add(
            miss.draft(why, book)
                .check(RTO)
                .detail(parts.chain(ready))
                .help(format!("the longest part is `{longest}`: begin there")),
        );
        forget(time);
    } else if actual > rto.within.plus(margin) {
        let why = format!("recovery took up to {actual}; how much of it is not known, since a probe was silent");
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO));
    } else if actual.plus(margin) > rto.within {
        let why = format!("recovery took {actual} ± {margin}: the objective of {} lies between", rto.within);
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RTO).help("probe more often"));
    }
}

fn never(
    plan: &Plan,
    miss: Miss,
    timeline: &Timeline,
    (t0, ends): (RunTime, RunTime),
    probe: &PlannedProbe,
    failure: Option<&Round>,
    book: &mut Book,
) {
    let mut why =
        format!("probe {} never passed for good; observation ended {} after the fault", probe.id, ends.since(t0));
    if !miss.certain {
        why.push_str(", before the objective was reached");
    }
    let last = failure.map(|round| format!("last failure {}: {}", timeline.clock(round.ended), round.detail));
    let mut draft = miss
        .draft(why, book)
        .check(RTO)
        .detail(last)
        .help(format!("use {} on the recovery side the way a client does, and mend what it needs", probe.resource));
    if let Some(cause) = cause(plan, probe, book) {
        draft = draft.follows(Some(cause));
    }
    let finding = book.add(draft);
    book.remember_never_ready(finding);
}

/// What keeps a probe from passing, when a finding says so: something at its resource, or for a trigger along its path.
fn cause(plan: &Plan, probe: &PlannedProbe, book: &Book) -> Option<Handle> {
    let places = if probe.resource.kind() == Some(ResourceKind::Trigger) {
        plan.stack.way_of(probe.resource.name())
    } else {
        vec![probe.resource.clone()]
    };
    places.iter().find_map(|place| book.roots_at(place).next())
}

/// A recovery counts only when it is one.
///
/// Every probe had passed once when `passed` had come. A round that was under way when the fault ended may have passed
/// because it did.
fn prove(
    rto: Option<&Rto>,
    timeline: &Timeline,
    ledger: &Ledger,
    (ready, passed): (RunTime, RunTime),
    book: &mut Book,
) {
    let ride_out = rto.is_some_and(|rto| rto.ride_out);
    if let (Some((fault, at, by)), false) = (timeline.healed_before(passed), ride_out) {
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
    went_on(timeline, ledger, ready, book);
}

/// What is restored after readiness was not there when the service was found ready. Whether a program that is run after the
/// cutover restores anything is not known.
fn went_on(timeline: &Timeline, ledger: &Ledger, ready: RunTime, book: &mut Book) {
    let kind = FindingKind::RestoreAfterReadiness;
    let after = |last: Option<RunTime>| last.filter(|&last| last > ready);
    let restored = after(timeline.restored().max(ledger.last_restore_write));
    let (last, draft) = match (restored, after(timeline.perhaps_restored())) {
        (Some(last), _) => (last, Draft::failure(kind, "the restore went on after the service was found ready")),
        (None, Some(last)) => {
            let why =
                "a program of the recovery went on after the service was found ready: it may have restored something";
            (last, Draft::undecided(kind, why))
        }
        (None, None) => return,
    };
    book.add(
        draft
            .check(RTO)
            .detail([format!("ready from {}, restored until {}", timeline.clock(ready), timeline.clock(last))])
            .help("cut over once the restore is complete, or probe what it restores last"),
    );
}

/// How late firedrill was itself: the finding that says it was too late to judge time, if it was.
fn lag(rto: Option<&Rto>, timeline: &Timeline, book: &mut Book) -> Option<Handle> {
    let rto = rto?;
    let Some(lag) = timeline.scheduling_lag else {
        let why = "how late firedrill itself was is not recorded";
        let draft = Draft::undecided(FindingKind::SchedulingLag, why).check(RTO).follows(book.unseen());
        return Some(book.add(draft));
    };
    let too_late = lag.micros().saturating_mul(LAG_PARTS) > rto.within.micros();
    too_late.then(|| {
        let why =
            format!("firedrill itself was up to {lag} late, more than a twentieth of the objective of {}", rto.within);
        let draft = Draft::undecided(FindingKind::SchedulingLag, why).check(RTO);
        book.add(draft.help("run the drill on a machine with less load"))
    })
}
