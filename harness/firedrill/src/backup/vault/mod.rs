//! Firedrill's own vault: full or incremental recovery points in a bucket or a folder, every part with its digest.
//!
//! The format is described in [`manifest`].

pub mod bucket;
pub mod capture;
pub mod critical;
pub mod export;
pub mod folder;
pub mod items;
pub mod lines;
pub mod manifest;
pub mod objects;
pub mod place;
pub mod restore;
pub mod retention;
pub mod stream_log;
pub mod verify;
pub mod writer;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use firedrill_model::{
    capture::Entry,
    critical::CriticalAttribute,
    history::Ending,
    ids::{RecoveryPointId, Region, ResourceId, ResourceKind},
    recovery_point::RecoveryPoint,
    run_dir::RunDirError,
    scenario::{Backup, Sabotage, VaultPlace},
    topology::Side,
};
use serde_json::Value;
use tokio::sync::Mutex;

use self::{
    bucket::BucketPlace,
    capture::{Capture, Previous},
    folder::FolderPlace,
    manifest::{Manifest, PartRole, ResourceParts},
    place::Place,
    restore::Restore,
    stream_log::StreamLog,
    verify::Marks,
    writer::PointWriter,
};
use super::{BackupError, RestoreReport, Strategy, sabotage::Saboteur};
use crate::{
    run::{Drill, Vantage},
    services::{
        Blueprint, Clients, Site,
        clients::{Conduct, Endpoint},
        dynamodb,
    },
};

/// The vault of one backup rule.
#[derive(Debug)]
pub struct Vault {
    pub(super) drill: Drill,
    pub(super) rule: usize,
    pub(super) source: Site,
    pub(super) protect: Vec<ResourceId>,
    critical: Vec<CriticalAttribute>,
    /// As backups reach it, which run in the primary region.
    place: Arc<dyn Place>,
    /// As the recovery does, which runs in its own.
    place_in_recovery: Arc<dyn Place>,
    /// As it is, past every fault: what a point held is evidence.
    place_itself: Arc<dyn Place>,
    incremental: bool,
    sabotage: Option<Sabotage>,
    state: Mutex<State>,
}

/// What goes from capture to capture.
#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<ResourceId, StreamLog>,
    previous: Option<Previous>,
    /// Of the blobs of the last point that was read back whole.
    marks: Marks,
    manifests: Vec<Manifest>,
}

impl Vault {
    /// The vault of a rule. Nothing is sent before [`Strategy::prepare`].
    pub fn open(
        drill: &Drill,
        rule: usize,
        backup: &Backup,
        source: Site,
        into: &VaultPlace,
        incremental: bool,
    ) -> Self {
        let reached_from = |within, conduct| -> Arc<dyn Place> {
            match into {
                VaultPlace::Bucket { region, bucket } => {
                    Arc::new(BucketPlace::new(vault_site(drill, region, &source, (within, conduct)), bucket.clone()))
                }
                VaultPlace::Folder { folder } => Arc::new(FolderPlace::new(drill.dir.root().join(folder))),
            }
        };
        let place = reached_from(Side::Primary, Conduct::Control);
        let place_in_recovery = reached_from(Side::Recovery, Conduct::Control);
        let place_itself = reached_from(Side::Recovery, Conduct::Clean);
        Self {
            drill: drill.clone(),
            rule,
            source,
            protect: backup.protect.clone(),
            critical: backup.critical.clone(),
            place,
            place_in_recovery,
            place_itself,
            incremental,
            sabotage: backup.sabotage.clone(),
            state: Mutex::default(),
        }
    }

    /// Read by the recovery.
    async fn manifest(&self, point: &RecoveryPoint) -> Result<Manifest, BackupError> {
        verify::manifest(&*self.place_in_recovery, &point.id, &point.digest).await
    }

