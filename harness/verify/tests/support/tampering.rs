//! What can go wrong with a pipeline: deliveries that do not come, come twice or late, items that are gone or show something
//! else, and sources that do not hold what they should.

use std::collections::BTreeSet;

use firedrill_model::{
    capture::{CaptureName, Entry},
    ledger::{LedgerLine, Op, Origin, item_key},
};
use proptest::{prelude::*, sample::Index};
use serde_json::json;

use super::{
    World, delivery, derived, description, documents, entry, orders,
    pipeline::{mark, sum_up},
    put, totals, uploads,
};

/// One thing that is not as it should be: of what kind, where, and by how much.
#[derive(Clone, Debug)]
pub struct Tampering {
    pub kind: Kind,
    pub first: Index,
    pub second: Index,
    pub ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    DropDelivery,
    DelayDelivery,
    /// The log holds one delivery twice.
    LogTwice,
    DeliverAgain,
    Redrive,
    DeliverStray,
    /// A key of the source holds nothing.
    SourceGone,
    /// A key of the source holds another of its values.
    SourceOther,
    /// A key of the source holds what nothing wrote.
    SourceForeign,
    /// An item shows another write of one of its causes.
    ShowAnother,
    /// The same, as gone.
    ShowGone,
    DropItem,
    DropMark,
    AlterTotal,
    AlterAmount,
    AlterFact,
    StrayMark,
    StrayItem,
}

const KINDS: [Kind; 18] = [
    Kind::DropDelivery,
    Kind::DelayDelivery,
    Kind::LogTwice,
    Kind::DeliverAgain,
    Kind::Redrive,
    Kind::DeliverStray,
    Kind::SourceGone,
    Kind::SourceOther,
    Kind::SourceForeign,
    Kind::ShowAnother,
    Kind::ShowGone,
    Kind::DropItem,
    Kind::DropMark,
    Kind::AlterTotal,
    Kind::AlterAmount,
    Kind::AlterFact,
    Kind::StrayMark,
    Kind::StrayItem,
];

pub fn tamperings() -> impl Strategy<Value = Vec<Tampering>> {
    let one = (prop::sample::select(&KINDS[..]), any::<(Index, Index)>(), 0..40_000_u64);
    let one = one.prop_map(|(kind, (first, second), ms)| Tampering { kind, first, second, ms });
    prop::collection::vec(one, 0..5)
}

/// Which of these an index stands for.
pub fn picked<T>(of: &[T], index: Index) -> Option<&T> {
    (!of.is_empty()).then(|| &of[index.index(of.len())])
}

