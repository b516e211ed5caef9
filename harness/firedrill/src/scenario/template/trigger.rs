//! What invokes functions: event source mappings, and the notifications of buckets with their permissions.
//!
//! Source: AWS CloudFormation Template Reference, `AWS::Lambda::EventSourceMapping`, `AWS::Lambda::Permission`,
//! `NotificationConfiguration` of `AWS::S3::Bucket`.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::{Effect, EffectModel, Stack, Trigger, TriggerSource},
};
use serde::Deserialize;

use super::{
    bucket, function,
    properties::{Flag, Properties, Reader, Text, Whole},
    resolve::STREAM,
};
use crate::scenario::{key_path::KeyPath, nearest::suggest};

pub(super) const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
pub(super) const PERMISSION: &str = "AWS::Lambda::Permission";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Notifications {
    #[serde(default)]
    lambda_configurations: Vec<Notification>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Notification {
    event: String,
    function: Text,
    filter: Option<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Filter {
    s3_key: KeyFilter,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct KeyFilter {
    rules: Vec<FilterRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FilterRule {
    name: String,
    value: Text,
}

/// What `Metadata.firedrill` of a function may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    effect: Option<WrittenEffect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEffect {
    table: String,
    model: EffectModel,
}

/// Attempts before a batch is given up; -1 stands for "until the record expires".
#[derive(Debug, Deserialize)]
#[serde(try_from = "Text")]
struct Retries(Option<u32>);

impl TryFrom<Text> for Retries {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self(None));
        }
        text.parse().map(|limit| Self(Some(limit))).map_err(|_| format!("`{text}` is not a number of attempts"))
    }
}

/// Reads an event source mapping.
pub(super) fn read(of: &mut Properties<'_, '_, '_>) -> Option<Trigger> {
    let source: Text = of.required("EventSourceArn")?;
    let table = source.0.strip_suffix(STREAM).and_then(|arn| of.referent(arn));
    let Some(table) = table.filter(|table| table.kind() == Some(ResourceKind::Table)) else {
        let message = format!("`{}` does not read the stream of a table of this template", of.id);
        of.wrong("EventSourceArn", message, "write `!GetAtt <Table>.StreamArn`");
        return None;
    };
    if of.get::<String>("StartingPosition").as_deref() != Some("TRIM_HORIZON") {
        let message = format!("`{}` does not begin at the oldest record", of.id);
        let help = "firedrill restores mappings with `StartingPosition: TRIM_HORIZON`; with `LATEST`, records that come \
                    before the mapping is enabled are lost";
        of.wrong("StartingPosition", message, help);
    }
    if of.get::<Flag>("Enabled") == Some(Flag(false)) {
        of.wrong("Enabled", format!("`{}` is switched off", of.id), "leave `Enabled` out, or the mapping");
    }
    let function: Text = of.required("FunctionName")?;
    let function = invoked(of, "FunctionName", &function)?;
    let retries: Option<Retries> = of.get("MaximumRetryAttempts");
    let source = TriggerSource::TableStream {
        table: table.name().to_owned(),
        batch_size: of.get("BatchSize").map_or(100, |Whole(size)| size),
        batch_window_s: of.get("MaximumBatchingWindowInSeconds").map_or(0, |Whole(seconds)| seconds),
        retries: retries.and_then(|Retries(limit)| limit),
        bisect: of.get("BisectBatchOnFunctionError").is_some_and(|Flag(bisect)| bisect),
    };
    Some(Trigger { source, function, effect: None })
}

/// Logical id of the function that a trigger calls, by its alias when it has one.
fn invoked(of: &mut Properties<'_, '_, '_>, property: &str, text: &Text) -> Option<String> {
    let Some((function, alias)) = function::called(of.reader.resolver, &text.0) else {
        let message = format!("`{}` is not a function of this template", text.0);
        of.wrong(property, message, "write `!Ref <Function>`, or `!Ref <Alias>` for a function that has one");
        return None;
    };
    let expected = function::alias_of(of.reader.resolver, &function);
    if alias != expected {
        let message = format!("`{}` is called past its alias", function.name());
        of.wrong(property, message, "firedrill restores triggers that call the alias of a function that has one");
    }
    Some(function.name().to_owned())
}

