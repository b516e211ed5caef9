//! Rules of the log of deliveries: what is counted twice, late or out of order.

use firedrill_model::{
    capture::{CaptureName, Delivery},
    findings::{FindingKind, Weight},
    history::{Record, line_digest},
    ledger::{LedgerLine, Origin},
    scenario::{Guarantee, Per},
    stack::TriggerSource,
    topology::Side,
    units::RunTime,
    verdict::Verdict,
    verification::EffectCounts,
};

use crate::support::{
    EPOCH_MS, World, ambiguous, delivery, description, documents, entry, has, orders, put, put_after, rejected, roots,
    running_total, totals, trigger, uploads, verdict,
};

fn counts(world: &World) -> EffectCounts {
    world.judge().effects["total-orders"].clone()
}

fn redriven(delivery: Delivery) -> Delivery {
    Delivery { redriven: true, ..delivery }
}

/// The writes of a fresh key after the cutover, what the service delivered of them and when, and what was redriven.
fn fresh(writes: &[LedgerLine], by_service: &[(&LedgerLine, u64)], again: &[(&LedgerLine, u64)]) -> World {
    let mut world = World::whole();
    let last = writes.last().expect("a write");
    world.ledger.extend(writes.iter().cloned());
    world.add(&orders(), &entry(last));
    world.drained(&totals()).push(running_total("C-5", &[(last, false)]));
    let delivered = |(line, at): &(&LedgerLine, u64), number| delivery("total-orders", line, *at, number);
    let log = world.deliveries.as_mut().expect("a log");
    log.extend(by_service.iter().zip(50..).map(|(one, number)| delivered(one, number)));
    log.extend(again.iter().zip(70..).map(|(one, number)| redriven(delivered(one, number))));
    world
}

fn write(id: &str, at: u64) -> LedgerLine {
    put_after(&orders(), "C-5#x", id, at)
}

#[test]
fn a_later_write_that_is_delivered_before_an_earlier_one_is_reordered() {
    let (one, two) = (write("x-1", 29_100), write("x-2", 29_200));
    let lines = [one.clone(), two.clone()];
    let reordered = |by_service: &[(&LedgerLine, u64)], again: &[(&LedgerLine, u64)]| {
        counts(&fresh(&lines, by_service, again)).reordered
    };
    assert_eq!(reordered(&[(&one, 29_600), (&two, 29_700)], &[]), 0);
    assert_eq!(reordered(&[(&one, 29_600), (&two, 29_600)], &[]), 0, "at once");
    assert_eq!(reordered(&[(&one, 29_700), (&two, 29_600)], &[]), 1);
    assert_eq!(reordered(&[(&two, 29_600)], &[]), 0, "one alone has no order");
    assert_eq!(reordered(&[(&one, 29_500), (&two, 29_600)], &[(&one, 29_900)]), 0, "a redrive is out of order");
    assert_eq!(reordered(&[(&two, 29_600)], &[(&one, 29_900)]), 0, "and the only one of its event");
    // Under way together, they have no order.
    let slow = LedgerLine { completed_ms: Some(two.issued_ms), ..one.clone() };
    let together = fresh(&[slow, two.clone()], &[(&one, 29_700), (&two, 29_600)], &[]);
    assert_eq!(counts(&together).reordered, 0);
    // What was refused at first, and tried again together with the other, is what was tried again.
    let (issued_ms, completed_ms) = (RunTime::from_ms(29_150), Some(RunTime::from_ms(29_250)));
    let again = LedgerLine { attempt: 2, issued_ms, completed_ms, ..one.clone() };
    let retried = fresh(&[rejected(one.clone()), again, two.clone()], &[(&one, 29_700), (&two, 29_600)], &[]);
    assert_eq!(counts(&retried).reordered, 0);
    // firedrill's own probes are nobody's data.
    let probes = lines.clone().map(|line| LedgerLine { origin: Origin::Probe, ..line });
    assert_eq!(counts(&fresh(&probes, &[(&one, 29_700), (&two, 29_600)], &[])).reordered, 0);
}

