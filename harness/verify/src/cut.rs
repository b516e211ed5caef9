//! Consistent cut: of every survivor, the acknowledged writes that its writer made before, and all of its transaction,
//! survive too. (That each effect's cause survives is checked with the effects.)
//!
//! A survivor is a write that the state shows, deletes included. A predecessor that is only possibly lost leaves the cut
//! undecided, and so does one whose key holds what nobody wrote, or a counter that cannot be judged. So does a state that
//! shows no survivor at all: there is nothing then that could be torn.

use firedrill_model::{findings::FindingKind, ids::ResourceId};

use crate::{
    asserted::CONSISTENT_CUT,
    content::root_of,
    findings::{Book, Draft, Handle},
    ledger::{Fate, Gone, Key, Ledger, ResourceWrites, Write},
    tally::{Tally, counted},
};

/// The first of some writes of a writer: of those that nothing explains, and of those that another finding does.
#[derive(Clone, Copy, Debug, Default)]
struct First {
    unexplained: Option<u32>,
    explained: Option<(u32, Handle)>,
}

impl First {
    fn note(&mut self, seq: u32, root: Option<Handle>) {
        match root {
            None => self.unexplained = Some(self.unexplained.map_or(seq, |known| known.min(seq))),
            Some(root) if self.explained.is_none_or(|(known, _)| seq < known) => self.explained = Some((seq, root)),
            Some(_) => {}
        }
    }
}

/// The first write of a writer that is lost, and the first that may be.
#[derive(Clone, Copy, Debug, Default)]
struct FirstLoss {
    certain: First,
    possible: First,
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
    /// The one that explains why nothing is known of a member.
    doubt: Option<Handle>,
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

/// Writes, by whether another finding explains what is the matter with them.
#[derive(Debug, Default)]
struct Found {
    unexplained: Tally,
    following: Tally,
    root: Option<Handle>,
}

impl Found {
    fn add(&mut self, key: &str, why: &str, root: Option<Handle>) {
        let tally = if root.is_some() { &mut self.following } else { &mut self.unexplained };
        tally.add(key, || why.to_owned());
        self.root = self.root.or(root);
    }

    /// Adds a survivor if one of these writes of its writer came before it; `what` became of them without and with an
    /// explanation.
    fn add_after(&mut self, first: First, survivor: &Write, key: impl Fn() -> String, what: [&str; 2]) -> bool {
        let before = |seq: u32| seq < survivor.seq;
        let (what, root) = match (first.unexplained.is_some_and(before), first.explained) {
            (true, _) => (what[0], None),
            (false, Some((seq, root))) if before(seq) => (what[1], Some(root)),
            (false, _) => return false,
        };
        self.add(&key(), &format!("an earlier write of the same writer is {what}"), root);
        true
    }

    fn report(&self, report: impl Fn(&Tally, Option<Handle>, &mut Book), book: &mut Book) {
        for (tally, root) in [(&self.unexplained, None), (&self.following, self.root)] {
            if tally.count > 0 {
                report(tally, root, book);
            }
        }
    }
}

/// Survivors whose predecessors, or the rest of whose transaction, are not all there.
#[derive(Debug, Default)]
struct Torn {
    certain: Found,
    /// Only if what is possibly lost is lost.
    possible: Found,
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
    torn.certain.report(report_torn, book);
    torn.possible.report(report_possible, book);
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
            if !torn.certain.add_after(loss.certain, write, key, ["lost", "gone"]) {
                torn.possible.add_after(loss.possible, write, key, ["possibly lost"; 2]);
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
    for (resource, writes) in &ledger.resources {
        for key in &writes.keys {
            let root = blamed(book, resource, key);
            for write in writes.writes_of(key).iter().filter(|write| write.given_up() && write.acknowledged()) {
                let loss = &mut losses[write.writer as usize];
                match (write.fate, write.gone) {
                    (Fate::Lost, _) => loss.certain.note(write.seq, root),
                    (Fate::PossiblyLost, _) | (Fate::Unknown, Gone::Possibly) => loss.possible.note(write.seq, root),
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
                    (_, Gone::Possibly) => {
                        one.possibly += 1;
                        one.doubt = one.doubt.or_else(|| blamed(book, resource, key));
                    }
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
                torn.certain.add(&key(), "another write of its transaction is gone", one.root);
            } else if !one.is_torn() && one.may_be_torn() && write.gone == Gone::Possibly {
                torn.possible.add(&key(), "a write of its transaction is possibly gone", one.doubt);
            }
        }
    }
}

fn report_possible(tally: &Tally, root: Option<Handle>, book: &mut Book) {
    let what = counted(tally.count, "write");
    let why = format!("{what} survived of which something acknowledged before, or with it, is possibly lost");
    book.add(
        Draft::undecided(FindingKind::NotMeasured, why)
            .check(CONSISTENT_CUT)
            .key(tally.first_key())
            .count(tally.count)
            .detail(tally.lines())
            .follows(root),
    );
}

fn report_torn(tally: &Tally, root: Option<Handle>, book: &mut Book) {
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
