//! Two copies that both said yes: writes after a fence, keys acknowledged by both sides, writes left on a returned source.

use firedrill_model::{
    capture::CaptureName, findings::FindingKind, ids::ResourceId, ledger::Origin, run_dir::RunDirError, topology::Side,
};

use crate::{
    asserted::{RPO, STATE},
    content::{Case, Cursor},
    findings::{Book, Draft},
    ledger::{Fate, Ledger, ResourceWrites, Write, short},
    tally::{Tally, agreeing, counted},
};

/// Looks for each of the three.
pub(crate) fn examine(case: Case<'_>, ledger: &Ledger, book: &mut Book) -> Result<(), RunDirError> {
    for (resource, writes) in &ledger.resources {
        let fenced = after_fence(case, writes);
        report(FindingKind::WriteAfterFence, resource, &fenced, "acknowledged by a side after it was fenced", book);
        let diverged = diverged(case, writes);
        report(FindingKind::Diverged, resource, &diverged, "acknowledged by both sides after the cutover", book);
        if let Some(returned) = case.content(CaptureName::Returned, resource)? {
            note_stranded(resource, &stranded(Cursor::new(returned), writes)?, book);
        }
    }
    Ok(())
}

fn after_fence(case: Case<'_>, writes: &ResourceWrites) -> Tally {
    let mut tally = Tally::default();
    for write in writes.writes.iter().filter(|write| write.acknowledged()) {
        // A side that is fenced says yes to nobody, whenever it was asked, until the traffic comes back to it.
        let fence = case.timeline.fences.iter().find(|fence| fence.holds(write.side, write.completed));
        if let Some(fence) = fence {
            tally.add(writes.key_of(write), || {
                let clock = |at| case.timeline.clock(at);
                format!("{} was fenced {}, said yes {}", fence.side, clock(fence.since), clock(write.completed))
            });
        }
    }
    tally
}

fn diverged(case: Case<'_>, writes: &ResourceWrites) -> Tally {
    let mut tally = Tally::default();
    let Some(cut_over) = case.timeline.cut_over else { return tally };
    for key in &writes.keys {
        let by = |side: Side| {
            writes.writes_of(key).iter().any(|write| {
                write.side == side
                    && write.acknowledged()
                    && write.completed >= cut_over
                    && write.origin != Origin::Probe
            })
        };
        if by(Side::Primary) && by(Side::Recovery) {
            tally.add(writes.text(key), String::new);
        }
    }
    tally
}

fn stranded(mut returned: Cursor, writes: &ResourceWrites) -> Result<Tally, RunDirError> {
    let mut tally = Tally::default();
    for key in &writes.keys {
        let Some(entry) = returned.seek(writes.text(key))? else { continue };
        let id = entry.write_id.as_ref().map(|id| short(id.as_str()));
        let is_lost = |write: &Write| write.given_up() && write.fate == Fate::Lost && Some(write.id) == id;
        if writes.writes_of(key).iter().any(is_lost) {
            tally.add(writes.text(key), String::new);
        }
    }
    Ok(tally)
}

/// That they are lost is judged by the recovery point; that they can be had back is worth knowing.
fn note_stranded(resource: &ResourceId, tally: &Tally, book: &mut Book) {
    if tally.count == 0 {
        return;
    }
    let (writes, are) = (counted(tally.count, "write"), agreeing(tally.count, "is", "are"));
    let what = format!("{writes} of {resource} {are} lost here and still on the source that came back");
    book.add(
        Draft::note(FindingKind::Stranded, what)
            .resource(resource.clone())
            .key(tally.first_key())
            .count(tally.count)
            .detail(tally.lines())
            .help("copy them over before the old side is taken away, where nothing newer has been written"),
    );
}

fn report(kind: FindingKind, resource: &ResourceId, tally: &Tally, what: &str, book: &mut Book) {
    if tally.count == 0 {
        return;
    }
    let check = book.asserted().first(&[STATE, RPO]).unwrap_or(STATE);
    book.add(
        Draft::failure(kind, format!("{} of {resource}: {what}", counted(tally.count, "write")))
            .check(check)
            .resource(resource.clone())
            .key(tally.first_key())
            .count(tally.count)
            .detail(tally.lines())
            .help("fence the old side before the new one takes writes, and reconcile these keys by hand"),
    );
}
