//! The reference page `docs/scenario.md`, made from the same types as the schemas, so that it cannot be out of date.

use serde_json::Value;

use super::{
    schema::{self, alternatives, resolve, words},
    shape::expected,
};

const HEAD: &str = "\
# Scenario and stack files

<!-- Generated from the types in `harness/firedrill/src/scenario`. Do not edit: see the test `generated_files_are_current`. -->

Both are YAML, at most 1 MiB, one document a file. A key that is not listed here is an error. Durations are written like
`30s`, sizes like `64KiB`, rates like `40/s`. Resources are named plainly (`orders`) where only one thing has that name,
and by kind and name (`table/orders`, `trigger/total-orders`) everywhere. Editors check a file against its schema when
its first line is `# yaml-language-server: $schema=./scenario.schema.json`; `firedrill check` says everything else.
";

const TEMPLATES: &str = "
## A CloudFormation template

In place of a stack file, `workload.stack` may name a CloudFormation template, in YAML or JSON. The target's own
CloudFormation deploys it as a stack with the file's name, triggers included; the drill then reads back every resource and
stops when one is not what the template says. What an emulator's CloudFormation is known to leave out is set by the services'
own calls, and the run says what that was. Logical ids are the names that a scenario uses. A notification from a bucket to a
function is a trigger called `<Bucket>-<Function>`; an event source mapping has its own id.

| in the template | what firedrill does |
|---|---|
| `AWS::S3::Bucket`, `AWS::DynamoDB::Table`, `AWS::IAM::Role`, `AWS::Lambda::Function`, `Version`, `Alias`, `Permission`, `EventSourceMapping` | protects, restores and compares them |
| any other resource, or a property that firedrill does not know | deploys it; `check` warns, and the report says that nothing was proved about it |
| a name that the template chooses | keeps it; buckets and roles need `AWS::Region` in theirs, since one account has them once for all regions |
| no name | fills in the name that `plan` shows |
| `Code: ./folder` | packs and uploads it, as `aws cloudformation package` does; `ZipFile` stays as it is |
| the environment of a function | adds `AWS_ENDPOINT_URL`, the address of the fault plane |
| parameters | values from `workload.parameters`, else the defaults |
| `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`, `Fn::Split`, `Fn::Select`, `Fn::If`, `Fn::FindInMap`, conditions | works them out where it has to know a value; an error says where it cannot |
| macros (`Transform`), templates over 51,200 bytes | refuses them |

What CloudFormation does not know stands in the metadata of a resource:

| of | metadata | meaning |
|---|---|---|
| a bucket | `Metadata: { firedrill: { data: upload } }` | generator of its objects |
| a table | `Metadata: { firedrill: { data: order } }` | generator of its items |
| a table | `Metadata: { firedrill: { delivery_log: true } }` | functions log each delivery here |
| a function | `Metadata: { firedrill: { effect: { table: Totals, model: running-total } } }` | what it must produce for an event |

What the vault could not bring back as it was is an error, not a surprise after the disaster: provisioned capacity, indexes
that do not project all attributes, streams without both images, keys of one's own for encryption, mappings that begin at
`LATEST`, notifications with a suffix, permissions of a bucket without `SourceArn` and `SourceAccount`.
";

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for (title, schema) in [("A scenario", schema::scenario()), ("A stack", schema::stack())] {
        let mut chapter = Chapter { root: &schema, text: String::new(), waiting: Vec::new(), told: Vec::new() };
        chapter.section(2, title, &schema);
        while !chapter.waiting.is_empty() {
            let (path, schema) = chapter.waiting.remove(0);
            chapter.section(3, &format!("`{path}`"), schema);
        }
        page.push_str(&chapter.text);
    }
    page.push_str(TEMPLATES);
    page
}

struct Chapter<'a> {
    root: &'a Value,
    text: String,
    /// Mappings that a section will tell of, with the path they are first found at.
    waiting: Vec<(String, &'a Value)>,
    told: Vec<&'a Value>,
}

