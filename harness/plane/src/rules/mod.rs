//! The rules that stand now, and what they do to a request.
//!
//! Rules are asked in the order in which they were switched on. Each that strikes does what it does; one that ends the
//! exchange ends the asking too. A rule is asked about a request once. Whatever is switched on or off acts on requests
//! under way as well: one that is held or delayed is let go when its rule ends, and cut off when that is what a new rule
//! says. What else a new rule does is done to one that waits when its wait is over: it meets the rules again.
//!
//! | file | what |
//! |---|---|
//! | [`standing`] | one rule: whom it is for, whom it strikes |

mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_clock::{clock::RunClock, poll};
use firedrill_model::{
    ids::{FaultId, Region},
    rule::{Effect, ExchangeSide, Nature, Rule},
    units::{RunTime, Span},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::standing::StandingRule;
pub use self::standing::{Hit, Source};
use crate::facts::Facts;

/// All rules. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleBook {
    standing: watch::Sender<Arc<Standing>>,
    clock: RunClock,
    seed: u64,
    bites: mpsc::UnboundedSender<Bite>,
    bitten: Arc<Mutex<BTreeSet<Bite>>>,
}

#[derive(Clone, Debug, Default)]
struct Standing {
    /// In the order in which they are asked.
    rules: Vec<Arc<StandingRule>>,
    /// Of the next rule that begins.
    serial: u64,
    /// How many rules each source switched on so far.
    places: BTreeMap<Source, u64>,
}

/// The first request that a fault struck, or that a rule of it did which has to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bite {
    /// The fault.
    pub fault: FaultId,
    /// The rule, where it has to: its number among those of the fault, from 0.
    pub rule: Option<usize>,
}

/// A rule that was switched on, for people and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who switched it on.
    pub by: Source,
    /// The rule.
    pub rule: Rule,
    /// Whether its time has come.
    pub begun: bool,
    /// Requests that it was asked about and is for.
    pub matched: u64,
    /// Those of them that it struck.
    pub struck: u64,
}

impl RuleBook {
    /// No rule stands. What strikes its first request is told through `bites`.
    pub fn new(seed: u64, bites: mpsc::UnboundedSender<Bite>) -> Self {
        Self { standing: watch::Sender::default(), clock: RunClock::start(), seed, bites, bitten: Arc::default() }
    }

    /// Puts rules in the place of those of the same source, which end, and asks them after all others. A rule that stood
    /// already goes on as it was, with what it counted and holds.
    pub fn switch_on(&self, by: &Source, rules: impl IntoIterator<Item = Rule>) {
        self.put(by, rules, false);
    }

    /// [`RuleBook::switch_on`], and asks them before all others.
    pub fn switch_on_first(&self, by: &Source, rules: impl IntoIterator<Item = Rule>) {
        self.put(by, rules, true);
    }

    fn put(&self, by: &Source, rules: impl IntoIterator<Item = Rule>, first: bool) {
        let now = self.clock.now();
        self.change(now, |standing, places| {
            let (mut own, others): (Vec<_>, Vec<_>) = standing.drain(..).partition(|rule| rule.by == *by);
            *standing = others;
            for rule in rules {
                let same = own.iter().position(|standing| standing.rule == rule);
                let same = same.map(|at| own.remove(at));
                standing.push(same.unwrap_or_else(|| {
                    let place = places.entry(by.clone()).or_default();
                    *place += 1;
                    Arc::new(StandingRule::new(by.clone(), *place, rule, now, self.seed))
                }));
            }
            if first {
                standing.sort_by_key(|rule| rule.by != *by);
            }
        });
    }

