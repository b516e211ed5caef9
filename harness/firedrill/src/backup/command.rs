//! The user's own backup program behind the same trait as the vault. Its contract is in [`super::process`].
//!
//! Firedrill does not know what the artefacts mean. It lists them with their digests after the backup, reads them back,
//! and refuses a restore when one of them changed: `verified` means that and no more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use firedrill_model::{
    history::Ending,
    ids::{RecoveryPointId, ResourceId},
    recovery_point::RecoveryPoint,
    scenario::{Backup, Sabotage},
    topology::Side,
    units::Span,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    BackupError, RestoreReport, Strategy,
    process::{self, Run},
    vault::{
        folder::FolderPlace,
        place::{Body, Place},
    },
};
use crate::{run::Drill, services::Site};

/// Output by which the program may say how many items and objects it copied.
const ENTRIES_OUTPUT: &str = "ENTRIES";

/// Backup and restore by the user's program.
#[derive(Debug)]
pub struct CommandBackup {
    drill: Drill,
    rule: usize,
    protect: Vec<ResourceId>,
    command: Vec<String>,
    timeout: Span,
}

/// The list of a point's artefacts, beside its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Artefacts {
    /// Path below the point's folder → SHA-256, hex, and size.
    files: BTreeMap<String, (String, u64)>,
    /// Outputs of the backup, which the restore gets as environment.
    outputs: BTreeMap<String, String>,
}

impl CommandBackup {
    /// The program of a rule.
    pub fn new(drill: &Drill, rule: usize, backup: &Backup, command: Vec<String>, timeout: Span) -> Self {
        Self { drill: drill.clone(), rule, protect: backup.protect.clone(), command, timeout }
    }

    fn folder(&self, id: &RecoveryPointId) -> PathBuf {
        self.drill.dir.root().join("points").join(id.as_str())
    }

    fn list(&self, id: &RecoveryPointId) -> PathBuf {
        self.folder(id).with_extension("files.json")
    }

    async fn artefacts(&self, point: &RecoveryPoint) -> Result<Artefacts, BackupError> {
        let path = self.list(&point.id);
        let bytes = tokio::fs::read(&path).await.map_err(|error| BackupError::file(&path, error))?;
        let name = path.display().to_string();
        if hex::encode(Sha256::digest(&bytes)) != point.digest {
            return Err(BackupError::damaged(&point.id, &name, "does not have the digest that the history holds"));
        }
        let listed: Artefacts = serde_json::from_slice(&bytes)
            .map_err(|error| BackupError::damaged(&point.id, &name, format!("cannot be read: {error}")))?;
        if digests(&self.folder(&point.id)).await? == listed.files {
            Ok(listed)
        } else {
            Err(BackupError::damaged(&point.id, "the artefacts", "are not what the backup left"))
        }
    }
}

#[async_trait]
impl Strategy for CommandBackup {
    async fn capture(&self, id: &RecoveryPointId) -> Result<RecoveryPoint, BackupError> {
        let folder = self.folder(id);
        tokio::fs::create_dir_all(&folder).await.map_err(|error| BackupError::file(&folder, error))?;
        let begun_ms = self.drill.clock.now();
        let run = Run {
            name: format!("backup-{id}"),
            command: &self.command,
            action: "backup",
            side: Side::Primary,
            recovery_point: Some(folder.clone()),
            outputs: BTreeMap::new(),
            timeout: self.timeout,
        };
        let ran = process::run(&self.drill, &run).await?;
        let ended_ms = self.drill.clock.now();
        let artefacts = Artefacts { files: digests(&folder).await?, outputs: ran.outputs };
        let bytes = serde_json::to_vec_pretty(&artefacts)
            .map_err(|error| BackupError::File { path: "files.json".to_owned(), source: error.into() })?;
        let path = self.list(id);
        tokio::fs::write(&path, &bytes).await.map_err(|error| BackupError::file(&path, error))?;
        let mut point = RecoveryPoint {
            id: id.clone(),
            rule: self.rule,
            begun_ms,
            ended_ms,
            location: folder.display().to_string(),
            digest: hex::encode(Sha256::digest(&bytes)),
            resources: self.protect.clone(),
            entries: stated_entries(&artefacts.outputs),
            bytes: artefacts.files.values().map(|(_, bytes)| bytes).sum(),
            parent: None,
            stack_version: self.drill.plan.stack.version.clone(),
            verified: false,
            defect: None,
            copies: vec![folder.display().to_string()],
            clean: None,
        };
        // A backup that left nothing cannot be whole, whatever its exit code was.
        point.defect = if artefacts.files.is_empty() {
            Some("the program left no artefact".to_owned())
        } else {
            self.artefacts(&point).await.err().map(|error| error.to_string())
        };
        point.verified = point.defect.is_none();
        Ok(point)
    }

    async fn restore(
        &self,
        point: &RecoveryPoint,
        into: &Site,
        sabotage: Option<&Sabotage>,
    ) -> Result<RestoreReport, BackupError> {
        if sabotage.is_some() {
            let what = "cannot be sabotaged: only firedrill's own vault can".to_owned();
            return Err(BackupError::Command { program: self.command.join(" "), what });
        }
        let artefacts = self.artefacts(point).await?;
        let run = Run {
            name: format!("restore-{}", point.id),
            command: &self.command,
            action: "restore",
            side: into.side,
            recovery_point: Some(self.folder(&point.id)),
            outputs: artefacts.outputs,
            timeout: self.timeout,
        };
        let ran = process::run(&self.drill, &run).await?;
        Ok(RestoreReport {
            resources: self.protect.clone(),
            entries: stated_entries(&ran.outputs),
            bytes: point.bytes,
            ending: Ending::Done,
        })
    }

    async fn removed(&self, _: &RecoveryPoint) -> Result<Vec<(ResourceId, serde_json::Value)>, BackupError> {
        Ok(Vec::new())
    }

    async fn prune(&self, point: &RecoveryPoint) -> Result<(), BackupError> {
        let (list, folder) = (self.list(&point.id), self.folder(&point.id));
        absent_is_fine(tokio::fs::remove_file(&list).await).map_err(|error| BackupError::file(&list, error))?;
        absent_is_fine(tokio::fs::remove_dir_all(&folder).await).map_err(|error| BackupError::file(&folder, error))
    }
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn stated_entries(outputs: &BTreeMap<String, String>) -> u64 {
    outputs.get(ENTRIES_OUTPUT).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Digest and size of every file below a folder.
async fn digests(folder: &Path) -> Result<BTreeMap<String, (String, u64)>, BackupError> {
    let place = FolderPlace::new(folder.to_owned());
    let mut files = BTreeMap::new();
    for stored in place.list("").await? {
        let body = Body::File { path: folder.join(&stored.path), bytes: stored.bytes };
        files.insert(stored.path, body.digest().await?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_artefact_changes_the_list() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tables")).unwrap();
        std::fs::write(folder.path().join("tables/orders.jsonl"), "{}").unwrap();
        let before = digests(folder.path()).await.unwrap();
        assert_eq!(before["tables/orders.jsonl"].1, 2);
        std::fs::write(folder.path().join("tables/orders.jsonl"), "[]").unwrap();
        assert_ne!(digests(folder.path()).await.unwrap(), before);
    }
}
