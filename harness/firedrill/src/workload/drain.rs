//! The drain: waiting, after the traffic has stopped, until effects have settled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use firedrill_model::{
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
        let queue = trigger.queue().filter(|_| stack.delivery_log().is_none());
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

/// Event ids that writes acknowledged on this side in the current epoch must have caused.
fn owed(drill: &Drill, site: &Site, by: Owed) -> Result<BTreeSet<String>, WorkloadError> {
    let epoch = drill.authority.standing().epoch;
    let mut owed = BTreeSet::new();
    for line in drill.dir.read_ledger()? {
        let line = line?;
        let counts =
            line.epoch == epoch && line.side == site.side && (line.origin == Origin::Seed) == (by == Owed::Seed);
        if counts && line.outcome == Outcome::Acknowledged {
            owed.extend(event_of(&drill.plan.stack, &line));
        }
    }
    Ok(owed)
}

/// The event that a write causes, if a trigger watches for it. A delete whose removed value is unknown owes nothing here.
fn event_of(stack: &Stack, line: &LedgerLine) -> Option<String> {
    let watched = stack.triggers.values().filter(|trigger| trigger.source_resource() == line.resource);
    let mut events = watched.filter_map(|trigger| match (&trigger.source, line.op) {
        (TriggerSource::BucketEvents { prefix, .. }, Op::Put | Op::Update) => {
            let wanted = prefix.as_ref().is_none_or(|prefix| line.key.starts_with(prefix.as_str()));
            wanted.then(|| line.write_id.as_str().to_owned())
        }
        // What a stream says of a counter names no write.
        (TriggerSource::BucketEvents { .. }, Op::Delete) | (_, Op::Add) => None,
        (TriggerSource::TableStream { .. }, Op::Put | Op::Update) => Some(line.write_id.as_str().to_owned()),
        (TriggerSource::TableStream { .. }, Op::Delete) => line.facts.get(REMOVES).map(|id| format!("{id}:removed")),
    });
    events.next()
}

async fn look_at(stack: &Stack, site: &Site, owed: &BTreeSet<String>) -> Result<Picture, ServiceError> {
    let mut picture = Picture::default();
    if let Some(log) = stack.delivery_log() {
        let deliveries = dynamodb::deliveries(site, log).await?;
        let delivered: BTreeSet<&str> = deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect();
        picture.deliveries = deliveries.len();
        picture.undelivered = owed.iter().filter(|event| !delivered.contains(event.as_str())).count();
    }
    for name in stack.tables.keys() {
        if stack.derived_by(&ResourceId::new(ResourceKind::Table, name)).is_some() {
            picture.derived.insert(name.clone(), fingerprint(site, name).await?);
        }
    }
    Ok(picture)
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
