//! The smallest change of content that keeps every size: what silent corruption looks like.

use bytes::Bytes;

use super::dynamodb::{AttributeValue, Item};

/// Every text attribute of an item with one ASCII letter or digit changed to another, in the order of their names; one
/// without such a character is left out.
pub fn texts(item: &Item) -> Vec<(String, AttributeValue)> {
    let mut changed: Vec<(String, AttributeValue)> =
        item.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    changed.sort_by(|one, other| one.0.cmp(&other.0));
    changed
}

/// The text with one ASCII letter or digit changed to another.
pub fn text(value: &AttributeValue) -> Option<AttributeValue> {
    let text = value.as_s().ok()?;
    let at = text.bytes().position(|byte| byte.is_ascii_alphanumeric())?;
    let mut bytes = text.clone().into_bytes();
    // Three in a row, so that a second change does not undo the first.
    bytes[at] = match bytes[at] {
        b'x' => b'y',
        b'y' => b'z',
        _ => b'x',
    };
    String::from_utf8(bytes).ok().map(AttributeValue::S)
}

/// The body with `count` bytes changed, all of them when it has no more: one in each of as many equal parts, at a place that
/// `below` draws.
pub fn spread(body: &Bytes, count: u64, mut below: impl FnMut(u64) -> u64) -> Bytes {
    let mut bytes = body.to_vec();
    let size = bytes.len() as u64;
    let count = count.min(size);
    let begin_of =
        |part: u64| u64::try_from(u128::from(size) * u128::from(part) / u128::from(count.max(1))).unwrap_or(size);
    for part in 0..count {
        let (begin, end) = (begin_of(part), begin_of(part + 1));
        if let Some(byte) = usize::try_from(begin + below(end - begin)).ok().and_then(|at| bytes.get_mut(at)) {
            *byte = other(*byte);
        }
    }
    bytes.into()
}

/// Another byte; never the one before when it is changed again.
fn other(byte: u8) -> u8 {
    byte.wrapping_add(1)
}

/// The body with its last byte changed: the size and the first line stay.
pub fn last_byte(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = other(*last);
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workload::dataset::Draw;

    proptest! {
        #[test]
        fn so_many_bytes_are_changed_and_the_size_stays(
            body in prop::collection::vec(any::<u8>(), 0..200),
            count in 0..300_u64,
            seed: u64,
        ) {
            let body = Bytes::from(body);
            let changed = |seed| {
                let mut draw = Draw::at(seed, &["a key"]);
                spread(&body, count, |end| draw.below(end))
            };
            let after = changed(seed);
            prop_assert_eq!(after.len(), body.len());
            let differing = body.iter().zip(&after).filter(|(was, is)| was != is).count();
            prop_assert_eq!(differing as u64, count.min(body.len() as u64));
            prop_assert_eq!(&after, &changed(seed), "the same seed changes the same bytes");
            let mut draw = Draw::at(seed, &["a key"]);
            let twice = spread(&after, count, |end| draw.below(end));
            let differing = body.iter().zip(&twice).filter(|(was, is)| was != is).count();
            prop_assert_eq!(differing as u64, count.min(body.len() as u64), "a second time undoes nothing");
        }

        #[test]
        fn a_second_change_of_a_text_or_of_a_last_byte_does_not_undo_the_first(text in "[a-z0-9]{1,5}") {
            let value = AttributeValue::S(text.clone());
            let once = super::text(&value).unwrap();
            prop_assert_ne!(&once, &value);
            prop_assert_ne!(&super::text(&once).unwrap(), &value);
            let body = Bytes::from(text);
            prop_assert_ne!(last_byte(&last_byte(&body)), body);
        }
    }
}
