//! What is said about backup rules.

use std::collections::BTreeSet;

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    scenario::{Backup, BackupUsing, RecoveryStep, VaultPlace},
};
use miette::Severity;

use super::Lint;
use crate::scenario::{key_path::KeyPath, stack::resource_list, written::Format as _};

impl Lint<'_> {
    pub(super) fn backup(&mut self, path: &KeyPath, backup: &Backup) {
        self.interval(path, backup);
        self.left_out(path, backup);
        self.critical(path, backup);
        if backup.keep < 2 {
            let help = "keep at least 2: the newest may be incomplete when the disaster comes";
            self.warn(&path.key("keep"), "only one recovery point is kept", "here", help);
        }
        if let BackupUsing::Vault { into: VaultPlace::Bucket { region, .. }, .. } = &backup.using
            && self.lost(region)
            && *region != self.scenario.topology.recovery
        {
            let message = format!("the vault is in {region}, which the disaster takes away");
            let help = format!("put it into {}", self.scenario.topology.recovery);
            self.warn(&path.key("into").key("region"), message, "lost with the data it protects", help);
        }
    }

    fn interval(&mut self, path: &KeyPath, backup: &Backup) {
        let Some(rpo) = &self.scenario.expect.rpo else { return };
        if backup.every <= rpo.within {
            return;
        }
        let every = backup.every.write();
        let problem = self
            .source
            .error("`every` is longer than the recovery point objective allows")
            .weighing(Severity::Warning)
            .at(
                self.source.place(&path.key("every")),
                format!("a backup every {every} can lose up to {every} of writes, and the time of one capture"),
            )
            .at(self.source.place(&KeyPath::of(["expect", "rpo", "within"])), "objective")
            .help(format!("back up at least every {} less the time of one capture", rpo.within.write()));
        self.remarks.push(problem);
    }

    /// What no rule protects, said once, at the first rule.
    fn left_out(&mut self, path: &KeyPath, backup: &Backup) {
        if self.scenario.backups.first() != Some(backup) {
            return;
        }
        let protected: BTreeSet<&ResourceId> = self.scenario.backups.iter().flat_map(|rule| &rule.protect).collect();
        let log = self.stack.delivery_log().map(|name| ResourceId::new(ResourceKind::Table, name));
        let forgotten: Vec<ResourceId> = self
            .stack
            .resources()
            .into_iter()
            .filter(|id| !protected.contains(id) && Some(id) != log.as_ref())
            .collect();
        if !forgotten.is_empty() {
            let message = format!("no backup protects {}", resource_list(&forgotten));
            self.warn(&path.key("protect"), message, "not here", "add them, or write `protect: all`");
        }
    }

    /// A restore uses one recovery point, and a point holds what its rule protects: with several rules one of them would
    /// be restored and the others not, and which one would depend on whose capture ended last.
    pub(super) fn one_rule_to_restore(&mut self) {
        let is_restore = |step: &RecoveryStep| matches!(step, RecoveryStep::Restore { .. });
        let Some(restore) = self.scenario.recover.iter().position(is_restore) else { return };
        if self.scenario.backups.len() < 2 {
            return;
        }
        let problem = self
            .source
            .error("a restore brings back a recovery point of one backup rule, and there are several")
            .at(self.source.place(&KeyPath::of(["recover"]).index(restore).key("restore")), "which rule's?")
            .at(
                self.source.place(&KeyPath::of(["backup"]).index(1).key("protect")),
                "not supported beside another rule",
            )
            .help("protect everything by one rule, or recover by a `command` of yours in place of `restore`");
        self.remarks.push(problem);
    }

    /// What a rule calls critical has to be protected by that rule.
    fn critical(&mut self, path: &KeyPath, backup: &Backup) {
        for (index, attribute) in backup.critical.iter().enumerate() {
            let place = path.key("critical").index(index);
            let owed = attribute.owed_by(&backup.protect, self.stack);
            let unprotected: Vec<ResourceId> = owed.iter().filter(|id| !backup.protect.contains(id)).cloned().collect();
            if owed.is_empty() {
                let help = format!("leave `{attribute}` out of `critical`, or protect what has it");
                let message = format!("nothing that this rule protects has {attribute}");
                self.error(&place, message, "critical here", help);
            } else if !unprotected.is_empty() {
                let names = resource_list(&unprotected);
                let message = format!("{attribute} must be in the backup, and this rule does not protect {names}");
                let problem = self
                    .source
                    .error(message)
                    .at(self.source.place(&place), "critical here")
                    .at(self.source.place(&path.key("protect")), "not here")
                    .help(format!("add {names} to `protect`, or leave `{attribute}` out of `critical`"));
                self.remarks.push(problem);
            }
        }
        if !backup.critical.is_empty() && matches!(backup.using, BackupUsing::Command { .. }) {
            let message = "nobody looks for what is critical in what a program of yours leaves";
            let help = "use `vault`, or let your program fail when it could not copy all of it";
            self.warn(&path.key("critical"), message, "cannot be verified", help);
        }
    }
}
