//! Reading resources of a template property by property.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::ids::ResourceId;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

use super::{
    NAMED, function, kind_of,
    resolve::{Referent, Resolver, function_called, text_of},
    trigger, unresolved,
};
use crate::scenario::{diagnostics::Problem, key_path::KeyPath, source::Source};

/// Reads the resources of a template, and gathers what is wrong and what is not known.
pub(super) struct Reader<'a> {
    source: &'a Source,
    pub(super) resolver: &'a Resolver<'a>,
    problems: Vec<Problem>,
    names: BTreeMap<ResourceId, String>,
    beyond: Vec<String>,
    cross_region: Vec<String>,
}

/// What a [`Reader`] found besides the resources themselves.
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    /// Names that the template chooses.
    pub(super) names: BTreeMap<ResourceId, String>,
    /// What is not known.
    pub(super) beyond: Vec<String>,
    /// What of that the service copies between regions.
    pub(super) cross_region: Vec<String>,
}

/// A table with replicas in other regions; the CDK makes one for a table without replicas, too.
const GLOBAL_TABLE: &str = "AWS::DynamoDB::GlobalTable";
/// Copies objects into other buckets.
const REPLICATION: &str = "ReplicationConfiguration";

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, resolver: &'a Resolver<'a>) -> Self {
        let (names, beyond, cross_region) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { source, resolver, problems: Vec::new(), names, beyond, cross_region }
    }

    /// The resources that are there, with their types.
    fn present(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        let resolver = self.resolver;
        let all = resolver.body["Resources"].as_object().into_iter().flatten();
        all.filter(|(id, _)| resolver.referents.contains_key(*id))
    }

    /// Reads every resource of a type, by logical id.
    pub(super) fn each<T>(
        &mut self,
        resource_type: &str,
        mut read: impl FnMut(&mut Properties<'_, 'a, '_>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        for (id, resource) in self.present().filter(|(_, resource)| resource["Type"] == resource_type) {
            let mut properties = Properties::new(self, id, resource);
            properties.own_name(resource_type);
            if let Some(one) = read(&mut properties) {
                all.insert(id.clone(), one);
            }
            properties.finish();
        }
        all
    }

    /// Looks at every resource of a type that has been read, for something else.
    pub(super) fn again(&mut self, resource_type: &str, mut look: impl FnMut(&mut Properties<'_, 'a, '_>)) {
        for (id, resource) in self.present().filter(|(_, resource)| resource["Type"] == resource_type) {
            look(&mut Properties::new(self, id, resource));
        }
    }

    /// What a value comes to; `None` when that is nothing, or only AWS knows.
    fn known_value(&self, written: &Value) -> Option<Value> {
        self.resolver.resolve(written).ok().flatten()
    }

    /// What was gathered.
    pub(super) fn finish(mut self) -> Found {
        let known = [function::ALIAS, function::VERSION, trigger::MAPPING, trigger::PERMISSION];
        for (id, resource) in self.present() {
            let resource_type = resource["Type"].as_str().unwrap_or_default();
            if kind_of(resource_type).is_none() && !known.contains(&resource_type) {
                let what = format!("`{id}` ({resource_type})");
                let replicas = self.known_value(&resource["Properties"]["Replicas"]);
                let several = replicas.as_ref().and_then(Value::as_array).is_some_and(|replicas| replicas.len() > 1);
                if resource_type == GLOBAL_TABLE && several {
                    self.cross_region.push(what.clone());
                }
                self.beyond.push(what);
            }
        }
        self.beyond.sort();
        self.cross_region.sort();
        let Self { problems, names, beyond, cross_region, .. } = self;
        Found { problems, names, beyond, cross_region }
    }

    /// Records an error at `path`.
    pub(super) fn wrong(&mut self, path: &KeyPath, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.source.error(message).at(self.source.place(path), "here");
        self.problems.push(problem.help(help));
    }

    /// The folder that paths in the template are relative to.
    pub(super) fn folder(&self) -> &'a std::path::Path {
        self.source.folder()
    }
}

/// One resource, whose properties are resolved as they are asked for.
pub(super) struct Properties<'r, 'a, 'p> {
    pub(super) reader: &'r mut Reader<'a>,
    /// Logical id.
    pub(super) id: &'p str,
    path: KeyPath,
    resource: &'p Value,
    asked: BTreeSet<String>,
}

impl<'r, 'a, 'p> Properties<'r, 'a, 'p> {
    fn new(reader: &'r mut Reader<'a>, id: &'p str, resource: &'p Value) -> Self {
        let path = KeyPath::of(["Resources", id, "Properties"]);
        Self { reader, id, path, resource, asked: BTreeSet::new() }
    }

