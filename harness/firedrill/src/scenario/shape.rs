//! The shape of a file: its tree against the JSON Schema, reporting every problem at once.

use std::ops::Range;

use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::{
    diagnostics::Problem,
    key_path::KeyPath,
    nearest::suggest,
    schema::{alternatives, words},
    source::{Node, Source},
    written,
};

/// A value that does not have the shape it should have.
#[derive(Clone, Debug)]
pub struct Misshapen {
    /// Where it stands.
    pub path: KeyPath,
    /// What is wrong.
    pub problem: Problem,
}

/// Everything in which `source` does not have the shape of `schema`.
pub fn check(source: &Source, schema: &Value) -> Vec<Misshapen> {
    let mut check = ShapeCheck { source, root: schema, misshapen: Vec::new() };
    let place = source.place(&KeyPath::root()).or_else(|| source.range(&source.tree().referenced));
    check.node(source.tree(), schema, &KeyPath::root(), place);
    check.misshapen
}

struct ShapeCheck<'a> {
    source: &'a Source,
    root: &'a Value,
    misshapen: Vec<Misshapen>,
}

impl<'a> ShapeCheck<'a> {
    /// `place` is where to point when the node as a whole is wrong: its key, or itself in a list.
    fn node(&mut self, node: &Spanned<Node>, schema: &'a Value, path: &KeyPath, place: Option<Range<usize>>) {
        let ways = alternatives(self.root, schema);
        let of_type = |name: &str| ways.iter().copied().filter(|way| way["type"] == name).collect::<Vec<_>>();
        match &node.value {
            Node::Null => {
                let problem = self.source.error(format!("{} is empty", named(path))).at(place, "nothing is here");
                self.wrong(path, problem.help(Self::instead_of_nothing(schema, path)));
            }
            Node::Mapping(entries) => match of_type("object").as_slice() {
                [] => self.wrong_type(node, &ways, path, place),
                [only] => self.mapping(entries, only, path, place.as_ref()),
                several => self.tagged(entries, several, path, place),
            },
            Node::List(items) => match of_type("array").as_slice() {
                [] => self.wrong_type(node, &ways, path, place),
                [list, ..] => self.list(items, list, path, place),
            },
            Node::Text(text) => self.text(node, text, &ways, path),
            Node::Whole(number) => match of_type("integer").as_slice() {
                [] if !of_type("number").is_empty() => {}
                [] => self.text(node, &number.to_string(), &ways, path),
                [integer, ..] => self.integer(node, *number, integer, path),
            },
            Node::Decimal(number) if of_type("number").is_empty() => {
                self.text(node, &number.to_string(), &ways, path);
            }
            Node::Bool(_) if of_type("boolean").is_empty() => self.wrong_type(node, &ways, path, place),
            Node::Decimal(_) | Node::Bool(_) => {}
        }
    }

    fn wrong(&mut self, path: &KeyPath, problem: Problem) {
        self.misshapen.push(Misshapen { path: path.clone(), problem });
    }

    /// What to write where nothing stands.
    fn instead_of_nothing(schema: &Value, path: &KeyPath) -> String {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if path.steps().is_empty() && !required.is_empty() {
            format!("write at least `{}`", required.join("`, `"))
        } else {
            "give it a value, or leave the key out".to_owned()
        }
    }

