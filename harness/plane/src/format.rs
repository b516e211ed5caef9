//! The text of rules, as files and control APIs have it: LocalStack's fault rules, and more.
//!
//! A rule of LocalStack's Chaos API, `{region, service, operation, probability, error: {statusCode, code}}`, is a rule here
//! and means the same. What that format lacks is written beside it; durations, sizes and names as in a scenario.
//!
//! Source: LocalStack documentation, "Chaos API".

use std::str::FromStr;

use firedrill_model::{
    rule::{Count, Delay, Effect, ExchangeSide, Firing, Pattern, Probability, Rule, Scope},
    units::{ByteSize, Span, UnitError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

pub use crate::services::service;
use crate::{operation, services};

/// What LocalStack answers when a rule does not say: 503 `ServiceUnavailable`.
const STATUS: u16 = 503;
const CODE: &str = "ServiceUnavailable";
/// More changed bytes tell nobody anything new.
const CORRUPT_MAX: u32 = 1024;

/// What is wrong with the text of rules, all of it, one line each.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}", .0.join("\n"))]
pub struct RuleError(pub Vec<String>);

/// A rule as it is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub struct RawRule {
    /// Region that a request is for; every field of this kind takes a name, a pattern with `*` and `?`, or a list of them.
    /// Absent: any.
    region: Names,
    /// Service as requests are signed: `s3`, `dynamodb`, `lambda`.
    service: Names,
    /// Operation: `PutItem`, `Get*`.
    operation: Names,
    /// Name of a bucket, table, function, queue … that a request names.
    resource: Names,
    /// Access key that a request is signed with.
    principal: Names,
    /// Zone in which the client is that sends a request, at the edge too: it is known by an access key that begins with `AKIA` and
    /// ends in `FROM` and the letters and digits of the zone in capitals, as `AKIAEXAMPLEFROMUSEAST1A`. Not beside `principal`.
    zone: Names,
    /// Chance from 0 to 1 that the rule strikes a request. Absent: 1.
    probability: Option<f64>,
    /// The rule strikes so many requests at first, then none.
    first: Option<u64>,
    /// The rule strikes every so many: 3 is the third, the sixth …
    every: Option<u64>,
    /// The rule begins so long after it was switched on.
    after: Option<String>,
    /// The rule ends so long after it began.
    #[serde(rename = "for")]
    lasts: Option<String>,
    /// Chance or delay grow from nothing to what is said here within this time.
    ramp: Option<String>,
    /// `request`: what is struck never reaches the service. `response`: the service has done it.
    side: ExchangeSide,
    /// Answer with an error. This is what a rule does that says nothing else.
    error: Option<RawError>,
    /// What else becomes of a request.
    effect: Option<RawEffect>,
}

/// One name or several.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Names {
    #[default]
    Any,
    One(String),
    Some(Vec<String>),
}

/// An error that a rule answers with.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct RawError {
    /// HTTP status. Absent: 503.
    status_code: Option<u16>,
    /// Error code. Absent: `ServiceUnavailable`.
    code: Option<String>,
}

/// An effect as it is written: a word, or a word with what belongs to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum RawEffect {
    /// The connection is refused, or reset when it is open.
    Refuse,
    /// The connection is reset.
    Reset,
    /// Everything is read and nothing answered.
    BlackHole,
    /// The error with which the service tells its clients to slow down.
    Throttle,
    /// The error with which the service tells its clients that no policy allows the request.
    Deny,
    /// A delay: `200ms`, `{mean: 100ms, deviation: 20ms}` (normal), `{least: 50ms, shape: 1.5}` (Pareto).
    Latency(RawDelay),
    /// Bytes of a body a second: `64KiB`.
    Bandwidth(String),
    /// The last byte of an answer is held back so long.
    SlowClose(String),
    /// A body that is longer than so many bytes breaks off there.
    Truncate(String),
    /// So many bytes of a body are changed.
    Corrupt(u32),
    /// Reads are answered as the same read was first.
    StaleRead,
    /// Requests reach the service twice.
    Duplicate,
    /// Requests reach the service so much later, also when their clients have given up by then.
    Delayed(String),
}

/// A delay as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum RawDelay {
    /// Always the same.
    Fixed(String),
    /// Drawn for each request.
    Drawn(RawDrawn),
}

/// A delay that is drawn: `mean` and `deviation` (normal), or `least` and `shape` (Pareto).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawDrawn {
    /// Mean of a normal distribution.
    mean: Option<String>,
    /// Standard deviation of a normal distribution.
    deviation: Option<String>,
    /// The least delay of a Pareto distribution.
    least: Option<String>,
    /// Shape of a Pareto distribution: the smaller, the longer the tail; above 1 the mean is finite.
    shape: Option<f64>,
}

