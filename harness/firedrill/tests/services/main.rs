//! The services against a real emulator: the order pipeline is provisioned, works, is described, and is made again
//! elsewhere.
//!
//! Each test has an emulator of its own, with both regions in one process.

mod changes;
mod container;
mod objects;
mod pipeline;
#[path = "../support/mod.rs"]
mod support;
mod vault;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use firedrill::{
    poll::{self, Look},
    services::{
        Blueprint, EntrySink, Service, ServiceError, Site,
        dynamodb::{self, AttributeValue, Item, stream::ChangeKind},
        lambda, s3, service,
    },
    target::{INSTALL_LIMIT, Launch, RunningTarget, cache_folder, install::Silent, install_aside},
};
use firedrill_model::{
    capture::{Configuration, Entry},
    ids::{Region, ResourceId, ResourceKind},
    plan::{Layout, TargetKind, TargetPlan},
    run_dir::RunDir,
    stack::Table,
    topology::Side,
    units::Span,
    verdict::EnvironmentClass,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::pipeline::{blueprints, orders, site};

const LIMIT: Span = Span::from_secs(90);
const EVERY: Span = Span::from_ms(250);
const AWKWARD: &str = "a b+c%20d/é#?.txt";
const QUOTED: &str = "quo'te\".txt";

type Outcome = Result<(), Box<dyn Error>>;

/// A target that ends with this value.
struct Emulator {
    target: RunningTarget,
    url: String,
    _folder: tempfile::TempDir,
}

async fn emulator() -> Result<Emulator, Box<dyn Error>> {
    let launch = Launch { program: env!("CARGO_BIN_EXE_firedrill").into(), cache: cache_folder()? };
    let plan = TargetPlan {
        kind: TargetKind::Local,
        layout: Layout::SharedProcess,
        environment_class: EnvironmentClass::Emulator,
        engine: firedrill::target::install::ENGINE.to_owned(),
    };
    let regions = ["us-east-1", "eu-west-1"].map(Region::from);
    let folder = tempfile::tempdir()?;
    let dir = RunDir::new(folder.path());
    let emulator = install_aside(launch.cache.clone(), INSTALL_LIMIT, &Silent).await?;
    let target = RunningTarget::start(&launch, &emulator, &plan, (&regions, &[], 0), &dir).await?;
    let url = target.endpoints()[&regions[0]].direct_url.clone();
    Ok(Emulator { target, url, _folder: folder })
}

fn of(id: &ResourceId) -> &'static dyn Service {
    service(id.kind().expect("every resource here has a kind"))
}

async fn provision(site: &Site, blueprints: &[(ResourceId, Blueprint)]) -> Outcome {
    for (id, blueprint) in blueprints {
        of(id).create(site, id.name(), blueprint).await?;
        of(id).activate(site, id.name(), blueprint).await?;
    }
    Ok(())
}

async fn tear_down(site: &Site) -> Outcome {
    for (id, _) in blueprints().iter().rev() {
        of(id).delete(site, id.name()).await?;
        of(id).delete(site, id.name()).await?; // fine when it is not there
        assert!(!of(id).exists(site, id.name()).await?, "{id} is still there");
    }
    Ok(())
}

#[derive(Default)]
struct Gathered(Vec<Entry>);

impl EntrySink for Gathered {
    fn take(&mut self, entry: Entry) -> Result<(), ServiceError> {
        self.0.push(entry);
        Ok(())
    }
}

async fn content(site: &Site, id: &ResourceId) -> Result<Vec<Entry>, ServiceError> {
    let mut sink = Gathered::default();
    of(id).content(site, id.name(), true, &mut sink).await?;
    sink.0.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(sink.0)
}

