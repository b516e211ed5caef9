//! Writes of which what is found does not say what became of them.

use crate::ledger::{Fate, Gone, Write};

/// A write after the cutover may have left what is found, on a key that the workload had written before: what the copy that
/// was given up held there cannot be seen any more. `seen` is the write whose value was found, if one can have left it.
pub(super) fn is_hidden(writes: &[Write], seen: Option<usize>) -> bool {
    let may_have_left = |write: &Write| seen.is_none_or(|seen| writes[seen].id == write.id);
    writes.iter().any(Write::given_up)
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
