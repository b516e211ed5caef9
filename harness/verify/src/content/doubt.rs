//! Resources that are not compared, and writes of which what is found does not say what became of them.

use firedrill_model::{findings::FindingKind, ids::ResourceId, ledger::Origin};

use super::Content;
use crate::{
    asserted::{CONSISTENT_CUT, RPO, STATE},
    findings::{Book, Draft},
    ledger::{Fate, Gone, Ledger, Write},
};

/// Resources that the workload wrote and that no comparison covers: the stack does not have them, or their content is derived.
pub(super) fn not_compared(ledger: &Ledger, compared: &[ResourceId], book: &mut Book, content: &mut Content) {
    let counts = |write: &Write| write.possible() && matches!(write.origin, Origin::Seed | Origin::Traffic);
    for (resource, writes) in ledger.resources.iter().filter(|(resource, _)| !compared.contains(resource)) {
        if writes.writes.iter().any(counts) {
            let why = format!("the workload wrote {resource}, whose content is not compared with the ledger");
            let draft = Draft::undecided(FindingKind::NotMeasured, why).resource(resource.clone());
            book.undecide(&[STATE, RPO, CONSISTENT_CUT], &draft);
            content.unread.push(resource.clone());
        }
    }
}

/// The content of a resource is not there.
pub(super) fn not_captured(resource: ResourceId, book: &mut Book, content: &mut Content) {
    let draft = Draft::undecided(
        FindingKind::NotMeasured,
        format!("the content of {resource} was not captured after recovery"),
    )
    .resource(resource.clone())
    .follows(book.unseen());
    book.undecide(&[STATE, RPO, CONSISTENT_CUT], &draft);
    content.unread.push(resource);
}

/// A write after the cutover may have left what is found, on a key that the workload had written before: what the copy that
/// was given up held there cannot be seen any more. `seen` is the write whose value was found, if one can have left it.
pub(super) fn is_hidden(writes: &[Write], seen: Option<usize>) -> bool {
    let may_have_left = |write: &Write| seen.is_none_or(|seen| writes[seen].id == write.id);
    writes.iter().any(|write| write.given_up() && write.possible())
        && writes.iter().any(|write| write.epoch > 0 && write.possible() && may_have_left(write))
}

/// What is hidden may be lost, unless it certainly is.
pub(super) fn hide(writes: &mut [Write]) {
    for write in writes.iter_mut().filter(|write| write.given_up() && write.possible() && write.fate != Fate::Lost) {
        let fate = if write.acknowledged() { Fate::PossiblyLost } else { Fate::Unknown };
        (write.fate, write.gone) = (fate, Gone::Possibly);
    }
}

/// Nothing is known of any of these writes.
pub(super) fn leave_open(writes: &mut [Write]) {
    for write in writes.iter_mut().filter(|write| write.possible()) {
        (write.fate, write.gone) = (Fate::Unknown, Gone::Possibly);
    }
}