/// Waits until the item with this key satisfies `wanted`; as plain JSON.
async fn until_item(
    site: &Site,
    table: &str,
    key: (&str, &str),
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value, Box<dyn Error>> {
    let (attribute, text) = key;
    let never = CancellationToken::new();
    let seen = poll::until(format!("`{text}` in {table}"), EVERY, LIMIT, &never, || async {
        let key = Item::from([(attribute.to_owned(), AttributeValue::S(text.to_owned()))]);
        match dynamodb::get_item(site, table, key).await {
            Err(error) => Look::Ready(Err(error)),
            Ok(item) => {
                let item = dynamodb::json::plain(&item.unwrap_or_default());
                if wanted(&item) { Look::Ready(Ok(item)) } else { Look::NotYet(item.to_string()) }
            }
        }
    });
    Ok(seen.await??)
}

/// Waits until the functions have logged `count` deliveries.
async fn until_delivered(site: &Site, trigger: &str, count: usize) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let what = format!("{count} deliveries of {trigger}");
    let never = CancellationToken::new();
    let seen = poll::until(what, EVERY, LIMIT, &never, || async {
        match dynamodb::deliveries(site, "deliveries").await {
            Err(error) => Look::Ready(Err(error)),
            Ok(mut logged) => {
                logged.retain(|delivery| delivery.trigger == trigger);
                if logged.len() < count {
                    return Look::NotYet(format!("{} deliveries", logged.len()));
                }
                Look::Ready(Ok(logged.into_iter().map(|delivery| (delivery.event_id, delivery.key)).collect()))
            }
        }
    });
    Ok(seen.await??)
}

fn order(rev: u32, amount: &str) -> Item {
    let json = json!({
        "customer": { "S": "C-00417" }, "order": { "S": "2026-11-23#000812" }, "status": { "S": "open" },
        "placed_at": { "S": "2026-11-23T14:02:29Z" }, "amount": { "N": amount }, "rev": { "N": rev.to_string() },
        "write_id": { "S": format!("order-{rev}") }, "expires_at": { "N": "1900000000" },
    });
    dynamodb::json::to_item(&json).expect("an item")
}

fn upload(key: &str, rev: u32) -> s3::Upload {
    let write_id = format!("{key}-{rev}").replace(|c: char| !c.is_ascii(), "_");
    let settings = s3::ObjectSettings {
        headers: [(s3::SystemHeader::ContentType, "text/plain".to_owned())].into(),
        metadata: BTreeMap::from([("write-id".to_owned(), write_id), ("rev".to_owned(), rev.to_string())]),
        tags: BTreeMap::from([("kind".to_owned(), "a + b = c".to_owned())]),
    };
    s3::Upload { key: key.to_owned(), settings }
}

#[tokio::test]
async fn the_pipeline_works_is_described_and_made_again_elsewhere() -> Outcome {
    let emulator = emulator().await?;
    made_again_elsewhere(&emulator.url).await?;
    Ok(emulator.target.stop(false).await?)
}

#[tokio::test]
async fn the_pipeline_works_in_a_container() -> Outcome {
    let Some(emulator) = container::emulator("the_pipeline_works_in_a_container").await? else { return Ok(()) };
    made_again_elsewhere(&emulator.url).await
}

async fn made_again_elsewhere(url: &str) -> Outcome {
    let primary = site(url, Side::Primary, "us-east-1", "pipeline");
    let recovery = site(url, Side::Recovery, "eu-west-1", "pipeline");
    provision(&primary, &blueprints()).await?;
    assert_uploads_are_described(&primary).await?;
    assert_objects_are_read_back(&primary).await?;
    assert_orders_are_totalled(&primary).await?;
    assert_redriven_events_are_marked(&primary).await?;

    let mut described = Vec::new();
    for (id, blueprint) in blueprints() {
        let found = of(&id).describe(&primary, id.name()).await?;
        assert_eq!(found, blueprint, "{id}");
        described.push((id, found));
    }
    provision(&recovery, &described).await?;
    for (id, _) in blueprints() {
        let source = of(&id).configuration(&primary, id.name()).await?;
        let made = of(&id).configuration(&recovery, id.name()).await?;
        assert!(source.unknown.is_empty(), "{id} has unknown fields: {:#?}", source.unknown);
        assert!(!source.absent && !source.compared.is_empty(), "{id} has no configuration");
        assert_eq!(differing(&source, &made), Vec::<&str>::new(), "{id}: {source:#?} {made:#?}");
    }
    tear_down(&recovery).await?;
    tear_down(&primary).await
}

