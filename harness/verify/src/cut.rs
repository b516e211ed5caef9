//! Consistent cut: of every survivor, the acknowledged writes that its writer made before, and all of its transaction,
//! survive too. (That each effect's cause survives is checked with the effects.)
//!
//! A survivor is a write that the state shows, deletes included. A predecessor that is only possibly lost leaves the cut
//! undecided, and so does a state that shows no survivor at all: there is nothing then that could be torn.

use firedrill_model::{findings::FindingKind, ids::ResourceId};

use crate::{
    asserted::CONSISTENT_CUT,
    content::root_of,
    findings::{Book, Draft, Handle},
    ledger::{Fate, Gone, Key, Ledger, ResourceWrites, Write},
    tally::{Tally, counted},
};

/// The first lost write of each writer: those that nothing explains, those that another finding does, and those that are
/// only possibly lost.
#[derive(Clone, Copy, Debug, Default)]
struct FirstLoss {
    unexplained: Option<u32>,
    explained: Option<(u32, Handle)>,
    possible: Option<u32>,
}

/// What became of the writes of one transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Transaction {
    there: u32,
    /// Possibly there: a concurrent write may have won, over it or before it.
    overwritten: u32,
    /// Possibly lost, or possibly without effect.
    possibly: u32,
    gone: u32,
    /// The finding that explains a member that is gone.
    root: Option<Handle>,
}

impl Transaction {
    fn is_torn(self) -> bool {
        self.there > 0 && self.gone > 0
    }

    fn may_be_torn(self) -> bool {
        let others = self.there + self.overwritten + self.possibly + self.gone;
        self.possibly > 0 && others > 1 || self.overwritten > 0 && self.gone > 0
    }
}

/// Survivors whose predecessors, or the rest of whose transaction, are not all there.
#[derive(Debug, Default)]
struct Torn {
    /// Without an explanation.
    unexplained: Tally,
    /// Explained by another finding.
    following: Tally,
    root: Option<Handle>,
    /// Only if what is possibly lost is lost.
    possible: Tally,
}

impl Torn {
    fn explained(&mut self, key: &str, why: &str, root: Handle) {
        self.following.add(key, || why.to_owned());
        self.root = self.root.or(Some(root));
    }
}

/// Looks for survivors whose predecessor is lost, and for transactions of which a part is.
pub(crate) fn examine(ledger: &Ledger, book: &mut Book) {
    let mut torn = Torn::default();
    let survivors = successions(ledger, book, &mut torn);
    transactions(ledger, book, &mut torn);
    if survivors == 0 {
        let why = "no write is known to have survived: nothing shows whether the state is a cut";
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(CONSISTENT_CUT).follows(book.unseen()));
    }
    report(&torn.unexplained, None, book);
    report(&torn.following, torn.root, book);
    if torn.possible.count > 0 {
        let what = counted(torn.possible.count, "write");
        let why = format!("{what} survived of which something acknowledged before, or with it, is possibly lost");
        book.add(
            Draft::undecided(FindingKind::NotMeasured, why)
                .check(CONSISTENT_CUT)
                .key(torn.possible.first_key())
                .count(torn.possible.count)
                .detail(torn.possible.lines()),
        );
    }
}

/// Compares each survivor with what its writer wrote before; says how many survivors there are.
fn successions(ledger: &Ledger, book: &Book, torn: &mut Torn) -> u64 {
    let losses = first_losses(ledger, book);
    let mut survivors = 0;
    for (resource, writes) in &ledger.resources {
        for write in writes.writes.iter().filter(|write| write.given_up() && write.fate == Fate::Survived) {
            survivors += 1;
            let loss = losses[write.writer as usize];
            let key = || name(resource, writes, write);
            let before = |seq: u32| seq < write.seq;
            if loss.unexplained.is_some_and(before) {
                torn.unexplained.add(&key(), || "an earlier write of the same writer is lost".to_owned());
            } else if let Some((_, root)) = loss.explained.filter(|(seq, _)| before(*seq)) {
                torn.explained(&key(), "an earlier write of the same writer is gone", root);
            } else if loss.possible.is_some_and(before) {
                torn.possible.add(&key(), || "an earlier write of the same writer is possibly lost".to_owned());
            }
        }
    }
    survivors
}

