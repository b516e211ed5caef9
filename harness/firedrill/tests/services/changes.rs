//! What a disaster does to resources: all of what it says, and nothing else.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use firedrill::{
    fault::change,
    plan::{self, Choices},
    run::{Drill, steps},
    scenario,
    services::{
        Blueprint, ServiceError, Site,
        dynamodb::{self, AttributeValue, Item},
        lambda,
        s3::{self, ObjectSettings, Upload},
        service,
    },
};
use firedrill_model::{
    capture::Entry,
    ids::{ResourceId, ResourceKind},
    scenario::{Alteration, Change},
    topology::Side,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome, content, emulator,
    pipeline::{blueprints, site},
    provision,
    support::root,
};

/// The records of a run of the order pipeline.
fn drill(folder: &Path) -> Drill {
    let loaded = scenario::load(&root().join("scenarios/order-pipeline-region-loss.yaml")).expect("it is valid");
    let plan = plan::plan(&loaded, &Choices { seed: 7 }).expect("it can be planned");
    steps::begin(plan, "", folder, CancellationToken::new()).expect("a run directory")
}

/// Makes a change; how many things were told to have been changed.
async fn make(site: &Site, resource: &ResourceId, what: Alteration) -> Result<u32, change::ChangeError> {
    let told = AtomicU32::new(0);
    let changed = || {
        told.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let change = Change { region: "us-east-1".into(), resource: resource.clone(), what };
    let folder = tempfile::tempdir().expect("a folder");
    change::make(&drill(folder.path()), site, &change, &changed).await?;
    Ok(told.into_inner())
}

fn id(kind: ResourceKind, name: &str) -> ResourceId {
    ResourceId::new(kind, name)
}

async fn upload(site: &Site, key: &str, body: &str) -> Outcome {
    let metadata = [("write-id".to_owned(), format!("w-{key}-{}", body.len()))].into();
    let upload = Upload { key: key.to_owned(), settings: ObjectSettings { metadata, ..ObjectSettings::default() } };
    s3::put(site, "uploads", &upload, body.len() as u64, body.as_bytes().to_vec().into()).await?;
    Ok(())
}

async fn order(site: &Site, number: u32) -> Outcome {
    let text = |text: String| AttributeValue::S(text);
    let item = Item::from([
        ("customer".to_owned(), text(format!("C-{number}"))),
        ("order".to_owned(), text("o-1".to_owned())),
        ("status".to_owned(), text("new".to_owned())),
        ("placed_at".to_owned(), text("2026-11-26".to_owned())),
        ("note".to_owned(), text("as written".to_owned())),
        ("write_id".to_owned(), text(format!("w-{number}"))),
    ]);
    Ok(dynamodb::put_item(site, "orders", item).await?)
}

/// The entries that differ between two readings, of which neither has a key that the other lacks.
fn differing<'a>(before: &'a [Entry], after: &'a [Entry]) -> Vec<(&'a Entry, &'a Entry)> {
    assert_eq!(
        before.iter().map(|entry| &entry.key).collect::<Vec<_>>(),
        after.iter().map(|entry| &entry.key).collect::<Vec<_>>()
    );
    before.iter().zip(after).filter(|(before, after)| before.digest != after.digest).collect()
}

#[tokio::test]
async fn data_is_corrupted_encrypted_and_deleted_as_told() -> Outcome {
    let emulator = emulator().await?;
    let site = site(&emulator.url, Side::Primary, "us-east-1", "changes");
    let (uploads, table) = (id(ResourceKind::Bucket, "uploads"), id(ResourceKind::Table, "orders"));
    let data = blueprints().into_iter().filter(|(id, _)| [&uploads, &table].contains(&id));
    provision(&site, &data.collect::<Vec<_>>()).await?;
    for number in 0..5 {
        order(&site, number).await?;
    }
    for (key, body) in [("a/1", "first"), ("a/1", "second"), ("a/2", "other"), ("b/1", "kept"), ("b/0", "")] {
        upload(&site, key, body).await?;
    }

    let before = content(&site, &table).await?;
    assert_eq!(make(&site, &table, Alteration::Corrupt { count: Some(2), bytes: None }).await?, 2);
    let after = content(&site, &table).await?;
    let changed = differing(&before, &after);
    assert_eq!(changed.len(), 2);
    for (before, after) in changed {
        assert_eq!(before.bytes, after.bytes, "the size stays");
        assert!(after.digest != before.digest && after.key == before.key);
    }

    let before = content(&site, &uploads).await?;
    assert_eq!(
        make(&site, &uploads, Alteration::Corrupt { count: None, bytes: None }).await?,
        3,
        "all but the empty one"
    );
    let after = content(&site, &uploads).await?;
    let changed = differing(&before, &after);
    assert_eq!(changed.iter().map(|(_, after)| after.key.as_str()).collect::<Vec<_>>(), ["a/1", "a/2", "b/1"]);
    for (before, after) in changed {
        assert_eq!((before.bytes, &before.write_id), (after.bytes, &after.write_id), "the metadata stays");
        assert_eq!(after.versions.len(), before.versions.len() + 1, "older versions stay");
    }

    let bodies = async || {
        let mut bodies = Vec::new();
        for key in ["a/1", "a/2", "b/1"] {
            bodies.push(s3::read(&site, "uploads", key, None).await?.body.collect().await?.into_bytes());
        }
        Ok::<_, Box<dyn std::error::Error>>(bodies)
    };
    let before = bodies().await?;
    assert_eq!(make(&site, &uploads, Alteration::Corrupt { count: None, bytes: Some(3) }).await?, 3);
    for (before, after) in before.iter().zip(bodies().await?) {
        assert_eq!(before.len(), after.len());
        assert_eq!(before.iter().zip(&after).filter(|(was, is)| was != is).count(), 3, "so many bytes and no more");
    }

    let told = make(&site, &uploads, Alteration::DeleteBelow { prefix: "a/".to_owned() }).await?;
    assert_eq!(told, 1, "a page of versions at a time");
    let left = content(&site, &uploads).await?;
    assert_eq!(left.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["b/0", "b/1"], "no marker either");

    assert_eq!(make(&site, &uploads, Alteration::Encrypt).await?, 2);
    let noise = content(&site, &uploads).await?;
    for (left, noise) in left.iter().zip(&noise) {
        assert_eq!((noise.bytes, noise.versions.len(), &noise.write_id), (left.bytes, 1, &None), "{}", left.key);
    }
    assert_ne!(noise[1].digest, left[1].digest);

    for resource in [&uploads, &table] {
        assert!(make(&site, resource, Alteration::Delete).await? > 0);
        let service = service(resource.kind().expect("a kind"));
        assert!(!service.exists(&site, resource.name()).await?, "{resource} is still there");
        assert_eq!(make(&site, resource, Alteration::Delete).await?, 0, "there is nothing left to delete");
    }
    Ok(emulator.target.stop(false).await?)
}