async fn assert_uploads_are_described(site: &Site) -> Outcome {
    for key in ["plain.txt", AWKWARD, QUOTED] {
        for rev in 1..=2 {
            let body = format!("title: {key} {rev}\nbody");
            let size = body.len() as u64;
            let version = s3::put(site, "uploads", &upload(key, rev), size, body.into_bytes().into()).await?;
            assert!(version.is_some(), "the bucket is versioned");
        }
    }
    let large = vec![b'x'; 9 << 20];
    s3::put(site, "uploads", &upload("large.bin", 1), large.len() as u64, large.into()).await?;
    for key in ["plain.txt", AWKWARD, QUOTED] {
        // The events of two versions may come in any order: the later one is described in the end.
        let document = until_item(site, "documents", ("id", key), |document| document["rev"] == "2").await?;
        assert_eq!(document["title"], format!("{key} 2"));
    }
    let large = until_item(site, "documents", ("id", "large.bin"), |document| document["rev"] == "1").await?;
    assert_eq!((&large["size"], &large["title"]), (&json!("9437184"), &json!("")));
    let delivered = until_delivered(site, "describe-upload", 7).await?;
    assert_eq!(delivered.len(), 7, "each version is delivered once: {delivered:?}");
    for key in ["elsewhere.txt", "in/a queued one.txt"] {
        let body = format!("title: {key}\nbody").into_bytes();
        s3::put(site, "queued", &upload(key, 1), body.len() as u64, body.into()).await?;
    }
    let queued =
        until_item(site, "documents", ("id", "in/a queued one.txt"), |document| document["rev"] == "1").await?;
    assert_eq!(queued["title"], "in/a queued one.txt", "it came by the queue");
    let delivered = until_delivered(site, "describe-upload", 8).await?;
    assert!(!delivered.iter().any(|(_, key)| key.contains("elsewhere")), "no notification is for it: {delivered:?}");
    Ok(())
}

async fn assert_objects_are_read_back(site: &Site) -> Outcome {
    s3::delete(site, "uploads", QUOTED).await?;
    let objects = content(site, &ResourceId::new(ResourceKind::Bucket, "uploads")).await?;
    let seen: Vec<(&str, usize, bool, u64)> =
        objects.iter().map(|entry| (entry.key.as_str(), entry.versions.len(), entry.deleted, entry.bytes)).collect();
    let expected =
        [(AWKWARD, 2, false, 32), ("large.bin", 1, false, 9 << 20), ("plain.txt", 2, false, 23), (QUOTED, 3, true, 0)];
    assert_eq!(seen, expected);
    let plain = &objects[2];
    let oldest_first: Vec<Option<&str>> = plain
        .versions
        .iter()
        .map(|version| version.write_id.as_ref().map(firedrill_model::ids::WriteId::as_str))
        .collect();
    assert_eq!(oldest_first, [Some("plain.txt-1"), Some("plain.txt-2")]);
    assert_eq!(plain.versions[1].digest.as_ref(), Some(&plain.digest));
    assert_eq!(objects[3].versions[2].digest, None, "a delete marker has no digest");
    assert_eq!(s3::read(site, "uploads", "plain.txt", None).await?.settings, upload("plain.txt", 2).settings);
    let gone = s3::read(site, "uploads", QUOTED, None).await.expect_err("it is deleted");
    assert_eq!(gone.code(), Some("NoSuchKey"));
    Ok(())
}