#[test]
fn deliveries_of_one_event_are_counted_whatever_stands_between_them() {
    let one = write("x-1", 29_100);
    for again in [29_550, 29_650, 29_750] {
        let mut world = fresh(std::slice::from_ref(&one), &[(&one, 29_600), (&one, 29_700)], &[(&one, again)]);
        let effects = world.plan.expect.effects.get_mut("total-orders").unwrap();
        effects.guarantee = Guarantee::DeliveredExactlyOnce;
        let found = world.judge();
        let counts = &found.effects["total-orders"];
        assert_eq!((counts.duplicate, counts.redriven, counts.traffic), (1, 1, 3), "redriven {again}");
        assert_eq!(roots(&found), [(FindingKind::EffectDuplicate, Some(trigger("total-orders")))]);
    }
    let mut world = fresh(std::slice::from_ref(&one), &[(&one, 29_600)], &[(&one, 29_700), (&one, 29_800)]);
    let effects = world.plan.expect.effects.get_mut("total-orders").unwrap();
    effects.guarantee = Guarantee::DeliveredExactlyOnce;
    let found = world.judge();
    assert_eq!((found.verdict, found.effects["total-orders"].duplicate), (Verdict::Pass, 0), "{:#?}", found.findings);
    // Functions write the log at least once: the same delivery twice is one.
    let log = world.deliveries.as_mut().unwrap();
    let twice = log.iter().find(|one| one.delivery_id == "d-50").unwrap().clone();
    log.push(twice);
    let counts = counts(&world);
    assert_eq!((counts.duplicate, counts.traffic), (0, 2));
}

#[test]
fn a_write_that_was_tried_again_may_be_delivered_as_often_as_it_was_tried() {
    let one = write("x-1", 29_100);
    let first = ambiguous(one.clone());
    let again = LedgerLine { attempt: 2, issued_ms: RunTime::from_ms(29_105), ..one.clone() };
    let twice = |lines: &[LedgerLine], times: u64| {
        let came: Vec<(&LedgerLine, u64)> = (0..times).map(|n| (&one, 29_600 + n)).collect();
        let mut world = fresh(lines, &came, &[]);
        world.plan.expect.effects.get_mut("total-orders").unwrap().guarantee = Guarantee::DeliveredExactlyOnce;
        let found = world.judge();
        (found.effects["total-orders"].duplicate, verdict(&found, "effects.total-orders"))
    };
    let retried = [first, again.clone()];
    assert_eq!(twice(&retried, 1), (0, Verdict::Pass));
    assert_eq!(twice(&retried, 2), (0, Verdict::Pass), "both may have happened");
    assert_eq!(twice(&retried, 3), (1, Verdict::Fail));
    assert_eq!(twice(&[rejected(one.clone()), again.clone()], 2), (1, Verdict::Fail), "the first cannot have happened");
    assert_eq!(twice(&[again], 2), (1, Verdict::Fail));
}

#[test]
fn without_a_wall_clock_nobody_knows_what_was_late() {
    let root = tempfile::tempdir().unwrap();
    let dir = World::whole().save(root.path());
    let text = std::fs::read_to_string(dir.history()).unwrap();
    let mut prev = line_digest("");
    let mut clockless = String::new();
    for line in text.lines() {
        let mut record: Record = serde_json::from_str(line).unwrap();
        (record.utc, record.prev) = ("no clock".to_owned(), prev);
        let line = serde_json::to_string(&record).unwrap();
        prev = line_digest(&line);
        clockless += &(line + "\n");
    }
    std::fs::write(dir.history(), clockless).unwrap();
    let found = firedrill_verify::verify(&dir).unwrap();
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive, "{:#?}", found.findings);
    assert_eq!(roots(&found), []);
}

#[test]
fn what_the_restore_made_again_are_values_and_no_removals() {
    let mut world = World::whole();
    let of = |world: &World, id: &str, number| delivery("total-orders", world.line(id), 28_400, number);
    let mut removed = of(&world, "o-2-1", 8);
    removed.event_id.push_str(":removed");
    let more = [of(&world, "o-1-2", 6), of(&world, "o-3-1", 7), removed];
    world.deliveries.as_mut().unwrap().extend(more);
    let counts = counts(&world);
    assert_eq!((counts.traffic, counts.restored, counts.redriven), (2, 2, 0));
}