/// The notifications of all buckets as triggers, each named `<Bucket>-<Function>`.
pub(super) fn notifications(reader: &mut Reader<'_>) -> BTreeMap<String, Trigger> {
    let mut triggers: BTreeMap<String, Trigger> = BTreeMap::new();
    reader.again(bucket::TYPE, |of| {
        let Some(written) = of.get::<Notifications>("NotificationConfiguration") else { return };
        for notification in written.lambda_configurations {
            let Some(function) = invoked(of, "NotificationConfiguration", &notification.function) else { continue };
            let name = format!("{}-{function}", of.id);
            let rules = notification.filter.map(|filter| filter.s3_key.rules).unwrap_or_default();
            if triggers.contains_key(&name) || rules.iter().any(|rule| !rule.name.eq_ignore_ascii_case("prefix")) {
                let message = format!("`{}` notifies `{function}` in more than one way, or with a suffix", of.id);
                let help = "firedrill restores one notification from a bucket to a function, with an optional prefix";
                of.wrong("NotificationConfiguration", message, help);
                continue;
            }
            let source = TriggerSource::BucketEvents {
                queue: None,
                bucket: of.id.to_owned(),
                events: vec![notification.event],
                prefix: rules.into_iter().next().map(|rule| rule.value.0),
            };
            triggers.insert(name, Trigger { source, function, effect: None });
        }
    });
    triggers
}

/// Checks a permission: recovery gives a bucket its permission with both conditions, and the two sides are compared.
pub(super) fn permission(of: &mut Properties<'_, '_, '_>) -> Option<()> {
    let function: Text = of.required("FunctionName")?;
    invoked(of, "FunctionName", &function)?;
    of.known("Action");
    let principal: Text = of.required("Principal")?;
    let (source, account): (Option<Text>, Option<Text>) = (of.get("SourceArn"), of.get("SourceAccount"));
    if principal.0 != "s3.amazonaws.com" {
        of.wrong(
            "Principal",
            format!("firedrill does not restore what `{}` may do", principal.0),
            "only `s3.amazonaws.com`",
        );
    } else if source.is_none() || account.is_none() {
        let help = "AWS asks for both: the ARN of a bucket does not say whose it is";
        of.wrong("SourceArn", "the permission of a bucket needs both `SourceArn` and `SourceAccount`", help);
    }
    Some(())
}

/// Gives triggers the effects that the metadata of their functions states.
pub(super) fn effects(reader: &mut Reader<'_>, stack: &mut Stack) {
    let tables: Vec<String> = stack.tables.keys().cloned().collect();
    reader.again(function::TYPE, |of| {
        let Some(effect) = of.metadata::<Metadata>().effect else { return };
        if !tables.contains(&effect.table) {
            let path = KeyPath::of(["Resources", of.id, "Metadata", "firedrill", "effect", "table"]);
            let help = suggest(&effect.table, tables.iter().map(String::as_str));
            of.reader.wrong(&path, format!("the template has no table `{}`", effect.table), help);
            return;
        }
        let table = ResourceId::new(ResourceKind::Table, &effect.table);
        let invoking = stack.triggers.iter().filter(|(_, trigger)| trigger.function == of.id);
        for name in invoking.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if let Some((first, _)) = stack.derived_by(&table) {
                let path = KeyPath::of(["Resources", of.id, "Metadata", "firedrill", "effect", "table"]);
                let message =
                    format!("`{}` is derived by `{first}` already, and `{name}` would be the second", effect.table);
                let help = "firedrill tells by one trigger what caused an item of a table";
                of.reader.wrong(&path, message, help);
                return;
            }
            if let Some(trigger) = stack.triggers.get_mut(&name) {
                trigger.effect = Some(Effect { table: effect.table.clone(), model: effect.model });
            }
        }
    });
}
