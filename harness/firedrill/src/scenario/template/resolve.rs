//! What the functions of a template come to, as far as that is known before it is deployed.
//!
//! The result is the same for both sides: `${region}`, `${account}` and `${table/Orders}` stand for what differs.
//! Source: AWS CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference".

use std::collections::BTreeMap;

use firedrill_model::ids::ResourceId;
use serde_json::{Map, Value};

/// Why a value is not known: `Fn::ImportValue is known only to AWS`.
pub(super) type Unknown = String;

/// A value, or `None` where `AWS::NoValue` takes the property away.
type Resolved = Result<Option<Value>, Unknown>;

/// What a logical id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Referent {
    /// A bucket, function, role or table of the stack.
    Resource(ResourceId),
    /// An alias of a function.
    Alias {
        /// The function's id.
        function: ResourceId,
        /// Name of the alias.
        name: String,
    },
    /// Something whose name or ARN is not known before it is there.
    Other,
}

/// A template with its parameters.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    /// The template.
    pub(super) body: &'a Value,
    /// Name of the CloudFormation stack.
    pub(super) stack: String,
    /// Values of the parameters.
    pub(super) parameters: BTreeMap<String, Value>,
    /// What logical ids stand for; those whose condition is false are absent.
    pub(super) referents: BTreeMap<String, Referent>,
}

impl Resolver<'_> {
    /// The value with every function in it worked out.
    pub(super) fn resolve(&self, value: &Value) -> Resolved {
        match value {
            Value::Object(map) => {
                if let Some((name, argument)) = function_called(map) {
                    return self.call(name, argument);
                }
                let mut out = Map::new();
                for (key, member) in map {
                    if let Some(member) = self.resolve(member)? {
                        out.insert(key.clone(), member);
                    }
                }
                Ok(Some(Value::Object(out)))
            }
            Value::Array(list) => Ok(Some(Value::Array(self.list(list)?))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Some(value.clone())),
        }
    }

    /// Whether a condition of the template holds.
    pub(super) fn holds(&self, name: &str) -> Result<bool, Unknown> {
        let condition = self.body["Conditions"].get(name);
        self.is_true(condition.ok_or_else(|| format!("the template has no condition `{name}`"))?)
    }

    fn list(&self, list: &[Value]) -> Result<Vec<Value>, Unknown> {
        list.iter().filter_map(|element| self.resolve(element).transpose()).collect()
    }

    fn call(&self, name: &str, argument: &Value) -> Resolved {
        let malformed = || format!("`{name}` is not written as CloudFormation takes it");
        match (name, argument) {
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", Value::Array(path)) => match path.as_slice() {
                [Value::String(id), Value::String(attribute)] => self.attribute(id, attribute).map(Some),
                _ => Err(malformed()),
            },
            ("Fn::GetAtt", Value::String(path)) => {
                let (id, attribute) = path.split_once('.').ok_or_else(malformed)?;
                self.attribute(id, attribute).map(Some)
            }
            ("Fn::Sub", Value::String(text)) => self.substitute(text, &Map::new()).map(Some),
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(text), Value::Object(names)] => self.substitute(text, names).map(Some),
                _ => Err(malformed()),
            },
            ("Fn::Join", Value::Array(parts)) => {
                let [Value::String(separator), list] = parts.as_slice() else { return Err(malformed()) };
                let Some(Value::Array(list)) = self.resolve(list)? else { return Err(malformed()) };
                let texts: Option<Vec<String>> = list.iter().map(text_of).collect();
                Ok(Some(texts.ok_or_else(malformed)?.join(separator).into()))
            }
            ("Fn::Split", Value::Array(parts)) => {
                let [Value::String(separator), text] = parts.as_slice() else { return Err(malformed()) };
                let Some(Value::String(text)) = self.resolve(text)? else { return Err(malformed()) };
                Ok(Some(text.split(separator.as_str()).collect()))
            }
            ("Fn::Select", Value::Array(parts)) => {
                let [index, list] = parts.as_slice() else { return Err(malformed()) };
                let index: Option<usize> =
                    self.resolve(index)?.as_ref().and_then(text_of).and_then(|of| of.parse().ok());
                let Some(Value::Array(list)) = self.resolve(list)? else { return Err(malformed()) };
                index.and_then(|index| list.get(index).cloned()).map(Some).ok_or_else(malformed)
            }
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), then, otherwise] => {
                    self.resolve(if self.holds(condition)? { then } else { otherwise })
                }
                _ => Err(malformed()),
            },
            ("Fn::FindInMap", Value::Array(path)) => {
                let path: Option<Vec<String>> = self.list(path)?.iter().map(text_of).collect();
                let path = path.ok_or_else(malformed)?;
                same_on_both_sides(&path)?;
                let found = path.iter().try_fold(&self.body["Mappings"], |map, key| map.get(key));
                Ok(Some(found.ok_or_else(|| format!("the template has no mapping `{}`", path.join(".")))?.clone()))
            }
            (name, _) if KNOWN.contains(&name) => Err(malformed()),
            (name, _) => Err(format!("`{name}` is known only to AWS")),
        }
    }

    fn is_true(&self, condition: &Value) -> Result<bool, Unknown> {
        let malformed = || "a condition is not written as CloudFormation takes it".to_owned();
        let (name, argument) = condition.as_object().and_then(function_called).ok_or_else(malformed)?;
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, parts) {
            ("Condition", _) => self.holds(argument.as_str().ok_or_else(malformed)?),
            ("Fn::Equals", [one, other]) => {
                let both = [self.resolve(one)?, self.resolve(other)?];
                let texts: Vec<String> = both.iter().flatten().filter_map(text_of).collect();
                same_on_both_sides(&texts)?;
                let [one, other] = texts.as_slice() else { return Err(malformed()) };
                Ok(one == other)
            }
            ("Fn::Not", [one]) => Ok(!self.is_true(one)?),
            ("Fn::And", [_, _, ..]) => parts.iter().try_fold(true, |all, one| Ok(all & self.is_true(one)?)),
            ("Fn::Or", [_, _, ..]) => parts.iter().try_fold(false, |any, one| Ok(any | self.is_true(one)?)),
            _ => Err(malformed()),
        }
    }

    fn reference(&self, id: &str) -> Resolved {
        let text = match id {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => "${region}".to_owned(),
            "AWS::AccountId" => "${account}".to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.stack.clone(),
            _ if id.starts_with("AWS::") => return Err(format!("`{id}` is known only to AWS")),
            _ => match (self.parameters.get(id), self.referents.get(id)) {
                (Some(value), _) => return Ok(Some(value.clone())),
                (None, Some(Referent::Resource(resource))) => format!("${{{resource}}}"),
                (None, Some(Referent::Alias { function, name })) => alias_arn(function, name),
                (None, Some(Referent::Other)) => {
                    return Err(format!("what `{id}` is called is known only once it is there"));
                }
                (None, None) => return Err(format!("the template has no `{id}`")),
            },
        };
        Ok(Some(text.into()))
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<Value, Unknown> {
        let referent = self.referents.get(id).ok_or_else(|| format!("the template has no `{id}`"))?;
        let arn = match (referent, attribute) {
            (Referent::Resource(resource), "Arn") => resource.arn(),
            (Referent::Resource(resource), "StreamArn") => resource.arn().map(|arn| format!("{arn}{STREAM}")),
            (Referent::Alias { function, name }, "AliasArn") => Some(alias_arn(function, name)),
            (Referent::Resource(_) | Referent::Alias { .. } | Referent::Other, _) => None,
        };
        Ok(arn.ok_or_else(|| format!("`{id}.{attribute}` is known only once it is there"))?.into())
    }

    /// `${Name}` in a text; `${!Name}` stands for itself.
    fn substitute(&self, text: &str, names: &Map<String, Value>) -> Result<Value, Unknown> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| "`Fn::Sub` has a `${` without its `}`".to_owned())?;
            out.push_str(before);
            let name = name.trim();
            let value = if let Some(literal) = name.strip_prefix('!') {
                Some(Value::from(format!("${{{literal}}}")))
            } else if let Some(value) = names.get(name) {
                self.resolve(value)?
            } else if let Some((id, attribute)) = name.split_once('.') {
                Some(self.attribute(id, attribute)?)
            } else {
                self.reference(name)?
            };
            let text = value.as_ref().and_then(text_of);
            out.push_str(&text.ok_or_else(|| format!("`{name}` is not text that `Fn::Sub` could put in"))?);
            rest = after;
        }
        Ok((out + rest).into())
    }
}

