//! The log of deliveries: how often, how late and in which order events came. Idempotent results hide all three.

use std::collections::HashSet;

use firedrill_model::{
    capture::CaptureName,
    findings::FindingKind,
    ids::{ResourceId, ResourceKind},
    run_dir::RunDirError,
    scenario::Guarantee,
    topology::Side,
    units::{RunTime, Span},
    verification::EffectCounts,
};

use super::{Edge, promise::Promises, undecided};
use crate::{
    asserted::effects_of,
    findings::{Book, Draft},
    ledger::{Ledger, ResourceWrites, short},
    tally::{Tally, counted},
};

/// What follows the write id in the event of a value that was removed.
const REMOVED: &str = ":removed";

/// What the log says of one trigger's events.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// By write of the source: first delivery of any kind, in microseconds of the run plus one; 0 for none.
    any: Vec<u64>,
    /// The same of deliveries by the service.
    service: Vec<u64>,
    /// The same of events that say the value of the write was removed.
    removals: Vec<u64>,
    duplicates: Tally,
    traffic: u64,
    restored: u64,
    redriven: u64,
    /// Events did not come sorted: deliveries of one may have been taken for those of several.
    disorder: bool,
    /// The run has no wall clock: when deliveries came is not known.
    clockless: bool,
}

impl Log {
    /// Reads the deliveries of one trigger; `None` when none were captured.
    pub(super) fn read(edge: Edge<'_>, ledger: &Ledger) -> Result<Option<Self>, RunDirError> {
        let Some(deliveries) = edge.case.deliveries(CaptureName::Drained)? else { return Ok(None) };
        let causes = ledger.of(&edge.trigger.source_resource());
        let mut by_id: Vec<(u64, u32)> =
            (0_u32..).zip(&causes.writes).map(|(index, write)| (write.id, index)).collect();
        by_id.sort_unstable();
        let none = || vec![0; causes.writes.len()];
        let mut log = Self { any: none(), service: none(), removals: none(), ..Self::default() };
        // Where the traffic never moved, nothing was restored either: what came came from clients.
        let rebuilt = edge.case.timeline.serving().0 == Side::Recovery;
        let (mut event, mut delivery_ids, mut by_service) = (String::new(), HashSet::new(), 0_u64);
        for delivery in deliveries {
            let delivery = delivery?;
            if delivery.trigger != edge.name {
                continue;
            }
            log.disorder |= delivery.event_id < event;
            if delivery.event_id != event {
                event.clone_from(&delivery.event_id);
                delivery_ids.clear();
                by_service = 0;
            }
            // The log itself may hold one delivery twice: functions write it at least once.
            if !delivery_ids.insert(delivery.delivery_id) {
                continue;
            }
            let id = delivery.event_id.strip_suffix(REMOVED);
            let removal = id.is_some();
            let id = short(id.unwrap_or(&delivery.event_id));
            let first = by_id.partition_point(|(known, _)| *known < id);
            let of_event =
                by_id[first..].iter().take_while(|(known, _)| *known == id).map(|(_, index)| *index as usize);
            let probe = causes.find(&delivery.key).is_some_and(|key| causes.is_probe(key));
            by_service += u64::from(!delivery.redriven);
            // Each attempt that may have happened has an event of its own; of what was taken away there is one.
            let tries = of_event.clone().filter(|index| causes.writes[*index].possible()).count() as u64;
            let expected = if removal { 1 } else { tries.max(1) };
            if !delivery.redriven && by_service > expected && !probe {
                log.duplicates.add(&delivery.key, || format!("event {event}, delivery {by_service}"));
            }
            // A write that went to the lost side can only have been heard here because the restore made it again.
            let old = of_event.clone().map(|index| causes.writes[index].epoch).max() == Some(0);
            match (probe, delivery.redriven, rebuilt && old && !removal) {
                (true, _, _) => {}
                (_, true, _) => log.redriven += 1,
                (_, _, true) => log.restored += 1,
                (_, _, false) => log.traffic += 1,
            }
            let at = edge.case.timeline.at_utc_ms(delivery.at_utc_ms);
            log.clockless |= at.is_none();
            let at = at.unwrap_or_default().micros().saturating_add(1);
            for index in of_event {
                if removal {
                    note(&mut log.removals[index], at);
                    continue;
                }
                note(&mut log.any[index], at);
                if !delivery.redriven {
                    note(&mut log.service[index], at);
                }
            }
        }
        Ok(Some(log))
    }

    /// First delivery of the write with this index in its resource.
    pub(super) fn first(&self, index: usize) -> Option<RunTime> {
        self.any.get(index).and_then(|at| at.checked_sub(1)).map(RunTime::from_micros)
    }

    /// First delivery of an event that says the value of this write was removed.
    pub(super) fn first_removal(&self, index: usize) -> Option<RunTime> {
        self.removals.get(index).and_then(|at| at.checked_sub(1)).map(RunTime::from_micros)
    }
}

