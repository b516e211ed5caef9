//! The change log of one streamed table from capture to capture.

use std::collections::BTreeMap;

use firedrill_model::stack::Table;

use super::items::key_of;
use crate::services::{
    ServiceError, Site,
    dynamodb::{
        json,
        stream::{self, Change, ChangeKind, Position},
    },
};

/// What the stream of a table told since a point of it was last captured.
#[derive(Debug, Default)]
pub struct StreamLog {
    position: Option<Position>,
    /// Read and not yet part of a completed capture, in order.
    changes: Vec<Change>,
    /// Deletions that the last completed capture held: a function may still have been behind then.
    removed_before: Vec<String>,
}

/// The log up to a cut.
#[derive(Debug)]
pub struct Rolled {
    /// Key → the item at the cut as text of DynamoDB JSON, or `None` when it was deleted.
    pub items: BTreeMap<String, Option<String>>,
    /// Items deleted since the capture before the last, as text of DynamoDB JSON.
    pub removed: Vec<String>,
}

impl StreamLog {
    /// Reads on to the present end. A first call, or one after the position expired, begins at the present end, so it
    /// must come before the table is scanned.
    pub async fn catch_up(&mut self, site: &Site, name: &str) -> Result<(), ServiceError> {
        if let Some(position) = &self.position {
            match stream::read(site, position).await {
                Ok((changes, next)) => {
                    self.changes.extend(changes);
                    self.position = Some(next);
                    return Ok(());
                }
                Err(error)
                    if matches!(error.code(), Some("ExpiredIteratorException" | "TrimmedDataAccessException")) =>
                {
                    self.changes.clear();
                }
                Err(error) => return Err(error),
            }
        }
        self.position = Some(stream::position(site, name).await?);
        Ok(())
    }

    /// What the log says of the instant `cut_utc_ms`.
    pub fn roll(&self, table: &Table, cut_utc_ms: u64) -> Rolled {
        let (mut items, mut removed) = (BTreeMap::new(), self.removed_before.clone());
        for change in self.changes.iter().filter(|change| change.at_utc_ms < cut_utc_ms) {
            let Some(key) = key_of(&change.keys, table) else { continue };
            items.insert(key, change.new.as_ref().map(json::text));
            if let (ChangeKind::Remove, Some(old)) = (change.kind, &change.old) {
                removed.push(json::text(old));
            }
        }
        Rolled { items, removed }
    }

    /// A capture cut at `cut_utc_ms` is complete: the next one needs only what came later.
    pub fn settle(&mut self, cut_utc_ms: u64) {
        let (before, later): (Vec<Change>, Vec<Change>) =
            std::mem::take(&mut self.changes).into_iter().partition(|change| change.at_utc_ms < cut_utc_ms);
        self.changes = later;
        self.removed_before = before
            .into_iter()
            .filter(|change| change.kind == ChangeKind::Remove)
            .filter_map(|change| change.old.as_ref().map(json::text))
            .collect();
    }
}
