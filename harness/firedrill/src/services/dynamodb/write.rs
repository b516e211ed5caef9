//! Writing many items.

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use firedrill_model::{ids::ResourceKind::Table, units::Span};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::Item;
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site},
};

/// Items in one `BatchWriteItem`: the service's limit.
pub const BATCH: usize = 25;
/// Batches under way at the same time.
const BATCHES_AT_ONCE: usize = 4;
/// Pause before what the service did not process is offered again.
pub const PAUSE: Span = Span::from_ms(100);
/// How long the service may leave items of one batch unprocessed.
pub const LIMIT: Span = Span::from_secs(60);

/// Writes items by `BatchWriteItem`, several batches at a time, until the service has taken every one. No two items may
/// have the same key. Returns the number of items written.
pub async fn write_items(site: &Site, name: &str, items: Vec<Item>) -> Result<u64, ServiceError> {
    let count = items.len() as u64;
    let batches: Vec<Vec<Item>> = items.chunks(BATCH).map(<[Item]>::to_vec).collect();
    stream::iter(batches)
        .map(|batch| write_batch(site, name, batch))
        .buffer_unordered(BATCHES_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(count)
}

async fn write_batch(site: &Site, name: &str, batch: Vec<Item>) -> Result<(), ServiceError> {
    let left = std::sync::Mutex::new(batch);
    let take = || std::mem::take(&mut *left.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    poll::until(format!("{name} to take a batch"), PAUSE, LIMIT, &CancellationToken::new(), || async {
        match offer_items(site, name, take()).await {
            Err(error) => Look::Ready(Err(error)),
            Ok(unprocessed) if unprocessed.is_empty() => Look::Ready(Ok(())),
            Ok(unprocessed) => {
                let status = format!("{} items not taken", unprocessed.len());
                *left.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = unprocessed;
                Look::NotYet(status)
            }
        }
    })
    .await?
}

/// Offers at most [`BATCH`] items in one request. Returns those that the service says it did not process: nothing was
/// written of them.
pub async fn offer_items(site: &Site, name: &str, items: Vec<Item>) -> Result<Vec<Item>, ServiceError> {
    let table = site.name_of(Table, name);
    let operation = || format!("DynamoDB BatchWriteItem on {name}");
    let requests = items
        .into_iter()
        .map(|item| PutRequest::builder().set_item(Some(item)).build())
        .map(|put| put.map(|put| WriteRequest::builder().put_request(put).build()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ServiceError::Unusable { operation: operation(), what: error.to_string() })?;
    let sent = site.clients.dynamodb.batch_write_item().request_items(table, requests).send().await;
    let answer = sent.map_err(|error| ServiceError::request(operation(), &error))?;
    let unprocessed = answer.unprocessed_items.unwrap_or_default().into_values().flatten();
    // What is not understood of the answer may have been written or not.
    let not_sent = || ServiceError::Unusable { operation: operation(), what: "it names what was not sent".to_owned() };
    unprocessed.map(|request| request.put_request.map(|put| put.item).ok_or_else(not_sent)).collect()
}
