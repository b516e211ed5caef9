//! Capturing a recovery point at a consistent cut.
//!
//! Order: configurations, then derived tables (those that functions write), then their sources. A captured effect
//! therefore never lacks its cause; an effect whose cause is captured and that is itself missing is redriven after a
//! restore.
//!
//! Sources with a history (versioned buckets, streamed tables) are cut at one whole second T after everything else was
//! read: S3 keeps times in whole seconds, so only "before T" can be told exactly. Versions stay readable after T, and a
//! scanned table is rolled forward by its stream to T. One instant for all of them makes the cut consistent across
//! services. Sources without a history are read as they are; the point's interval says so.
//!
//! T is by this machine's clock. On an emulator that is the service's clock too.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{RecoveryPointId, ResourceId, ResourceKind},
    stack::Table,
    units::Span,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Vault, export,
    items::key_of,
    lines,
    manifest::{Manifest, Part, PartRole, ResourceParts, VAULT_FORMAT},
    objects::{ObjectContent, ObjectLine},
    place::Body,
    stream_log::StreamLog,
    writer::PointWriter,
};
use crate::{
    backup::{BackupError, sabotage::Saboteur},
    poll,
    services::{
        Blueprint, ServiceError,
        clients::EMULATOR_ACCOUNT,
        dynamodb,
        s3::{self, ObjectSettings},
        service,
    },
};

/// Objects that are read at a time.
const CONCURRENT_OBJECTS: usize = 4;

/// After T, for a stream to show what was written before T.
const STREAM_SETTLE: Span = Span::from_ms(100);

/// Items of a table by key, as text of DynamoDB JSON.
type Items = BTreeMap<String, String>;

/// What is known of the previous point, to copy only what changed.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Its id.
    pub id: RecoveryPointId,
    /// Its blobs and their sizes.
    pub blobs: BTreeMap<String, u64>,
    /// Its objects by bucket, then by key and version id.
    pub objects: BTreeMap<ResourceId, BTreeMap<(String, String), ObjectContent>>,
}

/// One capture in progress.
pub(super) struct Capture<'a> {
    pub(super) vault: &'a Vault,
    pub(super) id: &'a RecoveryPointId,
    pub(super) writer: PointWriter,
    pub(super) saboteur: Saboteur,
    /// The point this one builds on, for an incremental one.
    pub(super) previous: Option<&'a Previous>,
    /// The last point, whether this one builds on it or not.
    pub(super) last: Option<&'a Previous>,
}

/// A finished capture: the manifest, its digest and what the next capture builds on.
pub(super) struct Captured {
    pub(super) manifest: Manifest,
    pub(super) digest: String,
    pub(super) previous: Previous,
}

