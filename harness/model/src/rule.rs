//! Rules of the fault plane: which requests, how often, and what becomes of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Span};

/// One rule. It strikes the requests that its scope matches, as often as it fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests.
    #[serde(default)]
    pub scope: Scope,
    /// How often, and when.
    #[serde(default)]
    pub fires: Firing,
    /// Before the service sees the request, or after it has answered.
    #[serde(default)]
    pub side: ExchangeSide,
    /// What becomes of them.
    pub effect: Effect,
    /// Whom it has to strike, in words, or the disaster is not what it says. Of rules without this, one of a fault is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_strike: Option<String>,
}

impl Rule {
    /// Whether it strikes requests to a region that come from there or from outside.
    pub fn is_for(&self, region: &crate::ids::Region) -> bool {
        let stands_for = |patterns: &[Pattern]| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(region.as_str()))
        };
        stands_for(&self.scope.region) && stands_for(&self.scope.origin)
    }

    /// What happens to every request of a region for as long as the rule stands.
    pub fn of_region(region: &crate::ids::Region, effect: Effect) -> Self {
        Self::of(Scope { region: vec![Pattern::new(region.as_str())], ..Scope::default() }, effect)
    }

    /// What happens to every request of a scope for as long as the rule stands.
    pub fn of(scope: Scope, effect: Effect) -> Self {
        Self { scope, fires: Firing::default(), side: ExchangeSide::Request, effect, must_strike: None }
    }
}

/// Which requests: each field that is given must match, and matches when one of its patterns does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Region that the request is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<Pattern>,
    /// Service as it is signed: `s3`, `dynamodb`, `lambda`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<Pattern>,
    /// Operation: `PutItem`, `Get*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operation: Vec<Pattern>,
    /// Physical name of a bucket, table, function … that the request names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<Pattern>,
    /// Access key that the request is signed with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub principal: Vec<Pattern>,
    /// Region or zone by whose address on the plane it came in: that in which the job or function runs that sends it. A client from
    /// outside comes in by the address of the region that it uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origin: Vec<Pattern>,
}

/// How the access key of a client in a zone ends: `FROMUSEAST1A`.
pub fn access_key_end(zone: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '*' | '?');
    format!("FROM{}", zone.chars().filter(is_kept).collect::<String>().to_ascii_uppercase())
}

