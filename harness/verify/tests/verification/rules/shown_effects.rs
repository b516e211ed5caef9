//! Rules of what derived items may show, and of which effects are owed: each found by comparing verification with the oracle.

use firedrill_model::{
    capture::Delivery,
    findings::{FindingKind, Weight},
    ids::ResourceId,
    ledger::LedgerLine,
    scenario::Per,
    stack::TriggerSource,
    topology::Side,
    units::RunTime,
};

use crate::support::{
    EPOCH_MS, World, ambiguous, delete, delivery, description, documents, entry, finding, has, orders, put, roots,
    running_total, totals, trigger,
};

const KEY: &str = "C-5#x";

/// Writes of one order before the backup; it holds the value of `held`, and the totals show `shown`, as gone or not.
fn totals_that_show(lines: &[LedgerLine], held: Option<&LedgerLine>, shown: &LedgerLine, gone: bool) -> World {
    let mut world = World::whole();
    world.ledger.extend(lines.iter().cloned());
    if let Some(held) = held {
        world.add(&orders(), &entry(held));
    }
    world.drained(&totals()).push(running_total("C-5", &[(shown, gone)]));
    world
}

fn order(id: &str, at: u64) -> LedgerLine {
    put(&orders(), KEY, id, at)
}

fn lasting(line: LedgerLine, ms: u64) -> LedgerLine {
    LedgerLine { completed_ms: Some(RunTime::from_micros(line.issued_ms.micros() + ms * 1_000)), ..line }
}

fn after(line: LedgerLine) -> LedgerLine {
    LedgerLine { side: Side::Recovery, epoch: 1, ..line }
}

fn removal(line: &LedgerLine, at: u64, number: u32) -> Delivery {
    let mut event = delivery("total-orders", line, at, number);
    event.event_id.push_str(":removed");
    event
}

fn of_totals(kind: FindingKind) -> Vec<(FindingKind, Option<ResourceId>)> {
    vec![(kind, Some(trigger("total-orders")))]
}

#[test]
fn the_attempt_that_was_acknowledged_last_has_to_show() {
    // The first attempt may have come before the other write; the second certainly came after it.
    let first = ambiguous(order("x-1", 5_000));
    let other = order("x-2", 5_100);
    let again = LedgerLine { attempt: 2, ..order("x-1", 5_200) };
    let lines = [first, other.clone(), again.clone()];
    assert_eq!(roots(&totals_that_show(&lines, Some(&again), &again, false).judge()), []);
    let stale = totals_that_show(&lines, Some(&again), &other, false).judge();
    assert_eq!(roots(&stale), of_totals(FindingKind::EffectMissing));
}

#[test]
fn a_write_that_was_tried_again_is_lost_when_no_attempt_can_have_come_before_what_is_there() {
    let held = lasting(order("x-1", 5_000), 100);
    let again = LedgerLine { attempt: 2, ..order("x-2", 18_700) };
    for (first_at, orphaned) in [(18_600, true), (5_050, false)] {
        let lines = [held.clone(), ambiguous(order("x-2", first_at)), again.clone()];
        let found = totals_that_show(&lines, Some(&held), &again, false).judge();
        assert_eq!(has(&found, FindingKind::EffectOrphaned, Weight::Failure), orphaned, "{:#?}", found.findings);
    }
}

#[test]
fn what_is_shown_as_gone_was_taken_away_by_something() {
    // Two orders at once: the first may be the last for the function, but nothing took it away.
    let at_once = [lasting(order("x-1", 5_000), 100), order("x-2", 5_050)];
    let [one, two] = &at_once;
    assert_eq!(roots(&totals_that_show(&at_once, Some(two), one, false).judge()), []);
    assert_eq!(roots(&totals_that_show(&at_once, Some(two), one, true).judge()), of_totals(FindingKind::EffectWrong));
    // An order that may never have been made, on a key that holds nothing.
    let doubtful = [ambiguous(order("x-1", 5_000))];
    assert_eq!(roots(&totals_that_show(&doubtful, None, &doubtful[0], false).judge()), []);
    let gone = totals_that_show(&doubtful, None, &doubtful[0], true).judge();
    assert_eq!(roots(&gone), of_totals(FindingKind::EffectWrong));
}

#[test]
fn a_delete_that_was_over_has_not_taken_what_is_there() {
    // Either may have won, and the order did: it is there.
    let lines = [lasting(order("x-1", 5_000), 100), delete(&orders(), KEY, "x-2", 5_050)];
    assert_eq!(roots(&totals_that_show(&lines, Some(&lines[0]), &lines[0], false).judge()), []);
    let gone = totals_that_show(&lines, Some(&lines[0]), &lines[0], true).judge();
    assert_eq!(roots(&gone), of_totals(FindingKind::EffectWrong));
    // The delete won: then the totals must not count the order.
    assert_eq!(roots(&totals_that_show(&lines, None, &lines[0], true).judge()), []);
    let counted = totals_that_show(&lines, None, &lines[0], false).judge();
    assert_eq!(roots(&counted), of_totals(FindingKind::EffectMissing));
    assert_eq!(finding(&counted, FindingKind::EffectMissing).key.as_deref(), Some(KEY));
    // Unless another delete may have come last, whose event nobody owes.
    let mut more = lines.to_vec();
    more.push(ambiguous(delete(&orders(), KEY, "x-3", 5_060)));
    assert_eq!(roots(&totals_that_show(&more, None, &lines[0], false).judge()), []);
}

