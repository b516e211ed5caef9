//! The seed of a run as people hand it on.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A seed as `--seed` takes it: a hexadecimal text, since a number above 2^53 is rounded by much that reads JSON. Records of
/// before held a number, which is read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = Seed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seed in hexadecimal")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seed, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Str(text), &self);
                u64::from_str_radix(text, 16).map(Seed).map_err(wrong)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seed, E> {
                Ok(Seed(number))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Seed {
    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{1,16}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_asked_for_and_an_older_number_is_read() {
        let seed = Seed(u64::MAX - 1);
        assert_eq!(serde_json::to_string(&seed).unwrap(), "\"fffffffffffffffe\"");
        for text in ["\"fffffffffffffffe\"", "18446744073709551614"] {
            assert_eq!(serde_json::from_str::<Seed>(text).unwrap(), seed, "{text}");
        }
        assert_eq!(serde_json::from_str::<Seed>("\"12\"").unwrap(), Seed(0x12), "text is hexadecimal");
        for wrong in ["\"\"", "\"seed\"", "-1", "1.5", "null"] {
            assert!(serde_json::from_str::<Seed>(wrong).is_err(), "{wrong}");
        }
    }
}
