//! Effects: what triggers must have produced for the writes that survived.
//!
//! Two kinds of evidence, both read after the drain: the items that functions wrote, compared with what a model derives
//! from the surviving causes; and the log of deliveries. A new model is one file and one line in [`model`].

mod deliveries;
mod events;
mod object_description;
mod owed;
mod promise;
mod running_total;

use std::{
    borrow::Cow,
    collections::{BTreeMap, hash_map::DefaultHasher},
    fmt,
    hash::{Hash, Hasher},
};

use firedrill_model::{
    findings::FindingKind,
    ids::{ResourceId, ResourceKind},
    plan::Plan,
    run_dir::RunDirError,
    stack::{EffectModel, Trigger, TriggerSource},
    units::RunTime,
    verification::EffectCounts,
};
use serde_json::Value;

use self::{deliveries::Log, object_description::ObjectDescription, promise::Promises, running_total::RunningTotal};
use crate::{
    asserted::effects_of,
    content::{Case, Content},
    decimal::Decimal,
    findings::{Book, Draft, Handle},
    ledger::{Ledger, Write},
};

/// How derived items follow from the writes that caused them.
pub(crate) trait DerivedModel: fmt::Debug {
    /// Key of the derived item that a cause's key feeds.
    fn item_key<'k>(&self, cause: &'k str) -> Cow<'k, str>;

    /// Fingerprint of what a cause's value must show in its derived item, from the facts of its ledger line.
    fn fingerprint(&self, facts: &BTreeMap<String, String>) -> u64;

    /// The marks that causes left in one derived item, or what is wrong with the item in itself.
    fn marks(&self, item: &Value) -> Result<Vec<Mark>, String>;

    /// Whether a delete must leave a mark. If not, what a deleted key had left may stay.
    fn shows_deletes(&self) -> bool;
}

/// What one cause left in a derived item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Key of the cause.
    pub(crate) cause: String,
    /// Short digest of the write id.
    pub(crate) id: u64,
    /// As [`DerivedModel::fingerprint`].
    pub(crate) fingerprint: u64,
    /// The cause was deleted.
    pub(crate) gone: bool,
}

/// The model of this kind.
fn model(kind: EffectModel) -> &'static dyn DerivedModel {
    match kind {
        EffectModel::ObjectDescription => &ObjectDescription,
        EffectModel::RunningTotal => &RunningTotal,
    }
}

/// For each resource, the triggers that derive items from its writes.
#[derive(Debug, Default)]
pub(crate) struct SourceModels(BTreeMap<ResourceId, Vec<(String, &'static dyn DerivedModel)>>);

impl SourceModels {
    /// From the triggers of a plan's stack.
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let mut models = Self::default();
        for (name, trigger) in &plan.stack.triggers {
            if let Some(effect) = &trigger.effect {
                models.0.entry(trigger.source_resource()).or_default().push((name.clone(), model(effect.model)));
            }
        }
        models
    }

    /// Triggers and models of one resource.
    pub(crate) fn of(&self, resource: &ResourceId) -> impl Iterator<Item = (&str, &'static dyn DerivedModel)> {
        self.0.get(resource).into_iter().flatten().map(|(name, model)| (name.as_str(), *model))
    }
}

/// One trigger and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge<'a> {
    pub(crate) name: &'a str,
    pub(crate) trigger: &'a Trigger,
    pub(crate) case: Case<'a>,
    pub(crate) ready: Option<RunTime>,
    /// The content of the source was read whole: what became of each cause is known.
    pub(crate) causes_known: bool,
}

impl Edge<'_> {
    /// Whether a write of this key is an event of this trigger.
    pub(crate) fn hears(&self, key: &str) -> bool {
        match &self.trigger.source {
            TriggerSource::BucketEvents { prefix, .. } => prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix)),
            TriggerSource::TableStream { .. } => true,
        }
    }

    /// Whether the event of a write came to the side that was read: the log of the lost side is lost with it, but where the
    /// traffic never moved there is no other.
    pub(crate) fn is_heard_here(&self, write: &Write) -> bool {
        write.epoch > 0 || self.case.timeline.cut_over.is_none()
    }
}

