//! Rebuilding a recovery point at a side.
//!
//! Order: everything but functions and triggers, made inert; its content; functions; then what reacts to content (streams, TTL);
//! triggers last, since restored content must not fire them. Run again, it keeps what is there and made alike, and
//! writes only the content that differs or is absent.

use std::collections::{BTreeMap, HashMap};

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Table,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Reader,
    items::key_of,
    manifest::{Manifest, Part, PartRole, ResourceParts},
    objects::{ObjectContent, ObjectLine, by_key},
    place::Body,
    verify,
};
use crate::{
    backup::{BackupError, RestoreReport, sabotage::Saboteur},
    services::{
        Blueprint, Site,
        dynamodb::{self, Item, canonical::describe_item},
        flip, s3, service,
    },
};

/// Keys of a bucket that are restored at a time; the versions of one key go one after the other.
const CONCURRENT_KEYS: usize = 4;

/// One restore.
pub(super) struct Restore<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) manifest: &'a Manifest,
    pub(super) into: &'a Site,
    pub(super) saboteur: Saboteur,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    entries: u64,
    bytes: u64,
}

/// Whether a resource was made by this restore or was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Now,
    Before,
}

impl Restore<'_> {
    pub(super) async fn run(&self) -> Result<RestoreReport, BackupError> {
        let mut report = RestoreReport::begun();
        let mut containers = Vec::new();
        let inert = |kind: &ResourceKind| !matches!(kind, ResourceKind::Function | ResourceKind::Trigger);
        for kind in ResourceKind::ALL.into_iter().filter(inert) {
            for parts in self.of(kind) {
                let blueprint = self.blueprint(parts).await?;
                let made = self.make(&parts.resource, kind, &blueprint).await?;
                report.resources.push(parts.resource.clone());
                if kind.holds_data() {
                    containers.push((parts, kind, blueprint, made));
                }
            }
        }
        if !self.saboteur.returns_early() {
            for (parts, _, blueprint, made) in &containers {
                let written = self.content(parts, blueprint, *made).await?;
                report.entries += written.entries;
                report.bytes += written.bytes;
            }
        }
        for parts in self.of(ResourceKind::Function) {
            self.make(&parts.resource, ResourceKind::Function, &self.blueprint(parts).await?).await?;
            report.resources.push(parts.resource.clone());
        }
        for (parts, kind, blueprint, _) in &containers {
            service(*kind).activate(self.into, parts.resource.name(), blueprint).await?;
        }
        for parts in self.of(ResourceKind::Trigger) {
            self.make(&parts.resource, ResourceKind::Trigger, &self.blueprint(parts).await?).await?;
            report.resources.push(parts.resource.clone());
        }
        Ok(report)
    }

    fn of(&self, kind: ResourceKind) -> impl Iterator<Item = &ResourceParts> {
        self.manifest.resources.iter().filter(move |parts| parts.resource.kind() == Some(kind))
    }

    async fn blueprint(&self, parts: &ResourceParts) -> Result<Blueprint, BackupError> {
        let mut blueprint = self.reader.blueprint(parts).await?;
        self.saboteur.blueprint(&parts.resource, &mut blueprint);
        if let Blueprint::Function { code, .. } = &mut blueprint {
            let no_code = || BackupError::damaged(&self.manifest.id, parts.resource.as_str(), "has no code");
            let part = parts.of(PartRole::Code).next().ok_or_else(no_code)?;
            *code = self.part(part).await?.bytes().await?;
        }
        Ok(blueprint)
    }

    async fn part(&self, part: &Part) -> Result<Body, BackupError> {
        verify::read_part(self.reader.place, self.reader.id, part).await
    }

    /// Creates the resource, or keeps the one that is there and made alike. What has no content of its own is made anew
    /// when it differs; a bucket or table of another shape is left alone and is an error.
    async fn make(
        &self,
        resource: &ResourceId,
        kind: ResourceKind,
        blueprint: &Blueprint,
    ) -> Result<Made, BackupError> {
        let (adapter, name) = (service(kind), resource.name());
        if adapter.exists(self.into, name).await? {
            let there = adapter.describe(self.into, name).await?;
            if alike(&there, blueprint) {
                return Ok(Made::Before);
            }
            if kind.holds_data() {
                let what = "its keys or versioning differ from the recovery point's".to_owned();
                return Err(BackupError::Occupied { resource: resource.clone(), what });
            }
            adapter.delete(self.into, name).await?;
        }
        adapter.create(self.into, name, blueprint).await?;
        Ok(Made::Now)
    }

    async fn content(&self, parts: &ResourceParts, blueprint: &Blueprint, made: Made) -> Result<Written, BackupError> {
        match blueprint {
            Blueprint::Table(table) => self.items(parts, table, made).await,
            Blueprint::Bucket(_) => self.objects(parts, made).await,
            Blueprint::Role(_) | Blueprint::Queue(_) | Blueprint::Function { .. } | Blueprint::Trigger(_) => {
                Ok(Written::default())
            }
        }
    }

    async fn items(&self, parts: &ResourceParts, table: &Table, made: Made) -> Result<Written, BackupError> {
        let resource = &parts.resource;
        let there = if made == Made::Before { self.item_digests(resource, table).await? } else { HashMap::new() };
        let keep = table.key_attributes();
        let mut written = Written::default();
        for part in parts.of(PartRole::ExportData) {
            let mut wanted: Vec<Item> = Vec::new();
            for item in self.reader.items(part).await? {
                let Some(key) = key_of(&item, table) else {
                    return Err(BackupError::damaged(&self.manifest.id, &part.path, "holds an item without its key"));
                };
                if self.saboteur.leaves_out(resource, &key) {
                    continue;
                }
                let item = self.saboteur.item(resource, &key, item, &keep);
                let described = describe_item(&item);
                if there.get(&key) != Some(&described.digest) {
                    written.bytes += described.bytes;
                    wanted.push(item);
                }
            }
            written.entries += dynamodb::write_items(self.into, resource.name(), wanted).await?;
        }
        Ok(written)
    }

    async fn item_digests(&self, resource: &ResourceId, table: &Table) -> Result<HashMap<String, String>, BackupError> {
        let mut digests = HashMap::new();
        let mut pages = dynamodb::scan_items(self.into, resource.name()).boxed();
        while let Some(page) = pages.try_next().await? {
            digests.extend(
                page.iter().filter_map(|item| key_of(item, table).map(|key| (key, describe_item(item).digest))),
            );
        }
        Ok(digests)
    }

    async fn objects(&self, parts: &ResourceParts, made: Made) -> Result<Written, BackupError> {
        let bucket = &parts.resource;
        let there = if made == Made::Before { self.versions(bucket).await? } else { BTreeMap::new() };
        let keys = by_key(self.reader.objects(parts).await?);
        let written: Vec<Written> = stream::iter(keys)
            .filter(|(key, _)| std::future::ready(!self.saboteur.leaves_out(bucket, key)))
            .map(|(key, lines)| {
                let there = there.get(&key).map_or(&[][..], Vec::as_slice);
                self.history(bucket, key, lines, there)
            })
            .buffer_unordered(CONCURRENT_KEYS)
            .try_collect()
            .await?;
        Ok(written.into_iter().fold(Written::default(), |sum, next| Written {
            entries: sum.entries + next.entries,
            bytes: sum.bytes + next.bytes,
        }))
    }

    async fn versions(&self, bucket: &ResourceId) -> Result<BTreeMap<String, Vec<s3::ObjectVersion>>, BackupError> {
        let mut by_key: BTreeMap<String, Vec<s3::ObjectVersion>> = BTreeMap::new();
        let mut pages = s3::versions(self.into, bucket.name()).boxed();
        while let Some(page) = pages.try_next().await? {
            for version in page {
                by_key.entry(version.key.clone()).or_default().push(version);
            }
        }
        for versions in by_key.values_mut() {
            versions.reverse();
        }
        Ok(by_key)
    }

    /// Restores the versions of one key, oldest to newest. What an earlier attempt wrote is its beginning: the rest is
    /// appended. Another beginning means that the key was written by someone else; then the whole history comes on top,
    /// so that the newest version is right.
    async fn history(
        &self,
        bucket: &ResourceId,
        key: String,
        lines: Vec<ObjectLine>,
        there: &[s3::ObjectVersion],
    ) -> Result<Written, BackupError> {
        let done = self.shared_beginning(bucket, &lines, there).await?;
        let newest = lines.len().saturating_sub(1);
        let mut written = Written::default();
        for (number, line) in lines.iter().enumerate().skip(done) {
            match &line.content {
                None => {
                    s3::delete(self.into, bucket.name(), &key).await?;
                }
                Some(content) => {
                    let flip = number == newest && self.saboteur.flips_body(bucket, &key);
                    self.version(bucket, &key, content, flip).await?;
                    written.bytes += content.bytes;
                }
            }
            written.entries += 1;
        }
        Ok(written)
    }

    async fn shared_beginning(
        &self,
        bucket: &ResourceId,
        lines: &[ObjectLine],
        there: &[s3::ObjectVersion],
    ) -> Result<usize, BackupError> {
        if there.len() > lines.len() {
            return Ok(0);
        }
        for (line, version) in lines.iter().zip(there) {
            if !self.same(bucket, line, version).await? {
                return Ok(0);
            }
        }
        Ok(there.len())
    }

    async fn same(
        &self,
        bucket: &ResourceId,
        line: &ObjectLine,
        version: &s3::ObjectVersion,
    ) -> Result<bool, BackupError> {
        let Some(content) = &line.content else { return Ok(version.is_marker) };
        if version.is_marker || version.size != content.bytes {
            return Ok(false);
        }
        let named = (version.version_id != "null").then_some(version.version_id.as_str());
        let object = s3::read(self.into, bucket.name(), &version.key, named).await?;
        // Tags that the service does not give cannot tell one version from another.
        let tags = if object.tags_unreadable { BTreeMap::new() } else { content.settings.tags.clone() };
        if object.settings != (s3::ObjectSettings { tags, ..content.settings.clone() }) {
            return Ok(false);
        }
        let body = Body::receive(&version.key, object.size, object.body).await?;
        Ok(body.digest().await?.0 == content.sha256)
    }

    async fn version(
        &self,
        bucket: &ResourceId,
        key: &str,
        content: &ObjectContent,
        flip: bool,
    ) -> Result<(), BackupError> {
        let body = self.part(&body_part(content)).await?;
        let body = if flip { Body::Memory(flip::last_byte(&body.bytes().await?)) } else { body };
        let upload = s3::Upload { key: key.to_owned(), settings: content.settings.clone() };
        s3::put(self.into, bucket.name(), &upload, body.len(), body.stream().await?).await?;
        Ok(())
    }
}

/// The part an object list speaks of. The list has its digest in the manifest, so its own digests can be trusted.
fn body_part(content: &ObjectContent) -> Part {
    Part {
        role: PartRole::Body,
        path: content.blob.clone(),
        sha256: content.sha256.clone(),
        bytes: content.bytes,
        carried: false,
    }
}

/// Whether what is there can stay. A table or bucket that an earlier attempt made is inert until its content is whole,
/// so only what cannot be changed later is compared.
fn alike(there: &Blueprint, wanted: &Blueprint) -> bool {
    match (there, wanted) {
        (Blueprint::Table(there), Blueprint::Table(wanted)) => {
            there.hash == wanted.hash && there.range == wanted.range && there.indexes == wanted.indexes
        }
        (Blueprint::Bucket(there), Blueprint::Bucket(wanted)) => there.versioning == wanted.versioning,
        (there, wanted) => there == wanted,
    }
}
