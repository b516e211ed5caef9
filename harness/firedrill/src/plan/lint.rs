//! The lint of a scenario: what cannot work (errors) and what will not show what its author hopes (warnings).
//!
//! A drill that must fail may carry warnings: they announce its failure.

mod backups;
mod disaster;

use std::collections::BTreeSet;

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind, Zone},
    scenario::{Backup, BackupUsing, Detector, Onset, RecoveryStep, RestoreFrom, Scenario},
    stack::{EVERY_OBJECT, Stack},
    topology::Side,
    units::Span,
};
use miette::Severity;

use super::{limits, names, probes};
use crate::scenario::{Loaded, Problem, ScenarioSource, key_path::KeyPath, raw::NOTHING_CHECKED, written::Format as _};

/// Runtimes that the emulator of the `local` target executes itself; it wants Docker for all others.
const RUNTIMES: [&str; 3] = ["python", "nodejs", "provided"];

/// Every remark on a scenario, in the order of the file.
pub fn lint(loaded: &Loaded) -> Vec<Problem> {
    let Loaded { scenario, stack, source } = loaded;
    let mut lint = Lint { scenario, stack, source, remarks: Vec::new() };
    lint.workload();
    for (index, backup) in scenario.backups.iter().enumerate() {
        lint.backup(&KeyPath::of(["backup"]).index(index), backup);
    }
    lint.global_names();
    lint.beyond_the_stack();
    lint.runtimes();
    lint.disaster();
    lint.stop_conditions();
    lint.detection();
    lint.recovery();
    lint.one_rule_to_restore();
    lint.restores();
    lint.expectations();
    lint.effects();
    lint.sabotage();
    lint.limits();
    lint.remarks
}

struct Lint<'a> {
    scenario: &'a Scenario,
    stack: &'a Stack,
    source: &'a ScenarioSource,
    remarks: Vec<Problem>,
}

