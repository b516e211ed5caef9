//! One rule that stands: which requests it is for, and which of them it strikes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use firedrill_model::{
    ids::{FaultId, Region},
    rule::{Count, Delay, Effect, ExchangeSide, Nature, Pattern, Probability, Rule},
    units::{RunTime, Span},
};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, Normal, Pareto};
use sha2::{Digest, Sha256};

use crate::{facts::Facts, stale::Memory};

/// A rule that was switched on. Its time may be to come.
#[derive(Debug)]
pub(super) struct StandingRule {
    /// Larger than that of every rule that began before; none until its time has come.
    pub(super) serial: Option<u64>,
    /// Who switched it on.
    pub(super) by: Source,
    pub(super) rule: Rule,
    /// When it begins to strike.
    pub(super) begins: RunTime,
    /// When it ends by itself.
    pub(super) ends: Option<RunTime>,
    /// Its number among those of its source, from 1.
    pub(super) place: u64,
    draws: Draws,
    /// Requests that the rule was asked about and is for.
    matched: AtomicU64,
    /// Those of them that the rule struck.
    struck: AtomicU64,
    over: AtomicBool,
    /// First answers, of a rule of stale reads.
    memory: Memory,
}

/// Who switched rules on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A fault of a drill, which is told when it first strikes.
    Fault(FaultId),
    /// A person or a program, by a name of its own.
    Named(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(id) => id.fmt(f),
            Self::Named(name) => f.pad(name),
        }
    }
}

impl StandingRule {
    /// `place` is the rule's number among those of its source, from 1: together with the seed they decide every draw.
    pub(super) fn new(by: Source, place: u64, rule: Rule, now: RunTime, seed: u64) -> Self {
        let begins = now.plus(rule.fires.after.unwrap_or_default());
        let ends = rule.fires.lasts.map(|lasts| begins.plus(lasts));
        let draws = Draws::new(seed, &by, place);
        Self {
            serial: None,
            by,
            rule,
            begins,
            ends,
            place,
            draws,
            matched: AtomicU64::default(),
            struck: AtomicU64::default(),
            over: AtomicBool::default(),
            memory: Memory::default(),
        }
    }

    /// The same rule, begun.
    pub(super) fn begun(&self, serial: u64) -> Self {
        Self {
            serial: Some(serial),
            by: self.by.clone(),
            rule: self.rule.clone(),
            begins: self.begins,
            ends: self.ends,
            place: self.place,
            draws: self.draws,
            matched: AtomicU64::default(),
            struck: AtomicU64::default(),
            over: AtomicBool::default(),
            memory: Memory::default(),
        }
    }

    /// Its number among those of its fault, from 0, where the disaster is none without it.
    pub(super) fn has_to_strike(&self) -> Option<usize> {
        self.rule.must_strike.as_ref().map(|_| usize::try_from(self.place - 1).unwrap_or(usize::MAX))
    }

    /// Whether it has begun and not ended.
    pub(super) fn stands(&self, now: RunTime) -> bool {
        self.serial.is_some() && self.ends.is_none_or(|ends| now < ends)
    }

    /// Whether the rule is for this request, as far as its facts are known.
    pub(super) fn is_for(&self, facts: &Facts) -> bool {
        let scope = &self.rule.scope;
        let one = |patterns: &[Pattern], name: Option<&str>| {
            patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        };
        let any = |patterns: &[Pattern], names: &[String]| {
            patterns.is_empty() || names.iter().any(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        };
        one(&scope.region, Some(&facts.region))
            && one(&scope.service, Some(&facts.service))
            && one(&scope.operation, facts.operation.as_deref())
            && any(&scope.resource, &facts.resources)
            && one(&scope.principal, facts.principal.as_deref())
            && one(&scope.origin, facts.origin.as_deref())
    }

    /// Whether the body has to be in hand before the rule can be asked, or can do what it does.
    pub(super) fn needs_body(&self, facts: &Facts) -> bool {
        let scope = &self.rule.scope;
        let mut known = facts.clone();
        if facts.body_tells {
            // The best that the body could say: a pattern stands for its own text.
            let text = |pattern: &Pattern| pattern.as_str().to_owned();
            known.operation = known.operation.or_else(|| scope.operation.first().map(text));
            known.resources.extend(scope.resource.first().map(text));
        }
        let asks = facts.body_tells && !self.is_for(facts);
        let keeps = self.rule.effect.nature() == Nature::Replays;
        (asks || keeps) && self.is_for(&known)
    }

    /// Whether the rule lets nothing at all through to a region for as long as it stands.
    pub(super) fn closes(&self, region: &Region) -> bool {
        let scope = &self.rule.scope;
        let fires = &self.rule.fires;
        self.rule.effect == Effect::Refuse
            && self.rule.side == ExchangeSide::Request
            && self.serial.is_some()
            && fires.probability.is_none()
            && fires.count.is_none()
            && fires.ramp.is_none()
            && [&scope.service, &scope.operation, &scope.resource, &scope.principal, &scope.origin]
                .iter()
                .all(|patterns| patterns.is_empty())
            && (scope.region.is_empty() || scope.region.iter().any(|pattern| pattern.matches(region.as_str())))
    }

    /// Counts a request that the rule is for, and draws whether the rule strikes it. Asked once for each request.
    pub(super) fn fires(&self, now: RunTime) -> Option<Draw> {
        let fires = &self.rule.fires;
        let number = self.matched.fetch_add(1, Ordering::Relaxed) + 1;
        let counted = match fires.count {
            None => true,
            Some(Count::First(few)) => number <= few,
            Some(Count::Every(many)) => number.is_multiple_of(many.max(1)),
        };
        let draw = Draw { draws: self.draws, number, strength: strength(fires.ramp, now.since(self.begins)) };
        // What grows of a latency is its length.
        let grown = if matches!(self.rule.effect, Effect::Latency(_)) { 1.0 } else { draw.strength };
        let chance = f64::from(fires.probability.unwrap_or(Probability::ONE).millionths()) / 1e6 * grown;
        if !counted || (chance < 1.0 && draw.rng(Purpose::Chance).random::<f64>() >= chance) {
            return None;
        }
        // At the foot of a ramp there is nothing to wait for.
        if let Effect::Latency(delay) = self.rule.effect
            && draw.delay(delay) == Span::default()
        {
            return None;
        }
        self.struck.fetch_add(1, Ordering::Relaxed);
        Some(draw)
    }

    /// It was switched off, or its time is over.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many requests the scope matched, and how many of them were struck.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.matched.load(Ordering::Relaxed), self.struck.load(Ordering::Relaxed))
    }
}