#[test]
fn a_removal_that_a_delete_without_an_end_explains_is_no_orphan() {
    let doubtful = ambiguous(delete(&orders(), KEY, "x-2", 19_100));
    let lost = delete(&orders(), KEY, "x-3", 19_200);
    let one = order("x-1", 5_000);
    let with = |lines: &[LedgerLine]| roots(&totals_that_show(lines, Some(&one), &one, true).judge());
    assert_eq!(with(&[one.clone(), lost.clone()]), of_totals(FindingKind::EffectOrphaned));
    assert_eq!(with(&[one.clone(), doubtful, lost]), []);
}

#[test]
fn what_an_item_may_show_it_shows_as_it_was() {
    let at_once = [lasting(order("x-1", 5_000), 100), order("x-2", 5_050)];
    let doubtful = [ambiguous(order("x-1", 5_000))];
    let with_delete = [order("x-1", 5_000), ambiguous(delete(&orders(), KEY, "x-2", 5_050))];
    for (what, lines, held) in [
        ("of two at once", &at_once[..], Some(&at_once[1])),
        ("without an end", &doubtful[..], Some(&doubtful[0])),
        ("not there", &doubtful[..], None),
        ("deleted without an end", &with_delete[..], None),
    ] {
        assert_eq!(roots(&totals_that_show(lines, held, &lines[0], false).judge()), [], "{what}");
        let mut altered = lines[0].clone();
        altered.facts.insert("rev".to_owned(), "7".to_owned());
        let found = totals_that_show(lines, held, &altered, false).judge();
        assert_eq!(roots(&found), of_totals(FindingKind::EffectWrong), "{what}");
    }
}

#[test]
fn a_text_of_digits_is_a_text() {
    let mut world = World::whole();
    let titled = |line: &mut LedgerLine, title: &str| drop(line.facts.insert("title".to_owned(), title.to_owned()));
    let upload = world.ledger.iter_mut().find(|line| line.write_id.as_str() == "u-a-1").unwrap();
    titled(upload, "1.0");
    let mut shown = upload.clone();
    for (title, expected) in
        [("1.0", vec![]), ("1", vec![(FindingKind::EffectWrong, Some(trigger("describe-upload")))])]
    {
        titled(&mut shown, title);
        world.drained(&documents())[0] = description(&shown);
        assert_eq!(roots(&world.judge()), expected, "{title}");
    }
}

#[test]
fn what_a_trigger_does_not_hear_has_no_effect() {
    let mut world = World::whole();
    let source = &mut world.plan.stack.triggers.get_mut("describe-upload").unwrap().source;
    let TriggerSource::BucketEvents { prefix, .. } = source else { panic!("{source:?}") };
    *prefix = Some("c".to_owned());
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::EffectWrong, Some(trigger("describe-upload")))]);
    assert_eq!(finding(&found, FindingKind::EffectWrong).detail.len(), 2, "`a b.txt` and `new.txt`");
    world.drained(&documents()).retain(|item| item.key.starts_with('c'));
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn what_is_owed_does_not_depend_on_what_is_found() {
    let whole = World::whole().judge().effects["total-orders"].expected;
    let mut world = World::whole();
    world.drained(&totals())[1].value.as_mut().unwrap()["total"] = "99".into();
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.expected, counts.wrong), (whole, 1), "an item whose sum is not that of its orders");
    let mut world = World::whole();
    let (three, four) = (world.line("o-3-2").clone(), world.line("o-4-1").clone());
    world.drained(&totals())[1] = running_total("C-2", &[(&three, false), (&four, false)]);
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.expected, counts.orphaned), (whole, 1), "an item that shows what is lost");
    // What an ambiguous delete or an expiry has taken away was promised to nobody.
    let one = order("x-1", 5_000);
    let taken = ambiguous(delete(&orders(), KEY, "x-2", 5_100));
    let found = totals_that_show(&[one.clone(), taken], None, &one, true).judge();
    assert_eq!((roots(&found), found.effects["total-orders"].expected), (vec![], whole));
}

