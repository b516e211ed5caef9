//! Every field of a table that the service describes.

use firedrill_model::{
    capture::Configuration,
    ids::{ResourceId, ResourceKind},
};
use serde_json::Value;

use super::describe::NOT_FOUND;
use crate::services::{
    ServiceError, Site, arn,
    fields::{self, Fields, Rules},
    raw::read_raw,
};

/// Source: `TableDescription`, `TimeToLiveDescription`, `ContinuousBackupsDescription` of the DynamoDB API Reference.
const RULES: Rules = Rules {
    compared: &[
        "table.AttributeDefinitions.*",
        "table.TableName",
        "table.KeySchema.*",
        "table.TableStatus",
        "table.TableArn",
        "table.ProvisionedThroughput.ReadCapacityUnits",
        "table.ProvisionedThroughput.WriteCapacityUnits",
        "table.BillingModeSummary.BillingMode",
        "table.TableClassSummary.TableClass",
        "table.GlobalSecondaryIndexes.*.KeySchema.*",
        "table.GlobalSecondaryIndexes.*.Projection.**",
        "table.GlobalSecondaryIndexes.*.IndexStatus",
        "table.GlobalSecondaryIndexes.*.ProvisionedThroughput.ReadCapacityUnits",
        "table.GlobalSecondaryIndexes.*.ProvisionedThroughput.WriteCapacityUnits",
        "table.GlobalSecondaryIndexes.*.OnDemandThroughput.**",
        "table.LocalSecondaryIndexes.**",
        "table.StreamSpecification.**",
        "table.SSEDescription.Status",
        "table.SSEDescription.SSEType",
        "table.SSEDescription.KMSMasterKeyArn",
        "table.DeletionProtectionEnabled",
        "table.OnDemandThroughput.**",
        "table.Replicas.**",
        "table.GlobalTableVersion",
        "ttl.TimeToLiveStatus",
        "ttl.AttributeName",
        "tags.**",
        "backups.ContinuousBackupsStatus",
        "backups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
        "backups.PointInTimeRecoveryDescription.RecoveryPeriodInDays",
    ],
    volatile: &[
        ("table.CreationDateTime", "each table has its own"),
        ("table.TableId", "each table has its own"),
        ("table.TableSizeBytes", "follows the content, hours late"),
        ("table.ItemCount", "follows the content, hours late"),
        ("table.LatestStreamLabel", "each stream has its own"),
        ("table.LatestStreamArn", "each stream has its own; whether there is one is in StreamSpecification"),
        ("table.ProvisionedThroughput.LastIncreaseDateTime", "history of the table"),
        ("table.ProvisionedThroughput.LastDecreaseDateTime", "history of the table"),
        ("table.ProvisionedThroughput.NumberOfDecreasesToday", "history of the table"),
        ("table.BillingModeSummary.LastUpdateToPayPerRequestDateTime", "history of the table"),
        ("table.TableClassSummary.LastUpdateDateTime", "history of the table"),
        ("table.GlobalSecondaryIndexes.*.IndexArn", "made of the names of table and index"),
        ("table.GlobalSecondaryIndexes.*.IndexSizeBytes", "follows the content, hours late"),
        ("table.GlobalSecondaryIndexes.*.ItemCount", "follows the content, hours late"),
        ("table.GlobalSecondaryIndexes.*.Backfilling", "passing state of an index"),
        ("table.GlobalSecondaryIndexes.*.ProvisionedThroughput.LastIncreaseDateTime", "history of the index"),
        ("table.GlobalSecondaryIndexes.*.WarmThroughput.**", "set by the service from past load"),
        ("table.WarmThroughput.**", "set by the service from past load"),
        ("table.SSEDescription.InaccessibleEncryptionDateTime", "history of the key"),
        ("table.RestoreSummary.**", "says that a table was restored, which a recovery does on purpose"),
        ("table.ArchivalSummary.**", "history of the table"),
        ("backups.PointInTimeRecoveryDescription.EarliestRestorableDateTime", "moves with time"),
        ("backups.PointInTimeRecoveryDescription.LatestRestorableDateTime", "moves with time"),
    ],
};

pub(super) async fn configuration(site: &Site, name: &str) -> Result<Configuration, ServiceError> {
    let id = ResourceId::new(ResourceKind::Table, name);
    let physical = site.physical(&id).to_owned();
    let logical = arn::Logical::new(site, &id);
    let client = &site.clients.dynamodb;
    let operation = format!("DynamoDB describe calls of {name}");
    let table: Option<Value> =
        read_raw!(client.describe_table().table_name(&physical), operation, json, absent: [NOT_FOUND])?;
    let Some(table) = table else { return Ok(fields::absent(id)) };
    let mut table = table["Table"].clone();
    let mut fields = Fields::default();
    set_aside(&mut fields, &mut table);
    let table_arn = table["TableArn"].as_str().unwrap_or_default();
    fields.add("table", &logical.value(&table));
    let ttl: Option<Value> =
        read_raw!(client.describe_time_to_live().table_name(&physical), operation, json, absent: [])?;
    if let Some(ttl) = ttl {
        fields.add("ttl", &logical.value(&ttl["TimeToLiveDescription"]));
    }
    let tags: Option<Value> =
        read_raw!(client.list_tags_of_resource().resource_arn(table_arn), operation, json, absent: [])?;
    if let Some(tags) = tags {
        fields.add("tags", &tags["Tags"]);
    }
    let backups: Option<Value> = read_raw!(
        client.describe_continuous_backups().table_name(&physical),
        operation,
        json,
        absent: ["UnknownOperationException"]
    )?;
    if let Some(backups) = backups {
        fields.add("backups", &logical.value(&backups["ContinuousBackupsDescription"]));
    }
    Ok(fields.sorted(id, RULES))
}

/// Takes out what depends on other fields: the throughput of a table that has none, and the state of an index that is
/// ready, which not every emulator says.
fn set_aside(fields: &mut Fields, table: &mut Value) {
    let on_demand = table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST";
    let drop_throughput = |of: &mut Value| {
        of.as_object_mut().is_some_and(|of| on_demand && of.shift_remove("ProvisionedThroughput").is_some())
    };
    let mut dropped = drop_throughput(table);
    for index in table["GlobalSecondaryIndexes"].as_array_mut().into_iter().flatten() {
        dropped |= drop_throughput(index);
        if index["IndexStatus"] == "ACTIVE"
            && let Some(index) = index.as_object_mut()
        {
            index.shift_remove("IndexStatus");
            fields.set_aside("table.GlobalSecondaryIndexes.*.IndexStatus", "compared only when it is not ACTIVE");
        }
    }
    if dropped {
        fields.set_aside("table.ProvisionedThroughput", "on-demand capacity has none");
    }
}
