//! DynamoDB and its streams.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    client::Waiters,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, CancellationReason, Get, KeySchemaElement, KeyType,
        KeysAndAttributes, Put, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
        StreamSpecification, StreamViewType, TableDescription, TableStatus, TransactGetItem, TransactWriteItem,
        WriteRequest,
    },
};
use aws_sdk_dynamodbstreams::types::{OperationType, Record, ShardIteratorType, StreamDescription, StreamRecord};
use base64::{Engine, engine::general_purpose::STANDARD};
use firedrill::services::dynamodb::{
    Item,
    json::{text, to_item},
};
use serde_json::{Value, json};

use super::{Calls, Failure, NAME, body};

pub(super) async fn items(calls: &mut Calls, tables: &Client) {
    table(calls, tables).await;
    one(calls, tables).await;
    refused(calls, tables).await;
    many(calls, tables).await;
    transactions(calls, tables).await;
    absent(calls, tables).await;
}

fn item(json: &Value) -> Item {
    to_item(json).expect("an item")
}

fn key(k: &str, n: usize) -> Item {
    item(&json!({ "k": { "S": k }, "n": { "N": n.to_string() } }))
}

/// The items of an answer as DynamoDB JSON.
fn texts<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<String> {
    items.into_iter().map(text).collect()
}

fn described(table: Option<&TableDescription>) -> Value {
    let Some(table) = table else { return Value::Null };
    let keys = table.key_schema().iter().map(|key| json!([key.attribute_name(), key.key_type().as_str()]));
    let stream = table.stream_specification().and_then(StreamSpecification::stream_view_type);
    json!({
        "name": table.table_name(),
        "status": table.table_status().map(TableStatus::as_str),
        "keys": keys.collect::<Value>(),
        "stream": stream.map(StreamViewType::as_str),
    })
}

async fn table(calls: &mut Calls, tables: &Client) {
    calls
        .call("CreateTable", async {
            let stream = StreamSpecification::builder().stream_enabled(true);
            let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build().expect("a stream");
            let mut request = tables.create_table().table_name(NAME).billing_mode(BillingMode::PayPerRequest);
            for (name, kind, role) in
                [("k", ScalarAttributeType::S, KeyType::Hash), ("n", ScalarAttributeType::N, KeyType::Range)]
            {
                let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
                let key = KeySchemaElement::builder().attribute_name(name).key_type(role).build();
                request = request.attribute_definitions(attribute.expect("an attribute"));
                request = request.key_schema(key.expect("a key"));
            }
            let answer = request.stream_specification(stream).send().await?;
            Ok(described(answer.table_description()))
        })
        .await;
    let exists = tables.wait_until_table_exists().table_name(NAME).wait(Duration::from_secs(30));
    exists.await.expect("a table");
    calls
        .call("DescribeTable", async { Ok(described(tables.describe_table().table_name(NAME).send().await?.table())) })
        .await;
}

async fn one(calls: &mut Calls, tables: &Client) {
    let binary = STANDARD.encode(body(1000));
    let every_type = item(&json!({
        "k": { "S": "ü" },
        "n": { "N": "1" },
        "number": { "N": "-1.5E+30" },
        "binary": { "B": binary },
        "empty": { "S": "" },
        "flag": { "BOOL": true },
        "nothing": { "NULL": true },
        "list": { "L": [{ "NULL": true }, { "BOOL": false }, { "L": [] }] },
        "map": { "M": { "日本語": { "M": {} }, "a.b #:": { "S": "\u{1f525}\n" } } },
        "texts": { "SS": ["a"] },
        "numbers": { "NS": ["0.5"] },
        "binaries": { "BS": ["AP8="] },
    }));
    calls
        .call("PutItem", async {
            let put = tables.put_item().table_name(NAME).set_item(Some(every_type));
            let answer = put.return_values(ReturnValue::AllOld).send().await?;
            Ok(json!(answer.attributes().map(text)))
        })
        .await;
    calls
        .call("GetItem", async {
            let get = tables.get_item().table_name(NAME).set_key(Some(key("ü", 1))).consistent_read(true);
            Ok(json!(get.send().await?.item().map(text)))
        })
        .await;
    calls
        .call("GetItem of nothing", async {
            let get = tables.get_item().table_name(NAME).set_key(Some(key("ü", 99)));
            Ok(json!(get.send().await?.item().map(text)))
        })
        .await;
    calls
        .call("UpdateItem", async {
            let update = tables.update_item().table_name(NAME).set_key(Some(key("ü", 1)));
            let update = update.update_expression("ADD made :one REMOVE #map");
            let update = update.expression_attribute_names("#map", "map");
            let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
            Ok(json!(update.return_values(ReturnValue::AllNew).send().await?.attributes().map(text)))
        })
        .await;
    calls
        .call("DeleteItem", async {
            let delete = tables.delete_item().table_name(NAME).set_key(Some(key("ü", 1)));
            Ok(json!(delete.return_values(ReturnValue::AllOld).send().await?.attributes().map(text)))
        })
        .await;
}