/// How the ARN of a table's stream goes on; the label that follows is AWS's.
pub(super) const STREAM: &str = "/stream";

/// Functions that are worked out here.
const KNOWN: [&str; 8] =
    ["Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Split", "Fn::Select", "Fn::If", "Fn::FindInMap"];

fn alias_arn(function: &ResourceId, name: &str) -> String {
    format!("{}:{name}", function.arn().unwrap_or_default())
}

/// The function that an object calls.
pub(super) fn function_called(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let calls = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    calls.then_some((name.as_str(), argument))
}

fn same_on_both_sides(texts: &[String]) -> Result<(), Unknown> {
    match texts.iter().find(|text| text.contains("${")) {
        Some(text) => Err(format!("it depends on `{text}`, which is not the same on both sides")),
        None => Ok(()),
    }
}

/// CloudFormation takes numbers and truth values for text, and the other way round.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::ids::ResourceKind;
    use serde_json::json;

    use super::*;

    fn resolver(body: &Value) -> Resolver<'_> {
        let orders = Referent::Resource(ResourceId::new(ResourceKind::Table, "Orders"));
        let function = ResourceId::new(ResourceKind::Function, "Total");
        Resolver {
            body,
            stack: "shop".to_owned(),
            parameters: BTreeMap::from([("Stage".to_owned(), json!("test")), ("Sizes".to_owned(), json!(["1", "2"]))]),
            referents: BTreeMap::from([
                ("Orders".to_owned(), orders),
                ("Live".to_owned(), Referent::Alias { function, name: "live".to_owned() }),
                ("Queue".to_owned(), Referent::Other),
            ]),
        }
    }

    #[test]
    fn functions_come_to_what_cloudformation_makes_of_them() {
        let body = json!({
            "Mappings": { "Size": { "test": { "memory": 256 } } },
            "Conditions": {
                "Test": { "Fn::Equals": [{ "Ref": "Stage" }, "test"] },
                "Other": { "Fn::Not": [{ "Condition": "Test" }] },
                "Both": { "Fn::And": [{ "Condition": "Test" }, { "Condition": "Other" }] },
                "Either": { "Fn::Or": [{ "Condition": "Test" }, { "Condition": "Other" }] },
            },
        });
        let resolver = resolver(&body);
        for (value, expected) in [
            (json!({ "Ref": "Stage" }), json!("test")),
            (json!({ "Ref": "Orders" }), json!("${table/Orders}")),
            (
                json!({ "Fn::GetAtt": ["Orders", "Arn"] }),
                json!("arn:aws:dynamodb:${region}:${account}:table/${table/Orders}"),
            ),
            (
                json!({ "Fn::GetAtt": "Orders.StreamArn" }),
                json!("arn:aws:dynamodb:${region}:${account}:table/${table/Orders}/stream"),
            ),
            (json!({ "Ref": "Live" }), json!("arn:aws:lambda:${region}:${account}:function:${function/Total}:live")),
            (json!({ "Fn::Sub": "a-${Stage}-${AWS::Region}-${!Kept}" }), json!("a-test-${region}-${Kept}")),
            (
                json!({ "Fn::Sub": ["${X}/*", { "X": { "Fn::GetAtt": ["Orders", "Arn"] } }] }),
                json!("arn:aws:dynamodb:${region}:${account}:table/${table/Orders}/*"),
            ),
            (json!({ "Fn::Join": ["-", ["a", { "Ref": "Stage" }, 1]] }), json!("a-test-1")),
            (json!({ "Fn::Select": ["1", { "Fn::Split": [",", "a,b"] }] }), json!("b")),
            (json!({ "Fn::Select": [0, { "Ref": "Sizes" }] }), json!("1")),
            (json!({ "Fn::FindInMap": ["Size", { "Ref": "Stage" }, "memory"] }), json!(256)),
            (json!({ "Fn::If": ["Test", "yes", "no"] }), json!("yes")),
            (json!({ "Fn::If": ["Both", "yes", "no"] }), json!("no")),
            (json!({ "Fn::If": ["Either", "yes", "no"] }), json!("yes")),
            (json!({ "a": { "Ref": "AWS::NoValue" }, "b": [{ "Ref": "AWS::NoValue" }, 1] }), json!({ "b": [1] })),
            // A condition of a policy is not a condition of the template.
            (json!({ "Condition": { "Bool": { "x": true } } }), json!({ "Condition": { "Bool": { "x": true } } })),
        ] {
            assert_eq!(resolver.resolve(&value), Ok(Some(expected)), "{value}");
        }
    }

    #[test]
    fn what_is_not_known_beforehand_is_said_and_never_guessed() {
        let body = json!({ "Conditions": {
            "Here": { "Fn::Equals": [{ "Ref": "AWS::Region" }, "us-east-1"] },
            "OfAList": { "Fn::Equals": [{ "Ref": "Sizes" }, "1"] },
        } });
        let resolver = resolver(&body);
        for (value, expected) in [
            (json!({ "Fn::ImportValue": "vpc" }), "`Fn::ImportValue` is known only to AWS"),
            (json!({ "Ref": "AWS::StackId" }), "`AWS::StackId` is known only to AWS"),
            (json!({ "Ref": "Nothing" }), "the template has no `Nothing`"),
            (json!({ "Ref": "Queue" }), "what `Queue` is called is known only once it is there"),
            (json!({ "Fn::GetAtt": ["Queue", "Arn"] }), "`Queue.Arn` is known only once it is there"),
            (json!({ "Fn::Join": ["-", "text"] }), "`Fn::Join` is not written as CloudFormation takes it"),
            (json!({ "Fn::Sub": "${Stage" }), "`Fn::Sub` has a `${` without its `}`"),
            (json!({ "Fn::If": ["Gone", 1, 2] }), "the template has no condition `Gone`"),
            (json!({ "Fn::If": ["OfAList", 1, 2] }), "a condition is not written as CloudFormation takes it"),
            (json!({ "Fn::If": ["Here", 1, 2] }), "it depends on `${region}`, which is not the same on both sides"),
            (
                json!({ "Fn::FindInMap": ["Size", { "Ref": "AWS::Region" }, "x"] }),
                "it depends on `${region}`, which is not the same on both sides",
            ),
        ] {
            assert_eq!(resolver.resolve(&value).expect_err("not known"), expected, "{value}");
        }
    }
}
