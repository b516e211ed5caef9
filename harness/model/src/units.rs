//! Times, durations, sizes and rates, with the text people write for them.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// An instant on the run's monotonic clock: microseconds since the run began.
///
/// Written to files as milliseconds with three decimals, so that `*_ms` fields read naturally and lose nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunTime(u64);

impl RunTime {
    /// From whole microseconds since the run began.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From whole milliseconds since the run began.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }

    /// Microseconds since the run began.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the run began, rounded down.
    pub const fn ms(self) -> u64 {
        self.0 / 1000
    }

    /// `self − earlier`, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Span {
        Span::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.micros()))
    }

    /// `self − span`, not before the run's start.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.micros()))
    }
}

/// A length of time in microseconds; written to files as milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// From whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From whole milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }

    /// From whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    /// Microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Milliseconds, rounded down.
    pub const fn ms(self) -> u64 {
        self.0 / 1000
    }

    /// As the standard library's duration.
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Span {
    /// `0.4 s`, `14.9 s`, `3 min 5 s`, `2 h 0 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + 50_000) / 100_000;
        let text = if tenths < 1200 {
            if tenths.is_multiple_of(10) {
                format!("{} s", tenths / 10)
            } else {
                format!("{}.{} s", tenths / 10, tenths % 10)
            }
        } else {
            let secs = (self.0 + 500_000) / 1_000_000;
            if secs < 3600 {
                format!("{} min {} s", secs / 60, secs % 60)
            } else {
                format!("{} h {} min", secs / 3600, secs % 3600 / 60)
            }
        };
        f.pad(&text)
    }
}

macro_rules! as_decimal_ms {
    ($name:ident) => {
        impl Serialize for $name {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of a run stay far below 2^53")]
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0 % 1000 == 0 {
                    serializer.serialize_u64(self.0 / 1000)
                } else {
                    serializer.serialize_f64(self.0 as f64 / 1000.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be finite and within the range first"
            )]
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let ms = f64::deserialize(deserializer)?;
                if !ms.is_finite() || !(0.0..=9.0e12).contains(&ms) {
                    return Err(serde::de::Error::custom(format!("`{ms}` is not a time in milliseconds")));
                }
                Ok(Self((ms * 1000.0).round() as u64))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Milliseconds".into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "number", "minimum": 0, "description": "milliseconds" })
            }
        }
    };
}
as_decimal_ms!(RunTime);
as_decimal_ms!(Span);

/// Why a quantity that a person wrote could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// No number at the start.
    #[error("`{text}` is not a {what}; write it like `{example}`")]
    NotANumber {
        /// What was written.
        text: String,
        /// What was wanted.
        what: &'static str,
        /// A good example.
        example: &'static str,
    },
    /// A unit that is not known.
    #[error("`{unit}` is not a unit of {what}; write it like `{example}`")]
    UnknownUnit {
        /// The unit that was written.
        unit: String,
        /// What was wanted.
        what: &'static str,
        /// A good example.
        example: &'static str,
    },
    /// The number is too large to hold.
    #[error("`{text}` is too large")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

/// Reads `number unit` exactly, scaling by the unit's factor; decimals are allowed when they come out whole.
fn scaled(
    text: &str,
    what: &'static str,
    example: &'static str,
    factor: impl Fn(&str) -> Option<u64>,
) -> Result<u64, UnitError> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..split], trimmed[split..].trim());
    let not_a_number = || UnitError::NotANumber { text: text.to_owned(), what, example };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || fraction.len() > 6 {
        return Err(not_a_number());
    }
    let factor = factor(unit).ok_or_else(|| UnitError::UnknownUnit { unit: unit.to_owned(), what, example })?;
    let too_large = || UnitError::TooLarge { text: text.to_owned() };
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let mut total = whole.checked_mul(factor).ok_or_else(too_large)?;
    if !fraction.is_empty() {
        let digits: u64 = fraction.parse().map_err(|_| not_a_number())?;
        let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(6));
        let part = digits.checked_mul(factor).ok_or_else(too_large)? / scale;
        total = total.checked_add(part).ok_or_else(too_large)?;
    }
    Ok(total)
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let micros = scaled(text, "duration", "30s", |unit| match unit {
            "ms" => Some(1000),
            "s" => Some(1_000_000),
            "m" | "min" => Some(60_000_000),
            "h" => Some(3_600_000_000),
            "d" => Some(86_400_000_000),
            _ => None,
        })?;
        if micros > 9_000_000_000_000_000 {
            return Err(UnitError::TooLarge { text: text.to_owned() });
        }
        Ok(Self(micros))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ByteSize(u64);

impl ByteSize {
    /// From bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        scaled(text, "size", "64KiB", |unit| match unit {
            "B" | "" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "KB" => Some(1_000),
            "MB" => Some(1_000_000),
            "GB" => Some(1_000_000_000),
            _ => None,
        })
        .map(Self)
    }
}

impl fmt::Display for ByteSize {
    /// `512 B`, `41.2 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = match self.0 {
            0..1024 => return f.pad(&format!("{} B", self.0)),
            1024..0x10_0000 => ("KiB", 1_u64 << 10),
            0x10_0000..0x4000_0000 => ("MiB", 1 << 20),
            _ => ("GiB", 1 << 30),
        };
        let tenths = u128::from(self.0) * 10 / u128::from(factor);
        f.pad(&format!("{}.{} {unit}", tenths / 10, tenths % 10))
    }
}

/// Events per second, held as events per 1000 seconds so that it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Rate {
    per_1000_s: u64,
}

impl Rate {
    /// From whole events per second.
    pub const fn per_second(events: u64) -> Self {
        Self { per_1000_s: events * 1000 }
    }

    /// The pause between two events, or `None` for a rate of zero.
    pub fn interval(self) -> Option<Span> {
        1_000_000_000_u64.checked_div(self.per_1000_s).map(Span::from_micros)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let per_1000_s = scaled(text, "rate", "40/s", |unit| match unit {
            "/s" => Some(1000),
            _ => None,
        });
        match per_1000_s {
            Ok(per_1000_s) => Ok(Self { per_1000_s }),
            Err(error) => match text.trim().strip_suffix("/min") {
                Some(number) => scaled(number, "rate", "90/min", |unit| unit.is_empty().then_some(1000))
                    .map(|n| Self { per_1000_s: n / 60 }),
                None => Err(error),
            },
        }
    }
}

impl fmt::Display for Rate {
    /// `40/s`, `1.5/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.per_1000_s / 100;
        if tenths.is_multiple_of(10) {
            f.pad(&format!("{}/s", tenths / 10))
        } else {
            f.pad(&format!("{}.{}/s", tenths / 10, tenths % 10))
        }
    }
}
