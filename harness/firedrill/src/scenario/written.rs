//! Values as people write them in a file: `30s`, `64KiB..256KiB`, `40/s`, `3 backups`, `eu-west-1`.
//!
//! Each has a *format* in the JSON Schema, by which [`super::shape`] finds the reader for it.

use std::{borrow::Cow, fmt, str::FromStr};

use firedrill_model::{
    ids::Region,
    scenario::{Onset, SizeRange},
    units::{ByteSize, Rate, Span},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{nearest::suggest, regions::REGIONS};

/// A written value that cannot be read: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

/// A kind of value that is written as text.
pub trait Format: Sized {
    /// Name of the format in the JSON Schema.
    const NAME: &'static str;
    /// What it is, for the schema and the reference page.
    const MEANING: &'static str;
    /// How it is written well.
    const EXAMPLE: &'static str;

    /// Reads it.
    fn read(text: &str) -> Result<Self, Unreadable>;
    /// Writes it as a person would.
    fn write(&self) -> String;
}

/// A value in a file, read by its [`Format`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<T>(pub T);

impl<T: Format> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.write())
    }
}

impl<'de, T: Format> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<T: Format> JsonSchema for Written<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": T::NAME, "description": T::MEANING, "examples": [T::EXAMPLE] })
    }
}

/// Whether `text` can be read by the format of this name; an unknown format accepts everything.
pub fn check(format: &str, text: &str) -> Result<(), Unreadable> {
    fn read<T: Format>(text: &str) -> Result<(), Unreadable> {
        T::read(text).map(drop)
    }
    match format {
        Span::NAME => read::<Span>(text),
        SizeRange::NAME => read::<SizeRange>(text),
        ByteSize::NAME => read::<ByteSize>(text),
        Rate::NAME => read::<Rate>(text),
        Region::NAME => read::<Region>(text),
        Onset::NAME => read::<Onset>(text),
        _ => Ok(()),
    }
}

/// Reads by the model's own reader; its message already shows how to write it.
fn by_model<T: FromStr<Err: fmt::Display>>(text: &str, example: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|error: T::Err| {
        let message = error.to_string();
        let message = match message.split_once("; write it like") {
            Some((what, _)) if what.starts_with("`` is not a unit") => format!("`{text}` has no unit"),
            Some((what, _)) => what.to_owned(),
            None => message,
        };
        Unreadable { message, help: format!("write it like `{example}`") }
    })
}

impl Format for Span {
    // Not `duration`, which JSON Schema reserves for ISO 8601.
    const NAME: &'static str = "time-span";
    const MEANING: &'static str = "A length of time: a number with `ms`, `s`, `min`, `h` or `d`.";
    const EXAMPLE: &'static str = "30s";

    fn read(text: &str) -> Result<Self, Unreadable> {
        by_model(text, Self::EXAMPLE)
    }

    fn write(&self) -> String {
        let ms = self.ms();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min")];
        let whole = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
        let (unit, word) = whole.unwrap_or(if ms.is_multiple_of(1000) { (1000, "s") } else { (1, "ms") });
        format!("{}{word}", ms / unit)
    }
}

impl Format for SizeRange {
    const NAME: &'static str = "size-range";
    const MEANING: &'static str = "A size in `B`, `KiB`, `MiB` or `GiB`, or two of them with `..` between.";
    const EXAMPLE: &'static str = "64KiB..256KiB";

    fn read(text: &str) -> Result<Self, Unreadable> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let range = Self { min: by_model(min, Self::EXAMPLE)?, max: by_model(max, Self::EXAMPLE)? };
        if range.min > range.max {
            let message = format!("`{text}` begins with its larger end");
            return Err(Unreadable { message, help: format!("write `{}..{}`", max.trim(), min.trim()) });
        }
        Ok(range)
    }

    fn write(&self) -> String {
        format!("{}..{}", plain_size(self.min), plain_size(self.max))
    }
}

