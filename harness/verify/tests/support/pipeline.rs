//! Order pipelines drawn at random: uploads and orders before and after the cutover, what two functions made of them, and the
//! log of deliveries. What is built is right; tests then break it.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::{CaptureName, Delivery, Entry},
    history::Event,
    ids::ResourceId,
    ledger::{LedgerLine, Op, Origin, Outcome, item_key},
    stack::TriggerSource,
    topology::Side,
    units::RunTime,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    CUTOVER, EPOCH_MS, T0, World, ambiguous, delete, delivery, derived, description, documents, entry, orders, put,
    rejected, totals, uploads,
};

/// No write of the traffic completes after this.
const TRAFFIC_ENDS: u64 = 38_000;
/// Keys from this number on are uploads.
const UPLOADS_FROM: u8 = 6;

/// One write before it has a place in time.
#[derive(Clone, Debug)]
pub struct Blow {
    pub key: u8,
    pub kind: u8,
    pub outcome: u8,
    pub pause: u64,
    pub takes: u64,
    pub expiry: u8,
    /// An ambiguous one took effect.
    pub happened: bool,
    /// What has expired is gone.
    pub swept: bool,
    /// Until its event was delivered.
    pub delay: u64,
}

pub fn blows(count: usize) -> impl Strategy<Value = Vec<Blow>> {
    let when = (1..900_u64, 1..700_u64, 1..1_500_u64);
    let blow = (0..9_u8, 0..10_u8, 0..14_u8, when, 0..9_u8, any::<(bool, bool)>());
    let blow = blow.prop_map(|(key, kind, outcome, (pause, takes, delay), expiry, (happened, swept))| Blow {
        key,
        kind,
        outcome,
        pause,
        takes,
        expiry,
        happened,
        swept,
        delay,
    });
    prop::collection::vec(blow, 0..count)
}

/// How a pipeline was run and recovered.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub struct How {
    /// A key may be written while another write of it is under way.
    pub concurrent: bool,
    /// What took effect until then came back.
    pub cut_ms: u64,
    /// Derived items were made anew of what came back, and not restored.
    pub anew: bool,
    /// What came back fired its events.
    pub replays: bool,
    /// The trigger of uploads hears some keys only.
    pub prefix: bool,
}

pub fn how() -> impl Strategy<Value = How> {
    (any::<[bool; 4]>(), 2_000..T0).prop_map(|([concurrent, anew, replays, prefix], cut_ms)| How {
        concurrent,
        cut_ms,
        anew,
        replays,
        prefix,
    })
}

/// A write and what became of it.
#[derive(Clone, Debug)]
struct Stroke {
    line: LedgerLine,
    /// When it took effect, if it did.
    effective: Option<u64>,
    swept: bool,
    delay: u64,
}

/// What a function hears of.
#[derive(Clone, Debug)]
struct Heard {
    value: LedgerLine,
    removed: bool,
    /// When it was delivered to this side, if it was.
    delivered: Option<u64>,
}

