//! Reading whole tables.

use firedrill_model::{capture::Delivery, ids::ResourceKind::Table};
use futures_util::{Stream, TryStreamExt, stream};

use super::Item;
use crate::services::{ServiceError, Site};

/// Segments of a table that are read at the same time.
const SEGMENTS: i32 = 4;

/// Every item of a table, a page at a time, strongly consistent. Pages of parallel segments come in no order.
pub fn scan_items<'a>(site: &'a Site, name: &'a str) -> impl Stream<Item = Result<Vec<Item>, ServiceError>> + Send + 'a {
    stream::select_all((0..SEGMENTS).map(|segment| Box::pin(segment_pages(site, name, segment))))
}

/// Where a segment's reading stands.
enum Next {
    First,
    After(Item),
    End,
}

fn segment_pages<'a>(
    site: &'a Site,
    name: &'a str,
    segment: i32,
) -> impl Stream<Item = Result<Vec<Item>, ServiceError>> + Send + 'a {
    stream::try_unfold(Next::First, move |next| async move {
        let start = match next {
            Next::First => None,
            Next::After(key) => Some(key),
            Next::End => return Ok(None),
        };
        let request = site
            .clients
            .dynamodb
            .scan()
            .table_name(site.name_of(Table, name))
            .consistent_read(true)
            .segment(segment)
            .total_segments(SEGMENTS)
            .set_exclusive_start_key(start);
        let page =
            request.send().await.map_err(|error| ServiceError::request(format!("DynamoDB Scan of {name}"), &error))?;
        let next = page.last_evaluated_key.filter(|key| !key.is_empty()).map_or(Next::End, Next::After);
        Ok(Some((page.items.unwrap_or_default(), next)))
    })
}

/// Everything that functions logged in the delivery table `name`, sorted by event id, then time.
pub async fn deliveries(site: &Site, name: &str) -> Result<Vec<Delivery>, ServiceError> {
    let mut deliveries = Vec::new();
    let mut pages = std::pin::pin!(scan_items(site, name));
    while let Some(page) = pages.try_next().await? {
        for item in page {
            deliveries.push(delivery(&item).ok_or_else(|| ServiceError::Unusable {
                operation: format!("DynamoDB Scan of {name}"),
                what: String::from("an item that is not a delivery"),
            })?);
        }
    }
    deliveries.sort_by(|one: &Delivery, other| {
        (&one.event_id, one.at_utc_ms, &one.delivery_id).cmp(&(&other.event_id, other.at_utc_ms, &other.delivery_id))
    });
    Ok(deliveries)
}

/// One logged delivery; `None` when an attribute is absent or of another type.
fn delivery(item: &Item) -> Option<Delivery> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    Some(Delivery {
        trigger: text("trigger")?,
        event_id: text("event_id")?,
        delivery_id: text("delivery_id")?,
        key: text("key")?,
        at_utc_ms: item.get("at_utc_ms")?.as_n().ok()?.parse().ok()?,
        redriven: *item.get("redriven")?.as_bool().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::json::to_item, *};

    #[test]
    fn a_delivery_needs_all_its_attributes() {
        let whole = json!({
            "event_id": { "S": "w-1" }, "delivery_id": { "S": "r/0" }, "trigger": { "S": "total-orders" },
            "key": { "S": "C-1#o" }, "at_utc_ms": { "N": "1795436186000" }, "redriven": { "BOOL": true },
        });
        let read = delivery(&to_item(&whole).unwrap()).unwrap();
        assert_eq!((read.at_utc_ms, read.redriven, read.key.as_str()), (1_795_436_186_000, true, "C-1#o"));
        for name in whole.as_object().unwrap().keys() {
            let mut item = to_item(&whole).unwrap();
            item.remove(name);
            assert_eq!(delivery(&item), None, "without {name}");
        }
    }
}