    /// What a point holds of a resource, as evidence.
    async fn entries_of(&self, manifest: &Manifest, parts: &ResourceParts) -> Result<Vec<Entry>, BackupError> {
        let reader = Reader { place: &*self.place_itself, id: &manifest.id };
        match parts.resource.kind() {
            Some(ResourceKind::Bucket) => Ok(objects::entries(reader.objects(parts).await?)),
            Some(ResourceKind::Table) => {
                let table = reader.table(parts).await?;
                let mut entries = Vec::new();
                for part in parts.of(PartRole::ExportData) {
                    let items = reader.items(part).await?;
                    entries.extend(items.iter().filter_map(|item| items::entry(item, &table)));
                }
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                Ok(entries)
            }
            Some(ResourceKind::Role | ResourceKind::Queue | ResourceKind::Function | ResourceKind::Trigger) | None => {
                Ok(Vec::new())
            }
        }
    }
}

/// Where the vault's bucket is: the clients of its region, as they are within that of a side, without the names of the stack, which
/// the vault is not in.
fn vault_site(drill: &Drill, region: &Region, source: &Site, (within, conduct): (Side, Conduct)) -> Site {
    let side = drill.plan.topology.side(region).unwrap_or(Side::Recovery);
    let clients = drill.clients_from(region, conduct, Vantage::Within(within)).unwrap_or_else(|| {
        let (plane_url, direct_url) = (source.function_endpoint.clone(), source.function_endpoint.clone());
        Clients::connect(&Endpoint { region: region.clone(), plane_url, direct_url }, conduct, None)
    });
    Site::new(side, clients, source.function_endpoint.clone(), BTreeMap::new())
}

#[async_trait]
impl Strategy for Vault {
    /// Begins to read the streams of the tables. A log that began with the first capture would not have the deletions
    /// that are on their way to a function then, so that no redrive could deliver them.
    async fn prepare(&self) -> Result<(), BackupError> {
        let mut state = self.state.lock().await;
        for resource in &self.protect {
            let table = self.drill.plan.stack.tables.get(resource.name());
            if resource.kind() == Some(ResourceKind::Table) && table.is_some_and(|table| table.stream) {
                state.logs.entry(resource.clone()).or_default().catch_up(&self.source, resource.name()).await?;
            }
        }
        Ok(())
    }

    async fn capture(&self, id: &RecoveryPointId) -> Result<RecoveryPoint, BackupError> {
        let mut state = self.state.lock().await;
        let State { logs, previous, marks, manifests } = &mut *state;
        let previous_point = previous.as_ref().filter(|_| self.incremental);
        let carried =
            self.incremental.then(|| previous_point.map(|previous| previous.blobs.clone()).unwrap_or_default());
        let capture = Capture {
            vault: self,
            id,
            writer: PointWriter::new(Arc::clone(&self.place), id.clone(), carried),
            saboteur: Saboteur::draw(&self.drill, self.sabotage.as_ref())?,
            previous: previous_point,
            last: previous.as_ref(),
        };
        let captured = capture.run(logs).await?;
        // A point that does not read back whole is kept as evidence, is marked as not verified, and is no one's parent.
        let read_back = async {
            let manifest = verify::manifest(&*self.place, id, &captured.digest).await?;
            let seen = verify::every_part(&*self.place, &manifest, marks).await?;
            critical::every_attribute(&manifest, &self.protect, &self.critical, &self.drill.plan.stack).map(|()| seen)
        };
        let (seen, defect) = match read_back.await {
            Ok(seen) => (seen, None),
            Err(error @ BackupError::Damaged { .. }) => {
                tracing::warn!(%error, "the recovery point is not whole");
                (Marks::new(), Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        *marks = seen;
        // After a damaged one the next is full: what it would share may be what is gone.
        *previous = defect.is_none().then_some(captured.previous);
        let point = captured.manifest.recovery_point(self.place.location(), captured.digest, defect);
        manifests.push(captured.manifest);
        Ok(point)
    }

    async fn restore(
        &self,
        point: &RecoveryPoint,
        into: &Site,
        sabotage: Option<&Sabotage>,
    ) -> Result<RestoreReport, BackupError> {
        let manifest = self.manifest(point).await?;
        let saboteur = Saboteur::draw(&self.drill, sabotage)?;
        Restore {
            reader: Reader { place: &*self.place_in_recovery, id: &manifest.id },
            manifest: &manifest,
            into,
            saboteur,
        }
        .run()
        .await
    }

    async fn removed(&self, point: &RecoveryPoint) -> Result<Vec<(ResourceId, Value)>, BackupError> {
        let manifest = self.manifest(point).await?;
        let mut removed = Vec::new();
        for parts in &manifest.resources {
            for part in parts.of(PartRole::Removed) {
                let body = verify::read_part(&*self.place_in_recovery, &manifest.id, part).await?;
                let items: Vec<Value> = lines::read(&body.bytes().await?)
                    .map_err(|error| BackupError::damaged(&manifest.id, &part.path, error.to_string()))?;
                removed.extend(items.into_iter().map(|item| (parts.resource.clone(), item)));
            }
        }
        Ok(removed)
    }

    async fn entries(&self, point: &RecoveryPoint) -> Result<Vec<(ResourceId, Vec<Entry>)>, BackupError> {
        let manifest = verify::manifest(&*self.place_itself, &point.id, &point.digest).await?;
        let mut found = Vec::new();
        for parts in &manifest.resources {
            if parts.resource.kind().is_some_and(ResourceKind::holds_data) {
                found.push((parts.resource.clone(), self.entries_of(&manifest, parts).await?));
            }
        }
        Ok(found)
    }

    async fn prune(&self, point: &RecoveryPoint) -> Result<(), BackupError> {
        let mut state = self.state.lock().await;
        let gone = verify::manifest(&*self.place, &point.id, &point.digest).await?;
        state.manifests.retain(|manifest| manifest.id != gone.id);
        let stored: Vec<String> =
            self.place.list(&Manifest::prefix(&gone.id)).await?.into_iter().map(|stored| stored.path).collect();
        for path in retention::removable(&gone, &state.manifests, &stored) {
            self.place.delete(&path).await?;
        }
        Ok(())
    }
}

/// Reads the parts of one point, each checked against its digest.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The vault.
    pub place: &'a dyn Place,
    /// The point.
    pub id: &'a RecoveryPointId,
}

impl Reader<'_> {
    /// The blueprint, a function without its code.
    pub async fn blueprint(&self, parts: &ResourceParts) -> Result<Blueprint, BackupError> {
        let part = self.only(parts, PartRole::Blueprint)?;
        let bytes = verify::read_part(self.place, self.id, part).await?.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(part, &error))
    }