/// How far a ramp has come, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "spans of a run stay far below 2^53 microseconds")]
fn strength(ramp: Option<Span>, standing: Span) -> f64 {
    match ramp {
        Some(ramp) if standing < ramp => standing.micros() as f64 / ramp.micros() as f64,
        Some(_) | None => 1.0,
    }
}

/// Where a rule's draws come from.
#[derive(Clone, Copy, Debug)]
struct Draws([u8; 32]);

/// What a number is drawn for: none has to do with another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Chance,
    Delay,
    Places,
}

impl Draws {
    fn new(seed: u64, by: &Source, place: u64) -> Self {
        let mut digest = Sha256::new();
        digest.update(seed.to_be_bytes());
        digest.update(place.to_be_bytes());
        digest.update(by.to_string());
        Self(digest.finalize().into())
    }
}

/// What was drawn for one request. The same seed, rule and number of the request give the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    draws: Draws,
    number: u64,
    strength: f64,
}

impl Draw {
    pub(super) fn rng(&self, purpose: Purpose) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.draws.0);
        rng.set_stream(self.number.wrapping_mul(4).wrapping_add(purpose as u64));
        rng
    }

    /// The length of a delay.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a float becomes the nearest integer that there is"
    )]
    pub(super) fn delay(&self, delay: Delay) -> Span {
        let mut rng = self.rng(Purpose::Delay);
        let micros = match delay {
            Delay::Fixed { by } => by.micros() as f64,
            Delay::Normal { mean, deviation } => Normal::new(mean.micros() as f64, deviation.micros() as f64)
                .map_or(mean.micros() as f64, |normal| normal.sample(&mut rng)),
            Delay::Pareto { least, shape } => Pareto::new(least.micros() as f64, f64::from(shape) / 1000.0)
                .map_or(least.micros() as f64, |pareto| pareto.sample(&mut rng)),
        };
        Span::from_micros((micros * self.strength).max(0.0) as u64)
    }

    /// Up to `count` different places below `length`, in order, each with a bit to change there.
    pub(super) fn places(&self, count: u32, length: u64) -> Vec<(u64, u8)> {
        let mut rng = self.rng(Purpose::Places);
        let mut places = std::collections::BTreeMap::new();
        let wanted = u64::from(count).min(length);
        while (places.len() as u64) < wanted {
            places.insert(rng.random_range(0..length), 1 << rng.random_range(0..8_u8));
        }
        places.into_iter().collect()
    }
}

/// A rule that strikes a request.
#[derive(Clone, Debug)]
pub struct Hit {
    pub(super) standing: Arc<StandingRule>,
    pub(super) draw: Draw,
}

impl Hit {
    /// What becomes of the request.
    pub fn effect(&self) -> &Effect {
        &self.standing.rule.effect
    }

    pub(super) fn serial(&self) -> Option<u64> {
        self.standing.serial
    }

    /// Whether the rule has ended.
    pub fn is_over(&self) -> bool {
        self.standing.over.load(Ordering::Relaxed)
    }

    /// The first answers since the rule began.
    pub(crate) fn memory(&self) -> &Memory {
        &self.standing.memory
    }

    /// How long a delay of this rule is for this request.
    pub fn delay(&self, delay: Delay) -> Span {
        self.draw.delay(delay)
    }

    /// Which bytes of a body change, and how.
    pub fn places(&self, count: u32, length: u64) -> Vec<(u64, u8)> {
        self.draw.places(count, length)
    }
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
