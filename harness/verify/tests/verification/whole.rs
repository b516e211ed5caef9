//! The world in which everything holds, and what is measured of it.

use crate::support::{World, ambiguous, orders, put, rejected, uploads};
use firedrill_model::{findings::Weight, ledger::Origin, units::Span, verdict::Verdict};

#[test]
fn everything_holds() {
    let found = World::whole().judge();
    let heavy: Vec<_> = found.findings.iter().filter(|finding| finding.weight > Weight::Note).collect();
    assert!(heavy.is_empty(), "{heavy:#?}");
    assert_eq!(found.verdict, Verdict::Pass);
    assert_eq!(found.checks.len(), 6);
    assert_eq!(found.as_stated, None);
    assert!(found.not_asserted.is_empty());
}

#[test]
fn the_numbers_are_those_of_the_history() {
    let found = World::whole().judge();
    assert_eq!(found.rto.actual_ms, Some(Span::from_ms(8_000)));
    let phases: Vec<String> = found.rto.phases.iter().map(|p| format!("{} {}", p.name, p.span_ms.ms())).collect();
    assert_eq!(phases, ["detect 1600", "decide 0", "restore 5000", "cut over 400", "settle 1000"]);
    // t_stop is t0; the earliest lost write completed at 19.010 s.
    assert_eq!(found.rpo.actual_ms, Some(Span::from_ms(990)));
    assert_eq!(found.rpo.actual_upper_ms, Some(Span::from_ms(990)));
    assert_eq!((found.rpo.lost_writes, found.rpo.lost_bytes, found.rpo.acknowledged_writes), (2, 200, 9));
    assert_eq!(found.rpo.point_in_time, Some(true));
    assert_eq!(found.rpo.by_resource[&orders()].sample, ["C-2#o-3"]);
    assert_eq!(found.rpo.by_resource[&uploads()].sample, ["lost.txt"]);
    assert_eq!(found.equivalence.total.count(), 0);
    assert_eq!((found.ledger.lines, found.ledger.acknowledged), (11, 11));
    assert_eq!((found.equivalence.entries_compared, found.equivalence.fields_compared), (6, 18));
    let totals = &found.effects["total-orders"];
    assert_eq!((totals.expected, totals.missing, totals.duplicate, totals.late), (4, 0, 0, 0));
    assert_eq!(found.effects["describe-upload"].expected, 3);
}

#[test]
fn the_lines_of_the_ledger_are_counted_by_origin_and_outcome() {
    let mut world = World::whole();
    for line in &mut world.ledger[..2] {
        line.origin = Origin::Seed;
    }
    let doubtful = |id: &str, at| ambiguous(put(&orders(), &format!("C-9#{id}"), id, at));
    let refused = |id: &str, at| rejected(put(&orders(), &format!("C-9#{id}"), id, at));
    world.ledger.extend([doubtful("d-1", 19_000), doubtful("d-2", 19_000), doubtful("d-3", 19_000)]);
    world.ledger.extend([refused("r-1", 19_000), refused("r-2", 19_000)]);
    let counts = world.judge().ledger;
    assert_eq!((counts.lines, counts.seeded, counts.acknowledged), (16, 2, 9));
    assert_eq!((counts.ambiguous, counts.rejected), (3, 2));
}
