//! Recovery point actual: `t_stop` less the completion of the earliest lost acknowledged write, as an interval.

use firedrill_model::{
    findings::FindingKind,
    plan::Plan,
    units::{RunTime, Span},
    verification::{LossCounts, RecoveryPointActual},
};

use crate::{
    asserted::RPO,
    content::{Content, Losses},
    findings::{Book, Draft, Handle},
    ledger::{Fate, Ledger, Write},
    tally::{agreeing, counted},
    timeline::Timeline,
};

/// Measures the recovery point and judges it against the objective.
pub(crate) fn measure(
    plan: &Plan,
    timeline: &Timeline,
    ledger: &Ledger,
    content: &Content,
    book: &mut Book,
) -> RecoveryPointActual {
    let objective = plan.expect.rpo.as_ref().map(|rpo| rpo.within);
    let mut actual = RecoveryPointActual { objective_ms: objective, ..RecoveryPointActual::default() };
    let Some(t_stop) = t_stop(timeline, ledger) else {
        let why = "the recovery point was not measured: no fault was seen to stop a request";
        let root = book.root_of_kind(FindingKind::FaultDidNotBite).or(book.unseen());
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RPO).follows(root));
        return actual;
    };
    actual.t_stop_ms = Some(t_stop);
    let population = || all_writes(ledger).filter(|write| write.given_up() && write.acknowledged());
    actual.acknowledged_writes = population().filter(|write| write.completed <= t_stop).count() as u64;
    let total = total(content);
    actual.lost_writes = total.lost_writes;
    actual.lost_bytes = total.lost_bytes;
    let window = objective.map_or(RunTime::default(), |objective| t_stop.minus(objective));
    let alive = population().any(|write| (window..=t_stop).contains(&write.completed));
    // Without a write in the window, what is lost tells how long the copy was idle and nothing about the objective.
    let interval = |losses: &Losses| if alive { interval(t_stop, losses) } else { (None, None) };
    if content.unread.is_empty() && !content.losses.is_empty() {
        (actual.actual_ms, actual.actual_upper_ms) = interval(&total);
        actual.point_in_time = Some(point_in_time(ledger, total.certain, timeline, book));
        actual.by_resource = content
            .losses
            .iter()
            .map(|(resource, losses)| {
                let (actual_ms, actual_upper_ms) = interval(losses);
                let (lost_writes, lost_bytes, sample) = (losses.lost_writes, losses.lost_bytes, losses.keys.keys());
                (resource.clone(), LossCounts { lost_writes, lost_bytes, actual_ms, actual_upper_ms, sample })
            })
            .collect();
    }
    judge(&actual, interval(&total), &total, timeline, content, book);
    actual
}

/// The later of t0 and the last acknowledgement by the copy that was given up.
pub(crate) fn t_stop(timeline: &Timeline, ledger: &Ledger) -> Option<RunTime> {
    let last = all_writes(ledger).filter(|write| write.epoch == 0 && write.acknowledged()).map(|write| write.completed);
    Some(last.fold(timeline.t0()?, Ord::max))
}

fn all_writes(ledger: &Ledger) -> impl Iterator<Item = &Write> {
    ledger.resources.values().flat_map(|resource| &resource.writes)
}

fn total(content: &Content) -> Losses {
    let least = |of: fn(&Losses) -> Option<RunTime>| content.losses.values().filter_map(of).min();
    Losses {
        keys: content.losses.values().fold(crate::tally::Tally::default(), |mut all, losses| {
            all.absorb(losses.keys.clone());
            all
        }),
        lost_writes: content.losses.values().map(|losses| losses.lost_writes).sum(),
        lost_bytes: content.losses.values().map(|losses| losses.lost_bytes).sum(),
        certain: least(|losses| losses.certain),
        possible: least(|losses| losses.possible),
        certain_unblamed: least(|losses| losses.certain_unblamed),
    }
}

fn interval(t_stop: RunTime, losses: &Losses) -> (Option<Span>, Option<Span>) {
    let back_to = |earliest: Option<RunTime>| earliest.map_or(Span::default(), |earliest| t_stop.since(earliest));
    (Some(back_to(losses.certain)), Some(back_to(losses.possible).max(back_to(losses.certain))))
}

