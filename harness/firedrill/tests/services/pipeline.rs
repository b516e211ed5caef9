//! The order pipeline as blueprints, and sites to make it at.

use std::{collections::BTreeMap, path::PathBuf};

use firedrill::services::{
    Blueprint, Clients, Site,
    clients::{Conduct, Endpoint},
    lambda,
};
use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind},
    stack::{
        Bucket, CorsRule, Function, Index, KeyAttribute, KeyType, Queue, Role, Table, Trigger, TriggerSource, Via,
    },
    topology::Side,
};
use serde_json::{Value, json};

/// A side whose physical names differ from the logical ones and from those of other tests.
pub(crate) fn site(url: &str, side: Side, region: &str, test: &str) -> Site {
    let endpoint = Endpoint { region: Region::from(region), plane_url: url.to_owned(), direct_url: url.to_owned() };
    let physical = |id: &ResourceId| format!("{test}-{}-{region}-{}", std::process::id(), id.name());
    let names = blueprints().into_iter().map(|(id, _)| (id.clone(), physical(&id))).collect();
    let triggers = BTreeMap::from([
        ("describe-upload".to_owned(), upload_trigger()),
        ("describe-queued".to_owned(), queue_trigger()),
        ("total-orders".to_owned(), order_trigger()),
    ]);
    Site::new(side, Clients::connect(&endpoint, Conduct::Control, None), url.to_owned(), names).with_triggers(triggers)
}

/// Every resource in the order of creation.
pub(crate) fn blueprints() -> Vec<(ResourceId, Blueprint)> {
    let id = ResourceId::new;
    vec![
        (id(ResourceKind::Role, "describe-upload"), Blueprint::Role(role(&["bucket/uploads", "table/documents"]))),
        (id(ResourceKind::Role, "total-orders"), Blueprint::Role(role(&["table/orders", "table/totals", "*"]))),
        (id(ResourceKind::Bucket, "uploads"), Blueprint::Bucket(uploads())),
        (id(ResourceKind::Bucket, "queued"), Blueprint::Bucket(uploads())),
        (id(ResourceKind::Table, "orders"), Blueprint::Table(orders())),
        (id(ResourceKind::Table, "documents"), Blueprint::Table(table("id", None))),
        (id(ResourceKind::Table, "totals"), Blueprint::Table(table("customer", None))),
        (id(ResourceKind::Table, "deliveries"), Blueprint::Table(table("event_id", Some("delivery_id")))),
        (id(ResourceKind::Queue, "upload-events"), Blueprint::Queue(queue())),
        (id(ResourceKind::Function, "describe-upload"), function("describe-upload", "DOCUMENTS_TABLE", "documents")),
        (id(ResourceKind::Function, "total-orders"), function("total-orders", "TOTALS_TABLE", "totals")),
        (id(ResourceKind::Trigger, "describe-upload"), Blueprint::Trigger(upload_trigger())),
        (id(ResourceKind::Trigger, "describe-queued"), Blueprint::Trigger(queue_trigger())),
        (id(ResourceKind::Trigger, "total-orders"), Blueprint::Trigger(order_trigger())),
    ]
}

fn role(resources: &[&str]) -> Role {
    let arns: Vec<String> = resources
        .iter()
        .map(|text| ResourceId::parse(text).and_then(|id| id.arn()).unwrap_or_else(|| (*text).to_owned()))
        .collect();
    let document = |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] });
    let lambda = json!({
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    });
    let several = json!({ "Effect": "Allow", "Action": ["s3:GetObject", "dynamodb:PutItem"], "Resource": arns });
    let here = json!({
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": { "StringNotEquals": { "aws:RequestedRegion": "${region}" } },
    });
    Role {
        assumed_by: document(lambda),
        policies: BTreeMap::from([("access".to_owned(), document(several)), ("stay-here".to_owned(), document(here))]),
        managed: vec!["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole".to_owned()],
    }
}

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("service".to_owned(), "order-pipeline".to_owned()), ("cost.centre".to_owned(), "4711".to_owned())])
}

fn uploads() -> Bucket {
    Bucket {
        versioning: true,
        encryption: Some("AES256".to_owned()),
        cors: vec![CorsRule {
            origins: vec!["https://shop.example.com".to_owned()],
            methods: vec!["PUT".to_owned(), "GET".to_owned()],
            headers: vec!["content-type".to_owned()],
            max_age_s: Some(600),
        }],
        tags: tags(),
        data: None,
    }
}

fn key(name: &str) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), kind: KeyType::S }
}

fn table(hash: &str, range: Option<&str>) -> Table {
    Table {
        hash: key(hash),
        range: range.map(key),
        indexes: BTreeMap::new(),
        stream: false,
        ttl: None,
        encryption: true,
        tags: tags(),
        data: None,
        delivery_log: false,
    }
}

/// The table with everything a table can have.
pub(crate) fn orders() -> Table {
    let by_status = Index { hash: key("status"), range: Some(key("placed_at")) };
    Table {
        indexes: BTreeMap::from([("by-status".to_owned(), by_status)]),
        stream: true,
        ttl: Some("expires_at".to_owned()),
        ..table("customer", Some("order"))
    }
}

fn function(name: &str, variable: &str, writes: &str) -> Blueprint {
    let code = super::support::root().join("fixtures/functions").join(name);
    let environment =
        [(variable, format!("${{table/{writes}}}")), ("DELIVERIES_TABLE", "${table/deliveries}".to_owned())];
    let environment = environment.into_iter().chain([("TRIGGER", name.to_owned())]);
    Blueprint::Function {
        code: lambda::package(&code).expect("the fixture's code is there"),
        spec: Function {
            runtime: "python3.12".to_owned(),
            handler: "app.handler".to_owned(),
            code: PathBuf::new(),
            memory_mib: 256,
            timeout_s: 30,
            environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
            role: name.to_owned(),
            reserved_concurrency: Some(4),
            alias: Some("live".to_owned()),
            tags: tags(),
        },
    }
}

fn upload_trigger() -> Trigger {
    Trigger {
        source: TriggerSource::BucketEvents {
            queue: None,
            bucket: "uploads".to_owned(),
            events: vec!["s3:ObjectCreated:*".to_owned()],
            prefix: None,
        },
        function: "describe-upload".to_owned(),
        effect: None,
    }
}

fn queue() -> Queue {
    Queue { visibility_timeout_s: 90, retention_s: 86_400, encryption: true, tags: tags() }
}

fn queue_trigger() -> Trigger {
    Trigger {
        source: TriggerSource::BucketEvents {
            queue: Some(Via { queue: "upload-events".to_owned(), batch_size: 5 }),
            bucket: "queued".to_owned(),
            events: vec!["s3:ObjectCreated:*".to_owned()],
            prefix: Some("in/".to_owned()),
        },
        function: "describe-upload".to_owned(),
        effect: None,
    }
}

fn order_trigger() -> Trigger {
    Trigger {
        source: TriggerSource::TableStream {
            table: "orders".to_owned(),
            batch_size: 50,
            batch_window_s: 0,
            retries: Some(5),
            bisect: true,
        },
        function: "total-orders".to_owned(),
        effect: None,
    }
}