impl<'a> Chapter<'a> {
    fn section(&mut self, level: usize, title: &str, schema: &'a Value) {
        let heading = "#".repeat(level);
        let meaning = description(schema).unwrap_or_default();
        self.line(&format!("\n{heading} {title}\n\n{meaning}\n"));
        self.line("| key | value | default | meaning |");
        self.line("|---|---|---|---|");
        let path = if level == 2 { String::new() } else { format!("{}.", title.trim_matches('`')) };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, one) in schema["properties"].as_object().into_iter().flatten() {
            let default = match one.get("default") {
                _ if required.contains(&key.as_str()) => "**required**".to_owned(),
                Some(default) if is_told_elsewhere(default) => String::new(),
                Some(default) => format!("`{}`", plain(default)),
                None => String::new(),
            };
            let meaning = self.meaning(one);
            let value = self.value(one);
            self.line(&format!("| `{key}` | {value} | {default} | {meaning} |"));
        }
        for (key, one) in schema["properties"].as_object().into_iter().flatten() {
            self.queue(&format!("{path}{key}"), one);
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end_matches(' '));
        self.text.push('\n');
    }

    /// What may be written, with examples.
    fn value(&self, schema: &Value) -> String {
        let ways = alternatives(self.root, schema);
        let text = match ways.as_slice() {
            [list] if list["type"] == "array" => format!("a list; each {}", self.value(&list["items"])),
            [mapping] if mapping["additionalProperties"].is_object() => {
                format!("a name → {}", self.value(&mapping["additionalProperties"]))
            }
            several if !tags(several).is_empty() => format!("a mapping with one of `{}`", tags(several).join("`, `")),
            several if several.len() > 8 => "one of the words below".to_owned(),
            several => expected(several),
        };
        let examples = schema["examples"].as_array().or_else(|| resolve(self.root, schema)["examples"].as_array());
        match examples {
            Some(examples) => {
                let shown: Vec<String> = examples.iter().map(|example| format!("`{}`", plain(example))).collect();
                format!("{text}, like {}", shown.join(", "))
            }
            None => text,
        }
    }

    /// The comment on the key, and what each word means.
    fn meaning(&self, schema: &Value) -> String {
        let mut meaning = description(schema).or_else(|| description(resolve(self.root, schema))).unwrap_or_default();
        let mut ways = alternatives(self.root, schema);
        if let [list] = ways.as_slice()
            && list["type"] == "array"
        {
            ways = alternatives(self.root, &list["items"]);
        }
        let told = |way: &&Value| Some(format!("`{}`: {}", words(way).first()?, description(way)?));
        let words: Vec<String> = ways.iter().filter_map(told).collect();
        if !words.is_empty() {
            meaning = format!("{meaning}<br>{}", words.join("<br>"));
        }
        meaning.replace('|', "\\|")
    }

    /// Remembers the mappings that may stand at `path`, each once.
    fn queue(&mut self, path: &str, schema: &'a Value) {
        let ways = alternatives(self.root, schema);
        for (way, tag) in ways.iter().zip(tags(&ways)) {
            self.queue(&format!("{path}.{tag}"), &way["properties"][tag]);
        }
        if !tags(&ways).is_empty() {
            return;
        }
        for way in ways {
            if way["type"] == "array" {
                self.queue(&format!("{path}[]"), &way["items"]);
            } else if way["additionalProperties"].is_object() {
                self.queue(&format!("{path}.*"), &way["additionalProperties"]);
            } else if way["properties"].is_object() && !self.told.contains(&way) {
                self.told.push(way);
                self.waiting.push((path.to_owned(), way));
            }
        }
    }
}

/// When each of several ways is a mapping with one key, the keys: they say which way it is.
fn tags<'a>(ways: &[&'a Value]) -> Vec<&'a str> {
    let only_key = |way: &&'a Value| -> Option<&'a str> {
        let properties = way["properties"].as_object()?;
        let key = properties.keys().next()?;
        (properties.len() == 1).then_some(key)
    };
    let keys: Option<Vec<&str>> = ways.iter().map(only_key).collect();
    keys.filter(|_| ways.len() > 1).unwrap_or_default()
}

fn is_told_elsewhere(default: &Value) -> bool {
    match default {
        Value::Array(items) => items.is_empty(),
        Value::Object(_) | Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn description(schema: &Value) -> Option<String> {
    schema["description"].as_str().map(|text| text.replace('\n', " "))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
