//! The keys of a disaster's line: what each disaster takes, and what does not belong to it.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind, Zone},
    rule::{Pattern, Probability, Rule, Scope},
    scenario::{Alteration, Change, Fault, Symptom},
    stack::{Stack, TriggerSource},
    topology::Topology,
    units::{ByteSize, Span},
};

use firedrill_plane::format;

use crate::scenario::{
    names::{Catalogue, Unnamed},
    nearest::suggest,
    raw::{PartWord, RawDisaster},
};

/// Something is wrong with a key of the line, or with the line itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The key; `None` for the line.
    pub(crate) key: Option<&'static str>,
    /// What about it.
    pub(crate) of: Of,
    /// What is wrong.
    pub(crate) message: String,
    /// What is there.
    pub(crate) found: String,
    /// What to do.
    pub(crate) help: String,
}

/// What about a key is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Its presence or its value.
    Shape,
    /// It names what the stack does not have: wrong whatever else the file says.
    Name,
}

/// A key is wrong, and that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told;

/// What else a scenario says, as far as disasters refer to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) stack: &'a Stack,
    /// The functions that run in one zone.
    pub(crate) placed: &'a BTreeMap<String, Zone>,
    /// The buckets of all vaults.
    pub(crate) vaults: &'a [(Region, String)],
    pub(crate) catalogue: &'a Catalogue,
}

