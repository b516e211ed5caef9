//! Deleting a table.

use firedrill_model::{ids::ResourceKind::Table, units::Span};
use tokio_util::sync::CancellationToken;

use super::describe::{self, NOT_FOUND};
use crate::{
    poll::{self, Look},
    services::{ServiceError, Site},
};

const EVERY: Span = Span::from_ms(200);
const LIMIT: Span = Span::from_secs(300);

/// Deletes the table with its items and waits until it is gone; fine when it is not there.
pub(super) async fn delete(site: &Site, name: &str) -> Result<(), ServiceError> {
    let physical = site.name_of(Table, name);
    if let Err(error) = site.clients.dynamodb.delete_table().table_name(&physical).send().await {
        let error = ServiceError::request(format!("DynamoDB DeleteTable {name}"), &error);
        return if error.code() == Some(NOT_FOUND) { Ok(()) } else { Err(error) };
    }
    poll::until(format!("table {physical} to be gone"), EVERY, LIMIT, &CancellationToken::new(), || async {
        match describe::find(site, &physical).await {
            Err(error) => Look::Ready(Err(error)),
            Ok(None) => Look::Ready(Ok(())),
            Ok(Some(_)) => Look::NotYet(String::from("still there")),
        }
    })
    .await?
}
