//! Values that may be written in more than one way: `all` or a list, `vault` or a program, `latest` or a number.

use std::{borrow::Cow, fmt};

use firedrill_model::units::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::written::Written;

/// `all`, or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// All there are.
    All,
    /// These.
    These(Vec<String>),
}

/// `vault`, or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Using {
    /// Firedrill's own vault.
    Vault,
    /// A program.
    Command(Command),
}

/// A program: its command line, or the command line with a limit in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments, split at blanks; the program is found relative to the scenario.
    pub run: String,
    /// Limit of one execution.
    pub timeout: Span,
}

/// `latest`, `clean`, or the number of a recovery point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointName {
    /// The latest verified one.
    Latest,
    /// The latest verified one before the fault.
    Clean,
    /// The n-th, counted from 1.
    Number(u32),
}

/// A program with a limit in time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FullCommand {
    /// Program and arguments; the program is found relative to the scenario.
    #[schemars(example = "./restore.sh --verbose")]
    run: String,
    /// Limit of one execution.
    #[serde(default = "default_command_timeout")]
    timeout: Written<Span>,
}

/// A backup by a program of yours.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UsingCommand {
    /// A program of yours.
    command: Command,
}

/// Reads a value that is a word, or something else that [`Alternatives`] knows.
struct Either<T>(std::marker::PhantomData<T>);

/// A value that may be written in more than one way.
trait Alternatives<'de>: Sized {
    const EXPECTED: &'static str;

    fn from_word(_: &str) -> Option<Self> {
        None
    }

    fn from_number(_: u64) -> Option<Self> {
        None
    }

    fn from_list(_: Vec<String>) -> Option<Self> {
        None
    }

    fn from_mapping<A: MapAccess<'de>>(_: A) -> Result<Option<Self>, A::Error> {
        Ok(None)
    }
}

impl<'de, T: Alternatives<'de>> Visitor<'de> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<T, E> {
        T::from_word(word).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(word), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        T::from_number(number).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        let unexpected = || E::invalid_value(serde::de::Unexpected::Signed(number), &self);
        u64::try_from(number).ok().and_then(T::from_number).ok_or_else(unexpected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        let unexpected = || serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &self);
        T::from_list(items).ok_or_else(unexpected)
    }

    fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<T, A::Error> {
        let unexpected = || serde::de::Error::invalid_type(serde::de::Unexpected::Map, &self);
        T::from_mapping(mapping)?.ok_or_else(unexpected)
    }
}

macro_rules! read_either {
    ($($name:ty),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Either(std::marker::PhantomData))
            }
        }
    )*};
}
read_either!(Names, Using, Command, PointName);

impl Alternatives<'_> for Names {
    const EXPECTED: &'static str = "`all` or a list of names";

    fn from_word(word: &str) -> Option<Self> {
        (word == "all").then_some(Self::All)
    }

    fn from_list(names: Vec<String>) -> Option<Self> {
        Some(Self::These(names))
    }
}

impl<'de> Alternatives<'de> for Using {
    const EXPECTED: &'static str = "`vault` or a mapping with `command`";

    fn from_word(word: &str) -> Option<Self> {
        (word == "vault").then_some(Self::Vault)
    }

    fn from_mapping<A: MapAccess<'de>>(mapping: A) -> Result<Option<Self>, A::Error> {
        let UsingCommand { command } = UsingCommand::deserialize(MapAccessDeserializer::new(mapping))?;
        Ok(Some(Self::Command(command)))
    }
}

impl<'de> Alternatives<'de> for Command {
    const EXPECTED: &'static str = "a command line, or a mapping with `run`";

    fn from_word(run: &str) -> Option<Self> {
        Some(Self { run: run.to_owned(), timeout: default_command_timeout().0 })
    }

    fn from_mapping<A: MapAccess<'de>>(mapping: A) -> Result<Option<Self>, A::Error> {
        let FullCommand { run, timeout } = FullCommand::deserialize(MapAccessDeserializer::new(mapping))?;
        Ok(Some(Self { run, timeout: timeout.0 }))
    }
}

impl Alternatives<'_> for PointName {
    const EXPECTED: &'static str = "`latest`, `clean` or a number from 1";

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "latest" => Some(Self::Latest),
            "clean" => Some(Self::Clean),
            _ => None,
        }
    }

    fn from_number(number: u64) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| *number > 0).map(Self::Number)
    }
}

impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "const": "all", "description": "All there are." },
            { "type": "array", "items": { "type": "string" }, "minItems": 1, "description": "These." },
        ], "examples": ["all", ["orders", "bucket/uploads"]] })
    }
}

impl JsonSchema for Using {
    fn schema_name() -> Cow<'static, str> {
        "Using".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let command = generator.subschema_for::<UsingCommand>();
        json_schema!({ "anyOf": [
            { "const": "vault", "description": "Firedrill's own vault." },
            command,
        ], "examples": ["vault", { "command": "./backup.sh" }] })
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<FullCommand>();
        json_schema!({ "anyOf": [
            { "type": "string", "description": "Program and arguments." },
            full,
        ], "examples": ["./restore.sh"] })
    }
}

impl JsonSchema for PointName {
    fn schema_name() -> Cow<'static, str> {
        "PointName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "const": "latest", "description": "The latest complete and verified one." },
            { "const": "clean", "description": "The latest from before the disaster." },
            { "type": "integer", "minimum": 1, "maximum": u32::MAX, "description": "The n-th captured." },
        ], "examples": ["latest", "clean", 2] })
    }
}

fn default_command_timeout() -> Written<Span> {
    Written(Span::from_secs(300))
}
