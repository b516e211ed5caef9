//! Rules of single events: which of them are owed where the traffic never moved, and what no event can name.

use firedrill_model::{
    findings::FindingKind,
    history::Event,
    ledger::LedgerLine,
    scenario::{Expect, Per},
    topology::Side,
    verdict::Verdict,
};

use crate::support::{
    World, delete, delivery, entry, finding,
    generated::{add, counter},
    orders, put_after, roots, trigger, verdict,
};

/// Effects of orders alone, each event owed, in a drill that its source rode out: the traffic never moved.
fn ridden_out() -> World {
    let mut world = World::whole();
    let effects = std::mem::take(&mut world.plan.expect.effects);
    world.plan.expect = Expect { effects, ..Expect::default() };
    world.plan.expect.effects.get_mut("total-orders").expect("the plan has one").per = Per::Event;
    world.events.retain(|(_, event)| !matches!(event, Event::CutOver { .. }));
    world.each_event(|_, event| {
        if let Event::Captured { side, .. } = event {
            *side = Side::Primary;
        }
    });
    for line in &mut world.ledger {
        (line.side, line.epoch) = (Side::Primary, 0);
    }
    let lines: Vec<LedgerLine> = world.ledger.iter().filter(|line| line.resource == orders()).cloned().collect();
    let log = world.deliveries.as_mut().expect("the plan has one");
    log.retain(|delivery| delivery.trigger != "total-orders");
    log.extend(
        lines.iter().zip(40..).map(|(line, number)| delivery("total-orders", line, line.issued_ms.ms(), number)),
    );
    // The delete has no event of its own but that of what it took away.
    log.retain(|delivery| delivery.event_id != "o-2-2");
    let mut removed = delivery("total-orders", &lines[2], 13_500, 60);
    removed.event_id.push_str(":removed");
    log.push(removed);
    world
}

#[test]
fn every_event_is_owed_where_the_traffic_never_moved() {
    let world = ridden_out();
    assert_eq!(verdict(&world.judge(), "effects.total-orders"), Verdict::Pass, "{:#?}", world.judge().findings);
    for (event, key) in [("o-4-1", "C-2#o-4"), ("o-1-1", "C-1#o-1"), ("o-2-1:removed", "C-1#o-2")] {
        let mut world = world.clone();
        world.deliveries.as_mut().unwrap().retain(|delivery| delivery.event_id != event);
        let found = world.judge();
        assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Fail, "{event}: {:#?}", found.findings);
        assert_eq!(finding(&found, FindingKind::EffectMissing).key.as_deref(), Some(key));
    }
    // A write that is lost owes nothing.
    let mut lost = world.clone();
    lost.deliveries.as_mut().unwrap().retain(|delivery| delivery.event_id != "o-3-2");
    assert_eq!(verdict(&lost.judge(), "effects.total-orders"), Verdict::Pass);
}

#[test]
fn the_event_of_an_increment_names_no_write_and_is_not_looked_for() {
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    let before = world.judge().effects["total-orders"].expected;
    world.ledger.push(add(&put_after(&orders(), "C-8#n", "n-1", 29_000), 1));
    world.add(&orders(), &counter("C-8#n", "1"));
    let found = world.judge();
    assert_eq!((roots(&found), found.effects["total-orders"].expected), (vec![], before));
    // Nor is the removal of what may have been a counter.
    world.drop_key(&orders(), "C-8#n");
    world.ledger.push(LedgerLine { epoch: 1, side: Side::Recovery, ..delete(&orders(), "C-8#n", "n-2", 29_500) });
    let found = world.judge();
    assert_eq!((roots(&found), found.effects["total-orders"].expected), (vec![], before));
    // What is put is still owed its event.
    let written = put_after(&orders(), "C-8#o", "o-8", 29_600);
    world.add(&orders(), &entry(&written));
    world.ledger.push(written);
    assert!(roots(&world.judge()).contains(&(FindingKind::EffectMissing, Some(trigger("total-orders")))));
}
