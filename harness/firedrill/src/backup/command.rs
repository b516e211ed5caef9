//! The user's own backup program behind the same trait as the vault. Its contract is in [`super::process`].
//!
//! Firedrill does not know what the artefacts mean. It lists them with their digests after the backup, reads them back,
//! and refuses a restore when one of them changed: `verified` means that and no more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
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
    process::{self, Outputs, Run},
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
    /// What each backup handed on, whole: secrets among it are nowhere else.
    outputs: Mutex<BTreeMap<RecoveryPointId, Outputs>>,
}

/// The list of a point's artefacts, beside its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Artefacts {
    /// Path below the point's folder → SHA-256, hex, and size.
    files: BTreeMap<String, (String, u64)>,
    /// Outputs of the backup, without secrets: what the restore gets as environment.
    outputs: Outputs,
}

impl CommandBackup {
    /// The program of a rule.
    pub fn new(drill: &Drill, rule: usize, backup: &Backup, command: Vec<String>, timeout: Span) -> Self {
        Self {
            drill: drill.clone(),
            rule,
            protect: backup.protect.clone(),
            command,
            timeout,
            outputs: Mutex::default(),
        }
    }

    fn outputs(&self) -> MutexGuard<'_, BTreeMap<RecoveryPointId, Outputs>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self, id: &RecoveryPointId) -> PathBuf {
        self.drill.dir.root().join("points").join(id.as_str())
    }

    fn list(&self, id: &RecoveryPointId) -> PathBuf {
        self.folder(id).with_extension("files.json")
    }

    /// Reads the artefacts back and compares them with what the backup left.
    async fn check(&self, point: &RecoveryPoint) -> Result<(), BackupError> {
        let path = self.list(&point.id);
        let bytes = tokio::fs::read(&path).await.map_err(|error| BackupError::file(&path, error))?;
        let name = path.display().to_string();
        if hex::encode(Sha256::digest(&bytes)) != point.digest {
            return Err(BackupError::damaged(&point.id, &name, "does not have the digest that the history holds"));
        }
        let listed: Artefacts = serde_json::from_slice(&bytes)
            .map_err(|error| BackupError::damaged(&point.id, &name, format!("cannot be read: {error}")))?;
        let mut there = digests(&self.folder(&point.id)).await?;
        // A program may have unpacked something beside them.
        there.retain(|path, _| listed.files.contains_key(path));
        if there == listed.files {
            Ok(())
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
            direct: false,
            recovery_point: Some(folder.clone()),
            outputs: Outputs::new(),
            timeout: self.timeout,
        };
        let ran = process::run(&self.drill, &run).await?;
        let ended_ms = self.drill.clock.now();
        let artefacts = Artefacts { files: digests(&folder).await?, outputs: process::for_the_record(&ran.outputs) };
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
            entries: stated_entries(&ran.outputs),
            bytes: artefacts.files.values().map(|(_, bytes)| bytes).sum(),
            parent: None,
            stack_version: self.drill.plan.stack.version.clone(),
            verified: false,
            defect: None,
            copies: vec![folder.display().to_string()],
        };
        // A backup that left nothing cannot be whole, whatever its exit code was.
        point.defect = if artefacts.files.is_empty() {
            Some("the program left no artefact".to_owned())
        } else {
            self.check(&point).await.err().map(|error| error.to_string())
        };
        point.verified = point.defect.is_none();
        self.outputs().insert(id.clone(), ran.outputs);
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
            return Err(BackupError::Command { program: self.command.join(" "), what, code: None });
        }
        let outputs = self.hand_over(point).await?;
        let run = Run {
            name: format!("restore-{}", point.id),
            command: &self.command,
            action: "restore",
            side: into.side,
            direct: false,
            recovery_point: Some(self.folder(&point.id)),
            outputs,
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

    async fn hand_over(&self, point: &RecoveryPoint) -> Result<Outputs, BackupError> {
        self.check(point).await?;
        Ok(self.outputs().get(&point.id).cloned().unwrap_or_default())
    }

    async fn removed(&self, _: &RecoveryPoint) -> Result<Vec<(ResourceId, serde_json::Value)>, BackupError> {
        Ok(Vec::new())
    }

    async fn prune(&self, point: &RecoveryPoint) -> Result<(), BackupError> {
        let (list, folder) = (self.list(&point.id), self.folder(&point.id));
        absent_is_fine(tokio::fs::remove_file(&list).await).map_err(|error| BackupError::file(&list, error))?;
        absent_is_fine(tokio::fs::remove_dir_all(&folder).await).map_err(|error| BackupError::file(&folder, error))?;
        self.outputs().remove(&point.id);
        Ok(())
    }
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn stated_entries(outputs: &Outputs) -> u64 {
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
    use std::fs;

    use firedrill_model::{history::Event, plan::Plan, scenario::BackupUsing};

    use super::*;
    use crate::{
        backup::{process::tests::Stage, schedule::Backups},
        services::clients::Conduct,
    };

    const LIMIT: Span = Span::from_secs(30);

    fn rule(command: Vec<String>) -> Backup {
        Backup {
            protect: Vec::new(),
            using: BackupUsing::Command { command, timeout: LIMIT },
            every: LIMIT,
            keep: 1,
            critical: Vec::new(),
            sabotage: None,
        }
    }

    fn script() -> Vec<String> {
        ["sh", "step.sh"].map(str::to_owned).into()
    }

    #[tokio::test]
    async fn a_secret_that_a_backup_hands_on_reaches_its_restore_and_no_file() {
        let stage = Stage::new(|_| {});
        stage.script(
            r#"case $FIREDRILL_ACTION in
            backup)
                echo data > "$FIREDRILL_RECOVERY_POINT/data"
                printf 'ENTRIES=3\nVAULT=orders\nVAULT_TOKEN=s3kr1t\n' >> "$FIREDRILL_OUTPUT";;
            restore)
                echo "$VAULT opened with $VAULT_TOKEN"
                test "$VAULT_TOKEN" = s3kr1t
                cat "$FIREDRILL_RECOVERY_POINT/data";;
            esac"#,
        );
        let program = CommandBackup::new(&stage.drill, 0, &rule(script()), script(), LIMIT);
        let point = program.capture(&RecoveryPointId::new("rp-0001")).await.unwrap();
        assert_eq!((point.entries, point.verified, &point.defect), (3, true, &None));
        let listed: Artefacts =
            serde_json::from_slice(&fs::read(stage.drill.dir.root().join("points/rp-0001.files.json")).unwrap())
                .unwrap();
        assert_eq!(listed.outputs["VAULT"], "orders");
        assert_eq!(listed.outputs["VAULT_TOKEN"], "[redacted]");

        let site = stage.drill.site(Side::Recovery, Conduct::Control);
        program.restore(&point, &site, None).await.unwrap();
        assert_eq!(stage.log("restore-rp-0001"), "orders opened with [redacted]\ndata\n");
        program.restore(&point, &site, None).await.unwrap();
        assert_eq!(stage.log("restore-rp-0001-2"), stage.log("restore-rp-0001"), "a second attempt finds the same");
        assert_eq!(stage.holders("s3kr1t"), Vec::<PathBuf>::new());

        fs::write(stage.drill.dir.root().join("points/rp-0001/data"), "atad\n").unwrap();
        let error = program.restore(&point, &site, None).await.unwrap_err().to_string();
        assert_eq!(error, "recovery point `rp-0001`: the artefacts are not what the backup left");
        program.prune(&point).await.unwrap();
        assert_eq!(program.outputs().len(), 0);
    }

    #[tokio::test]
    async fn a_backup_under_way_when_the_backups_end_is_told_to_end_and_nobody_waits_for_it() {
        let stage = Stage::new(|plan: &mut Plan| plan.backups = vec![rule(script())]);
        stage.script(
            r"trap 'while [ ! -e others-went-on ]; do sleep 0.01; done; echo bye; exit 0' TERM
            echo ready
            sleep 600 & wait",
        );
        let backups = Backups::prepare(&stage.drill, &stage.drill.site(Side::Primary, Conduct::Control)).await.unwrap();
        backups.start().await;
        stage.printed("backup-rp-0001", "ready").await;
        backups.stop().await.unwrap();
        assert_eq!(stage.log("backup-rp-0001"), "ready\n", "it has not ended yet");
        let history: Vec<Event> = stage.drill.dir.read_history().unwrap().map(|record| record.unwrap().event).collect();
        assert!(
            matches!(&history[..], [Event::BackupBegan { .. }, Event::BackupFailed { error, .. }]
                if error == "stopped before it was complete"),
            "{history:?}"
        );
        assert_eq!(backups.points(), []);
        fs::write(stage.scenario.join("others-went-on"), "").unwrap();
        stage.drill.programs.ended().await;
        assert_eq!(stage.log("backup-rp-0001"), "ready\nbye\n");
    }

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
