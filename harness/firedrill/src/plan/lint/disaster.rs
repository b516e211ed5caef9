//! What is taken away: whether it can be, and whether anybody will notice.

use firedrill_model::{
    findings::FindingKind,
    ids::{Region, Zone},
    plan::Layout,
    rule::{Firing, Nature, Pattern, Rule},
    scenario::{Alteration, BackupUsing, Change, Detector, Disaster, Fault, Onset, TargetAction, VaultPlace, Watch},
    topology::Side,
};

use super::Lint;
use crate::{
    plan::{layout, probes},
    scenario::key_path::KeyPath,
    services::clients::access_key,
};

impl Lint<'_> {
    pub(super) fn disaster(&mut self) {
        let path = KeyPath::of(["disaster"]);
        if self.scenario.disaster.is_empty() {
            let help = "add a `disaster`; without one there is nothing to recover from";
            self.warn(&path, "nothing is taken away", "", help);
        }
        let primary = &self.scenario.topology.primary;
        // The loss of the wrong region is told as that.
        let seen = |fault: &Fault| fault.is_felt(primary, self.stack) || !fault.lost.is_empty();
        let before_the_recovery = |disaster: &&Disaster| disaster.when.step().is_none();
        let mut noticeable = self.scenario.disaster.iter().filter(before_the_recovery);
        if !noticeable.any(|disaster| seen(&disaster.fault)) && !self.scenario.disaster.is_empty() {
            let help = "let something follow that clients in it can feel, such as a `region-outage`";
            self.warn(&path, "clients of the workload feel nothing of it: it will not be noticed", "here", help);
        }
        for (index, disaster) in self.scenario.disaster.iter().enumerate() {
            let path = path.index(index);
            self.one_process(&path, &disaster.fault);
            let elsewhere = |region: &&Region| self.scenario.topology.side(region) != Some(Side::Primary);
            self.partition(&path, &disaster.fault);
            self.seen(&path, &disaster.fault);
            self.sequence(index, &path);
            self.probed(&path, &disaster.fault);
            let of_stack = |change: &&Change| self.stack.has(&change.resource);
            let changed = disaster.fault.changes.iter().filter(of_stack).map(|change| &change.region);
            if let Some(region) = disaster.fault.lost.iter().chain(changed).find(elsewhere) {
                let message = format!("{region} is not where the workload runs");
                let help = format!("write `{}`", self.scenario.topology.primary);
                self.error(&path.key("region"), message, "not the primary region", help);
            }
            match disaster.when {
                Onset::AfterBackups { .. } | Onset::AfterMoreBackups { .. } if self.scenario.backups.is_empty() => {
                    let help = "add a `backup`, or write `at: 20s`";
                    self.error(&path.key("after"), "there is no backup to wait for", "never comes", help);
                }
                Onset::AfterWrites { .. } | Onset::AfterMoreWrites { .. } if self.scenario.traffic.is_empty() => {
                    let help = "add `traffic`, or write `at: 20s`";
                    self.error(&path.key("after"), "there is no write to wait for", "never comes", help);
                }
                Onset::At { .. }
                | Onset::AfterBackups { .. }
                | Onset::AfterMoreBackups { .. }
                | Onset::AfterWrites { .. }
                | Onset::AfterMoreWrites { .. }
                | Onset::During { .. } => {}
            }
        }
    }

    /// An alarm in a region that is taken away cannot be looked at when it is needed.
    pub(super) fn stop_conditions(&mut self) {
        for (index, condition) in self.scenario.stop_when.iter().enumerate() {
            let Watch::Alarm { name, region } = &condition.by else { continue };
            let path = KeyPath::of(["stop_when"]).index(index);
            if self.lost(region) {
                let message = format!("the alarm is in {region}, which the disaster takes away");
                self.error(&path.key("region"), message, "cannot be looked at then", "name an alarm of another region");
                continue;
            }
            let of_canary = matches!(&self.scenario.detect.by, Detector::Alarm(alarm) if alarm.name == *name)
                && self.scenario.topology.side(region) == Some(Side::Recovery);
            // A template may have alarms of its own.
            if !of_canary && self.stack.template.is_none() {
                let message = format!("nothing makes an alarm `{name}` in {region}");
                let help = "name that of `detect`, which is in the recovery region, or use a template that has alarms";
                self.error(&path.key("alarm"), message, "no such alarm", help);
            }
        }
    }

    /// A disaster that cannot come after those before it.
    fn sequence(&mut self, index: usize, path: &KeyPath) {
        let (before, rest) = self.scenario.disaster.split_at(index);
        let Some(disaster) = rest.first() else { return };
        let follows = matches!(disaster.when, Onset::AfterMoreBackups { .. } | Onset::AfterMoreWrites { .. });
        if follows && before.is_empty() {
            let help = "write `after: 2 backups` or `after: 500 writes`";
            self.error(&path.key("after"), "there is no disaster before this one", "more than what?", help);
        }
        let during = |disaster: &Disaster| disaster.when.step().is_some();
        if before.is_empty() && during(disaster) {
            let message = "no recovery begins before something is taken away";
            self.error(&path.key("during"), message, "never comes", "put a disaster before it that is noticed");
        }
        if !during(disaster) && before.iter().any(during) {
            let message = "the recovery has begun by then: the disaster before this one waits for a step of it";
            self.error(path, message, "too late", "put this disaster first, or let it wait for a step as well");
        }
        let waits_longer = |earlier: &Disaster| earlier.when.step() > disaster.when.step();
        if during(disaster) && before.iter().any(waits_longer) {
            let message = "the disaster before this one waits for a later step of the recovery";
            self.error(&path.key("during"), message, "too late", "put the two in the order of their steps");
        }
        if during(disaster) && disaster.fault.seen_at().next().is_some() {
            let message = "what a function cannot process is seen only before the recovery";
            self.error(&path.key("during"), message, "too late", "write `at` or `after`");
        }
        let acts = |fault: &Fault, region: &Region| fault.actions.iter().any(|action| action.region() == region);
        let mut acted = disaster.fault.actions.iter().map(TargetAction::region);
        if let Some(region) = acted.find(|region| before.iter().any(|earlier| acts(&earlier.fault, region))) {
            let message = format!("{region} is stopped by then: an outage that has begun cannot begin again");
            self.error(&path.key("region"), message, "a region that was taken away", "leave one of the two out");
        }
        let gone = |region: &Region| before.iter().any(|earlier| earlier.fault.takes_away(region));
        if follows && gone(&self.scenario.topology.primary) {
            let message = "no write is acknowledged and no backup comes about any more";
            self.error(&path.key("after"), message, "never comes", "write `at`, or put this disaster first");
        }
        let more_backups = matches!(disaster.when, Onset::AfterMoreBackups { .. });
        if let Some(earlier) = before.iter().find(|earlier| more_backups && self.stops_backups(&earlier.fault)) {
            let message = format!("no backup comes about any more: {}", earlier.fault.title);
            self.error(&path.key("after"), message, "never comes", "write `at` or `after: 300 more writes`");
        }
        if let Some(change) = disaster.fault.changes.iter().find(|change| gone(&change.region)) {
            let message = format!("{} is gone by then: nothing there can be changed any more", change.region);
            self.error(&path.key("region"), message, "a region that was taken away", "put this disaster first");
        }
    }

    /// Whether a fault keeps every vault from what is captured where the workload runs, or takes away something that is captured.
    fn stops_backups(&self, fault: &Fault) -> bool {
        let primary = &self.scenario.topology.primary;
        let any = |patterns: &[Pattern], name: &str| patterns.is_empty() || patterns.iter().any(|of| of.matches(name));
        let stops = |into: &Region| {
            let certain = |rule: &&Rule| {
                rule.fires == Firing::default() && matches!(rule.effect.nature(), Nature::Cuts | Nature::Answers(_))
            };
            fault.rules.iter().filter(certain).map(|rule| &rule.scope).any(|scope| {
                any(&scope.origin, primary.as_str())
                    && any(&scope.region, into.as_str())
                    && any(&scope.service, "s3")
                    && any(&scope.operation, "PutObject")
                    && scope.resource.is_empty()
                    && scope.principal.is_empty()
            })
        };
        let gone = |change: &&Change| matches!(change.what, Alteration::Delete | Alteration::Disconnect);
        let gone: Vec<_> = fault.changes.iter().filter(gone).map(|change| &change.resource).collect();
        let mut rules = self.scenario.backups.iter();
        !self.scenario.backups.is_empty()
            && rules.all(|rule| match &rule.using {
                BackupUsing::Vault { into, .. } => {
                    let away = matches!(into, VaultPlace::Bucket { region, .. } if stops(region));
                    away || rule.protect.iter().any(|resource| gone.contains(&resource))
                }
                BackupUsing::Command { .. } => false,
            })
    }

    /// Only the probe of its trigger sees an event that a function cannot process.
    fn probed(&mut self, path: &KeyPath, fault: &Fault) {
        let probed = probes::of(self.scenario, self.stack);
        for trigger in fault.seen_at().filter(|trigger| !probed.iter().any(|probe| probe.resource == **trigger)) {
            let message = format!("nobody would see that the function behind `{trigger}` fails");
            let help = "declare the `effect` of the trigger, and give its table traffic or a seed";
            self.error(&path.key("resource"), message, "not probed", help);
        }
    }

    /// What a region's loss can be when all regions share one process.
    fn one_process(&mut self, path: &KeyPath, fault: &Fault) {
        if fault.lost.is_empty() || layout(self.scenario, self.stack) != Layout::SharedProcess {
            return;
        }
        if fault.destroys() {
            let message = "one region of a shared process cannot be destroyed alone";
            let help = "write `refused` or `timeouts`, or `layout: process-per-region` in `topology`";
            self.error(&path.key("symptom"), message, "all regions share one process", help);
        } else if !self.states(&FindingKind::NotProvable.to_string()) {
            let message = "the loss of a region cannot be proved in a shared process: the verdict will be inconclusive";
            let help = "write `layout: process-per-region` in `topology`, or state `not-provable` under `must_fail`";
            self.warn(&path.key("fault"), message, "all regions share one process", help);
        }
    }

    /// What runs in which region is known by the address by which it comes in; functions of a shared process have but one.
    fn partition(&mut self, path: &KeyPath, fault: &Fault) {
        let region = self.scenario.topology.primary.as_str();
        let by_origin = fault.rules.iter().any(|rule| rule.scope.origin.iter().any(|origin| origin.as_str() == region));
        if by_origin && layout(self.scenario, self.stack) == Layout::SharedProcess {
            let message = "regions of a shared process cannot be kept from each other";
            let help = "write `layout: process-per-region` in `topology`";
            self.error(&path.key("fault"), message, "all regions share one process", help);
        }
    }

    /// A fault of some clients needs clients that it strikes, and somebody among them who looks.
    fn seen(&mut self, path: &KeyPath, fault: &Fault) {
        let topology = &self.scenario.topology;
        let strikes = |rule: &Rule, zone: Option<&Zone>| {
            let own = [&topology.primary, &topology.recovery].map(|region| access_key(region, zone));
            let struck = &rule.scope.principal;
            struck.is_empty() || struck.iter().any(|pattern| own.iter().any(|key| pattern.matches(key)))
        };
        let of_function = |rule: &Rule| {
            let mut placed = self.scenario.placed.values();
            placed.any(|zone| rule.scope.origin.iter().any(|origin| origin.as_str() == zone.as_str()))
        };
        let strikes_nobody = |rule| !self.client_zones().any(|zone| strikes(rule, zone));
        if fault.rules.iter().any(strikes_nobody) && !fault.rules.iter().any(of_function) {
            let help = "give a line of the traffic this `zone`, or in an Availability Zone place a function with `workload.zones`";
            self.warn(&path.key("zone"), "nobody is in this zone", "strikes nobody", help);
            return;
        }
        let looks_from = self.scenario.detect.zone.as_ref();
        if !fault.rules.is_empty() && !fault.rules.iter().any(|rule| strikes(rule, looks_from)) {
            let message = "neither the canary nor the probes are where this happens: the verdict will be inconclusive";
            self.warn(&path.key("zone"), message, "nobody looks from there", "give `detect` this `zone`");
        }
    }

    /// Where clients are: those of the traffic, the canary and the probes.
    pub(super) fn client_zones(&self) -> impl Iterator<Item = Option<&Zone>> {
        let loads = self.scenario.traffic.iter().map(|load| load.zone.as_ref());
        loads.chain([self.scenario.detect.zone.as_ref()])
    }
}