/// A name, or a pattern in which `*` stands for any characters and `?` for one. Case counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The access keys of all clients in a zone, or in the zones of a pattern: of a client, its access key alone tells.
    pub fn access_keys_in(zone: &str) -> Self {
        Self(format!("AKIA*{}", access_key_end(zone)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for this name. Takes at most the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        if !self.0.contains(['*', '?']) {
            return self.0 == name;
        }
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where the last `*` was, and how much of the name it took.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => {
                    p += 1;
                    n += 1;
                }
                Some(_) | None => {
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How often a rule fires among the requests that its scope matches, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firing {
    /// By chance, drawn from the seed; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<Probability>,
    /// By the number of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// Not before this long after the rule was switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// For this long from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// From nothing to all of it in this long: the probability of the rule grows, or the delay of a latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Span>,
}

/// A chance in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Probability(u32);

impl Probability {
    /// Certainty.
    pub const ONE: Self = Self(1_000_000);

    /// From a number of 0 to 1; `None` for any other.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 0 to 1")]
    pub fn new(chance: f64) -> Option<Self> {
        (0.0..=1.0).contains(&chance).then(|| Self((chance * 1e6).round() as u32))
    }

    /// In per cent, for people: `5`, `33.3`.
    pub fn percent(self) -> String {
        let percent = f64::from(self.0) / 1e4;
        if self.0.is_multiple_of(10_000) { format!("{percent:.0}") } else { format!("{percent:.1}") }
    }

    /// In millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

/// Which of the requests that the scope matches, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// So many at first, then none.
    First(u64),
    /// Every so many: 3 means the third, the sixth …
    Every(u64),
}

/// Where in an exchange a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeSide {
    /// On the request: what it strikes never reaches the service.
    #[default]
    Request,
    /// On the answer: the service has done what was asked, and the client may not hear of it.
    Response,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// The connection is refused, or reset when it is open already.
    Refuse,
    /// The connection is reset.
    Reset,
    /// Everything is read and nothing is answered.
    BlackHole,
    /// An error in the shape of the service's protocol.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: String,
    },
    /// The error with which this service tells its clients to slow down.
    Throttle,
    /// The error with which this service tells its clients that no policy allows the request.
    Deny,
    /// A delay before the request goes on, or before its answer does.
    Latency(Delay),
    /// So many bytes of a body a second.
    Bandwidth {
        /// Bytes a second.
        per_second: ByteSize,
    },
    /// The last byte of the answer is held back; the end, of an answer without a length.
    SlowClose {
        /// By so much.
        by: Span,
    },
    /// A body that is longer breaks off.
    Truncate {
        /// After so many bytes.
        after: ByteSize,
    },
    /// Bytes of the body are changed, its length is not.
    Corrupt {
        /// How many.
        bytes: u32,
    },
    /// A read is answered with what the same read was answered first since the rule was switched on.
    StaleRead,
    /// The request reaches the service twice.
    Duplicate,
    /// The request reaches the service late, whatever became of its client by then.
    Delayed {
        /// By so much.
        by: Span,
    },
}

/// What kind of thing an effect does to an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature<'a> {
    /// The connection is gone, or says nothing any more.
    Cuts,
    /// The client hears this, and not what the service says.
    Answers(OwnAnswer<'a>),
    /// The exchange waits.
    Delays(Delay),
    /// The bytes of a body change or are paced: takes a wire.
    Shapes,
    /// A request or an answer goes out again, or later than its client thinks: takes a wire, and the body in hand.
    Replays,
}

/// What is answered in the place of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnAnswer<'a> {
    /// [`Effect::Error`].
    Error {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: &'a str,
    },
    /// [`Effect::Throttle`].
    Throttle,
    /// [`Effect::Deny`].
    Deny,
}

impl Effect {
    /// The error with which a service says that it is out: 503 `ServiceUnavailable`.
    pub fn unavailable() -> Self {
        Self::Error { status: 503, code: "ServiceUnavailable".to_owned() }
    }

    /// What kind of thing it does.
    pub fn nature(&self) -> Nature<'_> {
        match self {
            Self::Refuse | Self::Reset | Self::BlackHole => Nature::Cuts,
            Self::Error { status, code } => Nature::Answers(OwnAnswer::Error { status: *status, code }),
            Self::Throttle => Nature::Answers(OwnAnswer::Throttle),
            Self::Deny => Nature::Answers(OwnAnswer::Deny),
            Self::Latency(delay) => Nature::Delays(*delay),
            Self::Bandwidth { .. } | Self::SlowClose { .. } | Self::Truncate { .. } | Self::Corrupt { .. } => {
                Nature::Shapes
            }
            Self::StaleRead | Self::Duplicate | Self::Delayed { .. } => Nature::Replays,
        }
    }

    /// The word for it in rules.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::BlackHole => "black-hole",
            Self::Error { .. } => "error",
            Self::Throttle => "throttle",
            Self::Deny => "deny",
            Self::Latency(_) => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SlowClose { .. } => "slow-close",
            Self::Truncate { .. } => "truncate",
            Self::Corrupt { .. } => "corrupt",
            Self::StaleRead => "stale-read",
            Self::Duplicate => "duplicate",
            Self::Delayed { .. } => "delayed",
        }
    }
}

/// How long a delay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "distribution", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Delay {
    /// Always the same.
    Fixed {
        /// Delay.
        by: Span,
    },
    /// Normally distributed, cut off at zero.
    Normal {
        /// Mean.
        mean: Span,
        /// Standard deviation.
        deviation: Span,
    },
    /// Pareto distributed: never below the least, a long tail above it.
    Pareto {
        /// The least delay.
        least: Span,
        /// Shape in thousandths: the smaller, the longer the tail; above 1000 the mean is finite.
        shape: u32,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The meaning of a pattern, by its definition.
    fn means(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => means(rest, name) || name.split_first().is_some_and(|(_, n)| means(pattern, n)),
            (Some((p, ps)), Some((n, ns))) => (*p == '?' || p == n) && means(ps, ns),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_its_definition_says(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let by_definition =
                means(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(Pattern::new(pattern).matches(&name), by_definition);
        }

        #[test]
        fn a_name_matches_itself(name in "[^*?]{0,20}") {
            prop_assert!(Pattern::new(name.clone()).matches(&name));
        }
    }

    #[test]
    fn a_long_pattern_of_stars_takes_no_time() {
        assert!(!Pattern::new("*a".repeat(500)).matches(&"b".repeat(5000)));
    }
}
