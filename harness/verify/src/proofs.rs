//! What has to be true of the drill itself before its measurements prove anything.

use firedrill_model::{
    findings::FindingKind,
    ids::{FaultId, ResourceId},
    plan::{Layout, Plan},
    scenario::{Fault, RecoveryStep},
    topology::Side,
};

use crate::{
    asserted::{RPO, RTO, STATE},
    findings::{Book, Draft},
    timeline::{Timeline, Unstruck},
};

/// Checks every proof for which the plan gives a reason.
pub(crate) fn examine(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    complete(plan, timeline, book);
    bitten(plan, timeline, book);
    layout(plan, book);
    // Of a recovery that never began nothing was observed; that it did not says `complete`, of every check.
    let Some(rebuilt) = Rebuilt::by(plan).filter(|_| timeline.recovery_began.is_some()) else { return };
    if rebuilt.from_backup {
        target_empty(timeline, book);
        backup_verified(plan, timeline, book);
    }
    if rebuilt.side == Side::Recovery {
        source_unreachable(plan, timeline, book);
    }
}

/// What the steps of the plan rebuild. A plan whose steps only move the traffic rebuilds nothing.
struct Rebuilt {
    side: Side,
    /// Out of a backup, and so into a region where nothing was. A program of the user's own in a plan without backups may
    /// have a copy there that is kept current all the time.
    from_backup: bool,
}

impl Rebuilt {
    fn by(plan: &Plan) -> Option<Self> {
        plan.recover.iter().find_map(|step| match step {
            RecoveryStep::Restore { into, .. } => {
                Some(Self { side: plan.topology.side(into).unwrap_or(Side::Recovery), from_backup: true })
            }
            RecoveryStep::Command { .. } => {
                let restores = |step: &RecoveryStep| matches!(step, RecoveryStep::Restore { .. });
                let from_backup = !plan.backups.is_empty() || plan.recover.iter().any(restores);
                Some(Self { side: Side::Recovery, from_backup })
            }
            RecoveryStep::Isolate { .. }
            | RecoveryStep::Redrive { .. }
            | RecoveryStep::Reroute { .. }
            | RecoveryStep::Cutover { .. } => None,
        })
    }
}

fn complete(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    let mut incomplete = timeline.incomplete();
    if incomplete.is_empty() && !plan.recover.is_empty() && timeline.recovery_began.is_none() {
        incomplete.push("the recovery never began".to_owned());
    }
    if !incomplete.is_empty() {
        // Of a run that ended before anything was struck, what a scenario says of its end was not tried.
        let met = timeline.stop_condition.as_ref().filter(|_| timeline.t0().is_some());
        let draft = if let Some(seen) = met {
            Draft::undecided(FindingKind::StopConditionMet, format!("a stop condition ended the run: {seen}"))
                .help("its faults are undone; find out what they did that they were not meant to")
        } else if let Some(step) = timeline.failed_step() {
            Draft::undecided(FindingKind::RecoveryFailed, format!("the recovery failed for good in its step `{step}`"))
                .key(Some(step.to_owned()))
                .help("mend the procedure; what would have been seen after it is not known")
        } else {
            Draft::undecided(FindingKind::RunIncomplete, "the run was not completed")
                .help("mend what stopped it and run the drill again; what was measured until then stands")
        };
        let draft = draft.detail(incomplete).follows(book.unseen());
        let finding = book.undecide_all(&draft);
        book.remember_unseen(finding);
    }
}

fn bitten(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    // A run that was cut short before its fault could bite says nothing of the fault.
    if plan.disaster.is_empty() || book.unseen().is_some() && !timeline.fault_had_its_time() {
        return;
    }
    let (why, help) = match timeline.t0() {
        None => (
            "no fault stopped a single request: nothing was tested",
            "does the traffic reach the region that the fault takes away?",
        ),
        Some(t0) if !plan.probes.is_empty() && !timeline.felt(t0) => (
            "no probe failed after the fault: what the probes use was not taken away, so nothing was tested",
            "do the probes reach the region that the fault takes away, and does the fault last longer than their interval?",
        ),
        Some(_) => return idle(plan, timeline, book),
    };
    book.undecide_all(&Draft::undecided(FindingKind::FaultDidNotBite, why).help(help));
}

/// Of a disaster with several faults each has to strike something: what came back from one says nothing of the others. So has
/// each part of a fault without which it is another one.
fn idle(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    for (id, unstruck) in timeline.without_a_bite() {
        let title = plan.disaster.iter().find(|planned| planned.id == *id).map_or("", |planned| &planned.fault.title);
        let (what, help) = match unstruck {
            Unstruck::Everything => {
                ("struck nothing".to_owned(), "was there anything for it to strike, and was it on for long enough?")
            }
            Unstruck::These(whom) => (
                format!("did not strike {whom}"),
                "did they do anything while it was on? give them more traffic or time",
            ),
            Unstruck::NeverReached(step) => (
                format!("waited for step `{step}` of the recovery, which was not reached"),
                "mend what ended it before that",
            ),
            Unstruck::NotDuring(step) => (
                format!("struck nothing while step `{step}` of the recovery ran"),
                "did the step take long enough, and does anybody use what is taken away meanwhile?",
            ),
            Unstruck::Unseen(probe) => (
                format!("was not seen by the probe of {probe} while nothing else could be the reason"),
                "does the function fail at it? put it first, and leave the probe 15 s before the next fault and the recovery",
            ),
        };
        let cause = book.unseen().filter(|_| matches!(unstruck, Unstruck::NeverReached(_)));
        let draft = Draft::undecided(FindingKind::FaultDidNotBite, format!("{id} ({title}) {what}")).help(help);
        book.undecide_all(&draft.follows(cause));
    }
}