/// A disaster's line, read key by key.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    raw: &'a RawDisaster,
    setting: Setting<'a>,
    /// The word of the disaster.
    word: String,
    taken: BTreeSet<&'static str>,
    wrong: Vec<Wrong>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(raw: &'a RawDisaster, setting: Setting<'a>) -> Self {
        let word = serde_json::to_value(raw.fault).ok().and_then(|word| word.as_str().map(str::to_owned));
        let word = word.unwrap_or_default();
        Self { raw, setting, word, taken: BTreeSet::new(), wrong: Vec::new() }
    }

    /// The region that it happens in, which must be given.
    pub(super) fn region(&mut self) -> Option<Region> {
        self.taken.insert("region");
        let Some(region) = self.raw.region.as_ref().map(|region| region.0.clone()) else {
            self.missing("region", &format!("region: {}", self.setting.topology.primary));
            return None;
        };
        if self.setting.topology.side(&region).is_none() {
            let help = suggest(
                region.as_str(),
                [self.setting.topology.primary.as_str(), self.setting.topology.recovery.as_str()],
            );
            self.tell(Some("region"), format!("`{region}` is not in the topology"), "another region", help);
            return None;
        }
        Some(region)
    }

    /// What clients see, of what they can see in this disaster; it must be given.
    pub(super) fn symptom_of(&mut self, known: &[Symptom]) -> Option<Symptom> {
        self.taken.insert("symptom");
        let Some(symptom) = self.raw.symptom else {
            self.missing("symptom", &format!("symptom: {}", known.first().map_or("", |symptom| symptom.word())));
            return None;
        };
        self.one_of(symptom, known)
    }

    /// The same where it may be left out.
    pub(super) fn symptom_or(&mut self, default: Symptom, known: &[Symptom]) -> Option<Symptom> {
        self.taken.insert("symptom");
        self.one_of(self.raw.symptom.unwrap_or(default), known)
    }

    fn one_of(&mut self, symptom: Symptom, known: &[Symptom]) -> Option<Symptom> {
        if known.contains(&symptom) {
            return Some(symptom);
        }
        let words: Vec<String> = known.iter().map(|symptom| format!("`{}`", symptom.word())).collect();
        let message = format!("`{}` is no symptom of `{}`", symptom.word(), self.word);
        self.tell(Some("symptom"), message, "not here", format!("write {}", words.join(" or ")));
        None
    }

    /// The services that it is about; empty: all.
    pub(super) fn services_or_all(&mut self) -> Vec<Pattern> {
        self.taken.insert("service");
        let mut services = Vec::new();
        for name in self.raw.service.iter().flatten() {
            match format::service(name) {
                Ok(service) => services.push(service),
                Err(why) => self.tell(Some("service"), why, "here", "write it as requests are signed".to_owned()),
            }
        }
        services
    }

    /// The services that it is about, which must be given.
    pub(super) fn services(&mut self) -> Option<Vec<Pattern>> {
        let services = self.services_or_all();
        if self.raw.service.is_none() {
            self.missing("service", "service: [dynamodb]");
            return None;
        }
        Some(services)
    }

    /// The share of requests that it is about.
    pub(super) fn share(&mut self, default: f64) -> Option<Probability> {
        self.taken.insert("share");
        let share = self.raw.share.unwrap_or(default);
        let probability = Probability::new(share).filter(|probability| probability.millionths() > 0);
        if probability.is_none() {
            let help = "write a share such as `0.5`".to_owned();
            self.tell(Some("share"), format!("`share` is {share}"), "more than 0, at most 1", help);
        }
        probability
    }

    /// A delay.
    pub(super) fn latency(&mut self, default: Span) -> Span {
        self.taken.insert("latency");
        self.raw.latency.as_ref().map_or(default, |latency| latency.0)
    }

    /// How long it takes to come up.
    pub(super) fn over(&mut self, default: Span) -> Span {
        self.taken.insert("over");
        self.raw.over.as_ref().map_or(default, |over| over.0)
    }

    /// The resource that it is done to, of one of `kinds`; it must be given.
    pub(super) fn resource(&mut self, kinds: &[ResourceKind]) -> Option<ResourceId> {
        self.taken.insert("resource");
        let known = self.setting.catalogue.only(kinds);
        let Some(name) = &self.raw.resource else {
            let example = known.all().first().map_or("…", ResourceId::name).to_owned();
            self.missing("resource", &format!("resource: {example}"));
            return None;
        };
        match known.find(name) {
            Ok(id) => Some(id),
            Err(unnamed) => {
                let Unnamed { message, expected: found, help } = unnamed;
                self.wrong.push(Wrong { key: Some("resource"), of: Of::Name, message, found, help });
                None
            }
        }
    }

    /// The zone that it happens in, which must be given.
    pub(super) fn zone(&mut self) -> Option<Zone> {
        self.zone_like("a")
    }

    /// The same; in the example the name of the region ends so.
    fn zone_like(&mut self, end: &str) -> Option<Zone> {
        self.taken.insert("zone");
        if self.raw.zone.is_none() {
            self.missing("zone", &format!("zone: {}{end}", self.setting.topology.primary));
        }
        self.raw.zone.as_ref().map(Zone::new)
    }

    /// Whether functions run in a zone.
    pub(super) fn has_functions_in(&self, zone: &Zone) -> bool {
        self.setting.placed.values().any(|of| of == zone)
    }

    /// The zone at the edge of the primary region that it happens in, which must be given.
    pub(super) fn edge_zone(&mut self) -> Option<Zone> {
        let (zone, region) = (self.zone_like("-bos-1a")?, &self.setting.topology.primary);
        if !zone.is_edge_of(region) {
            let help = format!("write a Local Zone or Wavelength Zone, such as `{region}-bos-1a`");
            self.misplaced("zone", &format!("`{zone}` is not a zone at the edge of {region}"), &help);
            return None;
        }
        Some(zone)
    }

    /// How many bytes of a body pass in a second.
    pub(super) fn bandwidth(&mut self, default: ByteSize) -> ByteSize {
        self.taken.insert("bandwidth");
        let bandwidth = self.raw.bandwidth.as_ref().map_or(default, |bandwidth| bandwidth.0);
        if bandwidth.bytes() == 0 {
            self.misplaced("bandwidth", "`bandwidth` is 0", "write `edge-zone-outage`, which lets nothing through");
        }
        bandwidth
    }

    /// The two regions of the drill.
    pub(super) fn both_regions(&self) -> (&'a Region, &'a Region) {
        (&self.setting.topology.primary, &self.setting.topology.recovery)
    }

    /// The bucket of the vault that it is done to, which must be given, and in its region.
    pub(super) fn vault_in_region(&mut self) -> Option<(Region, String)> {
        let region = self.region();
        if self.raw.vault.is_none() {
            self.missing("vault", "vault: order-vault");
        }
        let (place, vault) = self.vault()?;
        if place != region? {
            self.misplaced("region", &format!("the vault `{vault}` is in {place}"), &format!("write `{place}`"));
            return None;
        }
        Some((place, vault))
    }

    /// The bucket of a vault, with its region. Tells when no backup rule has it.
    pub(super) fn vault(&mut self) -> Option<(Region, String)> {
        self.taken.insert("vault");
        let vault = self.raw.vault.as_ref()?;
        let found = self.setting.vaults.iter().find(|(_, bucket)| bucket == vault).cloned();
        if let Some((region, _)) = &found
            && self.setting.topology.side(region).is_none()
        {
            let message = format!("the vault `{vault}` is in {region}, which is not in the topology");
            self.tell(Some("vault"), message, "out of reach", "name a vault in one of its two regions".to_owned());
            return None;
        }
        if found.is_none() {
            let help = suggest(vault, self.setting.vaults.iter().map(|(_, bucket)| bucket.as_str()));
            self.tell(Some("vault"), format!("no backup rule has its vault in `{vault}`"), "not a vault", help);
        }
        found
    }

    /// What the keys of the objects that it is done to begin with.
    pub(super) fn prefix(&mut self) -> Option<String> {
        self.taken.insert("prefix");
        self.raw.prefix.clone()
    }

    /// The part of the resource that it is done to, of those that this disaster knows; `None`: to the whole.
    pub(super) fn part_of(&mut self, known: &[PartWord]) -> Result<Option<PartWord>, Told> {
        self.taken.insert("part");
        let Some(part) = self.raw.part else { return Ok(None) };
        if known.contains(&part) {
            return Ok(Some(part));
        }
        let words: Vec<String> = known.iter().map(|part| format!("`{}`", part.word())).collect();
        let message = format!("`{}` is no part that `{}` is done to", part.word(), self.word);
        self.tell(Some("part"), message, "not here", format!("write {}, or leave it out", words.join(" or ")));
        Err(Told)
    }

    /// Whether the handler of `function` matters to its runtime. Tells when it does not.
    pub(super) fn must_heed_its_handler(&mut self, function: &ResourceId) -> bool {
        let of = self.setting.stack.functions.get(function.name());
        let heeds = of.is_none_or(|of| !of.has_own_runtime());
        if !heeds {
            let message = format!("{function} has a runtime of its own, which need not heed the handler");
            self.misplaced("part", &message, "leave it out: the function gets code that fails then");
        }
        heeds
    }

    /// Whether `table` has a stream. Tells when it has not.
    pub(super) fn must_have_a_stream(&mut self, table: &ResourceId) -> bool {
        let streams = self.setting.stack.tables.get(table.name()).is_some_and(|of| of.stream);
        if !streams {
            self.misplaced("part", &format!("{table} has no stream"), "name a table that has one");
        }
        streams
    }

    /// Whether `trigger` reads a stream, in which an event waits for those before it. Tells when it does not.
    pub(super) fn must_read_a_stream(&mut self, trigger: &ResourceId) -> bool {
        let source = self.setting.stack.triggers.get(trigger.name()).map(|trigger| &trigger.source);
        let reads = matches!(source, Some(TriggerSource::TableStream { .. }));
        if !reads {
            let message = format!("{trigger} hears of a bucket, whose events do not wait for each other");
            self.misplaced("resource", &message, "name the trigger of a table's stream");
        }
        reads
    }

    /// Whether `function` has an alias. Tells when it has not.
    pub(super) fn must_have_an_alias(&mut self, function: &ResourceId) -> bool {
        let has = self.setting.stack.functions.get(function.name()).is_some_and(|of| of.alias.is_some());
        if !has {
            self.misplaced("part", &format!("{function} has no alias"), "name a function that has one");
        }
        has
    }

    /// Whether events come to the function of `trigger` by an event source mapping. Tells when they do not.
    pub(super) fn must_have_a_mapping(&mut self, trigger: &ResourceId) -> bool {
        let trigger_of = self.setting.stack.triggers.get(trigger.name());
        let has = trigger_of.is_some_and(|of| match &of.source {
            TriggerSource::TableStream { .. } => true,
            TriggerSource::BucketEvents { queue, .. } => queue.is_some(),
        });
        if !has {
            let message = format!("{trigger} is a notification, and has no event source mapping");
            self.misplaced("part", &message, "leave it out: the notification is removed then");
        }
        has
    }

    /// How many bytes of each object it is done to; `None`: to the last.
    pub(super) fn bytes(&mut self) -> Option<u64> {
        self.taken.insert("bytes");
        self.raw.bytes
    }

    /// To how many it is done; `None`: to all.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.taken.insert("count");
        self.raw.count
    }

    /// A variable of the environment of `of`, if that is a function; `None` when none is given.
    pub(super) fn variable(&mut self, of: Option<&ResourceId>) -> Option<String> {
        self.taken.insert("variable");
        let variable = self.raw.variable.clone()?;
        let function = of.filter(|of| of.kind() == Some(ResourceKind::Function));
        if let Some(function) = function.and_then(|of| self.setting.stack.functions.get(of.name()))
            && !function.environment.contains_key(&variable)
        {
            let message = format!("the function has no variable `{variable}` in its environment");
            let help = suggest(&variable, function.environment.keys().map(String::as_str));
            let found = "nothing to lose".to_owned();
            self.wrong.push(Wrong { key: Some("variable"), of: Of::Name, message, found, help });
        }
        Some(variable)
    }

    /// The operations that it is about; empty: all.
    pub(super) fn operations_or_all(&mut self) -> Vec<Pattern> {
        self.taken.insert("operation");
        self.raw.operation.iter().flatten().map(Pattern::new).collect()
    }

    /// Tells that a region is not where the workload runs.
    pub(super) fn must_be_primary(&mut self, region: &Region) {
        if *region != self.setting.topology.primary {
            let (message, help) = (
                format!("{region} is not where the workload runs"),
                format!("write `{}`", self.setting.topology.primary),
            );
            self.tell(Some("region"), message, "not the primary region", help);
        }
    }

    /// Tells that a key does not go with what the others say.
    pub(super) fn misplaced(&mut self, key: &'static str, message: &str, help: &str) {
        self.tell(Some(key), message.to_owned(), "not here", help.to_owned());
    }

    /// Tells of keys that this disaster does not take. Its own have all been read.
    pub(super) fn end(&mut self) {
        let RawDisaster {
            after: _,
            at: _,
            during: _,
            at_most: _,
            fault: _,
            region,
            symptom,
            service,
            share,
            latency,
            over,
            bandwidth,
            zone,
            vault,
            resource,
            prefix,
            part,
            count,
            bytes,
            variable,
            operation,
        } = self.raw;
        let given = [
            ("region", region.is_some()),
            ("symptom", symptom.is_some()),
            ("service", service.is_some()),
            ("share", share.is_some()),
            ("latency", latency.is_some()),
            ("over", over.is_some()),
            ("bandwidth", bandwidth.is_some()),
            ("zone", zone.is_some()),
            ("vault", vault.is_some()),
            ("resource", resource.is_some()),
            ("prefix", prefix.is_some()),
            ("part", part.is_some()),
            ("count", count.is_some()),
            ("bytes", bytes.is_some()),
            ("variable", variable.is_some()),
            ("operation", operation.is_some()),
        ];
        let takes: Vec<String> = self.taken.iter().map(|key| format!("`{key}`")).collect();
        for (key, is_given) in given {
            if is_given && !self.taken.contains(key) {
                let message = format!("`{key}` does not belong to `{}`", self.word);
                self.tell(Some(key), message, "not here", format!("it takes {}", takes.join(", ")));
            }
        }
    }

    /// What was wrong.
    pub(crate) fn wrong(self) -> Vec<Wrong> {
        self.wrong
    }

    /// Tells that a key must be given.
    pub(super) fn missing(&mut self, key: &str, example: &str) {
        let message = format!("`{}` must say its `{key}`", self.word);
        self.tell(None, message, "here", format!("add `{example}`"));
    }

    fn tell(&mut self, key: Option<&'static str>, message: String, found: &str, help: String) {
        self.wrong.push(Wrong { key, of: Of::Shape, message, found: found.to_owned(), help });
    }

    /// A fault that is made of rules alone.
    pub(super) fn of_rules(&self, title: String, symptoms: String, rules: Vec<Rule>) -> Fault {
        let (lost, actions, changes) = (Vec::new(), Vec::new(), Vec::new());
        Fault { kind: self.word.clone(), title, symptoms, lost, rules, actions, changes }
    }

    /// A fault that is one change of a resource.
    pub(super) fn of_change(
        &self,
        title: String,
        symptoms: String,
        region: &Region,
        resource: ResourceId,
        what: Alteration,
    ) -> Fault {
        self.of_changes(title, symptoms, vec![Change { region: region.clone(), resource, what }])
    }

    /// A fault that is made of changes alone.
    pub(super) fn of_changes(&self, title: String, symptoms: String, changes: Vec<Change>) -> Fault {
        Fault { changes, ..self.of_rules(title, symptoms, Vec::new()) }
    }
}

/// The requests of all clients in a zone, to every region.
pub(super) fn placed_in(zone: &Zone) -> Scope {
    Scope { principal: vec![Pattern::access_keys_in(zone.as_str())], ..Scope::default() }
}

/// The requests of what runs in a region, in a zone of it or in none.
pub(super) fn from_within(region: &Region) -> Vec<Pattern> {
    vec![Pattern::new(region.as_str()), Pattern::new(format!("{region}?"))]
}

/// The requests to some services of a region; to all of them when none is named.
pub(super) fn requests(region: &Region, services: &[Pattern]) -> Scope {
    Scope { region: vec![Pattern::new(region.as_str())], service: services.to_vec(), ..Scope::default() }
}

/// `dynamodb and lambda in us-east-1`, `us-east-1`.
pub(super) fn place(region: &Region, services: &[Pattern]) -> String {
    let names: Vec<&str> = services.iter().map(Pattern::as_str).collect();
    match names.split_last() {
        None => region.to_string(),
        Some((last, [])) => format!("{last} in {region}"),
        Some((last, others)) => format!("{} and {last} in {region}", others.join(", ")),
    }
}