impl Lint<'_> {
    fn error(&mut self, path: &KeyPath, message: impl Into<String>, found: &str, help: impl Into<String>) {
        let problem = self.source.error(message).at(self.source.place(path), found).help(help);
        self.remarks.push(problem);
    }

    fn warn(&mut self, path: &KeyPath, message: impl Into<String>, found: &str, help: impl Into<String>) {
        self.error(path, message, found, help);
        if let Some(last) = self.remarks.pop() {
            self.remarks.push(last.weighing(Severity::Warning));
        }
    }

    fn workload(&mut self) {
        for load in &self.scenario.traffic {
            let path = KeyPath::of(["workload", "traffic", &load.name]);
            for resource in load.resources() {
                self.not_derived(resource, &path);
            }
        }
        for resource in self.scenario.seed.keys() {
            let seed = KeyPath::of(["workload", "seed"]);
            let path = if self.source.has(&seed.key(resource.name())) {
                seed.key(resource.name())
            } else {
                seed.key(resource.as_str())
            };
            self.not_derived(resource, &path);
        }
        self.triggers();
        if self.scenario.traffic.is_empty() {
            let path = KeyPath::of(["workload"]);
            let help = "add `traffic`; a recovery point is measured from what clients wrote";
            self.warn(&path, "there is no traffic", "nothing writes while the drill runs", help);
        }
    }

    /// A trigger that no probe can see has no part in when the workload is ready.
    fn triggers(&mut self) {
        for (name, trigger) in &self.stack.triggers {
            if !trigger.raises_every_write() {
                let message = format!("what `trigger/{name}` owes is not judged, nor is it probed");
                let found = "it watches some of the events of its bucket alone";
                let help =
                    format!("watch `{EVERY_OBJECT}`; otherwise its effects are inconclusive, and `state` with them");
                self.warn(&KeyPath::of(["workload", "stack"]), message, found, help);
            } else if let Some(why) = probes::unseen(self.stack, trigger) {
                let message = format!("whether `trigger/{name}` works is not probed");
                let help = "recovery time does not wait for it; declare its `effect`, or give it a bucket of its own";
                self.warn(&KeyPath::of(["workload", "stack"]), message, why, help);
            }
        }
    }

    /// Only functions write derived tables: a client's write there would have no cause.
    fn not_derived(&mut self, resource: &ResourceId, path: &KeyPath) {
        if let Some((trigger, _)) = self.stack.derived_by(resource) {
            let message =
                format!("`{resource}` is written by the function behind `trigger/{trigger}`, and by nothing else");
            self.error(path, message, "a derived table", "write to the source of the trigger instead");
        }
    }

    fn lost(&self, region: &Region) -> bool {
        self.scenario.disaster.iter().any(|disaster| disaster.fault.takes_away(region))
    }

    fn global_names(&mut self) {
        let names = names::physical(self.scenario, self.stack);
        for clash in names::clashes(self.scenario, &names) {
            let [one, other] = &clash.regions;
            let kind = clash.kind.word();
            let message = if one == other {
                format!("two {kind}s would be called `{}`", clash.name)
            } else {
                format!("the {kind} `{}` would be in {one} and in {other}", clash.name)
            };
            let path = match clash.rule {
                Some(rule) => KeyPath::of(["backup"]).index(rule).key("into").key("bucket"),
                None => KeyPath::of(["workload", "stack"]),
            };
            let found = format!("there is one namespace of {kind}s for all regions");
            self.error(&path, message, &found, "choose another name, or make it from `AWS::Region`");
        }
    }

    fn beyond_the_stack(&mut self) {
        let beyond = self.stack.template.iter().flat_map(|template| &template.beyond);
        let beyond: Vec<&str> = beyond.map(String::as_str).collect();
        if !beyond.is_empty() {
            let message =
                format!("the template has what firedrill neither protects nor compares: {}", beyond.join(", "));
            let help = "it is deployed with the rest; what depends on it is for a recovery step of your own";
            self.warn(&KeyPath::of(["workload", "stack"]), message, "in this template", help);
        }
    }

    /// What the target cannot execute is known before it is there.
    fn runtimes(&mut self) {
        for (name, function) in &self.stack.functions {
            if !RUNTIMES.iter().any(|family| function.runtime.starts_with(family)) {
                let message =
                    format!("`function/{name}` runs on {}, which the `local` target cannot run", function.runtime);
                let help = format!("without Docker there are only runtimes of these families: {}", RUNTIMES.join(", "));
                self.error(&KeyPath::of(["workload", "stack"]), message, "in this stack", help);
            }
        }
    }

    fn recovery(&mut self) {
        let steps = &self.scenario.recover;
        let path = KeyPath::of(["recover"]);
        let cutover = steps.iter().position(|step| matches!(step, RecoveryStep::Cutover { .. }));
        let rides_out = self.scenario.expect.rto.as_ref().is_some_and(|rto| rto.ride_out);
        let reroutes = steps.iter().any(|step| matches!(step, RecoveryStep::Reroute { .. }));
        if cutover.is_none() && !reroutes && !rides_out && !self.scenario.disaster.is_empty() {
            let help = format!("end `recover` with `- cutover: {{ to: {} }}`", self.scenario.topology.recovery);
            self.warn(&path, "the traffic is never moved to the recovery region", "no cutover", help);
        }
        for (index, step) in steps.iter().enumerate() {
            let path = path.index(index);
            let (region, path) = match step {
                RecoveryStep::Restore { into, .. } => (into, path.key("restore").key("into")),
                RecoveryStep::Cutover { to } => (to, path.key("cutover").key("to")),
                RecoveryStep::Isolate { region } => {
                    self.isolation(index, region, &path.key("isolate"));
                    continue;
                }
                RecoveryStep::Reroute { from } => {
                    self.rerouted(from, &path.key("reroute").key("from"));
                    continue;
                }
                RecoveryStep::Command { .. } | RecoveryStep::Redrive { .. } => continue,
            };
            if self.scenario.topology.side(region) != Some(Side::Recovery) {
                let help = format!("write `{}`", self.scenario.topology.recovery);
                self.error(&path, format!("{region} is the region that is lost"), "not the recovery region", help);
            }
        }
        let last_rebuild = steps.iter().rposition(|step| matches!(step, RecoveryStep::Restore { .. }));
        if let (Some(cutover), Some(rebuild)) = (cutover, last_rebuild)
            && cutover < rebuild
        {
            let help = "restore first; a restore under traffic overwrites what clients write";
            self.warn(&path.index(cutover).key("cutover"), "the cutover comes before a restore", "here", help);
        }
    }

    /// A region is cut off before anything is rebuilt, and it is not the one in which that happens.
    fn isolation(&mut self, index: usize, region: &Region, path: &KeyPath) {
        if self.scenario.topology.side(region) != Some(Side::Primary) {
            let help = format!("write `{}`", self.scenario.topology.primary);
            self.error(path, format!("the recovery happens in {region}"), "not the primary region", help);
        }
        let acts = |step: &RecoveryStep| !matches!(step, RecoveryStep::Isolate { .. });
        if self.scenario.recover[..index].iter().any(acts) {
            let help = "make it the first step: what came before may have read what it cuts off";
            self.error(path, format!("{region} is cut off too late"), "after another step", help);
        }
    }

    /// Clients can be taken out of a zone only when there are some.
    fn rerouted(&mut self, from: &Zone, path: &KeyPath) {
        if !self.client_zones().any(|zone| zone == Some(from)) {
            let help = "name the `zone` of a line of the traffic, or of `detect`";
            self.warn(path, format!("no client is in {from}"), "nobody to reroute", help);
        }
    }

    fn restores(&mut self) {
        for (index, step) in self.scenario.recover.iter().enumerate() {
            let RecoveryStep::Restore { from, sabotage, .. } = step else { continue };
            let path = KeyPath::of(["recover"]).index(index).key("restore");
            if self.scenario.backups.is_empty() {
                let help = "add a `backup`, or recover by a `command` of yours";
                self.error(&path, "there is no backup to restore from", "here", help);
            }
            let by_vault = |rule: &Backup| matches!(rule.using, BackupUsing::Vault { .. });
            if sabotage.is_some() && !self.scenario.backups.iter().all(by_vault) {
                let help = "use `vault` in `backup`, or put the defect into your program";
                self.error(&path.key("sabotage"), "only a restore from the vault can be sabotaged", "here", help);
            }
            if let RestoreFrom::Number { number } = from
                && let Some(count) = self.backups_before_the_fault()
                && *number > count
            {
                let message =
                    format!("recovery point {number} may not exist: the disaster comes after {count} backups");
                self.warn(&path.key("from"), message, "here", "write `from: latest`, or a smaller number");
            }
        }
    }

    /// Whether `must_fail` names this finding.
    fn states(&self, finding: &str) -> bool {
        self.scenario.must_fail.iter().any(|stated| stated.finding == finding)
    }

    fn backups_before_the_fault(&self) -> Option<u32> {
        self.scenario.disaster.iter().find_map(|disaster| match disaster.when {
            Onset::AfterBackups { count } => Some(count),
            Onset::At { .. }
            | Onset::AfterMoreBackups { .. }
            | Onset::AfterWrites { .. }
            | Onset::AfterMoreWrites { .. }
            | Onset::During { .. } => None,
        })
    }

    fn expectations(&mut self) {
        let expect = &self.scenario.expect;
        let asserts = expect.rto.is_some()
            || expect.rpo.is_some()
            || expect.state
            || expect.consistent_cut
            || !expect.effects.is_empty();
        let stated = self.states(NOTHING_CHECKED);
        if !asserts {
            let help = "add `expect`; a drill that asserts nothing ends with exit code 3, never with 0";
            self.warn(&KeyPath::of(["expect"]), "nothing will be checked", "asserts nothing", help);
        } else if stated {
            let path = KeyPath::of(["must_fail"]);
            self.warn(&path, "`nothing-checked` cannot come about", "here", "leave `expect` out, or this");
        }
    }

    fn effects(&mut self) {
        let redriven: BTreeSet<&String> = self
            .scenario
            .recover
            .iter()
            .filter_map(|step| match step {
                RecoveryStep::Redrive { triggers } => Some(triggers),
                RecoveryStep::Isolate { .. }
                | RecoveryStep::Restore { .. }
                | RecoveryStep::Command { .. }
                | RecoveryStep::Reroute { .. }
                | RecoveryStep::Cutover { .. } => None,
            })
            .flatten()
            .collect();
        let by_command = self.scenario.recover.iter().any(|step| matches!(step, RecoveryStep::Command { .. }));
        // What nothing is done about comes back by itself, or does not.
        let effects = self.scenario.expect.effects.keys().filter(|_| !self.scenario.recover.is_empty());
        for name in effects {
            let path = KeyPath::of(["expect", "effects", name]);
            let id = ResourceId::new(ResourceKind::Trigger, name);
            let protected = self.scenario.backups.iter().any(|rule| rule.protect.contains(&id));
            if !protected && !by_command {
                let help = format!("add `{id}` to `protect`, or create it in a `command`");
                self.warn(&path, format!("no backup protects `{id}`, whose effects are expected"), "here", help);
            } else if !redriven.contains(name) && !by_command {
                let message = format!("effects that the backup missed are not made up: `{name}` is not redriven");
                self.warn(&path, message, "expected here", "add `- redrive: all` before the cutover");
            }
        }
    }

    /// A defect that is put in on purpose must be found, so the drill has to say that it fails.
    fn sabotage(&mut self) {
        if !self.scenario.must_fail.is_empty() {
            return;
        }
        let backups = self.scenario.backups.iter().enumerate().filter(|(_, rule)| rule.sabotage.is_some());
        let backups = backups.map(|(index, _)| KeyPath::of(["backup"]).index(index).key("sabotage"));
        let restores = self
            .scenario
            .recover
            .iter()
            .enumerate()
            .filter(|(_, step)| matches!(step, RecoveryStep::Restore { sabotage: Some(_), .. }));
        let restores = restores.map(|(index, _)| KeyPath::of(["recover"]).index(index).key("restore").key("sabotage"));
        for path in backups.chain(restores).collect::<Vec<_>>() {
            let help = "state the finding under `must_fail`";
            self.warn(&path, "this drill has a defect put in and does not say that it must fail", "here", help);
        }
    }

    /// An alarm needs a canary write in each of its periods, or it has nothing to go off for.
    fn detection(&mut self) {
        let detect = &self.scenario.detect;
        if let Detector::Alarm(alarm) = &detect.by
            && detect.every > alarm.period
        {
            let message = format!("a period of {} may pass without a canary write", alarm.period.write());
            let help = "give `every` at most the alarm's period";
            self.error(&KeyPath::of(["detect", "every"]), message, "longer than the alarm's period", help);
        }
    }

    fn limits(&mut self) {
        let scenario = self.scenario;
        let detect = scenario.detect.shortest();
        let objective = scenario.expect.rto.as_ref().map_or(Span::default(), |rto| rto.within.plus(rto.stable_for));
        let onsets = scenario.disaster.iter().map(|disaster| disaster.when);
        let onset = limits::last_onset(&scenario.backups, &scenario.traffic, onsets);
        let needed = onset.plus(detect).plus(objective);
        if needed > scenario.limits.run {
            let message = format!("the run would be cut short after {}", scenario.limits.run.write());
            let help = format!("give `limits.run` more than {needed}: onset, detection and recovery time objective");
            self.warn(&KeyPath::of(["limits", "run"]), message, "too short", help);
        }
    }
}