fn layout(plan: &Plan, book: &mut Book) {
    let region_lost =
        plan.disaster.iter().any(|planned| !planned.fault.lost.is_empty()) || plan.isolations().next().is_some();
    if region_lost && plan.target.layout == Layout::SharedProcess {
        let draft = Draft::undecided(
            FindingKind::NotProvable,
            "one process serves both regions: the loss of one cannot be proved there",
        )
        .help("use the layout of a process per region");
        book.undecide_all(&draft);
    }
}

fn target_empty(timeline: &Timeline, book: &mut Book) {
    match timeline.target_present.as_deref() {
        Some([]) => {}
        Some(present) => {
            let draft =
                Draft::undecided(FindingKind::TargetNotEmpty, "the recovery side was not empty before the restore")
                    .count(present.len() as u64)
                    .detail(present.iter().take(crate::findings::SAMPLE_MAX).map(ResourceId::to_string))
                    .help("what is there after the restore may have been there before: start from an empty region");
            book.undecide(&[STATE, RPO], &draft);
        }
        None => {
            let why = "whether the recovery side was empty before the restore was not observed";
            let draft = Draft::undecided(FindingKind::NotMeasured, why).follows(book.unseen());
            book.undecide(&[STATE, RPO], &draft);
        }
    }
}

fn backup_verified(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    let used = timeline.used_points();
    let unknown = timeline.recovery_point.iter().find(|named| used.iter().all(|point| point.id != **named));
    let without = |rule: &usize| timeline.own_program && used.iter().all(|point| point.rule != *rule);
    let why = if let Some(named) = unknown {
        format!("recovery point {named} was restored; the history knows no such backup")
    } else if let Some(point) = used.iter().find(|point| !point.verified) {
        format!("recovery point {} was restored without having been read back", point.id)
    } else if used.is_empty() {
        "no backup could be used when the recovery began: what was restored, if anything, came from elsewhere"
            .to_owned()
    } else if let Some(rule) = (0..plan.backups.len()).find(without) {
        format!("backup rule {} had no complete point when the recovery began", rule + 1)
    } else {
        return;
    };
    let draft = Draft::undecided(FindingKind::BackupNotVerified, why).help("verify a backup before it is needed");
    book.undecide(&[RPO, STATE], &draft);
}

fn source_unreachable(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    let help = "take the region away from the recovery as well, for as long as it lasts";
    match timeline.source_reachable {
        Some(true) => {
            let why =
                "the lost region could still be read during the restore: the backup alone was not shown to suffice";
            let draft = Draft::undecided(FindingKind::SourceReachable, why).help(help);
            book.undecide(&[STATE, RPO, RTO], &draft);
        }
        Some(false) => returned(plan, timeline, help, book),
        None => {
            let why = "whether the lost region could be read during the restore was not observed";
            let draft = Draft::undecided(FindingKind::NotMeasured, why).follows(book.unseen());
            book.undecide(&[STATE, RPO], &draft);
        }
    }
}

/// The source was away when it was looked at; a fault that ended while something was restored brought it back.
fn returned(plan: &Plan, timeline: &Timeline, help: &str, book: &mut Book) {
    let primary = &plan.topology.primary;
    let Some(last) = timeline.perhaps_restored() else { return };
    let first = plan.recover.iter().take_while(|step| matches!(step, RecoveryStep::Isolate { .. })).count();
    let cut_off = plan.isolations().take(first).find(|(_, region)| *region == primary).map(|(id, _)| id);
    // What came while the recovery ran did not keep the source away from its beginning on.
    let of_faults = |counts: &dyn Fn(&Fault) -> bool| {
        let before = plan.disaster.iter().filter(|planned| planned.when.step().is_none());
        let faults = before.filter(|planned| counts(&planned.fault));
        faults.map(|planned| planned.id.clone()).collect::<Vec<FaultId>>()
    };
    // What cut the source off, first of all things, kept it so; beside the loss of the region, the end of anything less brings
    // nothing back.
    let lost = of_faults(&|fault| fault.takes_away(primary));
    let of_source = match cut_off {
        Some(cut_off) => vec![cut_off],
        None if lost.is_empty() => of_faults(&|fault| fault.interferes_in(primary)),
        None => lost,
    };
    let mut ends = of_source.iter().filter_map(|id| timeline.ended_before(id, last).map(|(at, by)| (id, at, by)));
    if let Some((fault, at, by)) = ends.next() {
        // What a program reads that is run after the cutover is not known.
        let during = timeline.restored().filter(|restored| at <= *restored);
        let what = during.map_or("a program of the recovery ran after the cutover", |_| "the restore ran");
        let why = format!("{fault} ended ({by}) while {what}: the lost region could be read from then on");
        let over = timeline.clock(during.unwrap_or(last));
        let times = format!("the fault ended {}, what ran then ended {over}", timeline.clock(at));
        let draft = Draft::undecided(FindingKind::SourceReachable, why).detail([times]).help(help);
        book.undecide(&[STATE, RPO], &draft);
    }
}