/// A world with this pipeline and nothing else.
pub fn pipeline(before: &[Blow], after: &[Blow], how: How) -> World {
    let old = strokes(before, 0, (2_000, T0), how.concurrent);
    let new = strokes(after, 1, (CUTOVER + 1_000, TRAFFIC_ENDS), how.concurrent);
    let mut state = BTreeMap::new();
    let old_came_back = old.iter().filter(|stroke| stroke.effective.is_some_and(|at| at <= how.cut_ms));
    let mut heard = happen(&mut state, old_came_back.collect(), None);
    if how.anew {
        heard = state
            .values()
            .map(|stroke| Heard { value: stroke.line.clone(), removed: false, delivered: None })
            .collect();
    }
    let mut replayed: Vec<Heard> = Vec::new();
    if how.replays {
        let at = |stroke: &Stroke| Some(CUTOVER + 200 + stroke.delay);
        let replay = |stroke: &Stroke| Heard { value: stroke.line.clone(), removed: false, delivered: at(stroke) };
        replayed.extend(state.values().map(replay));
    }
    heard.extend(happen(&mut state, new.iter().filter(|stroke| stroke.effective.is_some()).collect(), Some(0)));
    heard.extend(sweep(&mut state));
    heard.extend(replayed);
    let mut world = World::whole();
    world.plan.stack.buckets.get_mut("uploads").unwrap().versioning = false;
    let source = &mut world.plan.stack.triggers.get_mut("describe-upload").unwrap().source;
    if let TriggerSource::BucketEvents { prefix, .. } = source {
        *prefix = how.prefix.then(|| "up".to_owned());
    }
    heard.retain(|heard| !how.prefix || heard.value.resource == orders() || heard.value.key.starts_with("up"));
    world.ledger = old.iter().chain(&new).map(|stroke| stroke.line.clone()).collect();
    let of = |resource: &ResourceId| -> Vec<Entry> {
        state.values().filter(|stroke| stroke.line.resource == *resource).map(|stroke| entry(&stroke.line)).collect()
    };
    for capture in [CaptureName::Recovered, CaptureName::Drained] {
        world.content.insert((capture, uploads()), of(&uploads()));
        world.content.insert((capture, orders()), of(&orders()));
        world.content.insert((capture, documents()), descriptions(&heard));
        world.content.insert((capture, totals()), sums(&heard));
    }
    let delivered = heard.iter().zip(0_u32..).filter_map(|(heard, number)| delivered(heard, number));
    world.deliveries = Some(delivered.collect());
    add_probe(&mut world);
    world
}

fn strokes(blows: &[Blow], epoch: u32, (begins, ends): (u64, u64), concurrent: bool) -> Vec<Stroke> {
    let mut at = begins;
    let mut strokes = Vec::new();
    // By key: until when it is written, how many values it had, and whether it may be written still.
    let mut keys: BTreeMap<u8, (u64, u64, bool)> = BTreeMap::new();
    for (number, blow) in blows.iter().enumerate() {
        let (busy_until, rev, retired) = keys.entry(blow.key).or_default();
        at += blow.pause / 3;
        let issued = if concurrent { at } else { at.max(*busy_until + 1) };
        let completed = issued + blow.takes;
        if *retired || completed >= ends {
            continue;
        }
        (*busy_until, *rev) = (completed.max(*busy_until), *rev + 1);
        let id = format!("{}-{number}", if epoch == 0 { "old" } else { "new" });
        let line = line(blow, epoch, &id, issued, *rev);
        let line = LedgerLine { completed_ms: Some(RunTime::from_ms(completed)), seq: number as u64, ..line };
        let (line, happened) = match blow.outcome {
            // A key with an ambiguous write is not written again.
            0 => {
                *retired = true;
                (ambiguous(line), blow.happened)
            }
            1 => (rejected(line), false),
            // Tried again, after an attempt without an answer or a refused one.
            2 | 3 if completed + blow.takes < ends => {
                let again = RunTime::from_ms(completed + blow.takes);
                *busy_until = (*busy_until).max(again.ms());
                let issued_ms = RunTime::from_ms(completed);
                let second = LedgerLine { attempt: 2, issued_ms, completed_ms: Some(again), ..line.clone() };
                let (first, happened) =
                    if blow.outcome == 2 { (ambiguous(line), blow.happened) } else { (rejected(line), false) };
                let effective = happened.then_some(completed);
                strokes.push(Stroke { line: first, effective, swept: blow.swept, delay: blow.delay });
                strokes.push(Stroke {
                    line: second,
                    effective: Some(again.ms()),
                    swept: blow.swept,
                    delay: blow.delay,
                });
                continue;
            }
            _ => (line, true),
        };
        strokes.push(Stroke { line, effective: happened.then_some(completed), swept: blow.swept, delay: blow.delay });
    }
    strokes
}