async fn refused(calls: &mut Calls, tables: &Client) {
    for name in ["PutItem of a new one", "PutItem condition"] {
        calls
            .call(name, async {
                let put = tables.put_item().table_name(NAME).set_item(Some(key("once", 1)));
                let put = put.condition_expression("attribute_not_exists(k)");
                let told = ReturnValuesOnConditionCheckFailure::AllOld;
                match put.return_values_on_condition_check_failure(told).send().await {
                    Ok(_) => Ok(Value::Null),
                    Err(error) => {
                        let mut there = None;
                        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
                            there = failed.item().map(text);
                        }
                        Err(Failure::from(error).with("item", json!(there)))
                    }
                }
            })
            .await;
    }
}

async fn many(calls: &mut Calls, tables: &Client) {
    calls
        .call("BatchWriteItem", async {
            let writes = (0..25).map(|n| {
                let mut item = key("many", n);
                item.insert("v".to_owned(), AttributeValue::B(body(4000).into()));
                let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
                WriteRequest::builder().put_request(put).build()
            });
            let answer = tables.batch_write_item().request_items(NAME, writes.collect()).send().await?;
            Ok(json!(answer.unprocessed_items().map(HashMap::len)))
        })
        .await;
    calls
        .call("BatchGetItem", async {
            let keys = [3, 4, 5, 99].map(|n| key("many", n)).to_vec();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).projection_expression("k, n");
            let answer = tables.batch_get_item().request_items(NAME, keys.build().expect("keys")).send().await?;
            let mut found = answer.responses().and_then(|found| found.get(NAME)).map(texts).unwrap_or_default();
            found.sort_unstable(); // a batch has no order
            Ok(json!(found))
        })
        .await;
    calls
        .call("Query in pages", async {
            let query = tables.query().table_name(NAME).key_condition_expression("k = :k AND n BETWEEN :from AND :to");
            let query = query.expression_attribute_values(":k", AttributeValue::S("many".to_owned()));
            let query = query.expression_attribute_values(":from", AttributeValue::N("5".to_owned()));
            let query = query.expression_attribute_values(":to", AttributeValue::N("20".to_owned()));
            let mut pages = query.into_paginator().page_size(7).send();
            let mut seen = Vec::new();
            while let Some(page) = pages.try_next().await? {
                seen.push(json!([page.count(), texts(page.items()), page.last_evaluated_key().map(text)]));
            }
            Ok(json!(seen))
        })
        .await;
    calls
        .call("Scan in pages", async {
            let scan = tables.scan().table_name(NAME).projection_expression("k, n");
            let mut pages = scan.into_paginator().page_size(10).send();
            let (mut counts, mut found) = (Vec::new(), Vec::new());
            while let Some(page) = pages.try_next().await? {
                counts.push(page.count());
                found.extend(texts(page.items()));
            }
            found.sort_unstable(); // neither has a scan
            Ok(json!([counts, found]))
        })
        .await;
}