/// Breaks the world in this way, if it holds what that takes.
pub fn tamper(world: &mut World, what: &Tampering) {
    match what.kind {
        Kind::DropDelivery
        | Kind::DelayDelivery
        | Kind::LogTwice
        | Kind::DeliverAgain
        | Kind::Redrive
        | Kind::DeliverStray => tamper_with_log(world, what),
        Kind::SourceGone | Kind::SourceOther | Kind::SourceForeign => tamper_with_source(world, what),
        Kind::ShowAnother | Kind::ShowGone => show_another(world, what),
        Kind::AlterFact | Kind::StrayItem => tamper_with_descriptions(world, what),
        Kind::DropItem | Kind::DropMark | Kind::AlterTotal | Kind::AlterAmount | Kind::StrayMark => {
            tamper_with_totals(world, what);
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds do not come here")]
fn tamper_with_log(world: &mut World, what: &Tampering) {
    let log = world.deliveries.as_mut().unwrap();
    let number = log.len();
    if what.kind == Kind::DeliverStray {
        let stray = put(&orders(), "C-1#stray", "stray-1", 1);
        log.push(delivery("total-orders", &stray, 29_000 + what.ms, u32::try_from(number).unwrap() + 10_000));
        return;
    }
    if number == 0 {
        return;
    }
    let index = what.first.index(number);
    let mut again = log[index].clone();
    match what.kind {
        Kind::DropDelivery => drop(log.remove(index)),
        Kind::DelayDelivery => log[index].at_utc_ms += what.ms,
        Kind::LogTwice => log.push(again),
        _ => {
            again.delivery_id = format!("again-{number}");
            again.redriven = what.kind == Kind::Redrive;
            again.at_utc_ms += what.ms % 2_000;
            log.push(again);
        }
    }
}

fn tamper_with_source(world: &mut World, what: &Tampering) {
    let ours = |line: &&LedgerLine| line.origin != Origin::Probe;
    let keys: BTreeSet<_> =
        world.ledger.iter().filter(ours).map(|line| (line.resource.clone(), line.key.clone())).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let Some((resource, key)) = picked(&keys, what.first) else { return };
    let own = |line: &&LedgerLine| line.resource == *resource && line.key == *key && line.op != Op::Delete;
    let values: Vec<Entry> = world.ledger.iter().filter(own).map(entry).collect();
    let mut held = picked(&values, what.second).filter(|_| what.kind != Kind::SourceGone).cloned();
    if let Some(held) = held.as_mut().filter(|_| what.kind == Kind::SourceForeign) {
        held.write_id = Some("nobody".into());
    }
    for capture in [CaptureName::Recovered, CaptureName::Drained] {
        let entries = world.content.get_mut(&(capture, resource.clone())).unwrap();
        entries.retain(|entry| entry.key != *key);
        entries.extend(held.clone());
    }
}

fn show_another(world: &mut World, what: &Tampering) {
    let shown = |line: &&LedgerLine| line.op != Op::Delete && line.origin != Origin::Probe;
    let values: Vec<LedgerLine> = world.ledger.iter().filter(shown).cloned().collect();
    let Some(line) = picked(&values, what.first) else { return };
    show(world, line, what.kind == Kind::ShowGone);
}

/// Makes the item of this write show it, there or gone.
pub fn show(world: &mut World, line: &LedgerLine, gone: bool) {
    if line.resource == uploads() {
        let shown = description(line);
        let items = world.drained(&documents());
        items.retain(|item| item.key != shown.key);
        items.push(shown);
        return;
    }
    let key = item_key(&line.facts["customer"], None);
    let items = world.drained(&totals());
    if !items.iter().any(|item| item.key == key) {
        items.push(derived(key.clone(), json!({ "customer": line.facts["customer"], "applied": {} })));
    }
    for value in items.iter_mut().filter(|item| item.key == key).filter_map(|item| item.value.as_mut()) {
        value["applied"][&line.facts["order"]] = mark(line, gone);
        sum_up(value);
    }
}

/// Takes what is shown of the key of this write out of its item.
pub fn unshow(world: &mut World, line: &LedgerLine) {
    let of_upload = item_key(&line.key, None);
    world.drained(&documents()).retain(|item| line.resource != uploads() || item.key != of_upload);
    let Some(customer) = line.facts.get("customer").map(|customer| item_key(customer, None)) else { return };
    for value in
        world.drained(&totals()).iter_mut().filter(|item| item.key == customer).filter_map(|item| item.value.as_mut())
    {
        value["applied"].as_object_mut().unwrap().remove(&line.facts["order"]);
        sum_up(value);
    }
}

fn tamper_with_totals(world: &mut World, what: &Tampering) {
    let items = world.drained(&totals());
    let ours: Vec<usize> = (0..items.len()).filter(|index| items[*index].key != "probe").collect();
    let Some(&index) = picked(&ours, what.first) else { return };
    if what.kind == Kind::DropItem {
        items.remove(index);
        return;
    }
    let value = items[index].value.as_mut().unwrap();
    let applied = value["applied"].as_object().unwrap();
    let there: Vec<String> =
        applied.iter().filter(|(_, entry)| entry["gone"] == false).map(|(order, _)| order.clone()).collect();
    match (what.kind, picked(&there, what.second)) {
        (Kind::DropMark, Some(order)) => drop(value["applied"].as_object_mut().unwrap().remove(order)),
        (Kind::AlterAmount, Some(order)) => value["applied"][order]["amount"] = "0.02".into(),
        (Kind::StrayMark, _) => value["applied"]["stray"] = mark(&put(&orders(), "C-1#stray", "stray-1", 1), false),
        _ => {}
    }
    sum_up(value);
    if what.kind == Kind::AlterTotal {
        value["total"] = "0.01".into();
    }
}

fn tamper_with_descriptions(world: &mut World, what: &Tampering) {
    let items = world.drained(&documents());
    if what.kind == Kind::StrayItem {
        let stray = description(&put(&uploads(), "stray.txt", "stray-2", 1));
        items.retain(|item| item.key != stray.key);
        items.push(stray);
    } else if !items.is_empty() {
        let index = what.first.index(items.len());
        if what.ms < 5_000 {
            items.remove(index);
            return;
        }
        let fact = ["size", "sha256", "title", "rev", "write_id"][what.second.index(5)];
        items[index].value.as_mut().unwrap()[fact] = "777".into();
    }
}