impl Capture<'_> {
    /// Reads everything and writes the point, its manifest last.
    pub(super) async fn run(&self, logs: &mut BTreeMap<ResourceId, StreamLog>) -> Result<Captured, BackupError> {
        let clock = self.vault.drill.clock;
        let begun_ms = clock.now();
        let mut tables: BTreeMap<&ResourceId, (Table, Items)> = BTreeMap::new();
        let mut parts: BTreeMap<ResourceId, ResourceParts> = BTreeMap::new();
        for resource in &self.vault.protect {
            let (described, found) = self.blueprint(resource).await?;
            parts.insert(resource.clone(), described);
            if let Blueprint::Table(table) = found {
                tables.insert(resource, (table, Items::new()));
            }
        }
        // The logs come before every scan: a deletion that a derived table does not know yet must be in them.
        for (resource, (table, _)) in &tables {
            if table.stream {
                logs.entry((*resource).clone()).or_default().catch_up(&self.vault.source, resource.name()).await?;
            }
        }
        // Derived tables come first: see the head of this file.
        let mut order: Vec<&ResourceId> = tables.keys().copied().collect();
        order.sort_by_key(|resource| self.vault.drill.plan.stack.derived_by(resource).is_none());
        for resource in order {
            if let Some((table, items)) = tables.get_mut(resource) {
                *items = self.scan(resource, table).await?;
            }
        }

        let cut_utc_ms = self.wait_for_cut().await?;
        let mut streamed = Vec::new();
        for (resource, (table, mut items)) in tables {
            if let (true, Some(log)) = (table.stream, logs.get_mut(resource)) {
                log.catch_up(&self.vault.source, resource.name()).await?;
                let removed = self.roll_forward(resource, &table, log, cut_utc_ms, &mut items).await?;
                extend(&mut parts, resource, [removed], 0);
                streamed.push(resource.clone());
            }
            let exported = self.export(resource, &items, clock.utc_text(begun_ms)).await?;
            extend(&mut parts, resource, exported, items.len() as u64);
        }
        let mut objects = BTreeMap::new();
        for bucket in self.vault.protect.iter().filter(|resource| resource.kind() == Some(ResourceKind::Bucket)) {
            let (lines, stored) = self.objects(bucket, cut_utc_ms).await?;
            extend(&mut parts, bucket, stored, lines.len() as u64);
            objects.insert(bucket.clone(), known_objects(lines));
        }

        let ended_ms = clock.now();
        let manifest = Manifest {
            format: VAULT_FORMAT.to_owned(),
            id: self.id.clone(),
            rule: self.vault.rule,
            parent: self.previous.map(|previous| previous.id.clone()),
            region: self.vault.source.clients.region.clone(),
            stack_version: self.vault.drill.plan.stack.version.clone(),
            begun_ms,
            ended_ms,
            begun_utc: clock.utc_text(begun_ms),
            ended_utc: clock.utc_text(ended_ms),
            cut_utc_ms: Some(cut_utc_ms),
            resources: self.vault.protect.iter().filter_map(|resource| parts.remove(resource)).collect(),
        };
        let digest = self.writer.finish(&manifest).await?;
        for resource in streamed {
            if let Some(log) = logs.get_mut(&resource) {
                log.settle(cut_utc_ms);
            }
        }
        let blobs = blobs_of(&manifest);
        Ok(Captured { digest, previous: Previous { id: self.id.clone(), blobs, objects }, manifest })
    }

    async fn blueprint(&self, resource: &ResourceId) -> Result<(ResourceParts, Blueprint), BackupError> {
        let kind = resource.kind().ok_or_else(|| BackupError::damaged(self.id, resource.as_str(), "has no kind"))?;
        let found = service(kind).describe(&self.vault.source, resource.name()).await?;
        let bytes = serde_json::to_vec_pretty(&found)
            .map_err(|error| BackupError::File { path: "blueprint.json".to_owned(), source: error.into() })?;
        let mut parts = vec![self.writer.part(resource, PartRole::Blueprint, "blueprint.json", bytes).await?];
        if let Blueprint::Function { code, .. } = &found {
            parts.push(self.writer.blob(PartRole::Code, &Body::Memory(code.clone())).await?);
        }
        Ok((ResourceParts { resource: resource.clone(), entries: 0, parts }, found))
    }

    async fn scan(&self, resource: &ResourceId, table: &Table) -> Result<Items, BackupError> {
        let mut items = Items::new();
        let mut pages = dynamodb::scan_items(&self.vault.source, resource.name()).boxed();
        while let Some(page) = pages.try_next().await? {
            for item in page {
                let Some(key) = key_of(&item, table) else { return Err(keyless(resource).into()) };
                if !self.saboteur.leaves_out(resource, &key) {
                    items.insert(key, dynamodb::json::text(&item));
                }
            }
        }
        Ok(items)
    }

    /// Waits for the next whole second, which is after everything that was read so far.
    async fn wait_for_cut(&self) -> Result<u64, BackupError> {
        let now = self.vault.drill.clock.utc(self.vault.drill.clock.now()).as_millisecond();
        let now_ms = u64::try_from(now).unwrap_or(0);
        let cut_ms = next_second(now_ms);
        let wait = Span::from_ms(cut_ms - now_ms).plus(STREAM_SETTLE);
        if poll::pause(wait, &self.vault.drill.cancel).await { Ok(cut_ms) } else { Err(BackupError::Stopped) }
    }

    async fn roll_forward(
        &self,
        resource: &ResourceId,
        table: &Table,
        log: &StreamLog,
        cut_utc_ms: u64,
        items: &mut Items,
    ) -> Result<Part, BackupError> {
        let rolled = log.roll(table, cut_utc_ms);
        for (key, item) in rolled.items {
            match item {
                Some(item) if !self.saboteur.leaves_out(resource, &key) => items.insert(key, item),
                _ => items.remove(&key),
            };
        }
        let removed = lines::write_texts(rolled.removed)
            .map_err(|source| BackupError::File { path: "removed.jsonl.gz".to_owned(), source })?;
        self.writer.part(resource, PartRole::Removed, "removed.jsonl.gz", removed).await
    }

    async fn export(&self, resource: &ResourceId, items: &Items, started: String) -> Result<Vec<Part>, BackupError> {
        let clock = self.vault.drill.clock;
        let physical = self.vault.source.physical(resource);
        let region = &self.vault.source.clients.region;
        let about = export::About {
            export_id: export_id(self.id, resource, clock.begun_utc().as_millisecond()),
            table_arn: format!("arn:aws:dynamodb:{region}:{EMULATOR_ACCOUNT}:table/{physical}"),
            prefix: self.writer.folder(resource),
            started,
            ended: clock.utc_text(clock.now()),
            encryption: self.vault.place.encryption(),
        };
        let items: Vec<&str> = items.values().map(String::as_str).collect();
        let export = export::write(&about, &items)
            .map_err(|source| BackupError::File { path: about.export_id.clone(), source })?;
        let mut parts = Vec::new();
        for (role, files) in [(PartRole::ExportData, export.data), (PartRole::ExportManifest, export.manifests)] {
            for (path, bytes) in files {
                parts.push(self.writer.part(resource, role, &path, bytes).await?);
            }
        }
        Ok(parts)
    }

    async fn objects(&self, bucket: &ResourceId, cut_utc_ms: u64) -> Result<(Vec<ObjectLine>, Vec<Part>), BackupError> {
        let versions = self.versions(bucket, cut_utc_ms).await?;
        let mut read: Vec<(ObjectLine, Option<Part>)> = stream::iter(versions)
            .map(|(ordinal, version)| self.object(bucket, ordinal, version))
            .buffer_unordered(CONCURRENT_OBJECTS)
            .try_collect()
            .await?;
        read.sort_by(|(a, _), (b, _)| (&a.key, a.ordinal).cmp(&(&b.key, b.ordinal)));
        let (lines, bodies): (Vec<ObjectLine>, Vec<Option<Part>>) = read.into_iter().unzip();
        let list =
            lines::write(&lines).map_err(|source| BackupError::File { path: "objects.jsonl.gz".to_owned(), source })?;
        let mut parts = vec![self.writer.part(bucket, PartRole::Objects, "objects.jsonl.gz", list).await?];
        parts.extend(bodies.into_iter().flatten());
        Ok((lines, parts))
    }

    /// The versions before the cut, each with its ordinal. A bucket without versioning has no history to cut: what is
    /// there is taken.
    async fn versions(
        &self,
        bucket: &ResourceId,
        cut_utc_ms: u64,
    ) -> Result<Vec<(u32, s3::ObjectVersion)>, BackupError> {
        let mut by_key: BTreeMap<String, Vec<s3::ObjectVersion>> = BTreeMap::new();
        let mut pages = s3::versions(&self.vault.source, bucket.name()).boxed();
        while let Some(page) = pages.try_next().await? {
            for version in page {
                let in_cut = version.version_id == "null" || version.last_modified_ms < cut_utc_ms;
                if in_cut && !self.saboteur.leaves_out(bucket, &version.key) {
                    by_key.entry(version.key.clone()).or_default().push(version);
                }
            }
        }
        Ok(by_key.into_values().flat_map(|newest_first| (0..).zip(newest_first.into_iter().rev())).collect())
    }

    async fn object(
        &self,
        bucket: &ResourceId,
        ordinal: u32,
        version: s3::ObjectVersion,
    ) -> Result<(ObjectLine, Option<Part>), BackupError> {
        let line =
            |content| ObjectLine { key: version.key.clone(), ordinal, version_id: version.version_id.clone(), content };
        if version.is_marker {
            return Ok((line(None), None));
        }
        if let Some(content) = self.carried_object(bucket, &version) {
            let part = Part {
                role: PartRole::Body,
                path: content.blob.clone(),
                sha256: content.sha256.clone(),
                bytes: content.bytes,
                carried: true,
            };
            return Ok((line(Some(content.clone())), Some(part)));
        }
        let named = (version.version_id != "null").then_some(version.version_id.as_str());
        let object = s3::read(&self.vault.source, bucket.name(), &version.key, named).await?;
        let what = format!("`{}` of `{bucket}`", version.key);
        let body = Body::receive(&what, object.size, object.body).await?;
        let part = self.writer.blob(PartRole::Body, &body).await?;
        // Tags that cannot be read any more are those that an earlier capture saw.
        let seen = self.seen(bucket, &version).filter(|_| object.tags_unreadable);
        let (settings, tags_unread) = match seen {
            Some(seen) => (ObjectSettings { tags: seen.settings.tags.clone(), ..object.settings }, seen.tags_unread),
            None => (object.settings, object.tags_unreadable),
        };
        if tags_unread {
            let (key, version) = (&version.key, &version.version_id);
            tracing::warn!(%bucket, key, version, "the service does not give the tags of this version: they are not backed up");
        }
        let content = ObjectContent {
            blob: part.path.clone(),
            sha256: part.sha256.clone(),
            bytes: part.bytes,
            settings,
            tags_unread,
        };
        Ok((line(Some(content)), Some(part)))
    }

    /// The same version in the previous point: versions never change, so it is not read again. (Tags can change in
    /// place; a full point takes such a change up.)
    fn carried_object(&self, bucket: &ResourceId, version: &s3::ObjectVersion) -> Option<&ObjectContent> {
        if version.version_id == "null" || self.previous.is_none() {
            return None;
        }
        self.seen(bucket, version)
    }

    /// What the last capture saw of a version.
    fn seen(&self, bucket: &ResourceId, version: &s3::ObjectVersion) -> Option<&ObjectContent> {
        let known = self.last?.objects.get(bucket)?;
        known.get(&(version.key.clone(), version.version_id.clone()))
    }
}

