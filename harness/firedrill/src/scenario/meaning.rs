//! The meaning of a scenario whose shape is right: names resolved, rules between keys checked.

mod detection;
mod must_fail;
mod onset;
mod zones;

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind, Zone},
    scenario::{
        Backup, BackupUsing, Companion, Disaster, EffectExpectation, Expect, Guarantee, Limits, Mix, RecoveryStep,
        RestoreFrom, Rpo, Rto, Sabotage, Scenario, SizeRange, Traffic, VaultPlace,
    },
    stack::Stack,
    topology::Topology,
    units::{ByteSize, Span},
};

use super::{
    choices::{Command, Names, PointName, Using},
    diagnostics::{Diagnostics, Problem},
    key_path::KeyPath,
    names::Catalogue,
    nearest::suggest,
    raw::{
        Counted, Delivered, Operator, RawBackup, RawDisaster, RawEffect, RawPlace, RawSabotage, RawScenario, RawStep,
        RawTraffic,
    },
    source::Source,
    written::Written,
};
use crate::fault::{self, Fields, Of, Setting, Wrong};

/// What can hold data.
const DATA: [ResourceKind; 2] = [ResourceKind::Bucket, ResourceKind::Table];

/// The stack file that a scenario names is not there.
pub fn absent_stack(source: &Source, written: &str) -> Problem {
    source
        .error(format!("the stack file `{written}` is not there"))
        .at(source.place(&KeyPath::of(["workload", "stack"])), "no such file")
        .help("the path is relative to the scenario file")
}

/// What to report of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// All of it.
    Everything,
    /// Names that the stack does not have: those are wrong whatever else the file says.
    NamesAlone,
}

/// Resolves `raw` against the stack it names.
pub fn scenario(
    raw: &RawScenario,
    source: &Source,
    stack: &Stack,
    stack_path: &Path,
    report: Report,
) -> Result<Scenario, Diagnostics> {
    let topology = Topology { primary: raw.topology.primary.0.clone(), recovery: raw.topology.recovery.0.clone() };
    let mut reader =
        Reader { source, catalogue: Catalogue::of(stack), stack, topology: &topology, report, problems: Vec::new() };
    reader.regions_differ();
    let seed = reader.seed(&raw.workload.seed);
    let placed = reader.placed(&raw.workload.zones);
    let traffic = reader.all_traffic(&raw.workload.traffic);
    let backups = raw.backup.iter().enumerate().filter_map(|(index, rule)| reader.backup(index, rule)).collect();
    let vaults: Vec<(Region, String)> = raw.backup.iter().filter_map(vault_of).collect();
    let disaster = raw.disaster.iter().enumerate();
    let disaster =
        disaster.filter_map(|(index, one)| reader.disaster(index, one, &raw.recover, &placed, &vaults)).collect();
    let detect = reader.detect(raw, &traffic, &seed);
    let stop_when = raw.stop_when.iter().enumerate().filter_map(|(index, one)| reader.stop(index, one)).collect();
    let recover: Vec<RecoveryStep> =
        raw.recover.iter().enumerate().filter_map(|(index, step)| reader.step(index, step)).collect();
    let expect = reader.expect(raw);
    let must_fail = reader.must_fail(raw, &recover);
    Diagnostics::unless_empty(source.shown(), reader.problems)?;
    Ok(Scenario {
        name: raw.scenario.clone(),
        summary: raw.summary.clone(),
        owner: raw.owner.clone(),
        tier: raw.tier,
        topology,
        layout: raw.topology.layout,
        stack: stack_path.canonicalize().unwrap_or_else(|_| stack_path.to_owned()),
        seed,
        placed,
        traffic,
        backups,
        disaster,
        detect,
        stop_when,
        recover,
        expect,
        limits: Limits {
            run: raw.limits.run.0,
            phase: raw.limits.phase.0,
            drain: raw.limits.drain.0,
            attempts: raw.limits.attempts,
        },
        must_fail,
    })
}

