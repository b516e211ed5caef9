//! LocalStack's Chaos API: fault rules, and one latency for every request.
//!
//! POST puts a list of rules in the place of those there are, PATCH adds to them, DELETE takes away those that it names, all
//! of them when it names none; GET tells them as they were written. Every one answers with what stands now.
//!
//! Source: LocalStack documentation, "Chaos API".

use std::sync::{Mutex, MutexGuard, PoisonError};

use firedrill_model::{
    rule::{Delay, Effect, ExchangeSide, Firing, Rule, Scope},
    units::Span,
};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Page;
use crate::{
    format::{self, RawRule},
    rules::{RuleBook, Source},
};

/// The rules and the latency that were asked for.
#[derive(Debug)]
pub(super) struct Chaos {
    book: RuleBook,
    wanted: Mutex<Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// Each as it was written and as it is meant.
    rules: Vec<(Value, Rule)>,
    effects: Effects,
}

/// Network effects on every request.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Effects {
    /// Milliseconds.
    latency: u32,
}

impl Chaos {
    pub(super) fn new(book: RuleBook, given: Vec<(Value, Rule)>) -> Self {
        book.switch_on(&rules_source(), given.iter().map(|(_, rule)| rule.clone()));
        Self { book, wanted: Mutex::new(Wanted { rules: given, effects: Effects::default() }) }
    }

    pub(super) fn faults(&self, method: &Method, body: &[u8]) -> Page {
        let mut wanted = self.lock();
        self.forget_ended(&mut wanted);
        match method.as_str() {
            "GET" => return Ok(wanted.faults()),
            "POST" => wanted.rules = rules(body)?,
            "PATCH" => wanted.rules.extend(rules(body)?),
            "DELETE" => {
                let named = if body.trim_ascii().is_empty() { Vec::new() } else { rules(body)? };
                wanted.rules.retain(|(_, rule)| !named.is_empty() && named.iter().all(|(_, gone)| gone != rule));
            }
            _ => return Err(not_here(method)),
        }
        self.book.switch_on(&rules_source(), wanted.rules.iter().map(|(_, rule)| rule.clone()));
        Ok(wanted.faults())
    }

    /// The latency comes before all rules: whatever they say, it is late.
    pub(super) fn effects(&self, method: &Method, body: &[u8]) -> Page {
        let mut wanted = self.lock();
        match method.as_str() {
            "GET" => {}
            "POST" => {
                let effects: Map<String, Value> = serde_json::from_slice(body).map_err(|error| bad(&error))?;
                wanted.effects = Effects::deserialize(Value::Object(effects)).map_err(|error| bad(&error))?;
                let latency = wanted.effects.latency;
                let effect = Effect::Latency(Delay::Fixed { by: Span::from_ms(latency.into()) });
                let (scope, fires, side) = (Scope::default(), Firing::default(), ExchangeSide::Request);
                let late = Rule { fires, side, ..Rule::of(scope, effect) };
                self.book.switch_on_first(&Source::Named("effects".to_owned()), (latency > 0).then_some(late));
            }
            _ => return Err(not_here(method)),
        }
        Ok(("application/json", serde_json::to_string(&wanted.effects).map_err(|error| bad(&error))?))
    }

    /// Rules that ended by themselves are not switched on again.
    fn forget_ended(&self, wanted: &mut Wanted) {
        let mut stand: Vec<Rule> =
            self.book.list().into_iter().filter(|rule| rule.by == rules_source()).map(|rule| rule.rule).collect();
        wanted.rules.retain(|(_, rule)| {
            let there = stand.iter().position(|standing| standing == rule);
            there.map(|at| stand.remove(at)).is_some()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who switches the rules on.
fn rules_source() -> Source {
    Source::Named("rules".to_owned())
}

impl Wanted {
    fn faults(&self) -> (&'static str, String) {
        let written: Value = self.rules.iter().map(|(written, _)| written.clone()).collect();
        ("application/json", written.to_string())
    }
}

/// A list of rules, or a single one.
fn rules(body: &[u8]) -> Result<Vec<(Value, Rule)>, (StatusCode, String)> {
    let mut written = serde_json::from_slice(body).map_err(|error| bad(&error))?;
    let written = if let Value::Array(rules) = &mut written { std::mem::take(rules) } else { vec![written] };
    if let Some(rule) = written.iter().find(|rule| !rule.is_object()) {
        return Err((StatusCode::BAD_REQUEST, format!("`{rule}` is no rule; a rule is an object, `{{}}` at least")));
    }
    let raw = |rule: &Value| RawRule::deserialize(rule);
    let raw = written.iter().map(raw).collect::<Result<_, _>>().map_err(|error| bad(&error))?;
    let rules = format::read(raw).map_err(|error| bad(&error))?;
    Ok(written.into_iter().zip(rules).collect())
}

fn bad(error: &dyn std::error::Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn not_here(method: &Method) -> (StatusCode, String) {
    (StatusCode::METHOD_NOT_ALLOWED, format!("{method} does nothing here"))
}