impl Format for Rate {
    const NAME: &'static str = "rate";
    const MEANING: &'static str = "How often: a number with `/s` or `/min`.";
    const EXAMPLE: &'static str = "40/s";

    fn read(text: &str) -> Result<Self, Unreadable> {
        by_model(text, Self::EXAMPLE)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Format for Region {
    const NAME: &'static str = "region";
    const MEANING: &'static str = "The name of an AWS region.";
    const EXAMPLE: &'static str = "eu-west-1";

    fn read(text: &str) -> Result<Self, Unreadable> {
        if REGIONS.contains(&text) {
            return Ok(Self::from(text));
        }
        let help = match super::nearest::nearest(text, REGIONS) {
            Some(best) => format!("did you mean `{best}`?"),
            None => format!("write the name of an AWS region, like `{}`", Self::EXAMPLE),
        };
        Err(Unreadable { message: format!("`{text}` is not an AWS region"), help })
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Format for Onset {
    const NAME: &'static str = "count";
    const MEANING: &'static str = "So many `backups` or so many acknowledged `writes`; `2 more backups` or `300 more writes` than when the disaster before \
         it was on.";
    const EXAMPLE: &'static str = "3 backups";

    fn read(text: &str) -> Result<Self, Unreadable> {
        let help = || "write it like `3 backups` or `500 writes`".to_owned();
        let (number, unit) = text.trim().split_once(' ').ok_or_else(|| Unreadable {
            message: format!("`{text}` is not a number of backups or writes"),
            help: help(),
        })?;
        let unreadable = |message| Unreadable { message, help: help() };
        let count: u32 =
            number.parse().map_err(|_| unreadable(format!("`{number}` is not a whole number that fits here")))?;
        match unit.trim() {
            "backup" | "backups" => Ok(Self::AfterBackups { count }),
            "more backup" | "more backups" => Ok(Self::AfterMoreBackups { count }),
            "write" | "writes" => Ok(Self::AfterWrites { count: count.into() }),
            "more write" | "more writes" => Ok(Self::AfterMoreWrites { count: count.into() }),
            unit => Err(Unreadable {
                message: format!("`{unit}` cannot be counted here"),
                help: suggest(unit, ["backups", "more backups", "writes", "more writes"]),
            }),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::At { delay } => delay.write(),
            Self::AfterBackups { count } => format!("{count} backups"),
            Self::AfterMoreBackups { count } => format!("{count} more backups"),
            Self::AfterWrites { count } => format!("{count} writes"),
            Self::AfterMoreWrites { count } => format!("{count} more writes"),
            Self::During { step } => format!("step {}", step + 1),
        }
    }
}

impl Format for ByteSize {
    const NAME: &'static str = "size";
    const MEANING: &'static str = "A size in `B`, `KiB`, `MiB` or `GiB`.";
    const EXAMPLE: &'static str = "256MiB";

    fn read(text: &str) -> Result<Self, Unreadable> {
        by_model(text, Self::EXAMPLE)
    }

    fn write(&self) -> String {
        plain_size(*self)
    }
}

fn plain_size(size: ByteSize) -> String {
    match size.bytes() {
        bytes if bytes % (1 << 20) == 0 && bytes > 0 => format!("{}MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 && bytes > 0 => format!("{}KiB", bytes >> 10),
        bytes => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_span_is_written_in_the_largest_unit_that_it_is_a_number_of() {
        for (ms, text) in [
            (0, "0s"),
            (400, "400ms"),
            (1500, "1500ms"),
            (90_000, "90s"),
            (600_000, "10min"),
            (5_400_000, "90min"),
            (7_200_000, "2h"),
            (345_600_000, "4d"),
        ] {
            assert_eq!(Span::from_ms(ms).write(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_it_was(ms in prop_oneof![0..100_000_u64, (0..1_000_000_u64).prop_map(|s| s * 1000)]) {
            let span = Span::from_ms(ms);
            prop_assert_eq!(Span::read(&span.write()).ok(), Some(span));
        }
    }
}