#[tokio::test]
async fn functions_and_triggers_are_broken_as_told() -> Outcome {
    let emulator = emulator().await?;
    let site = site(&emulator.url, Side::Primary, "us-east-1", "breaks");
    provision(&site, &blueprints()).await?;
    let function = id(ResourceKind::Function, "total-orders");
    let spec = async || match service(ResourceKind::Function).describe(&site, "total-orders").await {
        Ok(Blueprint::Function { spec, code }) => Ok((spec, code)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let (before, code) = spec().await?;
    let variable = "TOTALS_TABLE".to_owned();
    assert!(before.environment.contains_key(&variable));
    assert_eq!(make(&site, &function, Alteration::Unset { variable: variable.clone() }).await?, 1);
    // What is described is what the alias points at.
    let (mut unset, same) = spec().await?;
    let unset_environment = unset.environment.clone();
    assert_eq!(unset.environment.insert(variable.clone(), before.environment[&variable].clone()), None);
    assert_eq!((unset, same), (before.clone(), code.clone()), "nothing else is changed");

    let answer = async || lambda::invoke(&site, "describe-upload", r#"{"Records":[]}"#.to_owned()).await;
    answer().await?;
    let other = id(ResourceKind::Function, "describe-upload");
    assert_eq!(make(&site, &other, Alteration::BreakHandler).await?, 1);
    let failed = answer().await.expect_err("its code has no such handler");
    assert_eq!(failed.code(), Some("FunctionError"), "{failed}");

    assert_eq!(make(&site, &function, Alteration::BreakHandler).await?, 1);
    let (mut renamed, same) = spec().await?;
    let handler = std::mem::replace(&mut renamed.handler, before.handler.clone());
    assert_ne!(handler, before.handler);
    assert_eq!(
        (&renamed.environment, &renamed.alias, &same),
        (&unset_environment, &before.alias, &code),
        "nothing else"
    );

    assert_eq!(make(&site, &function, Alteration::BreakCode).await?, 1);
    let (after, broken) = spec().await?;
    assert_ne!(broken, code);
    assert_eq!(after.alias, before.alias);

    let version = async || {
        let physical = site.name_of(ResourceKind::Function, "total-orders");
        let alias = site.clients.lambda.get_alias().function_name(physical).name("live").send().await;
        alias.map(|alias| alias.function_version.unwrap_or_default())
    };
    assert_ne!(version().await?, "$LATEST");
    for told in [1, 0] {
        assert_eq!(make(&site, &function, Alteration::MoveAlias).await?, told, "once");
        assert_eq!(version().await?, "$LATEST");
    }

    let totals = id(ResourceKind::Trigger, "total-orders");
    let state = async || {
        let found = service(ResourceKind::Trigger).configuration(&site, "total-orders").await?;
        Ok::<_, ServiceError>(found.compared.get("mapping.State").cloned())
    };
    assert_eq!(state().await?, Some("Enabled".into()));
    for told in [1, 0] {
        assert_eq!(make(&site, &totals, Alteration::SwitchOff).await?, told, "once");
        assert_eq!(state().await?, Some("Disabled".into()), "it stays, and is off");
    }
    let upload = id(ResourceKind::Trigger, "describe-upload");
    assert_eq!(make(&site, &upload, Alteration::SwitchOff).await?, 0, "a notification has no mapping");

    let orders = id(ResourceKind::Table, "orders");
    assert_eq!(make(&site, &id(ResourceKind::Trigger, "total-orders"), Alteration::Poison).await?, 1);
    let items = content(&site, &orders).await?;
    let keys: Vec<&str> = items.iter().map(|entry| entry.key.as_str()).collect();
    assert!(matches!(keys[..], [key] if key.starts_with("firedrill-probe#")), "{keys:?}");

    for told in [1, 0] {
        assert_eq!(make(&site, &orders, Alteration::DropStream).await?, told, "once");
        let described = service(ResourceKind::Table).describe(&site, "orders").await?;
        assert!(matches!(described, Blueprint::Table(table) if !table.stream));
    }

    for name in ["total-orders", "describe-upload"] {
        let trigger = id(ResourceKind::Trigger, name);
        assert!(service(ResourceKind::Trigger).exists(&site, name).await?);
        assert_eq!(make(&site, &trigger, Alteration::Disconnect).await?, 1);
        assert!(!service(ResourceKind::Trigger).exists(&site, name).await?);
        assert_eq!(make(&site, &trigger, Alteration::Disconnect).await?, 0, "it is disconnected already");
    }
    Ok(emulator.target.stop(false).await?)
}