fn name(resource: &ResourceId, writes: &ResourceWrites, write: &Write) -> String {
    format!("{resource} {}", writes.key_of(write))
}

fn first_losses(ledger: &Ledger, book: &Book) -> Vec<FirstLoss> {
    let mut losses = vec![FirstLoss::default(); ledger.writers as usize];
    let earlier = |known: Option<u32>, seq: u32| Some(known.map_or(seq, |known| known.min(seq)));
    for (resource, writes) in &ledger.resources {
        for key in &writes.keys {
            let root = blamed(book, resource, key);
            for write in writes.writes_of(key).iter().filter(|write| write.given_up() && write.acknowledged()) {
                let loss = &mut losses[write.writer as usize];
                match (write.fate, root) {
                    (Fate::Lost, None) => loss.unexplained = earlier(loss.unexplained, write.seq),
                    (Fate::Lost, Some(root)) => {
                        if loss.explained.is_none_or(|(seq, _)| write.seq < seq) {
                            loss.explained = Some((write.seq, root));
                        }
                    }
                    (Fate::PossiblyLost, _) => loss.possible = earlier(loss.possible, write.seq),
                    (Fate::Survived | Fate::Unknown, _) => {}
                }
            }
        }
    }
    losses
}

fn blamed(book: &Book, resource: &ResourceId, key: &Key) -> Option<Handle> {
    key.blame.and_then(|_| root_of(book, resource, key))
}

/// A transaction is all or none, whatever was said of it: one that nobody acknowledged may have happened, whole. Of a write
/// that was refused nothing is known, and what belongs to no transaction counts for none.
fn transactions(ledger: &Ledger, book: &Book, torn: &mut Torn) {
    if ledger.transactions <= 1 {
        return;
    }
    let mut all = vec![Transaction::default(); ledger.transactions as usize];
    for (resource, writes) in &ledger.resources {
        for key in &writes.keys {
            for write in writes.writes_of(key).iter().filter(|write| write.txn > 0) {
                let one = &mut all[write.txn as usize];
                match (write.fate, write.gone) {
                    (_, Gone::Certainly) => {
                        one.gone += 1;
                        one.root = one.root.or_else(|| blamed(book, resource, key));
                    }
                    (Fate::Survived, Gone::Possibly) => one.overwritten += 1,
                    (_, Gone::Possibly) => one.possibly += 1,
                    (Fate::Survived, Gone::No) => one.there += 1,
                    (Fate::Unknown | Fate::PossiblyLost | Fate::Lost, Gone::No) => {}
                }
            }
        }
    }
    for (resource, writes) in &ledger.resources {
        for write in &writes.writes {
            let one = all[write.txn as usize];
            let key = || name(resource, writes, write);
            if one.is_torn() && write.fate == Fate::Survived && write.gone == Gone::No {
                let why = "another write of its transaction is gone";
                match one.root {
                    None => torn.unexplained.add(&key(), || why.to_owned()),
                    Some(root) => torn.explained(&key(), why, root),
                }
            } else if !one.is_torn() && one.may_be_torn() && write.gone == Gone::Possibly {
                torn.possible.add(&key(), || "a write of its transaction is possibly gone".to_owned());
            }
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
            format!("{} survived without what was acknowledged before or with it", counted(tally.count, "write")),
        )
        .check(CONSISTENT_CUT)
        .key(tally.first_key())
        .count(tally.count)
        .detail(tally.lines())
        .follows(root)
        .help("capture all resources at one instant, or roll each forward to the same one"),
    );
}