fn note(first: &mut u64, at: u64) {
    if *first == 0 || at < *first {
        *first = at;
    }
}

/// Counts duplicates, late and reordered deliveries, and judges them by what the scenario promises.
pub(super) fn examine(
    edge: Edge<'_>,
    ledger: &Ledger,
    log: Option<&Log>,
    promises: &Promises,
    counts: &mut EffectCounts,
    book: &mut Book,
) {
    let expected = edge.case.plan.expect.effects.get(edge.name);
    let Some(log) = log else {
        let name = edge.name;
        let why = match edge.case.plan.stack.delivery_log() {
            Some(_) => format!("the deliveries of {name} were not captured"),
            None => format!("{name} logs no deliveries: how often and how late events came is unknown"),
        };
        let root = edge.case.plan.stack.delivery_log().and_then(|_| book.unseen());
        undecided(edge, why, root, book);
        return;
    };
    if log.disorder {
        undecided(edge, format!("the deliveries of {} are not sorted by event", edge.name), None, book);
    }
    counts.duplicate = log.duplicates.count;
    (counts.traffic, counts.restored, counts.redriven) = (log.traffic, log.restored, log.redriven);
    let causes = ledger.of(&edge.trigger.source_resource());
    counts.reordered = reordered(causes, log);
    let Some(expected) = expected else { return };
    if expected.guarantee == Guarantee::DeliveredExactlyOnce && log.duplicates.count > 0 {
        let what = counted(log.duplicates.count, "delivery too many").replace("manys", "many");
        let draft = failure(edge, FindingKind::EffectDuplicate, &format!("{what} by {}", edge.name), &log.duplicates);
        book.add(
            draft.help("make the function idempotent and promise `counted: exactly-once`, or find the second path"),
        );
    }
    if !edge.causes_known {
        return;
    }
    let Some(ready) = edge.ready else {
        let never = book.why_never_ready();
        let why = match never {
            Some(_) => "whether effects were late: the service was never ready",
            None => "whether effects were late: when the service was ready was not measured",
        };
        undecided(edge, why.to_owned(), never.or(book.unseen()), book);
        return;
    };
    if log.clockless {
        undecided(edge, "whether effects were late: the run has no wall clock".to_owned(), None, book);
        return;
    }
    let late = late(edge, causes, log, promises, (ready, expected.within));
    counts.late = late.count;
    if late.count > 0 {
        let message = format!("{} of {} came later than {}", counted(late.count, "effect"), edge.name, expected.within);
        let draft = failure(edge, FindingKind::EffectLate, &message, &late);
        book.add(draft.help("look at the backlog: batch size, window and concurrency of the trigger"));
    }
}

fn failure(edge: Edge<'_>, kind: FindingKind, message: &str, tally: &Tally) -> Draft {
    Draft::failure(kind, message)
        .check(effects_of(edge.name))
        .resource(ResourceId::new(ResourceKind::Trigger, edge.name))
        .key(tally.first_key())
        .count(tally.count)
        .detail(tally.lines())
}

/// Owed effects whose first delivery came more than `within` after the later of acknowledgement and readiness.
fn late(
    edge: Edge<'_>,
    causes: &ResourceWrites,
    log: &Log,
    promises: &Promises,
    (ready, within): (RunTime, Span),
) -> Tally {
    let mut tally = Tally::default();
    for key in &causes.keys {
        for (value, removal, acknowledged) in promises.of_key(causes, key) {
            let first = if removal { log.first_removal(value) } else { log.first(value) };
            let due = acknowledged.max(ready).plus(within).plus(edge.case.plan.clock_skew);
            if let Some(first) = first.filter(|first| *first > due) {
                let clock = |at| edge.case.timeline.clock(at);
                tally.add(causes.text(key), || format!("due {}, came {}", clock(due), clock(first)));
            }
        }
    }
    tally
}

/// Keys of which the service delivered a write before another that precedes it.
fn reordered(causes: &ResourceWrites, log: &Log) -> u64 {
    let out_of_order = |key: &&crate::ledger::Key| {
        // What was delivered is not the attempt that was refused.
        let was_delivered = |index: &usize| log.service.get(*index).is_some_and(|at| *at != 0);
        let delivered = |index: &usize| causes.writes[*index].possible() && was_delivered(index);
        let mut by_end: Vec<usize> = key.range().filter(delivered).collect();
        let mut by_issue = by_end.clone();
        by_end.sort_by_key(|index| causes.writes[*index].completed);
        by_issue.sort_by_key(|index| causes.writes[*index].issued);
        // The last delivery of all that precede the write at hand.
        let (mut earlier, mut last) = (by_end.into_iter().peekable(), 0);
        by_issue.into_iter().any(|later| {
            while let Some(index) = earlier.next_if(|index| causes.writes[*index].precedes(&causes.writes[later])) {
                last = last.max(log.service[index]);
            }
            log.service[later] < last
        })
    };
    causes.keys.iter().filter(|key| !causes.is_probe(key)).filter(out_of_order).count() as u64
}
