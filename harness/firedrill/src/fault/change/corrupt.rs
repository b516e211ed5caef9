//! Silent corruption: the same keys, the same sizes, the same metadata, and other content.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::{Stack, Table},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{ChangeError, Changed, paced};
use crate::{
    services::{
        ServiceError, Site,
        dynamodb::{self, AttributeValue, Item, canonical::WRITE_ID, key_of},
        flip,
        s3::{self, ByteStream, Upload},
    },
    workload::dataset::Draw,
};

/// Items that are changed at the same time.
const AT_ONCE: usize = 4;
/// A larger object is left alone: its body would have to be held whole.
const BODY_MAX: u64 = 64 << 20;

/// How much is changed; what exactly is drawn from the seed.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) seed: u64,
    /// Objects or items; all when `None`.
    pub(super) count: Option<u64>,
    /// Bytes of each object; its last one when `None`.
    pub(super) bytes: Option<u64>,
}

/// Changes objects or items that are there now.
pub(super) async fn corrupt(
    site: &Site,
    stack: &Stack,
    resource: &ResourceId,
    extent: Extent,
    changed: Changed<'_>,
) -> Result<(), ChangeError> {
    let name = resource.name();
    if resource.kind() == Some(ResourceKind::Bucket) {
        let mut keys = Vec::new();
        let mut pages = std::pin::pin!(s3::versions(site, name));
        while let Some(page) = pages.try_next().await? {
            let fits = |size: u64| (1..=BODY_MAX).contains(&size);
            let current = page.into_iter().filter(|of| of.is_latest && !of.is_marker && fits(of.size));
            keys.extend(current.map(|version| (version.key.clone(), version.key)));
        }
        return paced(drawn(extent, keys).into_iter().map(|key| object(site, name, key, extent, changed))).await;
    }
    let Some(table) = stack.tables.get(name) else { return Ok(()) };
    let mut items = Vec::new();
    let mut pages = std::pin::pin!(dynamodb::scan_items(site, name));
    while let Some(page) = pages.try_next().await? {
        items.extend(page.into_iter().filter_map(|item| {
            let key = key_of(&item, &table.hash, table.range.as_ref())?;
            Some((key, Flip::of(&item, table)?))
        }));
    }
    let flips = drawn(extent, items).into_iter().map(|flip| flip.make(site, name, changed));
    stream::iter(flips).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

/// As many as are to be changed of what has these keys: which ones depends on the seed and on each key alone.
fn drawn<T>(Extent { seed, count, .. }: Extent, mut all: Vec<(String, T)>) -> Vec<T> {
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    all.sort_by_cached_key(|(key, _)| (Draw::at(seed, &["corrupt", key]).below(u64::MAX), key.clone()));
    all.into_iter().take(count).map(|(_, drawn)| drawn).collect()
}

/// Writes the object again with other bytes and all that it carries.
async fn object(
    site: &Site,
    bucket: &str,
    key: String,
    extent: Extent,
    changed: Changed<'_>,
) -> Result<(), ChangeError> {
    let found = match s3::read(site, bucket, &key, None).await {
        Ok(found) => found,
        // A client deleted it meanwhile.
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let body = found.body.collect().await.map_err(|error| ServiceError::Unusable {
        operation: format!("S3 GetObject `{key}` of {bucket}"),
        what: format!("a body that breaks off: {error}"),
    })?;
    let body = body.into_bytes();
    let body = match extent.bytes {
        None => flip::last_byte(&body),
        Some(count) => {
            let mut draw = Draw::at(extent.seed, &["corrupt bytes", &key]);
            flip::spread(&body, count, |end| draw.below(end))
        }
    };
    let upload = Upload { key, settings: found.settings };
    s3::put(site, bucket, &upload, body.len() as u64, ByteStream::from(body)).await?;
    Ok(changed()?)
}

/// Of an item, one text with one character changed.
struct Flip {
    key: Item,
    attribute: String,
    old: AttributeValue,
    new: AttributeValue,
}

impl Flip {
    /// `None` when the item has no text beside its keys and firedrill's own mark.
    fn of(item: &Item, table: &Table) -> Option<Self> {
        let keys = table.key_attributes();
        let fits = |name: &str| !keys.contains(&name) && name != WRITE_ID;
        let (attribute, new) = flip::texts(item).into_iter().find(|(name, _)| fits(name))?;
        let of_key = std::iter::once(&table.hash).chain(&table.range);
        let key = of_key.map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect::<Option<Item>>()?;
        let old = item.get(&attribute)?.clone();
        Some(Self { key, attribute, old, new })
    }

    /// What a client writes meanwhile is left as it is.
    async fn make(self, site: &Site, table: &str, changed: Changed<'_>) -> Result<(), ChangeError> {
        let Self { key, attribute, old, new } = self;
        if dynamodb::replace_attribute(site, table, key, &attribute, (old, new)).await? {
            changed()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_seed_draws_the_same_keys_in_whatever_order_they_are_listed(
            keys in prop::collection::btree_set("[a-z]{1,4}", 0..20),
            seed: u64,
            count in prop::option::of(0..25_u64),
        ) {
            let listed: Vec<(String, String)> = keys.iter().map(|key| (key.clone(), key.clone())).collect();
            let mut reversed = listed.clone();
            reversed.reverse();
            let extent = Extent { seed, count, bytes: None };
            let some = drawn(extent, listed);
            prop_assert_eq!(&some, &drawn(extent, reversed));
            let expected = count.map_or(keys.len(), |count| keys.len().min(usize::try_from(count).unwrap()));
            prop_assert_eq!(some.len(), expected);
        }
    }
}