    fn mapping(
        &mut self,
        entries: &[(Spanned<String>, Spanned<Node>)],
        schema: &'a Value,
        path: &KeyPath,
        place: Option<&Range<usize>>,
    ) {
        let properties = schema["properties"].as_object().unwrap_or(&EMPTY);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let open = properties.is_empty() && others.is_none() && schema["additionalProperties"] != false;
        for (key, value) in entries {
            let below = path.key(&key.value);
            match properties.get(&key.value).or(others) {
                Some(schema) => {
                    let pointed = self.source.value_place(key, value);
                    self.node(value, schema, &below, pointed);
                }
                None if open => {}
                None => self.unknown_key(&below, key, properties.keys().map(String::as_str).collect()),
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !entries.iter().any(|(key, _)| key.value == required) {
                let problem = self.source.error(format!("{} lacks `{required}`", named(path)));
                let meaning = properties.get(required).and_then(|one| one["description"].as_str());
                let help =
                    meaning.and_then(|text| text.lines().next()).map_or(String::new(), |text| format!(": {text}"));
                self.wrong(path, problem.at(place.cloned(), "here").help(format!("add `{required}`{help}")));
            }
        }
    }

    fn unknown_key(&mut self, path: &KeyPath, key: &Spanned<String>, known: Vec<&str>) {
        let problem = self.source.error(format!("`{path}` is not a key that firedrill knows"));
        let problem = problem.at(self.source.range(&key.referenced), "unknown key");
        self.wrong(path, problem.help(suggest(&key.value, known)));
    }

    /// A mapping whose one key says which of `several` it is.
    fn tagged(
        &mut self,
        entries: &[(Spanned<String>, Spanned<Node>)],
        several: &[&'a Value],
        path: &KeyPath,
        place: Option<Range<usize>>,
    ) {
        let tags: Vec<&str> = several
            .iter()
            .filter_map(|way| way["properties"].as_object())
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        let [(key, _)] = entries else {
            let problem = self.source.error(format!("{} must have exactly one key", named(path)));
            let help = format!("one of `{}`; write each step as an element of its own", tags.join("`, `"));
            self.wrong(path, problem.at(place, format!("{} keys", entries.len())).help(help));
            return;
        };
        if let Some(way) = several.iter().find(|way| way["properties"].get(&key.value).is_some()) {
            return self.mapping(entries, way, path, place.as_ref());
        }
        self.unknown_key(&path.key(&key.value), key, tags);
    }

    fn list(&mut self, items: &[Spanned<Node>], schema: &'a Value, path: &KeyPath, place: Option<Range<usize>>) {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        if (items.len() as u64) < least {
            let problem = self.source.error(format!("{} is an empty list", named(path)));
            self.wrong(path, problem.at(place, "nothing is in it").help("name at least one, or leave the key out"));
        }
        for (index, item) in items.iter().enumerate() {
            let below = path.index(index);
            let pointed = self.source.item_place(item);
            self.node(item, &schema["items"], &below, pointed);
        }
    }

    fn text(&mut self, node: &Spanned<Node>, text: &str, ways: &[&'a Value], path: &KeyPath) {
        let place = self.source.range(&node.referenced);
        let known: Vec<&str> = ways.iter().flat_map(|way| words(way)).collect();
        if known.contains(&text) {
            return;
        }
        let Some(string) = ways.iter().find(|way| way["type"] == "string" && words(way).is_empty()) else {
            if known.is_empty() {
                return self.wrong_type(node, ways, path, place);
            }
            let problem = self.source.error(format!("{} cannot be `{text}`", named(path)));
            let found = if known.len() > 8 {
                "not a word that is known here".to_owned()
            } else {
                format!("expected {}", expected(ways))
            };
            let problem = problem.at(place, found);
            return self.wrong(path, problem.help(suggest(text, known)));
        };
        if let Some(format) = string["format"].as_str()
            && let Err(unreadable) = written::check(format, text)
        {
            let problem = self.source.error(format!("{} cannot be read", named(path)));
            self.wrong(path, problem.at(place.clone(), unreadable.message).help(unreadable.help));
        }
        if string["pattern"].is_string() && !is_name(text) {
            let problem =
                self.source.error(format!("{} is not a name", named(path))).at(place, format!("found `{text}`"));
            self.wrong(path, problem.help("1 to 63 lowercase letters, digits and `-`, with neither end a `-`"));
        }
    }

    fn integer(&mut self, node: &Spanned<Node>, number: i128, schema: &Value, path: &KeyPath) {
        let largest = match schema["format"].as_str() {
            Some("uint8") => i128::from(u8::MAX),
            Some("uint16") => i128::from(u16::MAX),
            Some("uint32") => i128::from(u32::MAX),
            _ => i128::from(u64::MAX),
        };
        let bound = |name: &str| schema[name].as_i64().map(i128::from);
        let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(largest));
        if !(least..=most).contains(&number) {
            let problem = self.source.error(format!("{} is out of range", named(path)));
            let problem = problem.at(self.source.range(&node.referenced), format!("found {number}"));
            self.wrong(path, problem.help(format!("a whole number from {least} to {most}")));
        }
    }

    fn wrong_type(&mut self, node: &Spanned<Node>, ways: &[&Value], path: &KeyPath, place: Option<Range<usize>>) {
        let problem = self.source.error(format!("{} must be {}", named(path), expected(ways)));
        self.wrong(path, problem.at(place, format!("found {}", node.value.kind())));
    }
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn named(path: &KeyPath) -> String {
    if path.steps().is_empty() { "the file".to_owned() } else { format!("`{path}`") }
}

/// What may stand at a place, for people: `` `all` or a list ``.
pub fn expected(ways: &[&Value]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for way in ways {
        let known = words(way);
        let several = match way["type"].as_str() {
            _ if !known.is_empty() => known.iter().map(|word| format!("`{word}`")).collect(),
            Some("object") => vec!["a mapping".to_owned()],
            Some("array") => vec!["a list".to_owned()],
            Some("integer") => vec!["a whole number".to_owned()],
            Some("boolean") => vec!["`true` or `false`".to_owned()],
            Some("number") => vec!["a number".to_owned()],
            _ => match way["format"].as_str() {
                Some(format) => vec![format!("a {}", format.replace('-', " "))],
                None => vec!["text".to_owned()],
            },
        };
        kinds.extend(several.into_iter().filter(|kind| !kinds.contains(kind)).collect::<Vec<_>>());
    }
    match kinds.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// The one pattern that the schemas use: a DNS label.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| inner(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
