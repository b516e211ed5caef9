//! The keys of one writer: which it may write next, and with which revision.

use std::sync::Arc;

use firedrill_model::{
    ids::{ResourceId, WriteId},
    ledger::{LedgerLine, Op, Outcome},
    scenario::{Mix, SizeRange},
};

use super::{
    authority::Standing,
    dataset::{Dataset, Draw, KeyNumber},
    writer::Write,
};

/// Of a hundred puts, how many write a key again that was deleted.
const REBORN_PERCENT: u64 = 15;

/// Which share of a resource's keys a writer owns: every `writers`-th, from `writer` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Number among all writers of the resource.
    pub writer: u64,
    /// All writers of the resource.
    pub writers: u64,
}

/// A key whose last write was acknowledged.
#[derive(Clone, Debug)]
struct Known {
    number: KeyNumber,
    rev: u64,
    write_id: WriteId,
    epoch: u32,
    /// It was deleted and written again. Another delete could not be told from the first: where nothing is found, what was
    /// written between the two would possibly be lost.
    reborn: bool,
}

/// Where a key was before the write in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shelf {
    Present,
    Deleted,
}

/// The keys of one writer. No other writer has any of them, and none is one that the data set keeps still. A key with an ambiguous write is
/// retired: nothing is written to it again.
#[derive(Debug)]
pub struct OwnKeys {
    dataset: Arc<Dataset>,
    resource: ResourceId,
    share: Share,
    mix: Mix,
    size: Option<SizeRange>,
    draw: Draw,
    fresh: u64,
    present: Vec<Known>,
    deleted: Vec<Known>,
    in_hand: Option<(Known, Shelf)>,
}

impl OwnKeys {
    /// The keys of `writer` at the start: its share of the seed, what the data set keeps still left out. `habits` are
    /// how often it does what, and the sizes of what it writes.
    pub fn new(
        dataset: &Arc<Dataset>,
        resource: &ResourceId,
        share: Share,
        habits: (Mix, Option<SizeRange>),
        seed: u64,
        writer: &str,
    ) -> Self {
        let kept = [dataset.sentinels(resource), dataset.still(resource)].concat();
        let stride = usize::try_from(share.writers).unwrap_or(usize::MAX);
        let present = (share.writer..dataset.seeded(resource))
            .step_by(stride)
            .map(KeyNumber::seed)
            .filter(|number| !kept.contains(number))
            .map(|number| Known {
                number,
                rev: 1,
                write_id: dataset.seed_write_id(resource, number),
                epoch: 0,
                reborn: false,
            })
            .collect();
        Self {
            dataset: Arc::clone(dataset),
            resource: resource.clone(),
            share,
            mix: habits.0,
            size: habits.1,
            draw: Draw::at(seed, &["traffic", writer]),
            fresh: 0,
            present,
            deleted: Vec::new(),
            in_hand: None,
        }
    }

    /// The next write. Its key is the writer's alone until [`OwnKeys::settle`] says how it ended.
    ///
    /// Deletes take keys that this epoch wrote and did not delete before, of those that the data set allows: what a restore brought back of an older
    /// one is not known here, and the removal of a value that is not there causes no event.
    pub fn next(&mut self, standing: Standing) -> Write {
        let op = if standing.fresh_keys_only { Op::Put } else { self.draw_op() };
        let known = match op {
            Op::Update => self.take(Shelf::Present, |_| true),
            Op::Delete => {
                let (dataset, resource) = (Arc::clone(&self.dataset), self.resource.clone());
                self.take(Shelf::Present, |known| {
                    known.epoch == standing.epoch && !known.reborn && dataset.may_be_deleted(&resource, known.number)
                })
            }
            Op::Put if standing.fresh_keys_only || !self.draw.chance(REBORN_PERCENT) => None,
            Op::Put => self.take(Shelf::Deleted, |_| true),
            Op::Add => None,
        };
        match known {
            None => self.fresh(),
            Some(known) if op == Op::Delete => {
                Write { number: known.number, rev: known.rev, op, removes: Some(known.write_id), size: None }
            }
            Some(known) => Write { number: known.number, rev: known.rev + 1, op, removes: None, size: self.size },
        }
    }

    /// Remembers how a write ended. A rejected one leaves its key as it was, an ambiguous one retires it.
    pub fn settle(&mut self, write: &Write, line: &LedgerLine) {
        let in_hand = self.in_hand.take();
        let reborn = in_hand.as_ref().is_some_and(|(known, shelf)| known.reborn || *shelf == Shelf::Deleted);
        let write_id = line.write_id.clone();
        let written = Known { number: write.number, rev: write.rev, write_id, epoch: line.epoch, reborn };
        match (line.outcome, write.op) {
            (Outcome::Acknowledged, Op::Put | Op::Update) => self.present.push(written),
            (Outcome::Acknowledged, Op::Delete) => self.deleted.push(written),
            (Outcome::Rejected, _) => {
                if let Some((known, shelf)) = in_hand {
                    self.shelf(shelf).push(known);
                }
            }
            (Outcome::Acknowledged, Op::Add) | (Outcome::Ambiguous, _) => {}
        }
    }

    fn shelf(&mut self, shelf: Shelf) -> &mut Vec<Known> {
        match shelf {
            Shelf::Present => &mut self.present,
            Shelf::Deleted => &mut self.deleted,
        }
    }

    /// Takes a drawn key that `may` be taken off its shelf and into the hand.
    fn take(&mut self, shelf: Shelf, may: impl Fn(&Known) -> bool) -> Option<Known> {
        let mut draw = self.draw.clone();
        let known = self.shelf(shelf);
        let from = draw.index(known.len());
        let at = (from..known.len()).chain(0..from).find(|at| may(&known[*at]))?;
        let taken = known.swap_remove(at);
        self.draw = draw;
        self.in_hand = Some((taken.clone(), shelf));
        Some(taken)
    }

    fn draw_op(&mut self) -> Op {
        let Mix { put, update, delete } = self.mix;
        let drawn = self.draw.below(u64::from(put) + u64::from(update) + u64::from(delete));
        if drawn < u64::from(put) {
            Op::Put
        } else if drawn < u64::from(put) + u64::from(update) {
            Op::Update
        } else {
            Op::Delete
        }
    }

    /// A key that nobody has written.
    pub fn fresh(&mut self) -> Write {
        let number = KeyNumber::traffic(self.share.writer, self.share.writers, self.fresh);
        self.fresh += 1;
        Write::first(number, self.size)
    }
}

#[cfg(test)]
mod tests;