async fn transactions(calls: &mut Calls, tables: &Client) {
    for (name, number) in [("TransactWriteItems", 1), ("TransactWriteItems condition", 2)] {
        calls
            .call(name, async {
                let free = Put::builder().table_name(NAME).set_item(Some(key("free", number)));
                let taken = Put::builder().table_name(NAME).set_item(Some(key("taken", 1)));
                let taken = taken.condition_expression("attribute_not_exists(k)");
                let [free, taken] =
                    [free, taken].map(|put| TransactWriteItem::builder().put(put.build().expect("an item")).build());
                match tables.transact_write_items().transact_items(free).transact_items(taken).send().await {
                    Ok(_) => Ok(Value::Null),
                    Err(error) => {
                        let mut reasons: Vec<Value> = Vec::new();
                        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                            error.as_service_error()
                        {
                            let each = cancelled.cancellation_reasons().iter().map(CancellationReason::code);
                            reasons = each.map(|code| json!(code)).collect();
                        }
                        Err(Failure::from(error).with("reasons", json!(reasons)))
                    }
                }
            })
            .await;
    }
    calls
        .call("TransactGetItems", async {
            let mut request = tables.transact_get_items();
            for key in [key("free", 1), key("free", 2), key("taken", 1)] {
                let get = Get::builder().table_name(NAME).set_key(Some(key)).build().expect("a key");
                request = request.transact_items(TransactGetItem::builder().get(get).build());
            }
            let answer = request.send().await?;
            let found = answer.responses().iter().map(|response| json!(response.item().map(text)));
            Ok(found.collect::<Value>())
        })
        .await;
}

async fn absent(calls: &mut Calls, tables: &Client) {
    calls
        .call("GetItem absent table", async {
            let get = tables.get_item().table_name("absent").set_key(Some(key("ü", 1)));
            Ok(json!(get.send().await?.item().map(text)))
        })
        .await;
    calls
        .call("DescribeTable absent", async {
            Ok(described(tables.describe_table().table_name("absent").send().await?.table()))
        })
        .await;
}

/// What the stream of the table tells.
pub(super) async fn changes(calls: &mut Calls, streams: &aws_sdk_dynamodbstreams::Client) {
    let (mut arn, mut shard, mut iterator): (Option<String>, Option<String>, Option<String>) = (None, None, None);
    calls
        .call("ListStreams", async {
            let answer = streams.list_streams().table_name(NAME).send().await?;
            arn = answer.streams().first().and_then(|stream| stream.stream_arn().map(str::to_owned));
            Ok(json!(answer.streams().len()))
        })
        .await;
    calls
        .call("DescribeStream", async {
            let answer = streams.describe_stream().set_stream_arn(arn.clone()).send().await?;
            let shards = answer.stream_description().map(StreamDescription::shards).unwrap_or_default();
            shard = shards.first().and_then(|shard| shard.shard_id().map(str::to_owned));
            Ok(json!(shards.len()))
        })
        .await;
    calls
        .call("GetShardIterator", async {
            let request = streams.get_shard_iterator().set_stream_arn(arn).set_shard_id(shard);
            let answer = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
            iterator = answer.shard_iterator().map(str::to_owned);
            Ok(json!(iterator.is_some()))
        })
        .await;
    calls
        .call("GetRecords", async {
            let answer = streams.get_records().set_shard_iterator(iterator).send().await?;
            Ok(answer.records().iter().map(changed).collect::<Value>())
        })
        .await;
    calls
        .call("DescribeStream absent", async {
            let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/absent/stream/2026-01-01T00:00:00.000";
            streams.describe_stream().stream_arn(arn).send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("GetRecords absent iterator", async {
            streams.get_records().shard_iterator("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
}

fn changed(record: &Record) -> Value {
    let change = record.dynamodb();
    let key = change.and_then(StreamRecord::keys);
    let keys = ["k", "n"].map(|name| format!("{:?}", key.and_then(|key| key.get(name))));
    json!({
        "event": record.event_name().map(OperationType::as_str),
        "region": record.aws_region(),
        "key": keys,
        "old": change.and_then(StreamRecord::old_image).map(HashMap::len),
        "new": change.and_then(StreamRecord::new_image).map(HashMap::len),
    })
}