/// Survivors that the state gives evidence of form a cut when none was issued after the first loss completed.
fn point_in_time(ledger: &Ledger, first_loss: Option<RunTime>, timeline: &Timeline, book: &mut Book) -> bool {
    let Some(first_loss) = first_loss else { return true };
    let survivors = all_writes(ledger).filter(|write| write.given_up() && write.fate == Fate::Survived);
    let later = survivors.filter(|write| write.issued > first_loss);
    let (count, youngest) =
        later.fold((0, RunTime::default()), |(count, last), write| (count + 1, last.max(write.issued)));
    if count > 0 {
        book.add(
            Draft::note(FindingKind::Holes, "what survived is not the state of any one instant").count(count).detail([
                format!("the first lost write was acknowledged {}", timeline.clock(first_loss)),
                format!(
                    "{} issued after that survived, the last {}",
                    counted(count, "write"),
                    timeline.clock(youngest)
                ),
            ]),
        );
    }
    count == 0
}

/// What was not read may hold more losses, and none fewer.
fn judge(
    actual: &RecoveryPointActual,
    (lower, upper): (Option<Span>, Option<Span>),
    total: &Losses,
    timeline: &Timeline,
    content: &Content,
    book: &mut Book,
) {
    let Some(objective) = actual.objective_ms else { return };
    let (Some(lower), Some(upper), Some(t_stop)) = (lower, upper, actual.t_stop_ms) else {
        if content.unread.is_empty() && !content.losses.is_empty() {
            let why = format!("no write was acknowledged in the last {objective} before the copy stopped");
            let help = "keep traffic on the workload until the fault; an idle copy proves nothing about losses";
            book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RPO).help(help));
        }
        return;
    };
    if lower > objective {
        let draft =
            missed(actual, total, timeline, lower, objective).follows(cause(total, t_stop, objective, content, book));
        book.add(draft);
    } else if upper > objective && content.unread.is_empty() {
        let why = format!("between {lower} and {upper} of writes are lost; the objective of {objective} lies between");
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(RPO));
    }
}

fn missed(actual: &RecoveryPointActual, total: &Losses, timeline: &Timeline, lower: Span, objective: Span) -> Draft {
    let (lost, of) = (actual.lost_writes, actual.acknowledged_writes);
    let are = agreeing(lost, "is", "are");
    let first =
        total.certain.map(|first| format!("the earliest lost write was acknowledged {}", timeline.clock(first)));
    let stop = actual.t_stop_ms.map(|stop| format!("the copy that was given up stopped {}", timeline.clock(stop)));
    let points = timeline.used_points().into_iter().map(|point| {
        format!(
            "recovery point {} was captured from {} to {}",
            point.id,
            timeline.clock(point.begun_ms),
            timeline.clock(point.ended_ms)
        )
    });
    Draft::failure(
        FindingKind::RpoMissed,
        format!(
            "{lost} of {of} acknowledged writes (seed included) {are} lost, {lower} of them; the objective is {objective}"
        ),
    )
    .check(RPO)
    .count(lost)
    .key(total.keys.first_key())
    .detail(first.into_iter().chain(stop).chain(points).chain(total.keys.lines()))
    .help(format!("begin a backup at least every {objective} less the time a capture takes, or replicate"))
}

/// What the miss follows from: when all that is not blamed on a defect of the backup or the restore meets the objective,
/// that defect.
fn cause(total: &Losses, t_stop: RunTime, objective: Span, content: &Content, book: &Book) -> Option<Handle> {
    let unblamed = total.certain_unblamed.map_or(Span::default(), |earliest| t_stop.since(earliest));
    if unblamed > objective {
        return None;
    }
    let kinds = [
        FindingKind::ConfigurationMissing,
        FindingKind::BackupIncomplete,
        FindingKind::Missing,
        FindingKind::Changed,
        FindingKind::Resurrected,
        FindingKind::Foreign,
    ];
    kinds.into_iter().find_map(|kind| content.losses.keys().find_map(|resource| book.root(kind, resource)))
}
