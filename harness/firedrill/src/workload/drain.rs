//! The drain: waiting, after the traffic has stopped, until effects have settled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use firedrill_model::{
    capture::Delivery,
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Op, Origin, Outcome},
    stack::{Stack, Trigger, TriggerSource},
    units::{RunTime, Span},
};
use futures_util::TryStreamExt;

use super::{WorkloadError, writer::REMOVES};
use crate::{
    poll::{self, Look, WaitError},
    run::Drill,
    services::{ServiceError, Site, dynamodb},
};

/// Nothing changed for this long, and for as long as a batch may be held back: effects have settled.
const QUIET: Span = Span::from_ms(1500);

/// Between two looks.
const LOOK_EVERY: Span = Span::from_ms(400);

/// What the derived tables and the delivery log looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Picture {
    deliveries: usize,
    undelivered: usize,
    /// By derived table: number of items, and a digest that does not depend on their order.
    derived: BTreeMap<String, (u64, u64)>,
}

/// Which writes must have had their events delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Those of the data set that the workload starts with.
    Seed,
    /// Those that came after it.
    Traffic,
}

/// Waits until derived tables and the delivery log of `site` have not changed for 1.5 s and the longest batch window, and
/// every write that the current epoch owes an event for was delivered. False when `limit` passes first: what is missing then is for the verdict to say.
pub async fn drain(drill: &Drill, site: &Site, by: Owed, limit: Span) -> Result<bool, WorkloadError> {
    let owed = owed(drill, site, by)?;
    let enough = QUIET.plus(longest_window(&drill.plan.stack));
    let quiet = Mutex::new(Quiet::default());
    let look = || async {
        match look_at(&drill.plan.stack, site, &owed).await {
            Ok(picture) => {
                let status = format!("{} deliveries, {} still owed", picture.deliveries, picture.undelivered);
                let complete = picture.undelivered == 0;
                let mut quiet = quiet.lock().unwrap_or_else(PoisonError::into_inner);
                let still = quiet.after(picture, drill.clock.now());
                if complete && still >= enough { Look::Ready(()) } else { Look::NotYet(status) }
            }
            Err(error) => Look::NotYet(error.to_string()),
        }
    };
    match poll::until("effects to settle", LOOK_EVERY, limit, &drill.cancel, look).await {
        Ok(()) => Ok(true),
        Err(WaitError::TimedOut { last, .. }) => {
            tracing::info!(%last, "effects did not settle within the drain's limit");
            Ok(false)
        }
        Err(cancelled @ WaitError::Cancelled { .. }) => Err(cancelled.into()),
    }
}

/// How long a mapping may hold records back to fill a batch. What a function failed at comes back from its queue much later: where
/// no log shows what is still owed, that long.
fn longest_window(stack: &Stack) -> Span {
    let hidden = |trigger: &Trigger| {
        let queue = trigger.queue().filter(|_| !stack.logs(&trigger.function));
        queue.and_then(|via| stack.queues.get(&via.queue)).map_or(0, |queue| queue.visibility_timeout_s)
    };
    let windows = stack.triggers.values().map(|trigger| match trigger.source {
        TriggerSource::TableStream { batch_window_s, .. } => u64::from(batch_window_s),
        TriggerSource::BucketEvents { .. } => u64::from(hidden(trigger)),
    });
    Span::from_secs(windows.max().unwrap_or(0))
}

/// How long pictures have been the same.
#[derive(Debug, Default)]
struct Quiet(Option<(Picture, RunTime)>);

impl Quiet {
    /// Takes the picture seen at `now`; returns for how long it has been this one.
    fn after(&mut self, picture: Picture, now: RunTime) -> Span {
        let since = match &self.0 {
            Some((before, since)) if *before == picture => *since,
            Some(_) | None => now,
        };
        self.0 = Some((picture, since));
        now.since(since)
    }
}

/// A function and the id of an event that invokes it. What several triggers of one function owe is not told apart: it may log
/// them under one name.
type Invocation = (String, String);

/// What writes that were acknowledged on this side in the current epoch must have invoked.
fn owed(drill: &Drill, site: &Site, by: Owed) -> Result<BTreeSet<Invocation>, WorkloadError> {
    let epoch = drill.authority.standing().epoch;
    let mut owed = BTreeSet::new();
    for line in drill.dir.read_ledger()? {
        let line = line?;
        let counts =
            line.epoch == epoch && line.side == site.side && (line.origin == Origin::Seed) == (by == Owed::Seed);
        if counts && line.outcome == Outcome::Acknowledged {
            owed.extend(invoked(&drill.plan.stack, &line));
        }
    }
    Ok(owed)
}

/// What a write invokes: each trigger that watches for it, in its own time.
fn invoked(stack: &Stack, line: &LedgerLine) -> Vec<Invocation> {
    let watching = stack.triggers.values().filter(|trigger| trigger.source_resource() == line.resource);
    watching.filter_map(|trigger| Some((trigger.function.clone(), event_of(trigger, line)?))).collect()
}

/// The event of this trigger that a write causes. A delete whose removed value is unknown owes nothing here.
fn event_of(trigger: &Trigger, line: &LedgerLine) -> Option<String> {
    match (&trigger.source, line.op) {
        (TriggerSource::BucketEvents { prefix, .. }, Op::Put | Op::Update) => {
            let wanted = prefix.as_ref().is_none_or(|prefix| line.key.starts_with(prefix.as_str()));
            (wanted && trigger.raises_every_write()).then(|| line.write_id.as_str().to_owned())
        }
        // What a stream says of a counter names no write.
        (TriggerSource::BucketEvents { .. }, Op::Delete) | (_, Op::Add) => None,
        (TriggerSource::TableStream { .. }, Op::Put | Op::Update) => Some(line.write_id.as_str().to_owned()),
        (TriggerSource::TableStream { .. }, Op::Delete) => line.facts.get(REMOVES).map(|id| format!("{id}:removed")),
    }
}