    /// Changes the list of rules, ends those whose time is over and begins those whose time has come. The next instant at
    /// which there will be something to end or begin.
    fn change(
        &self,
        now: RunTime,
        edit: impl FnOnce(&mut Vec<Arc<StandingRule>>, &mut BTreeMap<Source, u64>),
    ) -> Option<RunTime> {
        let mut next = None;
        self.standing.send_if_modified(|standing| {
            let Standing { mut rules, mut serial, mut places } = Standing::clone(standing);
            edit(&mut rules, &mut places);
            rules.retain(|rule| rule.ends.is_none_or(|ends| now < ends));
            for rule in rules.iter_mut().filter(|rule| rule.serial.is_none() && rule.begins <= now) {
                *rule = Arc::new(rule.begun(serial));
                serial += 1;
            }
            let edge = |rule: &Arc<StandingRule>| if rule.serial.is_some() { rule.ends } else { Some(rule.begins) };
            next = rules.iter().filter_map(edge).min();
            let is_there = |of: &Arc<StandingRule>, rules: &[_]| rules.iter().any(|rule| Arc::ptr_eq(rule, of));
            standing.rules.iter().filter(|old| !is_there(old, &rules)).for_each(|old| old.end());
            let same = rules.len() == standing.rules.len()
                && rules.iter().zip(&standing.rules).all(|(new, old)| Arc::ptr_eq(new, old));
            *standing = Arc::new(Standing { rules, serial, places });
            !same
        });
        next
    }

    /// Ends and begins rules when their time comes, for as long as there is a plane; never returns.
    pub async fn keep_time(self) {
        let mut standing = self.standing.subscribe();
        loop {
            standing.mark_unchanged();
            let now = self.clock.now();
            let next = self.change(now, |_, _| ());
            // This book itself is the sender: there is no error.
            let _changed_or_due = match next {
                Some(next) => poll::at_most(next.since(now), standing.changed()).await.is_some(),
                None => standing.changed().await.is_ok(),
            };
        }
    }

    /// Ends the rules of a source.
    pub fn switch_off(&self, by: &Source) {
        self.switch_on(by, []);
    }

    /// What stands, in order.
    pub fn list(&self) -> Vec<Listed> {
        self.numbered().into_iter().map(|(_, listed)| listed).collect()
    }

    /// What stands, in order, each with its number among the rules that its source ever switched on, from 1. No other rule of the
    /// source has that number, before or after.
    pub(crate) fn numbered(&self) -> Vec<(u64, Listed)> {
        let listed = |rule: &Arc<StandingRule>| {
            let (matched, struck) = rule.counts();
            let (by, begun) = (rule.by.clone(), rule.serial.is_some());
            (rule.place, Listed { by, rule: rule.rule.clone(), begun, matched, struck })
        };
        self.standing.borrow().rules.iter().map(listed).collect()
    }

    /// Who lets nothing at all through to a region now.
    pub(crate) fn closing(&self, region: &Region) -> Vec<Source> {
        let standing = self.standing.borrow();
        standing.rules.iter().filter(|rule| rule.closes(region)).map(|rule| rule.by.clone()).collect()
    }

    /// Tells of every change from now on.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.standing.subscribe())
    }

    /// A request's own view of the rules.
    pub fn passage(&self, facts: Facts) -> Passage {
        let standing = self.standing.subscribe();
        let looked_at = standing.borrow().serial;
        Passage { facts, standing, book: self.clone(), asked: BTreeSet::new(), looked_at }
    }

    /// Reports that a fault struck a request, the first time that it does, and the first time that a rule does that has to.
    pub(crate) fn bite(&self, by: &Source, rule: Option<usize>) {
        let Source::Fault(fault) = by else { return };
        let of_fault = Bite { fault: fault.clone(), rule: None };
        let bite = Bite { rule, ..of_fault.clone() };
        let mut bitten = self.bitten.lock().unwrap_or_else(PoisonError::into_inner);
        // Both are looked at: the first strike of a rule that has to strike is often the first of its fault.
        let news = bitten.insert(of_fault) | bitten.insert(bite.clone());
        if news && self.bites.send(bite).is_err() {
            tracing::warn!(%fault, "a fault bit and nobody listens");
        }
    }
}

/// Changes of the rules.
#[derive(Debug)]
pub(crate) struct Changes(watch::Receiver<Arc<Standing>>);