    /// Where a property stands.
    pub(super) fn place(&self, property: &str) -> KeyPath {
        self.path.key(property)
    }

    /// Marks a property as one that firedrill handles.
    pub(super) fn known(&mut self, property: &str) {
        self.asked.insert(property.to_owned());
    }

    /// Records an error at a property.
    pub(super) fn wrong(&mut self, property: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(property);
        self.reader.wrong(&place, message, help);
    }

    /// The value of a property; `None` when it is not there, or when it is wrong, which is recorded.
    pub(super) fn get<T: DeserializeOwned>(&mut self, property: &str) -> Option<T> {
        self.known(property);
        let written = self.resource["Properties"].get(property)?;
        match self.reader.resolver.resolve(written) {
            Err(unknown) => {
                let place = self.place(property);
                self.reader.problems.push(unresolved(self.reader.source, &place, &unknown));
                None
            }
            Ok(None) => None,
            Ok(Some(value)) => self.typed(property, value),
        }
    }

    /// Whether a property, and what it holds, are mappings and no function, or not there.
    pub(super) fn is_plain(&self, property: &str) -> bool {
        let plain = |value: &Value| value.as_object().is_some_and(|map| function_called(map).is_none());
        let written = self.resource["Properties"].get(property);
        written.is_none_or(|written| plain(written) && written.as_object().into_iter().flat_map(Map::values).all(plain))
    }

    /// [`Properties::get`] of a property that has to be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, property: &str) -> Option<T> {
        if self.resource["Properties"].get(property).is_none() {
            self.wrong(property, format!("`{}` has no `{property}`", self.id), "it cannot be made without");
        }
        self.get(property)
    }

    /// What `Metadata.firedrill` says of the resource.
    pub(super) fn metadata<T: DeserializeOwned + Default>(&mut self) -> T {
        let Some(written) = self.resource["Metadata"].get("firedrill") else { return T::default() };
        serde_json::from_value(written.clone()).unwrap_or_else(|error| {
            let path = KeyPath::of(["Resources", self.id, "Metadata", "firedrill"]);
            self.reader.wrong(
                &path,
                format!("firedrill does not take this: {error}"),
                "docs/scenario.md says what it takes",
            );
            T::default()
        })
    }

    fn typed<T: DeserializeOwned>(&mut self, property: &str, value: Value) -> Option<T> {
        serde_json::from_value(value)
            .map_err(|error| {
                let message = format!("`{property}` of `{}` cannot be read: {error}", self.id);
                self.wrong(property, message, "firedrill takes of it what it can restore");
            })
            .ok()
    }

    /// The name that the template chooses, if it does.
    fn own_name(&mut self, resource_type: &str) {
        let Some((_, kind, property)) = NAMED.into_iter().find(|(of, ..)| *of == resource_type) else { return };
        let Some(name) = self.get::<Text>(property) else { return };
        let rest = name.0.replace("${region}", "").replace("${account}", "");
        if rest.contains("${") {
            self.wrong(
                property,
                "the name of a resource cannot be made from that of another",
                "use parameters, `AWS::Region` and `AWS::AccountId`",
            );
        }
        self.reader.names.insert(ResourceId::new(kind, self.id), name.0);
    }

    /// Names the properties that were never asked for.
    fn finish(self) {
        let there = self.resource["Properties"].as_object().into_iter().flat_map(Map::keys);
        let resource_type = self.resource["Type"].as_str().unwrap_or_default();
        for property in there.filter(|property| !self.asked.contains(*property)) {
            let what = format!("`{property}` of `{}` ({resource_type})", self.id);
            if property == REPLICATION && self.reader.known_value(&self.resource["Properties"][property]).is_some() {
                self.reader.cross_region.push(what.clone());
            }
            self.reader.beyond.push(what);
        }
    }

    /// The resource that a resolved text names.
    pub(super) fn referent(&self, text: &str) -> Option<ResourceId> {
        let all = self.reader.resolver.referents.values();
        let mut resources = all.filter_map(|referent| match referent {
            Referent::Resource(id) => Some(id),
            Referent::Alias { .. } | Referent::Other => None,
        });
        resources.find(|id| text == format!("${{{id}}}") || id.arn().is_some_and(|arn| text == arn)).cloned()
    }
}

/// A text, or what CloudFormation takes for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        text_of(&value).map(Self).ok_or_else(|| D::Error::custom("expected text"))
    }
}

/// A whole number, written as one or as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("`{text}` is not a whole number")))
    }
}

/// A truth value, written as one or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("`{text}` is neither true nor false")))
    }
}

/// One tag.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: Value,
}