/// Measures the effects of every trigger of the stack. `content` is what the content of their sources came to, if it could
/// be compared.
pub(crate) fn examine(
    case: Case<'_>,
    ledger: &Ledger,
    content: Option<&Content>,
    ready: Option<RunTime>,
    book: &mut Book,
) -> Result<BTreeMap<String, EffectCounts>, RunDirError> {
    let mut effects = BTreeMap::new();
    for (name, trigger) in &case.plan.stack.triggers {
        let source = trigger.source_resource();
        let causes_known = content.is_some_and(|content| content.losses.contains_key(&source));
        let edge = Edge { name, trigger, case, ready, causes_known };
        if !trigger.raises_every_write() {
            let why =
                format!("which writes to {source} are events of {name} is not known: it watches some of them alone");
            if trigger.effect.is_some() {
                owed::undecide(edge, &why, None, book);
            } else {
                undecided(edge, why, None, book);
            }
            effects.insert(name.clone(), EffectCounts::default());
            continue;
        }
        let log = Log::read(edge, ledger)?;
        let (mut counts, mut promises) = (EffectCounts::default(), Promises::default());
        let looked = if causes_known {
            owed::examine(edge, ledger, log.as_ref(), &mut promises, &mut counts, book)?
        } else {
            let why = format!("the content of {source} is not known, so neither is what {name} owes");
            undecided(edge, why, book.unseen(), book);
            false
        };
        deliveries::examine(edge, ledger, log.as_ref(), &promises, &mut counts, book);
        if looked && counts.expected == 0 {
            let why = format!("nothing was owed through {name}: no write that causes an effect survived");
            let root = book.roots_at(&source).next().or_else(|| book.failure_of(&effects_of(name))).or(book.unseen());
            undecided(edge, why, root, book);
        }
        // What still moved may have come twice after it was looked at. What is missing by then is missing all the same.
        if !case.timeline.effects_settled() && book.failure_of(&effects_of(name)).is_none() {
            let why = format!("effects had not settled when the drain ended: what {name} still did is not known");
            undecided(edge, why, unsettled(case, book).or(book.unseen()), book);
        }
        effects.insert(name.clone(), counts);
    }
    Ok(effects)
}

/// Why effects did not settle, when a finding says so: what one trigger owes and will never do keeps all of them waiting.
fn unsettled(case: Case<'_>, book: &Book) -> Option<Handle> {
    let stack = &case.plan.stack;
    let mut places = stack.triggers.keys().flat_map(|trigger| stack.way_of(trigger));
    places.find_map(|place| book.roots_at(&place).next())
}

/// Leaves the check of one trigger undecided.
fn undecided(edge: Edge<'_>, why: String, root: Option<Handle>, book: &mut Book) {
    let trigger = ResourceId::new(ResourceKind::Trigger, edge.name);
    let draft = Draft::undecided(FindingKind::NotMeasured, why).check(effects_of(edge.name)).resource(trigger);
    book.add(draft.follows(root));
}

/// A fingerprint of values in order.
fn fingerprint<'v>(values: impl IntoIterator<Item = Option<Fact<'v>>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in values {
        match value {
            Some(Fact::Number(text)) => match Decimal::parse(text) {
                Some(number) => (1_u8, number).hash(&mut hasher),
                None => (2_u8, text).hash(&mut hasher),
            },
            Some(Fact::Text(text)) => (2_u8, text).hash(&mut hasher),
            None => 0_u8.hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// A value that an effect shows.
#[derive(Clone, Copy, Debug)]
enum Fact<'v> {
    Text(&'v str),
    /// Taken by value, since services write numbers in their own way.
    Number(&'v str),
}

/// The text of a string or number attribute.
fn text(item: &Value, name: &str) -> Option<String> {
    match item.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
