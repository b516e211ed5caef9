//! Laws of key ownership, on generated outcomes.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::topology::Side;
use proptest::prelude::*;

use super::*;
use crate::{
    run,
    workload::{
        dataset::KeySpace,
        sample::{load, orders, plan, uploads},
    },
};

const WRITERS: u64 = 3;

fn writers(seed: u64) -> (Arc<Dataset>, Vec<OwnKeys>) {
    let dataset = Arc::new(Dataset::of(&plan(seed)).unwrap());
    let load = load(orders(), 3, 60);
    let all = (0..WRITERS)
        .map(|writer| {
            let share = Share { writer, writers: WRITERS };
            OwnKeys::new(&dataset, &orders(), share, (load.mix, load.size), seed, &format!("orders.{writer}"))
        })
        .collect();
    (dataset, all)
}

fn standing(epoch: u32, fresh_keys_only: bool) -> Standing {
    let side = if epoch == 0 { Side::Primary } else { Side::Recovery };
    Standing { side, epoch, fresh_keys_only }
}

fn line(write: &Write, id: usize, outcome: Outcome, standing: Standing) -> LedgerLine {
    LedgerLine {
        write_id: WriteId::new(format!("w-{id}")),
        op: write.op,
        outcome,
        side: standing.side,
        epoch: standing.epoch,
        ..run::sample::line(orders(), &write.number.to_string())
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![6 => Just(Outcome::Acknowledged), 1 => Just(Outcome::Rejected), 1 => Just(Outcome::Ambiguous)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn writers_share_no_key_and_touch_none_kept_still(seed: u64, outcomes in prop::collection::vec(any_outcome(), 1..400)) {
        let (dataset, mut writers) = writers(seed);
        let kept = [dataset.sentinels(&orders()), dataset.still(&orders())].concat();
        let mut owner: BTreeMap<KeyNumber, usize> = BTreeMap::new();
        for (id, outcome) in outcomes.into_iter().enumerate() {
            let at = id % writers.len();
            let write = writers[at].next(standing(0, false));
            prop_assert!(!kept.contains(&write.number));
            prop_assert_eq!(*owner.entry(write.number).or_insert(at), at);
            writers[at].settle(&write, &line(&write, id, outcome, standing(0, false)));
        }
    }

    #[test]
    fn a_key_with_an_ambiguous_write_is_retired(seed: u64, outcomes in prop::collection::vec(any_outcome(), 1..400)) {
        let (_, mut writers) = writers(seed);
        let keys = &mut writers[0];
        let mut retired = BTreeSet::new();
        for (id, outcome) in outcomes.into_iter().enumerate() {
            let write = keys.next(standing(0, false));
            prop_assert!(!retired.contains(&write.number));
            if outcome == Outcome::Ambiguous {
                retired.insert(write.number);
            }
            keys.settle(&write, &line(&write, id, outcome, standing(0, false)));
        }
    }

    /// Of two deletes of one key nobody could tell which is seen where nothing is.
    #[test]
    fn a_key_is_deleted_once(seed: u64, outcomes in prop::collection::vec(any_outcome(), 1..400)) {
        let (_, mut writers) = writers(seed);
        let keys = &mut writers[0];
        let mut deleted = BTreeSet::new();
        for (id, outcome) in outcomes.into_iter().enumerate() {
            let write = keys.next(standing(0, false));
            if write.op == Op::Delete && outcome == Outcome::Acknowledged {
                prop_assert!(deleted.insert(write.number), "{} a second time", write.number);
            }
            keys.settle(&write, &line(&write, id, outcome, standing(0, false)));
        }
    }

    /// The law by which traffic after the cutover never changes what was lost.
    #[test]
    fn while_only_fresh_keys_may_be_written_no_key_of_an_earlier_epoch_is(seed: u64, before in 1..200_usize, after in 1..200_usize) {
        let (_, mut writers) = writers(seed);
        let keys = &mut writers[0];
        let mut written = BTreeSet::new();
        for id in 0..before {
            let write = keys.next(standing(0, false));
            written.insert(write.number);
            keys.settle(&write, &line(&write, id, Outcome::Acknowledged, standing(0, false)));
        }
        for id in 0..after {
            let write = keys.next(standing(1, true));
            prop_assert_eq!(write.op, Op::Put);
            prop_assert_eq!(write.number.space(), KeySpace::Traffic);
            prop_assert!(!written.contains(&write.number));
            keys.settle(&write, &line(&write, before + id, Outcome::Acknowledged, standing(1, true)));
        }
    }

    /// Against a plain model of what each key holds.
    #[test]
    fn revisions_grow_and_deletes_name_what_they_remove(seed: u64, outcomes in prop::collection::vec(any_outcome(), 1..400)) {
        let (dataset, mut writers) = writers(seed);
        let keys = &mut writers[0];
        let mut held: BTreeMap<KeyNumber, (u64, Option<WriteId>)> = (0..dataset.seeded(&orders()))
            .map(KeyNumber::seed)
            .map(|number| (number, (1, Some(dataset.seed_write_id(&orders(), number)))))
            .collect();
        for (id, outcome) in outcomes.into_iter().enumerate() {
            let write = keys.next(standing(0, false));
            let (rev, holds) = held.get(&write.number).cloned().unwrap_or((0, None));
            match write.op {
                Op::Delete => {
                    prop_assert_eq!(write.rev, rev);
                    prop_assert_eq!(&write.removes, &holds);
                    prop_assert!(holds.is_some());
                }
                Op::Update => {
                    prop_assert_eq!(write.rev, rev + 1);
                    prop_assert!(holds.is_some() || rev == 0, "an update writes a key that is there");
                }
                Op::Put => {
                    prop_assert_eq!(write.rev, rev + 1);
                    prop_assert!(holds.is_none());
                }
                Op::Add => prop_assert!(false, "keys of one's own are no counters"),
            }
            let line = line(&write, id, outcome, standing(0, false));
            if outcome == Outcome::Acknowledged {
                let value = (write.op != Op::Delete).then(|| line.write_id.clone());
                held.insert(write.number, (write.rev, value));
            }
            keys.settle(&write, &line);
        }
    }
}

#[test]
fn deletes_leave_keys_of_earlier_epochs_alone() {
    let (_, mut writers) = writers(7);
    let keys = &mut writers[0];
    for id in 0..500 {
        let write = keys.next(standing(1, false));
        let of_this_epoch = write.removes.as_ref().is_none_or(|removed| removed.as_str().starts_with("w-"));
        assert!(write.op != Op::Delete || of_this_epoch, "{write:?}");
        keys.settle(&write, &line(&write, id, Outcome::Acknowledged, standing(1, false)));
    }
}

#[test]
fn only_objects_that_the_data_set_allows_are_deleted() {
    let dataset = Arc::new(Dataset::of(&plan(7)).unwrap());
    let habits = (load(uploads(), 1, 60).mix, None);
    let mut keys = OwnKeys::new(&dataset, &uploads(), Share { writer: 0, writers: 1 }, habits, 7, "uploads.0");
    let mut deletes = 0;
    for id in 0..500 {
        let write = keys.next(standing(0, false));
        if write.op == Op::Delete {
            deletes += 1;
            assert!(dataset.may_be_deleted(&uploads(), write.number), "{write:?}");
        }
        keys.settle(&write, &line(&write, id, Outcome::Acknowledged, standing(0, false)));
    }
    assert!(deletes > 50, "{deletes} of 500");
}

#[test]
fn the_mix_is_kept() {
    let (_, mut writers) = writers(7);
    let keys = &mut writers[0];
    let mut counts = BTreeMap::new();
    for id in 0..2_000 {
        let write = keys.next(standing(0, false));
        *counts.entry(format!("{:?}", write.op)).or_insert(0_u32) += 1;
        keys.settle(&write, &line(&write, id, Outcome::Acknowledged, standing(0, false)));
    }
    let near = |op: &str, percent: u32| counts[op].abs_diff(percent * 20) < 100;
    assert!(near("Put", 50) && near("Update", 30) && near("Delete", 20), "{counts:?}");
}