/// The first whole second after `ms`.
fn next_second(ms: u64) -> u64 {
    (ms / 1000 + 1) * 1000
}

fn extend(
    parts: &mut BTreeMap<ResourceId, ResourceParts>,
    resource: &ResourceId,
    more: impl IntoIterator<Item = Part>,
    entries: u64,
) {
    if let Some(resource) = parts.get_mut(resource) {
        resource.parts.extend(more);
        resource.entries += entries;
    }
}

fn keyless(resource: &ResourceId) -> ServiceError {
    ServiceError::Unusable { operation: format!("scanning `{resource}`"), what: "an item without its key".to_owned() }
}

/// As DynamoDB makes them: a time in milliseconds and eight hex digits.
fn export_id(point: &RecoveryPointId, resource: &ResourceId, begun_utc_ms: i64) -> String {
    let mut unique = crate::services::canonical::digest(&format!("{point} {resource}"));
    unique.truncate(8);
    format!("{begun_utc_ms:014}-{unique}")
}

/// The objects of a list by key and version.
pub(super) fn known_objects(lines: Vec<ObjectLine>) -> BTreeMap<(String, String), ObjectContent> {
    lines.into_iter().filter_map(|line| line.content.map(|content| ((line.key, line.version_id), content))).collect()
}

/// The shared blobs of a point.
pub(super) fn blobs_of(manifest: &Manifest) -> BTreeMap<String, u64> {
    manifest
        .parts()
        .filter(|part| matches!(part.role, PartRole::Body | PartRole::Code))
        .map(|part| (part.path.clone(), part.bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_a_whole_second_strictly_later() {
        for (now_ms, cut_ms) in
            [(0, 1000), (1, 1000), (999, 1000), (1000, 2000), (1_764_000_000_123, 1_764_000_001_000)]
        {
            assert_eq!(next_second(now_ms), cut_ms, "at {now_ms}");
        }
    }

    #[test]
    fn export_ids_look_like_dynamodb_s_and_differ_by_table() {
        let point = RecoveryPointId::from("rp-0001");
        let of = |name| export_id(&point, &ResourceId::new(ResourceKind::Table, name), 1_764_000_000_123);
        assert_ne!(of("orders"), of("totals"));
        assert!(of("orders").starts_with("01764000000123-"));
    }
}