/// Reads a list of rules; all that is wrong with any of them.
pub fn read(rules: Vec<RawRule>) -> Result<Vec<Rule>, RuleError> {
    let mut problems = Vec::new();
    let mut meant = Vec::new();
    for (number, rule) in (1..).zip(rules) {
        let mut reader = Reader { number, problems: &mut problems };
        meant.push(reader.rule(rule));
    }
    if problems.is_empty() { Ok(meant.into_iter().flatten().collect()) } else { Err(RuleError(problems)) }
}

/// Reads one rule and notes what is wrong with it.
struct Reader<'a> {
    number: usize,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, what: impl AsRef<str>) {
        self.problems.push(format!("rule {}: {}", self.number, what.as_ref()));
    }

    /// A quantity with its unit.
    fn quantity<T: FromStr<Err = UnitError>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.wrong(format!("`{field}`: {error}"))).ok()
    }

    fn span(&mut self, field: &str, text: Option<String>) -> Option<Span> {
        self.quantity(field, &text?)
    }

    fn rule(&mut self, raw: RawRule) -> Option<Rule> {
        let region = self.names("region", raw.region);
        let (service, operation) = self.asked(raw.service, raw.operation);
        let scope = Scope {
            region,
            service,
            operation,
            resource: self.names("resource", raw.resource),
            principal: self.senders(raw.principal, raw.zone),
            // A proxy has one address: nothing tells where its clients are.
            origin: Vec::new(),
        };
        let count = match (raw.first, raw.every) {
            (Some(_), Some(_)) => {
                self.wrong("`first` and `every` exclude one another");
                None
            }
            (Some(0), None) | (None, Some(0)) => {
                self.wrong("`first` and `every` count from 1");
                None
            }
            (Some(first), None) => Some(Count::First(first)),
            (None, Some(every)) => Some(Count::Every(every)),
            (None, None) => None,
        };
        let probability = raw.probability.and_then(|chance| {
            let probability = Probability::new(chance);
            if probability.is_none() {
                self.wrong(format!("`probability` is {chance}; it is from 0 to 1"));
            }
            probability
        });
        let lasts = self.span("for", raw.lasts);
        if lasts == Some(Span::default()) {
            self.wrong("`for` is 0: such a rule never stands");
        }
        let fires = Firing {
            probability,
            count,
            after: self.span("after", raw.after),
            lasts,
            ramp: self.span("ramp", raw.ramp),
        };
        let effect = match (raw.effect, raw.error) {
            (Some(_), Some(_)) => {
                self.wrong("`effect` and `error` exclude one another");
                None
            }
            (Some(effect), None) => self.effect(effect),
            (None, error) => self.error(error.unwrap_or_default()),
        }?;
        if let Some(why) = misplaced(&effect, raw.side) {
            self.wrong(why);
        }
        Some(Rule { fires, side: raw.side, ..Rule::of(scope, effect) })
    }

    fn names(&mut self, field: &str, names: Names) -> Vec<Pattern> {
        let names = match names {
            Names::Any => Vec::new(),
            Names::One(name) => vec![name],
            Names::Some(names) => {
                if names.is_empty() {
                    self.wrong(format!(
                        "`{field}` is an empty list, which nothing matches; leave it out to match anything"
                    ));
                }
                names
            }
        };
        if names.iter().any(String::is_empty) {
            self.wrong(format!("`{field}` has an empty name; leave it out to match anything"));
        }
        names.into_iter().map(Pattern::new).collect()
    }

    /// Which services, and what is asked of them. An API that is signed as another one, and is named alone, is its operations.
    fn asked(&mut self, services: Names, operations: Names) -> (Vec<Pattern>, Vec<Pattern>) {
        let named = self.names("service", services);
        if let [name] = &named[..]
            && let Some((signed, all)) = services::within_another(name.as_str())
        {
            let mut operations = self.operations(operations, &[]);
            if operations.is_empty() {
                operations = all.iter().copied().map(Pattern::new).collect();
            }
            return (vec![Pattern::new(signed)], operations);
        }
        let signed: Vec<Pattern> =
            named.iter().filter_map(|name| service(name.as_str()).map_err(|why| self.wrong(why)).ok()).collect();
        let operations = self.operations(operations, &signed);
        (signed, operations)
    }

    /// What a request asks for; a `*` among them asks nothing, also where nothing is known.
    fn operations(&mut self, names: Names, services: &[Pattern]) -> Vec<Pattern> {
        let named = self.names("operation", names);
        if named.iter().any(|name| name.as_str() == "*") {
            return Vec::new();
        }
        if !named.is_empty() && !services.is_empty() && services.iter().all(|name| operation::is_untold(name.as_str()))
        {
            let services: Vec<String> = services.iter().map(|name| format!("`{name}`")).collect();
            self.wrong(format!(
                "`operation` is never known of requests to {}, so that the rule would strike none; leave `operation` out",
                services.join(" and ")
            ));
        }
        named
    }

    /// Who sends a request.
    fn senders(&mut self, principal: Names, zone: Names) -> Vec<Pattern> {
        let (mut principals, zones) = (self.names("principal", principal), self.names("zone", zone));
        if !principals.is_empty() && !zones.is_empty() {
            self.wrong(
                "`zone` and `principal` exclude one another: a zone stands for the access keys of the clients there",
            );
        }
        principals.extend(zones.iter().map(|zone| Pattern::access_keys_in(zone.as_str())));
        principals
    }

    fn error(&mut self, error: RawError) -> Option<Effect> {
        let (status, code) = (error.status_code.unwrap_or(STATUS), error.code.unwrap_or_else(|| CODE.to_owned()));
        if !(400..600).contains(&status) {
            self.wrong(format!("`statusCode` is {status}; errors have 400 to 599"));
            return None;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '#' | ':');
        if code.is_empty() || code.len() > 128 || !code.chars().all(is_word) {
            self.wrong("`code` is not an error code, such as `ServiceUnavailable`");
            return None;
        }
        Some(Effect::Error { status, code })
    }

    fn effect(&mut self, effect: RawEffect) -> Option<Effect> {
        Some(match effect {
            RawEffect::Refuse => Effect::Refuse,
            RawEffect::Reset => Effect::Reset,
            RawEffect::BlackHole => Effect::BlackHole,
            RawEffect::Throttle => Effect::Throttle,
            RawEffect::Deny => Effect::Deny,
            RawEffect::Latency(delay) => Effect::Latency(self.delay(delay)?),
            RawEffect::Bandwidth(text) => {
                let per_second: ByteSize = self.quantity("bandwidth", text.strip_suffix("/s").unwrap_or(&text))?;
                if per_second.bytes() == 0 {
                    self.wrong("`bandwidth` is 0; `black-hole` lets nothing through");
                }
                Effect::Bandwidth { per_second }
            }
            RawEffect::SlowClose(text) => Effect::SlowClose { by: self.quantity("slow-close", &text)? },
            RawEffect::Truncate(text) => Effect::Truncate { after: self.quantity("truncate", &text)? },
            RawEffect::Corrupt(bytes) => {
                if !(1..=CORRUPT_MAX).contains(&bytes) {
                    self.wrong(format!("`corrupt` is {bytes}; it is from 1 to {CORRUPT_MAX} bytes"));
                }
                Effect::Corrupt { bytes }
            }
            RawEffect::StaleRead => Effect::StaleRead,
            RawEffect::Duplicate => Effect::Duplicate,
            RawEffect::Delayed(text) => Effect::Delayed { by: self.quantity("delayed", &text)? },
        })
    }

    fn delay(&mut self, delay: RawDelay) -> Option<Delay> {
        let RawDrawn { mean, deviation, least, shape } = match delay {
            RawDelay::Fixed(by) => return Some(Delay::Fixed { by: self.quantity("latency", &by)? }),
            RawDelay::Drawn(drawn) => drawn,
        };
        match (mean, deviation, least, shape) {
            (Some(mean), Some(deviation), None, None) => {
                let (mean, deviation) = (self.quantity("mean", &mean), self.quantity("deviation", &deviation));
                Some(Delay::Normal { mean: mean?, deviation: deviation? })
            }
            (None, None, Some(least), Some(shape)) => {
                let least = self.quantity("least", &least);
                if !(0.1..=100.0).contains(&shape) {
                    self.wrong(format!("`shape` is {shape}; it is from 0.1 to 100"));
                    return None;
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be up to 100")]
                let shape = (shape * 1000.0).round() as u32;
                Some(Delay::Pareto { least: least?, shape })
            }
            _ => {
                self.wrong("`latency` is `200ms`, `{mean: 100ms, deviation: 20ms}` or `{least: 50ms, shape: 1.5}`");
                None
            }
        }
    }
}

/// Why an effect does not go with a side of the exchange.
fn misplaced(effect: &Effect, side: ExchangeSide) -> Option<&'static str> {
    let on_answers = side == ExchangeSide::Response;
    match effect {
        Effect::Refuse if on_answers => Some("what was refused has no answer; `reset` can be on that side"),
        Effect::Delayed { .. } if on_answers => Some("`delayed` is for requests; `latency` can be on that side"),
        Effect::Duplicate if on_answers => Some("`duplicate` is for requests; leave `side` out"),
        Effect::StaleRead if !on_answers => Some("`stale-read` is for answers; write `side: response`"),
        Effect::SlowClose { .. } if !on_answers => Some("`slow-close` is for answers; write `side: response`"),
        Effect::Refuse
        | Effect::Reset
        | Effect::BlackHole
        | Effect::Error { .. }
        | Effect::Throttle
        | Effect::Deny
        | Effect::Latency(_)
        | Effect::Bandwidth { .. }
        | Effect::SlowClose { .. }
        | Effect::Truncate { .. }
        | Effect::Corrupt { .. }
        | Effect::StaleRead
        | Effect::Duplicate
        | Effect::Delayed { .. } => None,
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