async fn assert_orders_are_totalled(site: &Site) -> Outcome {
    let start = dynamodb::stream::position(site, "orders").await?;
    dynamodb::write_items(site, "orders", vec![order(1, "10.25")]).await?;
    dynamodb::put_item(site, "orders", order(2, "7.50")).await?;
    let keys: Item = order(2, "0").into_iter().filter(|(name, _)| name == "customer" || name == "order").collect();
    dynamodb::delete_item(site, "orders", keys).await?;
    let (changes, end) = dynamodb::stream::read(site, &start).await?;
    let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Insert, ChangeKind::Modify, ChangeKind::Remove]);
    dynamodb::put_item(site, "orders", order(3, "12.30")).await?;
    assert_eq!(dynamodb::stream::read(site, &end).await?.0.len(), 1, "reading goes on where it ended");

    let total = until_item(site, "totals", ("customer", "C-00417"), |total| total["total"] == "12.3").await?;
    let expected = json!({
        "customer": "C-00417", "total": "12.3", "count": "1",
        "applied": { "2026-11-23#000812": { "rev": "3", "amount": "12.3", "write_id": "order-3", "gone": false } },
    });
    assert_eq!(total, expected);
    let delivered = until_delivered(site, "total-orders", 4).await?;
    let events: Vec<&str> = delivered.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["order-1", "order-2", "order-2:removed", "order-3"]);
    assert!(delivered.iter().all(|(_, key)| key == "C-00417#2026-11-23%23000812"), "{delivered:?}");
    Ok(())
}

async fn assert_redriven_events_are_marked(site: &Site) -> Outcome {
    let bucket = site.physical(&ResourceId::new(ResourceKind::Bucket, "uploads")).to_owned();
    let record = |key: &str| json!({ "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": bucket }, "object": { "key": key } } });
    let event = json!({
        "firedrill": { "redriven": true }, "Records": [record("plain.txt"), record("quo%27te%22.txt")],
    });
    let answer = lambda::invoke(site, "describe-upload", event.to_string()).await?;
    assert_eq!(answer, json!({ "described": 1 }), "an object that is gone is passed over");
    let logged = dynamodb::deliveries(site, "deliveries").await?;
    assert_eq!(logged.iter().filter(|delivery| delivery.redriven).count(), 1);
    let refused = lambda::invoke(site, "describe-upload", "{}".to_owned()).await.expect_err("an event without records");
    assert_eq!(refused.code(), Some("FunctionError"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn what_a_restore_forgets_is_seen() -> Outcome {
    let emulator = emulator().await?;
    let url = &emulator.url;
    let whole = site(url, Side::Primary, "us-east-1", "forgotten");
    let partial = site(url, Side::Recovery, "eu-west-1", "forgotten");
    let tables = service(ResourceKind::Table);
    let complete = Blueprint::Table(orders());
    let forgetful = Blueprint::Table(Table { ttl: None, ..orders() });
    tables.create(&whole, "orders", &complete).await?;
    tables.activate(&whole, "orders", &complete).await?;
    tables.create(&partial, "orders", &forgetful).await?;
    tables.activate(&partial, "orders", &forgetful).await?;
    let source = tables.configuration(&whole, "orders").await?;
    let made = tables.configuration(&partial, "orders").await?;
    assert_eq!(differing(&source, &made), ["ttl.AttributeName", "ttl.TimeToLiveStatus"]);

    let trigger = service(ResourceKind::Trigger).configuration(&partial, "total-orders").await?;
    assert!(trigger.absent, "a trigger that nobody connected is absent");
    tables.delete(&whole, "orders").await?;
    tables.delete(&partial, "orders").await?;
    assert!(tables.configuration(&whole, "orders").await?.absent);
    Ok(emulator.target.stop(false).await?)
}

/// Paths of the fields that differ.
fn differing<'a>(one: &'a Configuration, other: &'a Configuration) -> Vec<&'a str> {
    let paths: BTreeSet<&String> = one.compared.keys().chain(other.compared.keys()).collect();
    let differs = |path: &&String| one.compared.get(*path) != other.compared.get(*path);
    paths.into_iter().filter(differs).map(String::as_str).collect()
}