fn line(blow: &Blow, epoch: u32, id: &str, issued: u64, rev: u64) -> LedgerLine {
    let fresh = if epoch == 0 { "" } else { "new-" };
    let line = if blow.key < UPLOADS_FROM {
        let customer = ["C-1", "C#2", "C-3"][usize::from(blow.key / 2)];
        let order = format!("{fresh}o-{}", blow.key % 2);
        let key = item_key(customer, Some(&order));
        let mut line = put(&orders(), &key, id, issued);
        let cents = 1_000 + issued % 997;
        let facts = [("customer", customer), ("order", &order), ("amount", &decimal(cents)), ("rev", &rev.to_string())];
        line.facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
        line.expires_ms = match blow.expiry {
            0 => Some(EPOCH_MS + T0),
            1 => Some(EPOCH_MS + 10_000_000),
            _ => None,
        };
        line
    } else {
        let key = ["up 1.txt", "up#2.txt", "dir/3.txt"][usize::from(blow.key - UPLOADS_FROM)];
        let key = if fresh.is_empty() { key.to_owned() } else { key.replace('.', "-new.") };
        let mut line = put(&uploads(), &key, id, issued);
        line.facts.insert("size".to_owned(), (issued % 100).to_string());
        line.facts.insert("rev".to_owned(), rev.to_string());
        line.facts.insert("title".to_owned(), format!("title {rev}"));
        line
    };
    let line = if blow.kind < 3 { delete(&line.resource, &line.key, id, issued) } else { line };
    let side = if epoch == 0 { Side::Primary } else { Side::Recovery };
    LedgerLine { side, epoch, writer: format!("writer-{epoch}-{}", blow.key), ..line }
}

type State = BTreeMap<(ResourceId, String), Stroke>;

/// Lets writes take effect in the order of time. With `delivered_after` their events come to this side, so much later.
fn happen(state: &mut State, mut strokes: Vec<&Stroke>, delivered_after: Option<u64>) -> Vec<Heard> {
    strokes.sort_by_key(|stroke| stroke.effective);
    let mut heard = Vec::new();
    for stroke in strokes {
        let place = (stroke.line.resource.clone(), stroke.line.key.clone());
        let delivered = delivered_after.zip(stroke.effective).map(|(after, at)| at + after + stroke.delay);
        if stroke.line.op != Op::Delete {
            heard.push(Heard { value: stroke.line.clone(), removed: false, delivered });
            state.insert(place, stroke.clone());
        } else if let Some(value) = state.remove(&place) {
            heard.push(Heard { value: value.line, removed: true, delivered });
        }
    }
    // A bucket's trigger does not hear of deletes.
    heard.retain(|heard| !heard.removed || heard.value.resource == orders());
    heard
}

/// Takes away what has expired, of those values that were drawn to go.
fn sweep(state: &mut State) -> Vec<Heard> {
    let goes = |stroke: &Stroke| stroke.swept && stroke.line.expires_ms.is_some_and(|at| at <= EPOCH_MS + T0);
    let gone: Vec<_> = state.iter().filter(|(_, stroke)| goes(stroke)).map(|(place, _)| place.clone()).collect();
    let taken = gone.iter().filter_map(|place| state.remove(place));
    taken.map(|stroke| Heard { value: stroke.line, removed: true, delivered: Some(TRAFFIC_ENDS + 500) }).collect()
}

/// As `describe-upload` does: the highest revision wins.
fn descriptions(heard: &[Heard]) -> Vec<Entry> {
    let mut shown: BTreeMap<&str, &LedgerLine> = BTreeMap::new();
    for value in heard.iter().filter(|heard| heard.value.resource == uploads()).map(|heard| &heard.value) {
        let known = shown.get(value.key.as_str()).map_or(0, |known| rev(known));
        if rev(value) >= known {
            shown.insert(&value.key, value);
        }
    }
    shown.into_values().map(description).collect()
}

