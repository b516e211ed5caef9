//! What has to be true of the drill itself before its measurements prove anything.

use firedrill_model::{
    findings::FindingKind,
    ids::ResourceId,
    plan::{Layout, Plan},
    scenario::{Fault, RecoveryStep},
};

use crate::{
    asserted::{RPO, RTO, STATE},
    findings::{Book, Draft},
    timeline::Timeline,
};

/// Checks every proof for which the plan gives a reason.
pub(crate) fn examine(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    complete(timeline, book);
    bitten(plan, timeline, book);
    layout(plan, book);
    if plan.recover.iter().any(|step| matches!(step, RecoveryStep::Restore { .. })) {
        target_empty(timeline, book);
        backup_verified(timeline, book);
        source_unreachable(timeline, book);
    }
}

fn complete(timeline: &Timeline, book: &mut Book) {
    if !timeline.incomplete.is_empty() {
        let draft = Draft::undecided(FindingKind::RunIncomplete, "the run was not completed")
            .detail(timeline.incomplete.iter().cloned())
            .help("mend what stopped it and run the drill again; what was measured until then stands");
        book.undecide_all(&draft);
    }
}

fn bitten(plan: &Plan, timeline: &Timeline, book: &mut Book) {
    if !plan.disaster.is_empty() && timeline.t0().is_none() {
        let draft =
            Draft::undecided(FindingKind::FaultDidNotBite, "no fault stopped a single request: nothing was tested")
                .help("does the traffic reach the region that the fault takes away?");
        book.undecide_all(&draft);
    }
}

fn layout(plan: &Plan, book: &mut Book) {
    let region_lost = plan.disaster.iter().any(|planned| matches!(planned.fault, Fault::RegionOutage { .. }));
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
        None if timeline.recovery_began.is_some() => {
            let why = "nobody looked whether the recovery side was empty before the restore";
            book.undecide(&[STATE, RPO], &Draft::undecided(FindingKind::NotMeasured, why));
        }
        None => {}
    }
}

fn backup_verified(timeline: &Timeline, book: &mut Book) {
    let Some(named) = &timeline.recovery_point else { return };
    let why = match timeline.used_point() {
        Some(point) if point.verified => return,
        Some(point) => format!("recovery point {} was restored without having been read back", point.id),
        None => format!("recovery point {named} was restored; the history knows no such backup"),
    };
    let draft = Draft::undecided(FindingKind::BackupNotVerified, why).help("verify a backup before it is needed");
    book.undecide(&[RPO, STATE], &draft);
}

fn source_unreachable(timeline: &Timeline, book: &mut Book) {
    if timeline.source_reachable == Some(true) {
        let draft = Draft::undecided(
            FindingKind::SourceReachable,
            "the lost region could still be read during the restore: the backup alone was not shown to suffice",
        )
        .help("take the region away from the recovery as well");
        book.undecide(&[STATE, RPO, RTO], &draft);
    } else if timeline.source_reachable.is_none() && timeline.recovery_began.is_some() {
        let why = "nobody looked whether the lost region could be read during the restore";
        book.undecide(&[STATE, RPO], &Draft::undecided(FindingKind::NotMeasured, why));
    }
}