impl Changes {
    /// Waits for the next change; false when there is no plane any more.
    pub(crate) async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// A rule leaves the client without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff;

/// A request on its way through the rules.
#[derive(Clone, Debug)]
pub struct Passage {
    facts: Facts,
    standing: watch::Receiver<Arc<Standing>>,
    book: RuleBook,
    /// Serials of the rules that are for this request and were asked.
    asked: BTreeSet<u64>,
    /// The first serial of the rules that began since it was last looked whether one cuts it off.
    looked_at: u64,
}

/// Whether an effect leaves the client without the answer of the service.
fn ends(effect: &Effect) -> bool {
    matches!(effect.nature(), Nature::Cuts | Nature::Answers(_))
}

/// Whether a rule strikes requests that are under way when it begins: the connection is gone, whatever was said on it.
fn cuts(rule: &Rule) -> bool {
    rule.side == ExchangeSide::Request && rule.effect.nature() == Nature::Cuts
}

impl Passage {
    /// Whether a rule that was not asked yet has to know the body of this request.
    pub fn needs_body(&self) -> bool {
        let standing = self.standing.borrow();
        standing.rules.iter().any(|rule| !self.has_asked(rule) && rule.needs_body(&self.facts))
    }

    /// The body was read: what is known now.
    pub fn learn(&mut self, facts: Facts) {
        self.facts = facts;
    }

    /// The operation, as far as it is known.
    pub fn operation(&self) -> Option<&str> {
        self.facts.operation.as_deref()
    }

    /// Asks the rules of one side that were not asked yet; those that strike, in order. Only the last can end the exchange.
    /// After an exchange has waited for one, others may have begun: it meets the rules until nothing strikes any more.
    pub fn meet(&mut self, side: ExchangeSide) -> Vec<Hit> {
        let standing = Arc::clone(&self.standing.borrow_and_update());
        let mut hits: Vec<Hit> = Vec::new();
        for rule in standing.rules.iter().filter(|rule| rule.rule.side == side) {
            if !hits.last().is_some_and(|hit| ends(hit.effect())) {
                hits.extend(self.ask(rule));
            }
        }
        if side == ExchangeSide::Request {
            self.looked_at = standing.serial;
        }
        hits
    }

    fn has_asked(&self, rule: &StandingRule) -> bool {
        rule.serial.is_some_and(|serial| self.asked.contains(&serial))
    }

    fn ask(&mut self, rule: &Arc<StandingRule>) -> Option<Hit> {
        let now = self.book.clock.now();
        if !rule.stands(now) || !rule.is_for(&self.facts) || !self.asked.insert(rule.serial?) {
            return None;
        }
        let draw = rule.fires(now)?;
        self.book.bite(&rule.by, rule.has_to_strike());
        Some(Hit { standing: Arc::clone(rule), draw })
    }

    /// Waits until a rule that began after the request met the rules cuts it off.
    pub async fn struck(&mut self) -> Hit {
        loop {
            let standing = Arc::clone(&self.standing.borrow_and_update());
            let new = |rule: &StandingRule| rule.serial.is_some_and(|serial| serial >= self.looked_at);
            let cutting: Vec<_> = standing.rules.iter().filter(|rule| new(rule) && cuts(&rule.rule)).collect();
            let hit = cutting.into_iter().find_map(|rule| self.ask(rule));
            self.looked_at = standing.serial;
            if let Some(hit) = hit {
                return hit;
            }
            if self.standing.changed().await.is_err() {
                // The plane is gone, and its connections with it.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until a request that was struck must be cut off: at once, or when the rule that holds it has ended.
    pub async fn cut(&self, hit: &Hit) {
        if *hit.effect() == Effect::BlackHole {
            self.over(hit).await;
        }
    }

    /// Lets a request wait as a rule says, or until that rule ends; fails when another cuts it off meanwhile.
    pub async fn delay(&mut self, hit: &Hit, span: Span) -> Result<(), CutOff> {
        let over = self.over(hit);
        let to_its_end = CancellationToken::new();
        tokio::select! {
            new = self.struck() => {
                self.cut(&new).await;
                Err(CutOff)
            }
            () = over => Ok(()),
            _ = poll::pause(span, &to_its_end) => Ok(()),
        }
    }

    /// Waits until the rule of a hit has ended.
    pub fn over(&self, hit: &Hit) -> impl Future<Output = ()> + Send + use<> {
        let mut standing = self.standing.clone();
        let serial = hit.serial();
        async move {
            let gone = |standing: &Arc<Standing>| standing.rules.iter().all(|rule| rule.serial != serial);
            // An error means that the plane is gone, which ends every rule.
            let _ended = standing.wait_for(gone).await.is_ok();
        }
    }
}

#[cfg(test)]
mod tests;
