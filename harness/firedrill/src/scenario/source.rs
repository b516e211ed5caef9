//! A file that a user wrote: its text, and a tree of its nodes with their positions.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    ops::Range,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use miette::NamedSource;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::{Location, Options, Spanned};

use super::{
    diagnostics::{Diagnostics, Problem},
    key_path::{KeyPath, Step},
    shape,
};

/// Largest file that is read, in bytes. A larger one is refused before it is read.
pub const SIZE_MAX: u64 = 1 << 20;

/// Deepest nesting of lists and mappings.
pub const DEPTH_MAX: usize = 32;

/// A file with the positions of its nodes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    /// Absolute path.
    pub path: PathBuf,
    /// The text.
    pub text: String,
    named: Arc<NamedSource<String>>,
    tree: Arc<Spanned<Node>>,
}

/// A node of a YAML document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Whole(i128),
    /// Another number.
    Decimal(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Spanned<Node>>),
    /// A mapping, in the order of the file.
    Mapping(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    /// As people call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Whole(_) => "a whole number",
            Self::Decimal(_) => "a decimal number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }

    /// The entries of a mapping; none for everything else.
    pub fn entries(&self) -> &[(Spanned<String>, Spanned<Self>)] {
        if let Self::Mapping(entries) = self { entries } else { &[] }
    }

    /// Whether it is one written value.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Bool(_) | Self::Whole(_) | Self::Decimal(_) | Self::Text(_))
    }

    /// The values that are not at `paths`; `None` for one that is. Elements of a list are not left out alone: the others would
    /// be at other places.
    fn without(&self, path: &KeyPath, paths: &[&KeyPath]) -> Option<Value> {
        if paths.contains(&path) {
            return None;
        }
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Whole(value) => {
                u64::try_from(*value).map(Value::from).or_else(|_| i64::try_from(*value).map(Value::from)).ok()?
            }
            Self::Decimal(value) => Value::from(*value),
            Self::Text(value) => Value::from(value.clone()),
            Self::List(items) => {
                let items = items.iter().enumerate().map(|(index, item)| item.value.without(&path.index(index), paths));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Self::Mapping(entries) => {
                let left = |(key, value): &(Spanned<String>, Spanned<Self>)| {
                    Some((key.value.clone(), value.value.without(&path.key(&key.value), paths)?))
                };
                Value::Object(entries.iter().filter_map(left).collect())
            }
        })
    }

    fn child(&self, step: &Step) -> Option<(Option<&Spanned<String>>, &Spanned<Self>)> {
        match step {
            Step::Key(wanted) => {
                self.entries().iter().find(|(key, _)| key.value == *wanted).map(|(key, value)| (Some(key), value))
            }
            Step::Index(index) => {
                let items = if let Self::List(items) = self { items.as_slice() } else { &[] };
                items.get(*index).map(|item| (None, item))
            }
        }
    }
}

