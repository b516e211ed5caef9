//! Consistent cut: of every survivor, the acknowledged writes that its writer made before, and all of its transaction,
//! survive too. (That each effect's cause survives is checked with the effects.)

use firedrill_model::findings::FindingKind;

use crate::{
    asserted::CONSISTENT_CUT,
    content::root_of,
    findings::{Book, Draft, Handle},
    ledger::{Fate, Ledger, Write},
    tally::{Tally, counted},
};

/// The first lost write of each writer: those that nothing explains, and those that another finding does.
#[derive(Clone, Copy, Debug, Default)]
struct FirstLoss {
    unexplained: Option<u32>,
    explained: Option<(u32, Handle)>,
}

/// Looks for survivors whose predecessor is lost.
pub(crate) fn examine(ledger: &Ledger, book: &mut Book) {
    let losses = first_losses(ledger, book);
    let (mut torn, mut following) = (Tally::default(), Tally::default());
    let mut root = None;
    for (resource, writes) in &ledger.resources {
        for write in writes.writes.iter().filter(|write| write.given_up() && write.fate == Fate::Survived) {
            let loss = losses[write.writer as usize];
            let key = || format!("{resource} {}", writes.key_of(write));
            if loss.unexplained.is_some_and(|seq| seq < write.seq) {
                torn.add(&key(), || "an earlier write of the same writer is lost".to_owned());
            } else if let Some((_, handle)) = loss.explained.filter(|(seq, _)| *seq < write.seq) {
                following.add(&key(), || "an earlier write of the same writer is gone".to_owned());
                root = root.or(Some(handle));
            }
        }
    }
    transactions(ledger, &mut torn);
    report(&torn, None, book);
    report(&following, root, book);
}

fn counts(write: &Write) -> bool {
    write.given_up() && write.acknowledged()
}

fn first_losses(ledger: &Ledger, book: &Book) -> Vec<FirstLoss> {
    let mut losses = vec![FirstLoss::default(); ledger.writers as usize];
    for (resource, writes) in &ledger.resources {
        for key in &writes.keys {
            let root = key.blame.and_then(|_| root_of(book, resource, key));
            for write in writes.writes_of(key).iter().filter(|write| counts(write) && write.fate == Fate::Lost) {
                let loss = &mut losses[write.writer as usize];
                match root {
                    None => loss.unexplained = Some(loss.unexplained.map_or(write.seq, |seq| seq.min(write.seq))),
                    Some(root) if loss.explained.is_none_or(|(seq, _)| write.seq < seq) => {
                        loss.explained = Some((write.seq, root));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    losses
}

/// A transaction is all or none.
fn transactions(ledger: &Ledger, torn: &mut Tally) {
    if ledger.transactions <= 1 {
        return;
    }
    let mut lost = vec![false; ledger.transactions as usize];
    let writes = || ledger.resources.iter().flat_map(|(id, all)| all.writes.iter().map(move |write| (id, all, write)));
    for (_, _, write) in writes().filter(|(_, _, write)| write.txn > 0 && counts(write) && write.fate == Fate::Lost) {
        lost[write.txn as usize] = true;
    }
    for (resource, all, write) in writes() {
        if write.txn > 0 && lost[write.txn as usize] && counts(write) && write.fate == Fate::Survived {
            let key = format!("{resource} {}", all.key_of(write));
            torn.add(&key, || "another write of its transaction is lost".to_owned());
        }
    }
}

fn report(tally: &Tally, root: Option<Handle>, book: &mut Book) {
    if tally.count == 0 {
        return;
    }
    book.add(
        Draft::failure(
            FindingKind::Torn,
            format!("{} survived without what was acknowledged before", counted(tally.count, "write")),
        )
        .check(CONSISTENT_CUT)
        .key(tally.first_key())
        .count(tally.count)
        .detail(tally.lines())
        .follows(root)
        .help("capture all resources at one instant, or roll each forward to the same one"),
    );
}