#[test]
fn an_effect_that_is_owed_by_its_key_and_as_an_event_is_one() {
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.expected, counts.missing), (4, 0));
    let three = world.line("o-3-1").clone();
    world.drained(&totals())[1] = running_total("C-2", &[(&three, false)]);
    world.deliveries.as_mut().unwrap().remove(0);
    let found = world.judge();
    let counts = &found.effects["total-orders"];
    assert_eq!((counts.expected, counts.missing), (4, 1), "neither shown nor delivered");
    assert_eq!(finding(&found, FindingKind::EffectMissing).count, 1);
}

#[test]
fn every_owed_event_can_be_late() {
    let late_ms = 29_600 + 30_000;
    let (one, two) = (after(order("x-1", 29_000)), after(order("x-2", 29_100)));
    let mut world = totals_that_show(&[one.clone(), two.clone()], Some(&two), &two, false);
    world
        .deliveries
        .as_mut()
        .unwrap()
        .extend([delivery("total-orders", &one, late_ms, 50), delivery("total-orders", &two, 29_600, 51)]);
    assert_eq!(world.judge().effects["total-orders"].late, 0, "the last one is owed");
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    let found = world.judge();
    assert_eq!(roots(&found), of_totals(FindingKind::EffectLate));
    assert_eq!(finding(&found, FindingKind::EffectLate).key.as_deref(), Some(KEY));

    // The last thing that became of a key may be its removal.
    let gone = after(delete(&orders(), KEY, "x-2", 29_100));
    for per in [Per::Key, Per::Event] {
        let mut world = totals_that_show(&[one.clone(), gone.clone()], None, &one, true);
        world.plan.expect.effects.get_mut("total-orders").unwrap().per = per;
        world.deliveries.as_mut().unwrap().push(delivery("total-orders", &one, 29_600, 50));
        for (at, late) in [(29_600, 0), (late_ms, 1)] {
            let mut world = world.clone();
            world.deliveries.as_mut().unwrap().push(removal(&one, at, 51));
            assert_eq!(world.judge().effects["total-orders"].late, late, "{per:?} {at}");
        }
    }
    // One that expired was removed by nobody, whenever that was; nor does an old delete raise an event here.
    let expiring = LedgerLine { expires_ms: Some(EPOCH_MS + 38_000), ..one };
    let old = (order("x-1", 5_000), delete(&orders(), KEY, "x-2", 6_000));
    for (value, gone) in [(expiring, gone), old] {
        let mut world = totals_that_show(&[value.clone(), gone], None, &value, true);
        world.deliveries.as_mut().unwrap().push(removal(&value, late_ms, 51));
        assert_eq!(roots(&world.judge()), [], "{value:?}");
    }
}

#[test]
fn the_removal_of_what_was_overwritten_is_not_that_of_what_was_there() {
    // The first delete and the first order are under way together; the second order is there when the second delete begins.
    let first = lasting(after(delete(&orders(), KEY, "x-1", 29_000)), 230);
    let (one, two) = (after(order("x-2", 29_000)), after(order("x-3", 29_300)));
    let last = after(delete(&orders(), KEY, "x-4", 29_400));
    let mut world = totals_that_show(&[first, one.clone(), two.clone(), last], None, &two, true);
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    let log = world.deliveries.as_mut().unwrap();
    log.extend([(&one, 50), (&two, 51)].map(|(line, number)| delivery("total-orders", line, 29_600, number)));
    log.push(removal(&one, 29_650, 52));
    assert_eq!(roots(&world.judge()), of_totals(FindingKind::EffectMissing));
    world.deliveries.as_mut().unwrap().push(removal(&two, 29_700, 53));
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn a_removal_is_not_owed_when_something_that_expired_may_have_taken_its_place() {
    let one = after(order("x-1", 29_000));
    let gone = lasting(after(delete(&orders(), KEY, "x-2", 29_100)), 200);
    let two = LedgerLine { expires_ms: Some(EPOCH_MS + 29_200), ..after(order("x-3", 29_150)) };
    let mut world = totals_that_show(&[one.clone(), gone, two.clone()], None, &two, true);
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    let log = world.deliveries.as_mut().unwrap();
    log.extend([(&one, 50), (&two, 51)].map(|(line, number)| delivery("total-orders", line, 29_600, number)));
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn an_order_of_deliveries_is_wrong_whatever_lies_between() {
    // The first precedes the third; the second is under way with both.
    let lines = [after(order("x-1", 29_000)), lasting(after(order("x-2", 29_005)), 100), after(order("x-3", 29_050))];
    let world = totals_that_show(&lines, Some(&lines[2]), &lines[2], false);
    let times = |world: &World, at: [u64; 3]| {
        let mut world = world.clone();
        let log = lines.iter().zip(at).zip(50..).map(|((line, at), number)| delivery("total-orders", line, at, number));
        world.deliveries.as_mut().unwrap().extend(log);
        world.judge().effects["total-orders"].reordered
    };
    assert_eq!(times(&world, [29_700, 29_600, 29_500]), 1);
    assert_eq!(times(&world, [29_500, 29_700, 29_600]), 0);
}