/// The bucket of a rule's vault, if it has one.
fn vault_of(rule: &RawBackup) -> Option<(Region, String)> {
    let into = rule.into.as_ref()?;
    Some((into.region.as_ref()?.0.clone(), into.bucket.clone()?))
}

struct Reader<'a> {
    source: &'a Source,
    catalogue: Catalogue,
    stack: &'a Stack,
    topology: &'a Topology,
    report: Report,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Records an error at `path`.
    fn wrong(&mut self, path: &KeyPath, message: impl Into<String>, found: &str, help: impl Into<String>) {
        if self.report == Report::Everything {
            self.unnamed(path, message, found, help);
        }
    }

    /// The same for a name that the stack does not have.
    fn unnamed(&mut self, path: &KeyPath, message: impl Into<String>, found: &str, help: impl Into<String>) {
        let problem = self.source.error(message).at(self.source.place(path), found);
        self.problems.push(problem.help(help));
    }

    /// The resource of one of `kinds` that is named at `path`.
    fn resource(&mut self, name: &str, kinds: &[ResourceKind], path: &KeyPath) -> Option<ResourceId> {
        match self.catalogue.only(kinds).find(name) {
            Ok(id) => Some(id),
            Err(unnamed) => {
                self.unnamed(path, unnamed.message, &unnamed.expected, unnamed.help);
                None
            }
        }
    }

    fn regions_differ(&mut self) {
        if self.topology.primary == self.topology.recovery {
            let path = KeyPath::of(["topology", "recovery"]);
            self.wrong(
                &path,
                "the workload would be recovered into the region it is lost in",
                "the primary region",
                "name another region",
            );
        }
    }

    fn seed(&mut self, raw: &BTreeMap<String, u64>) -> BTreeMap<ResourceId, u64> {
        let base = KeyPath::of(["workload", "seed"]);
        raw.iter().filter_map(|(name, count)| Some((self.resource(name, &DATA, &base.key(name))?, *count))).collect()
    }

    fn all_traffic(&mut self, raw: &BTreeMap<String, RawTraffic>) -> Vec<Traffic> {
        raw.iter().filter_map(|(name, load)| self.traffic(name, load)).collect()
    }

    fn traffic(&mut self, name: &str, raw: &RawTraffic) -> Option<Traffic> {
        let path = KeyPath::of(["workload", "traffic", name]);
        let written = self.written_to((raw.table.as_ref(), raw.bucket.as_ref()), raw.size, &path);
        let with = match &raw.with {
            Some(with) => {
                let path = path.key("with");
                let (resource, size) =
                    self.written_to((with.table.as_ref(), with.bucket.as_ref()), with.size, &path)?;
                if written.as_ref().is_some_and(|(own, _)| *own == resource) {
                    let message = format!("`{path}` is what the load itself writes to");
                    self.wrong(&path, message, "the same", "name another table or bucket, or leave `with` out");
                }
                Some(Companion { resource, size })
            }
            None => None,
        };
        let mix = raw.mix.unwrap_or(Mix { put: 70, update: 20, delete: 10 });
        if mix == (Mix { put: 0, update: 0, delete: 0 }) {
            let message = format!("`{path}.mix` leaves nothing to do");
            self.wrong(&path.key("mix"), message, "all shares are 0", "give `put`, `update` or `delete` a share");
        }
        let (resource, size) = written?;
        Some(Traffic {
            name: name.to_owned(),
            resource,
            writers: raw.writers,
            rate: raw.rate.0,
            mix,
            size,
            with,
            timeout: raw.timeout.0,
            zone: raw.zone.as_ref().and_then(|zone| self.zone(zone, &path.key("zone"))),
        })
    }

    /// The one table or bucket that `path` writes to, and the sizes of its objects.
    fn written_to(
        &mut self,
        named: (Option<&String>, Option<&String>),
        size: Option<Written<SizeRange>>,
        path: &KeyPath,
    ) -> Option<(ResourceId, Option<SizeRange>)> {
        if size.is_some() && named.0.is_some() {
            self.wrong(&path.key("size"), "items have no size to choose", "for buckets alone", "leave `size` out");
        }
        match named {
            (Some(table), None) => Some((self.resource(table, &[ResourceKind::Table], &path.key("table"))?, None)),
            (None, Some(bucket)) => {
                let default = SizeRange { min: ByteSize::new(1 << 10), max: ByteSize::new(64 << 10) };
                let size = size.map_or(default, |size| size.0);
                Some((self.resource(bucket, &[ResourceKind::Bucket], &path.key("bucket"))?, Some(size)))
            }
            _ => {
                let message = format!("`{path}` must write to one table or one bucket");
                self.wrong(path, message, "here", "add `table: …` or `bucket: …`, not both");
                None
            }
        }
    }

    fn backup(&mut self, index: usize, raw: &RawBackup) -> Option<Backup> {
        let path = KeyPath::of(["backup"]).index(index);
        let protect = self.names(&raw.protect, &ResourceKind::ALL, &path.key("protect"));
        let using = match &raw.using {
            Using::Vault => {
                let into = self.vault_place(raw.into.as_ref(), &path);
                into.map(|into| BackupUsing::Vault { into, incremental: raw.incremental })
            }
            Using::Command(command) => {
                if raw.into.is_some() {
                    let help = "your program is told the regions and the run directory; leave `into` out";
                    self.wrong(&path.key("into"), "a program of yours chooses its own place", "for vaults alone", help);
                }
                let command_path = path.key("using").key("command");
                let words = self.command(command, &command_path);
                words.map(|words| BackupUsing::Command { command: words, timeout: command.timeout })
            }
        };
        if raw.every.0 == Span::default() {
            self.wrong(
                &path.key("every"),
                "backups cannot follow each other without a pause",
                "zero",
                "write `every: 5s`",
            );
        }
        let sabotage = match &raw.sabotage {
            Some(raw) => Some(self.sabotage(raw, &path.key("sabotage"), At::Capture)?),
            None => None,
        };
        Some(Backup {
            protect: protect?,
            critical: raw.critical.clone(),
            using: using?,
            every: raw.every.0,
            keep: raw.keep,
            sabotage,
        })
    }

    /// All resources of `kinds`, or those that are named.
    fn names(&mut self, raw: &Names, kinds: &[ResourceKind], path: &KeyPath) -> Option<Vec<ResourceId>> {
        match raw {
            Names::All => Some(self.catalogue.only(kinds).all().to_vec()),
            Names::These(names) => {
                let found: Vec<Option<ResourceId>> = names
                    .iter()
                    .enumerate()
                    .map(|(index, name)| self.resource(name, kinds, &path.index(index)))
                    .collect();
                found.into_iter().collect()
            }
        }
    }

    fn vault_place(&mut self, raw: Option<&RawPlace>, rule: &KeyPath) -> Option<VaultPlace> {
        let path = rule.key("into");
        let help = "write `into: { region: eu-west-1, bucket: my-vault }` or `into: { folder: vault }`";
        match raw {
            Some(RawPlace { region: Some(region), bucket: Some(bucket), folder: None }) => {
                if !bucket_name_is_legal(bucket) {
                    self.wrong(
                        &path.key("bucket"),
                        format!("`{bucket}` cannot be the name of a bucket"),
                        "not a bucket name",
                        "3 to 63 lowercase letters, digits, `-` and `.`, with a letter or digit at both ends",
                    );
                    return None;
                }
                Some(VaultPlace::Bucket { region: region.0.clone(), bucket: bucket.clone() })
            }
            Some(RawPlace { region: None, bucket: None, folder: Some(folder) }) => {
                let stays = Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
                if !stays || folder.is_empty() {
                    self.wrong(
                        &path.key("folder"),
                        format!("`{folder}` is not below the run directory"),
                        "leaves the run directory",
                        "a path without `/` at its beginning and without `..`: each run has a vault of its own",
                    );
                    return None;
                }
                Some(VaultPlace::Folder { folder: folder.into() })
            }
            Some(_) => {
                self.wrong(&path, "a vault is a bucket of a region, or a folder", "neither, or both", help);
                None
            }
            None => {
                self.wrong(rule, format!("`{rule}` does not say where its vault is"), "here", help);
                None
            }
        }
    }

    fn command(&mut self, raw: &Command, path: &KeyPath) -> Option<Vec<String>> {
        let words: Vec<String> = raw.run.split_whitespace().map(str::to_owned).collect();
        let Some(program) = words.first() else {
            self.wrong(path, "the command is empty", "nothing is here", "name a program, like `./restore.sh`");
            return None;
        };
        // A bare name is looked up on the PATH when it runs; a path is the user's own file and must be there now.
        if program.contains('/') && !self.source.folder().join(program).is_file() {
            let message = format!("the program `{program}` is not there");
            self.wrong(path, message, "no such file", "the path is relative to the scenario file");
            return None;
        }
        Some(words)
    }

    fn sabotage(&mut self, raw: &RawSabotage, path: &KeyPath, at: At) -> Option<Sabotage> {
        if at == At::Capture && raw.operator != Operator::SkipKey {
            let help = "put it under `restore`; a backup can only `skip-key`";
            self.wrong(&path.key("operator"), "this defect belongs to a restore", "not in a backup", help);
            return None;
        }
        let kinds: &[ResourceKind] = match raw.operator {
            Operator::ReturnEarly => return Some(Sabotage::ReturnEarly),
            Operator::SkipKey | Operator::FlipByte => &DATA,
            Operator::NumberToString | Operator::ForgetTtl => &[ResourceKind::Table],
        };
        let Some(name) = &raw.resource else {
            self.wrong(path, format!("`{path}` does not say where"), "here", "add `resource: …`");
            return None;
        };
        let resource = self.resource(name, kinds, &path.key("resource"))?;
        Some(match raw.operator {
            Operator::SkipKey => Sabotage::SkipKey { resource },
            Operator::FlipByte => Sabotage::FlipByte { resource },
            Operator::NumberToString => Sabotage::NumberToString { resource },
            Operator::ForgetTtl => Sabotage::ForgetTtl { resource },
            Operator::ReturnEarly => Sabotage::ReturnEarly,
        })
    }

    fn disaster(
        &mut self,
        index: usize,
        raw: &RawDisaster,
        recover: &[RawStep],
        placed: &BTreeMap<String, Zone>,
        vaults: &[(Region, String)],
    ) -> Option<Disaster> {
        let path = KeyPath::of(["disaster"]).index(index);
        let when = self.onset(raw, recover, &path);
        let setting =
            Setting { topology: self.topology, stack: self.stack, placed, vaults, catalogue: &self.catalogue };
        let mut fields = Fields::new(raw, setting);
        let fault = fault::make(raw.fault, &mut fields);
        for Wrong { key, of, message, found, help } in fields.wrong() {
            let place = key.map_or_else(|| path.clone(), |key| path.key(key));
            match of {
                Of::Shape => self.wrong(&place, message, &found, help),
                Of::Name => self.unnamed(&place, message, &found, help),
            }
        }
        let fault = fault?;
        let at_most = self.at_most(raw, &fault, &path);
        Some(Disaster { when: when?, fault, at_most })
    }

    fn step(&mut self, index: usize, raw: &RawStep) -> Option<RecoveryStep> {
        let path = KeyPath::of(["recover"]).index(index);
        match raw {
            RawStep::Isolate(region) => {
                Some(RecoveryStep::Isolate { region: self.side(&region.0, &path.key("isolate"))? })
            }
            RawStep::Restore(raw) => {
                let path = path.key("restore");
                let from = match raw.from {
                    PointName::Latest => RestoreFrom::Latest,
                    PointName::Clean => RestoreFrom::Clean,
                    PointName::Number(number) => RestoreFrom::Number { number },
                };
                let sabotage = match &raw.sabotage {
                    Some(raw) => Some(self.sabotage(raw, &path.key("sabotage"), At::Restore)?),
                    None => None,
                };
                Some(RecoveryStep::Restore { from, into: self.side(&raw.into.0, &path.key("into"))?, sabotage })
            }
            RawStep::Command(command) => {
                let words = self.command(command, &path.key("command"))?;
                Some(RecoveryStep::Command { command: words, timeout: command.timeout })
            }
            RawStep::Redrive(names) => {
                let triggers = self.names(names, &[ResourceKind::Trigger], &path.key("redrive"))?;
                Some(RecoveryStep::Redrive { triggers: triggers.iter().map(|id| id.name().to_owned()).collect() })
            }
            RawStep::Reroute(raw) => {
                Some(RecoveryStep::Reroute { from: self.zone(&raw.from, &path.key("reroute").key("from"))? })
            }
            RawStep::Cutover(raw) => {
                Some(RecoveryStep::Cutover { to: self.side(&raw.to.0, &path.key("cutover").key("to"))? })
            }
        }
    }

    /// A region of the topology; which of the two makes sense is for the lint to say.
    fn side(&mut self, region: &Region, path: &KeyPath) -> Option<Region> {
        if self.topology.side(region).is_some() {
            return Some(region.clone());
        }
        let help = suggest(region.as_str(), [self.topology.primary.as_str(), self.topology.recovery.as_str()]);
        self.wrong(path, format!("`{region}` is not in the topology"), "another region", help);
        None
    }

    fn expect(&mut self, raw: &RawScenario) -> Expect {
        let raw = &raw.expect;
        let effects =
            raw.effects.iter().filter_map(|(name, effect)| Some((name.clone(), self.effect(name, effect)?))).collect();
        Expect {
            rto: raw.rto.as_ref().map(|rto| Rto {
                within: rto.within.0,
                stable_for: rto.stable_for.0,
                source: rto.source.clone(),
                ride_out: rto.ride_out,
            }),
            rpo: raw.rpo.as_ref().map(|rpo| Rpo { within: rpo.within.0, source: rpo.source.clone() }),
            state: raw.state.is_some(),
            effects,
            consistent_cut: raw.consistent_cut,
        }
    }

    fn effect(&mut self, name: &str, raw: &RawEffect) -> Option<EffectExpectation> {
        let path = KeyPath::of(["expect", "effects", name]);
        let Some(trigger) = self.stack.triggers.get(name) else {
            let known = self.stack.triggers.keys().map(String::as_str);
            let help = suggest(name, known);
            self.wrong(&path, format!("the stack has no trigger `{name}`"), "not a trigger", help);
            return None;
        };
        if trigger.effect.is_none() {
            let help = "give the trigger an `effect` in the stack file, or leave this out";
            self.wrong(&path, format!("nothing is known of what `{name}` produces"), "cannot be checked", help);
        }
        let guarantee = match (raw.delivered, raw.counted) {
            (Some(Delivered::AtLeastOnce), None) => Guarantee::DeliveredAtLeastOnce,
            (Some(Delivered::ExactlyOnce), None) => Guarantee::DeliveredExactlyOnce,
            (None, Some(Counted::ExactlyOnce)) => Guarantee::CountedExactlyOnce,
            _ => {
                let help = "write `delivered: at-least-once`, `delivered: exactly-once` or `counted: exactly-once`";
                self.wrong(&path, format!("`{path}` must say how often"), "here", help);
                return None;
            }
        };
        Some(EffectExpectation { per: raw.per, guarantee, within: raw.within.0 })
    }
}

/// Where a defect is put in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Capture,
    Restore,
}

/// Amazon S3 user guide, "General purpose bucket naming rules".
pub fn bucket_name_is_legal(name: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}
