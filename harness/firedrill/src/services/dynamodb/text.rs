//! Items as DynamoDB JSON text, written straight into a string: a drill writes and describes every item many times, and a
//! tree of JSON values costs more than everything else it does.

use std::{borrow::Cow, collections::HashMap, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{AttributeValue, Item, number};

/// How values are written that have more than one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they came: numbers keep their text, sets their order.
    Exact,
    /// Equal values have one text: numbers without superfluous zeros, sets sorted.
    Canonical,
}

impl Form {
    fn number(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            Self::Canonical => Cow::Owned(number::normal(text)),
        }
    }

    fn set<'a>(self, out: &mut String, set: impl Iterator<Item = Cow<'a, str>>) {
        let mut set: Vec<Cow<'a, str>> = set.collect();
        if self == Self::Canonical {
            set.sort_unstable();
        }
        list(out, '[', ']', set, |out, member| text(out, &member));
    }

    /// Appends an item with its names sorted, and shows the text of each attribute.
    pub(super) fn item(self, out: &mut String, item: &Item, mut shown: impl FnMut(&str, &str)) {
        self.members(out, item, &mut shown);
    }

    fn members(self, out: &mut String, map: &HashMap<String, AttributeValue>, shown: &mut dyn FnMut(&str, &str)) {
        let mut members: Vec<(&String, &AttributeValue)> = map.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        list(out, '{', '}', members, |out, (name, value)| {
            text(out, name);
            out.push(':');
            let start = out.len();
            self.value(out, value);
            shown(name, &out[start..]);
        });
    }

    /// Appends a value. A type that this version of the SDK does not know is `{"UNKNOWN":null}`, which is never read back
    /// as something else.
    fn value(self, out: &mut String, value: &AttributeValue) {
        let base64 = |bytes: &aws_smithy_types::Blob| STANDARD.encode(bytes);
        match value {
            AttributeValue::S(string) => tagged(out, "S", |out| text(out, string)),
            AttributeValue::N(digits) => tagged(out, "N", |out| text(out, &self.number(digits))),
            AttributeValue::B(bytes) => tagged(out, "B", |out| text(out, &base64(bytes))),
            AttributeValue::Bool(flag) => tagged(out, "BOOL", |out| out.push_str(if *flag { "true" } else { "false" })),
            AttributeValue::Null(flag) => tagged(out, "NULL", |out| out.push_str(if *flag { "true" } else { "false" })),
            AttributeValue::Ss(set) => {
                tagged(out, "SS", |out| self.set(out, set.iter().map(|text| Cow::Borrowed(text.as_str()))));
            }
            AttributeValue::Ns(set) => tagged(out, "NS", |out| self.set(out, set.iter().map(|text| self.number(text)))),
            AttributeValue::Bs(set) => {
                tagged(out, "BS", |out| self.set(out, set.iter().map(|bytes| Cow::Owned(base64(bytes)))));
            }
            AttributeValue::L(values) => {
                tagged(out, "L", |out| list(out, '[', ']', values, |out, value| self.value(out, value)));
            }
            AttributeValue::M(map) => tagged(out, "M", |out| self.members(out, map, &mut |_, _| {})),
            _ => tagged(out, "UNKNOWN", |out| out.push_str("null")),
        }
    }
}

fn tagged(out: &mut String, kind: &str, inner: impl FnOnce(&mut String)) {
    out.push_str("{\"");
    out.push_str(kind);
    out.push_str("\":");
    inner(out);
    out.push('}');
}

fn list<T>(
    out: &mut String,
    open: char,
    close: char,
    elements: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(close);
}

/// Appends a string as JSON writes it. What needs no escape, which is nearly all, is copied.
fn text(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        write!(out, "{}", Value::from(text)).unwrap_or_else(|_| unreachable!("a String takes everything"));
    }
}