#[test]
fn an_effect_is_late_when_its_first_delivery_is() {
    let due = 29_110 + 10_000 + 50;
    let judge = |at: [u64; 2]| {
        let root = tempfile::tempdir().unwrap();
        let world = World::whole();
        let dir = world.save_with(root.path(), |dir| {
            // Sorted by event; of one event the log has no order.
            let mut log = world.deliveries.clone().unwrap();
            let second = Delivery { delivery_id: "d-9".to_owned(), ..log[0].clone() };
            log.insert(1, second);
            (log[0].at_utc_ms, log[1].at_utc_ms) = (EPOCH_MS + at[0], EPOCH_MS + at[1]);
            let text: String = log.iter().map(|one| serde_json::to_string(one).unwrap() + "\n").collect();
            std::fs::write(dir.deliveries(CaptureName::Drained), text).unwrap();
        });
        firedrill_verify::verify(&dir).unwrap().effects["total-orders"].late
    };
    assert_eq!(judge([due, due + 1_000]), 0);
    assert_eq!(judge([due + 1_000, due]), 0);
    assert_eq!(judge([due + 1_000, due + 1]), 1);
}

#[test]
fn what_nobody_was_promised_is_not_late() {
    let mut world = World::whole();
    let late = |world: &mut World| {
        world.deliveries.as_mut().unwrap()[0].at_utc_ms = EPOCH_MS + 60_000;
        counts(world).late
    };
    assert_eq!(late(&mut world), 1);
    for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-4-1") {
        *line = ambiguous(line.clone());
    }
    assert_eq!(late(&mut world), 0);
}

#[test]
fn an_event_that_is_owed_by_its_item_too_is_counted_once() {
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    assert_eq!(counts(&world).expected, 4, "the event after the cutover is one of the four items'");
    // What probes write is owed to nobody.
    let probe = LedgerLine { origin: Origin::Probe, ..put_after(&orders(), "probe#orders", "p-1", 29_300) };
    world.ledger.push(probe);
    let found = world.judge();
    assert_eq!((found.effects["total-orders"].expected, roots(&found)), (4, vec![]));
}

#[test]
fn a_trigger_owes_nothing_for_keys_that_it_does_not_hear() {
    for per in [Per::Key, Per::Event] {
        let mut world = World::whole();
        world.plan.expect.effects.get_mut("describe-upload").unwrap().per = per;
        let source = &mut world.plan.stack.triggers.get_mut("describe-upload").unwrap().source;
        if let TriggerSource::BucketEvents { prefix, .. } = source {
            *prefix = Some("c".to_owned());
        }
        world.drained(&documents()).retain(|item| item.key.starts_with('c'));
        world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "describe-upload");
        let found = world.judge();
        assert_eq!((found.effects["describe-upload"].expected, roots(&found)), (1, vec![]), "{per:?}");
        // Events of a key that it hears are owed.
        world.ledger.push(put_after(&uploads(), "c-new.txt", "u-m-1", 29_500));
        let line = world.line("u-m-1").clone();
        world.add(&uploads(), &entry(&line));
        let found = world.judge();
        assert_eq!(roots(&found), [(FindingKind::EffectMissing, Some(trigger("describe-upload")))], "{per:?}");
        world.drained(&documents()).push(description(&line));
        let expected = u64::from(per == Per::Event);
        assert_eq!(world.judge().effects["describe-upload"].missing, expected, "{per:?}");
    }
}

#[test]
fn a_log_in_which_one_event_stands_twice_is_sorted() {
    let one = write("x-1", 29_100);
    let world = fresh(std::slice::from_ref(&one), &[(&one, 29_600), (&one, 29_700)], &[]);
    let found = world.judge();
    assert!(!has(&found, FindingKind::NotMeasured, Weight::Undecided), "{:#?}", found.findings);
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Pass);
    assert_eq!(one.completed_ms, Some(RunTime::from_ms(29_110)));
    assert_eq!((one.side, put(&orders(), "k", "k-1", 1).side), (Side::Recovery, Side::Primary));
}