    /// A table's settings.
    pub async fn table(&self, parts: &ResourceParts) -> Result<firedrill_model::stack::Table, BackupError> {
        let Blueprint::Table(table) = self.blueprint(parts).await? else {
            let what = "has the blueprint of something else";
            return Err(BackupError::damaged(self.id, parts.resource.as_str(), what));
        };
        Ok(table)
    }

    /// A bucket's list of versions.
    pub async fn objects(&self, parts: &ResourceParts) -> Result<Vec<objects::ObjectLine>, BackupError> {
        let part = self.only(parts, PartRole::Objects)?;
        let bytes = verify::read_part(self.place, self.id, part).await?.bytes().await?;
        lines::read(&bytes).map_err(|error| self.unreadable(part, &error))
    }

    /// The items of one data file.
    pub async fn items(&self, part: &manifest::Part) -> Result<Vec<dynamodb::Item>, BackupError> {
        let bytes = verify::read_part(self.place, self.id, part).await?.bytes().await?;
        let items = export::read_data(&bytes).map_err(|error| self.unreadable(part, &error))?;
        items.iter().map(|item| dynamodb::json::to_item(item).map_err(|error| self.unreadable(part, &error))).collect()
    }

    /// The one part of a role.
    pub fn only<'p>(&self, parts: &'p ResourceParts, role: PartRole) -> Result<&'p manifest::Part, BackupError> {
        parts
            .of(role)
            .next()
            .ok_or_else(|| BackupError::damaged(self.id, parts.resource.as_str(), format!("has no part {role:?}")))
    }

    fn unreadable(&self, part: &manifest::Part, error: &dyn std::fmt::Display) -> BackupError {
        BackupError::damaged(self.id, &part.path, format!("cannot be read: {error}"))
    }
}

impl RestoreReport {
    /// A restore that has done nothing yet.
    pub(super) fn begun() -> Self {
        Self { resources: Vec::new(), entries: 0, bytes: 0, ending: Ending::Done }
    }
}

impl From<RunDirError> for BackupError {
    fn from(error: RunDirError) -> Self {
        Self::File { path: "ledger.jsonl".to_owned(), source: std::io::Error::other(error) }
    }
}
