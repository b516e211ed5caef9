//! Reading whole tables.

use firedrill_model::capture::Delivery;
use futures_util::{Stream, stream};

use super::Item;
use crate::services::{ServiceError, Site};

/// Every item of a table, a page at a time, strongly consistent. Pages of parallel segments come in no order.
pub fn scan_items<'a>(site: &'a Site, name: &'a str) -> impl Stream<Item = Result<Vec<Item>, ServiceError>> + Send + 'a {
    let _ = (site, name);
    stream::empty()
}

/// Everything that functions logged in the delivery table `name`, sorted by event id, then time.
pub async fn deliveries(site: &Site, name: &str) -> Result<Vec<Delivery>, ServiceError> {
    unimplemented!("{site:?} {name}")
}