impl Source {
    /// Reads a file of at most [`SIZE_MAX`] bytes.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        Self::read_as(path, &path.display().to_string())
    }

    /// [`Source::read`] of a file that problems name `shown`.
    pub fn read_as(path: &Path, shown: &str) -> Result<Self, Diagnostics> {
        let refused = |message: String, help: &str| {
            let empty = Arc::new(NamedSource::new(shown, String::new()));
            Diagnostics::from(Problem::error(&empty, message).help(help))
        };
        let unreadable = |error: &io::Error| {
            refused(format!("`{shown}` cannot be read: {error}"), "give the path of a file that can be read")
        };
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let too_large = || {
            refused(
                format!("`{shown}` is larger than 1 MiB"),
                "a scenario is a few dozen lines; data belongs in files of its own",
            )
        };
        if file.metadata().is_ok_and(|metadata| metadata.len() > SIZE_MAX) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        // The length of a pipe or a growing file is not known before it is read.
        file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > SIZE_MAX {
            return Err(too_large());
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            refused(
                format!("`{shown}` is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()),
                "save it as UTF-8",
            )
        })?;
        Self::parse(path, shown, text)
    }

    /// Parses text as if it had been read from `path`; problems name the file `shown`.
    pub fn parse(path: &Path, shown: &str, text: String) -> Result<Self, Diagnostics> {
        let path = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
        let named = Arc::new(NamedSource::new(shown, text.clone()).with_language("yaml"));
        let tree: Spanned<Node> =
            serde_saphyr::from_str_with_options(named.inner(), options()).map_err(|error| syntax(&named, &error))?;
        Ok(Self { path, text, named, tree: Arc::new(tree) })
    }

    /// The name that problems show.
    pub fn shown(&self) -> &str {
        self.named.name()
    }

    /// The folder that relative paths in the file are resolved against.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// How problems name a file that this one names by a relative path.
    pub fn shown_beside(&self, written: &str) -> String {
        let mut parts: Vec<Component<'_>> = Vec::new();
        let folder = Path::new(self.shown()).parent().unwrap_or(Path::new(""));
        for part in folder.components().chain(Path::new(written).components()) {
            match (part, parts.last()) {
                (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
                (Component::RootDir | Component::Prefix(_), _) => parts = vec![part],
                (Component::CurDir, _) => {}
                (Component::ParentDir | Component::Normal(_), _) => parts.push(part),
            }
        }
        parts.iter().collect::<PathBuf>().display().to_string()
    }

    /// The root node.
    pub fn tree(&self) -> &Spanned<Node> {
        &self.tree
    }

    /// Checks the tree against `schema`, then fills the raw type the schema was made from.
    pub fn decode<T: DeserializeOwned>(&self, schema: &Value) -> Result<T, Diagnostics> {
        let misshapen = shape::check(self, schema);
        Diagnostics::unless_empty(self.shown(), misshapen.into_iter().map(|one| one.problem).collect())?;
        self.fill()
    }

    /// What a raw type is without the values at `paths`; `None` when it cannot be without them.
    pub fn fill_without<T: DeserializeOwned>(&self, paths: &[&KeyPath]) -> Option<T> {
        let value = self.tree.value.without(&KeyPath::root(), paths)?;
        serde_json::from_value(value).ok()
    }

    /// Fills a type that takes whatever the file has.
    pub fn fill<T: DeserializeOwned>(&self) -> Result<T, Diagnostics> {
        serde_saphyr::from_str_with_options(&self.text, options()).map_err(|error| syntax(&self.named, &error))
    }

    /// An error of this file, not yet placed.
    pub fn error(&self, message: impl Into<String>) -> Problem {
        Problem::error(&self.named, message)
    }

    /// Where the value at `path` stands, or the nearest node above it that the file has; a mapping or list stands where
    /// its key does.
    pub fn place(&self, path: &KeyPath) -> Option<Range<usize>> {
        let mut best = self.item_place(&self.tree);
        let mut node = &*self.tree;
        for step in path.steps() {
            let Some((key, value)) = node.value.child(step) else { break };
            best = match key {
                Some(key) => self.value_place(key, value),
                None => self.item_place(value),
            };
            node = value;
        }
        best
    }

    /// Where a value of a mapping is pointed at: itself when it is one written value, its key otherwise.
    pub fn value_place(&self, key: &Spanned<String>, value: &Spanned<Node>) -> Option<Range<usize>> {
        self.range(if value.value.is_scalar() { &value.referenced } else { &key.referenced })
    }

    /// Where an element of a list is pointed at: its first key when it is a mapping.
    pub fn item_place(&self, item: &Spanned<Node>) -> Option<Range<usize>> {
        self.range(item.value.entries().first().map_or(&item.referenced, |(key, _)| &key.referenced))
    }

    /// Whether the file has a node at `path`.
    pub fn has(&self, path: &KeyPath) -> bool {
        let mut node = &self.tree.value;
        path.steps().iter().all(|step| match node.child(step) {
            Some((_, value)) => {
                node = &value.value;
                true
            }
            None => false,
        })
    }

    /// The bytes of a location, without the blanks after it.
    pub fn range(&self, location: &Location) -> Option<Range<usize>> {
        byte_range(&self.text, location)
    }
}

fn byte_range(text: &str, location: &Location) -> Option<Range<usize>> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?.min(text.len());
    let covered = text.get(start..end)?;
    let first_line = covered.lines().next().unwrap_or("").trim_end();
    Some(start..start + first_line.len().max(1).min(text.len() - start))
}

/// The text of a line counted from 1; of the last one when there are not so many.
fn line_range(text: &str, line: u64) -> Option<Range<usize>> {
    let wanted = usize::try_from(line).ok()?;
    let line = text.lines().take(wanted).last()?;
    let start = line.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + line.len())
}

fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_documents: 1,
            max_nodes: 100_000,
            max_events: 250_000,
            max_anchors: 100,
            max_aliases: 1_000,
        },
    }
}

fn syntax(named: &Arc<NamedSource<String>>, error: &serde_saphyr::Error) -> Diagnostics {
    let message = error.without_snippet().to_string();
    let first_line = message.lines().next().unwrap_or_default();
    // The parser adds the position, which the label shows, and advice for programmers.
    let cut = [" at line ", ", set "].iter().filter_map(|tail| first_line.find(tail)).min();
    let found = &first_line[..cut.unwrap_or(first_line.len())];
    let place = error.location().and_then(|location| {
        byte_range(named.inner(), &location).or_else(|| line_range(named.inner(), location.line()))
    });
    Problem::error(named, format!("this is not YAML that firedrill reads: {found}"))
        .at(place, "here")
        .help(format!("at most {DEPTH_MAX} levels deep, one document a file, each key once in its mapping"))
        .into()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Whole(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(i128::try_from(value).map_or_else(|_| Node::Text(value.to_string()), Node::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Decimal(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}