/// As `total-orders` does: of each order the highest revision, and of the same one its removal.
fn sums(heard: &[Heard]) -> Vec<Entry> {
    let mut customers: BTreeMap<&str, BTreeMap<&str, &Heard>> = BTreeMap::new();
    for heard in heard.iter().filter(|heard| heard.value.resource == orders()) {
        let applied = customers.entry(&heard.value.facts["customer"]).or_default();
        let precedence = |heard: &Heard| (rev(&heard.value), heard.removed);
        let order = heard.value.facts["order"].as_str();
        if applied.get(order).is_none_or(|known| precedence(heard) > precedence(known)) {
            applied.insert(order, heard);
        }
    }
    let item = |(customer, applied): (&str, BTreeMap<&str, &Heard>)| {
        let marks = applied.into_iter().map(|(order, heard)| (order.to_owned(), mark(&heard.value, heard.removed)));
        let mut value = json!({ "customer": customer, "applied": Value::Object(marks.collect()) });
        sum_up(&mut value);
        derived(item_key(customer, None), value)
    };
    customers.into_iter().map(item).collect()
}

/// The entry that a totals item has of an order.
pub fn mark(order: &LedgerLine, gone: bool) -> Value {
    let amount = if gone { "0" } else { &order.facts["amount"] };
    json!({ "rev": order.facts["rev"], "amount": amount, "write_id": order.write_id.as_str(), "gone": gone })
}

/// Makes sum and number of a totals item those of its orders.
pub fn sum_up(item: &mut Value) {
    let (mut total, mut count) = (0, 0);
    for entry in item["applied"].as_object().unwrap().values().filter(|entry| entry["gone"] == false) {
        total += cents(entry["amount"].as_str().unwrap());
        count += 1;
    }
    (item["total"], item["count"]) = (json!(decimal(total)), json!(count.to_string()));
}

/// As the service writes it: without zeros at the end.
fn decimal(cents: u64) -> String {
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn cents(text: &str) -> u64 {
    let (units, parts) = text.split_once('.').unwrap_or((text, ""));
    units.parse::<u64>().unwrap() * 100 + format!("{parts:0<2}").parse::<u64>().unwrap()
}

fn rev(line: &LedgerLine) -> u64 {
    line.facts["rev"].parse().unwrap()
}

fn delivered(heard: &Heard, number: u32) -> Option<Delivery> {
    let trigger = if heard.value.resource == orders() { "total-orders" } else { "describe-upload" };
    let mut delivery = delivery(trigger, &heard.value, heard.delivered?, number);
    if heard.removed {
        delivery.event_id.push_str(":removed");
    }
    Some(delivery)
}

/// The same world in a drill in which the traffic never moved: everything was written to the one copy that there is.
pub fn unmoved(mut world: World) -> World {
    world.events.retain(|(_, event)| !matches!(event, Event::CutOver { .. }));
    world.each_event(|_, event| {
        if let Event::Captured { side, .. } = event {
            *side = Side::Primary;
        }
    });
    for line in &mut world.ledger {
        (line.side, line.epoch) = (Side::Primary, 0);
    }
    world
}

/// Firedrill's own order, which counts for nothing wherever it shows.
fn add_probe(world: &mut World) {
    let line = LedgerLine { origin: Origin::Probe, ..put(&orders(), "probe#orders", "p-1", 19_900) };
    let twice =
        [1, 2].map(|number| delivery("total-orders", &line, 28_000 + number, 900 + u32::try_from(number).unwrap()));
    world.deliveries.as_mut().unwrap().extend(twice);
    world.drained(&totals()).push(derived("probe".to_owned(), json!({ "customer": "probe", "total": "99" })));
    world.ledger.push(line);
}

/// Whether the write was promised.
pub fn is_promised(line: &LedgerLine) -> bool {
    line.outcome == Outcome::Acknowledged && line.origin != Origin::Probe
}