async fn look_at(stack: &Stack, site: &Site, owed: &BTreeSet<Invocation>) -> Result<Picture, ServiceError> {
    let mut picture = Picture::default();
    if let Some(log) = stack.delivery_log() {
        let deliveries = dynamodb::deliveries(site, log).await?;
        picture.deliveries = deliveries.len();
        picture.undelivered = undelivered(stack, owed, &deliveries);
    }
    for name in stack.tables.keys() {
        if stack.derived_by(&ResourceId::new(ResourceKind::Table, name)).is_some() {
            picture.derived.insert(name.clone(), fingerprint(site, name).await?);
        }
    }
    Ok(picture)
}

/// How many of the invocations are not in the log, of functions that log at all: they know its name, or are in it.
fn undelivered(stack: &Stack, owed: &BTreeSet<Invocation>, log: &[Delivery]) -> usize {
    let of = |delivery: &Delivery| {
        Some((stack.triggers.get(&delivery.trigger)?.function.clone(), delivery.event_id.clone()))
    };
    let delivered: BTreeSet<Invocation> = log.iter().filter_map(of).collect();
    let logs = |function: &String| stack.logs(function) || delivered.iter().any(|(other, _)| other == function);
    let logging: BTreeSet<&String> = stack.functions.keys().filter(|function| logs(function)).collect();
    owed.difference(&delivered).filter(|(function, _)| logging.contains(function)).count()
}

/// Number of items, and the sum of their fingerprints, which does not depend on their order.
async fn fingerprint(site: &Site, name: &str) -> Result<(u64, u64), ServiceError> {
    let pages = dynamodb::scan_items(site, name);
    pages
        .try_fold((0, 0_u64), |(count, sum), page| async move {
            let fingerprints = page.iter().map(dynamodb::canonical::fingerprint);
            Ok((count + page.len() as u64, fingerprints.fold(sum, u64::wrapping_add)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        run::sample,
        scenario::{stack, tests::root},
    };

    /// The order pipeline, in which the function of the orders hears of uploads as well.
    fn heard_twice() -> Stack {
        let path = root().join("fixtures/stacks/order-pipeline.yaml");
        let mut stack = stack::load(&path, "stack.yaml", &BTreeMap::new()).expect("a stack");
        let first = &stack.triggers["describe-upload"];
        let second = Trigger { function: "total-orders".to_owned(), effect: None, ..first.clone() };
        stack.triggers.insert("total-uploads".to_owned(), second);
        stack
    }

    fn upload() -> LedgerLine {
        sample::line(ResourceId::new(ResourceKind::Bucket, "uploads"), "a.txt")
    }

    fn delivered(triggers: &[&str]) -> Vec<Delivery> {
        let delivery = |trigger: &&str| Delivery {
            trigger: (*trigger).to_owned(),
            event_id: "w-1".to_owned(),
            delivery_id: format!("{trigger}/0"),
            key: "a.txt".to_owned(),
            at_utc_ms: 0,
            redriven: false,
        };
        triggers.iter().map(delivery).collect()
    }

    #[test]
    fn each_function_that_a_write_invokes_is_waited_for() {
        let stack = heard_twice();
        let owed: BTreeSet<Invocation> = invoked(&stack, &upload()).into_iter().collect();
        for (triggers, left) in [
            (&[][..], 2),
            (&["describe-upload"], 1),
            (&["describe-upload", "nobody"], 1),
            (&["total-uploads"], 1),
            (&["describe-upload", "total-uploads"], 0),
            // A function logs all that invokes it under one name.
            (&["describe-upload", "total-orders"], 0),
        ] {
            assert_eq!(undelivered(&stack, &owed, &delivered(triggers)), left, "{triggers:?}");
        }
    }

    #[test]
    fn what_no_log_can_show_is_not_waited_for() {
        let mut stack = heard_twice();
        let left = |stack: &Stack, triggers: &[&str]| {
            undelivered(stack, &invoked(stack, &upload()).into_iter().collect(), &delivered(triggers))
        };
        assert_eq!(left(&stack, &[]), 2);
        let function = stack.functions.get_mut("describe-upload").expect("it is there");
        function.environment.remove("DELIVERIES_TABLE");
        assert_eq!(left(&stack, &[]), 1, "it does not know the log");
        let earlier = Delivery { event_id: "w-0".to_owned(), ..delivered(&["describe-upload"]).remove(0) };
        let owed = invoked(&stack, &upload()).into_iter().collect();
        assert_eq!(undelivered(&stack, &owed, &[earlier]), 2, "it is in the log all the same");
        let trigger = stack.triggers.get_mut("total-uploads").expect("it is there");
        if let TriggerSource::BucketEvents { events, .. } = &mut trigger.source {
            *events = vec!["s3:ObjectCreated:Put".to_owned()];
        }
        assert_eq!(left(&stack, &[]), 0, "nor is it known whether the other has to be invoked");
    }

    fn picture(deliveries: usize) -> Picture {
        Picture { deliveries, ..Picture::default() }
    }

    #[test]
    fn quiet_counts_from_the_last_change() {
        let mut quiet = Quiet::default();
        let seen = [(0, 3), (400, 3), (800, 4), (1200, 4), (1600, 4), (2000, 3)];
        let stills = seen.map(|(ms, deliveries)| quiet.after(picture(deliveries), RunTime::from_ms(ms)).ms());
        assert_eq!(stills, [0, 400, 0, 400, 800, 0]);
    }
}
