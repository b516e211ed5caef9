//! Reads names of resources in a body of JSON or CBOR. Values that name nothing are skipped, not kept: an item of a table
//! may be large.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Asked, names::Places};

/// Structures in structures that are looked into: transactions have their tables at 3, counted with lists.
const DEPTH_MAX: usize = 4;

pub(super) fn json(body: &[u8], service: &str, places: Places, asked: &mut Asked) {
    let reader = Reader { service, places, asked, place: Place::Inside(DEPTH_MAX) };
    // An error ends the reading; what was found is kept.
    reader.deserialize(&mut serde_json::Deserializer::from_slice(body)).ok();
}

pub(super) fn cbor(body: &[u8], service: &str, places: Places, asked: &mut Asked) {
    let reader = Reader { service, places, asked, place: Place::Inside(DEPTH_MAX) };
    reader.deserialize(&mut minicbor_serde::Deserializer::new(body)).ok();
}

/// What a value is read for.
#[derive(Clone, Copy)]
enum Place {
    /// It is a name or a list of names; the number of lists it may be in.
    Name(usize),
    /// Its members' names are names.
    Keys,
    /// It has members that are one of these; the depth that is left.
    Inside(usize),
}

/// Reads one value.
struct Reader<'a> {
    service: &'a str,
    places: Places,
    asked: &'a mut Asked,
    place: Place,
}

impl Reader<'_> {
    fn at(&mut self, place: Place) -> Reader<'_> {
        Reader { service: self.service, places: self.places, asked: self.asked, place }
    }

    /// What the value of a member is read for, if for anything.
    fn place_of(&self, member: &str, depth: usize) -> Option<Place> {
        let depth = depth.checked_sub(1)?;
        if self.places.members.contains(&member) {
            Some(Place::Name(1))
        } else if self.places.keys.contains(&member) {
            Some(Place::Keys)
        } else if self.places.inside.contains(&member) {
            Some(Place::Inside(depth))
        } else {
            None
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if matches!(self.place, Place::Name(_)) {
            self.asked.name(self.service, text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let element = match self.place {
            Place::Name(lists) => lists.checked_sub(1).map(Place::Name),
            Place::Inside(depth) => depth.checked_sub(1).map(Place::Inside),
            Place::Keys => None,
        };
        if let Some(place) = element {
            while list.next_element_seed(self.at(place))?.is_some() {}
        } else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = members.next_key_seed(KeySeed)? {
            let place = match self.place {
                Place::Name(_) => None,
                Place::Keys => {
                    self.asked.name(self.service, &key);
                    None
                }
                Place::Inside(depth) => self.place_of(&key, depth),
            };
            if let Some(place) = place {
                members.next_value_seed(self.at(place))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A member's name, borrowed from the body where that is possible.
struct Key<'de>(Cow<'de, str>);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}
