//! Hand-built run directories: a world that is right, which a test then breaks in one place.
//!
//! [`World::whole`] is a small drill in which everything holds. Tests change its ledger, captures or history, write it to
//! a directory with [`World::save`] and let `verify` judge it. What is written is a run directory like any other, so that
//! an independent oracle can read it too.

#![allow(dead_code, reason = "each test binary uses another part of the support")]
#![allow(clippy::missing_panics_doc, missing_docs, missing_debug_implementations, reason = "support of tests")]
#![allow(clippy::unwrap_used, reason = "support of tests: a failure is a failed test")]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

#[cfg(test)]
pub mod generated;
pub mod large;
#[cfg(test)]
pub mod pipeline;
#[cfg(test)]
pub mod tampering;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
};

use firedrill_model::{
    capture::{CaptureName, Configuration, Delivery, Entry},
    findings::{Finding, FindingKind, Weight},
    history::{Ending, Event, Phase, Record, line_digest},
    ids::{CheckId, FaultId, ProbeId, RecoveryPointId, ResourceId, ResourceKind},
    ledger::{LedgerLine, Op, Origin, Outcome, item_key},
    plan::Plan,
    recovery_point::RecoveryPoint,
    run_dir::{RunDir, file_sha256},
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};
use firedrill_verify::verify;
use serde_json::{Value, json};

/// The fault bites here; milliseconds of the run.
pub const T0: u64 = 20_000;
/// The recovery point that is restored was captured between these.
pub const BACKUP: (u64, u64) = (18_000, 18_500);
/// Authority moves here.
pub const CUTOVER: u64 = 27_000;
/// Readiness, by the probes.
pub const READY: u64 = 28_000;
/// Observation ends here, with the captures after it.
pub const ENDS: u64 = 40_000;
/// UTC milliseconds of the run's zero: 2026-11-23T14:00:00Z.
pub const EPOCH_MS: u64 = 1_795_442_400_000;

pub fn uploads() -> ResourceId {
    ResourceId::new(ResourceKind::Bucket, "uploads")
}

pub fn orders() -> ResourceId {
    ResourceId::new(ResourceKind::Table, "orders")
}

pub fn documents() -> ResourceId {
    ResourceId::new(ResourceKind::Table, "documents")
}

pub fn totals() -> ResourceId {
    ResourceId::new(ResourceKind::Table, "totals")
}

pub fn trigger(name: &str) -> ResourceId {
    ResourceId::new(ResourceKind::Trigger, name)
}

/// Everything a run directory is made of.
#[derive(Clone, Debug)]
pub struct World {
    pub plan: Plan,
    pub events: Vec<(u64, Event)>,
    pub ledger: Vec<LedgerLine>,
    /// Content by capture and resource.
    pub content: BTreeMap<(CaptureName, ResourceId), Vec<Entry>>,
    pub configuration: BTreeMap<CaptureName, Vec<Configuration>>,
    pub deliveries: Option<Vec<Delivery>>,
    /// The run crashed then: later events are what `firedrill heal` added.
    pub crashed_ms: Option<u64>,
}

/// The plan of the order pipeline that all hand-built runs share.
pub fn plan() -> Plan {
    serde_json::from_str(include_str!("plan.json")).unwrap()
}

/// A write that was acknowledged 10 ms after it was issued, by the traffic, on the primary side.
pub fn put(resource: &ResourceId, key: &str, id: &str, at_ms: u64) -> LedgerLine {
    let rev = id.rsplit('-').next().unwrap_or("1").to_owned();
    let facts: BTreeMap<String, String> = if *resource == orders() {
        let (customer, order) = key.split_once('#').unwrap_or((key, ""));
        facts(&[("customer", customer), ("order", order), ("amount", "12.50"), ("rev", &rev)])
    } else {
        facts(&[("size", "5"), ("sha256", &format!("sha-{id}")), ("title", "a title"), ("rev", &rev)])
    };
    LedgerLine {
        resource: resource.clone(),
        key: key.to_owned(),
        writer: format!("{}-0", resource.name()),
        seq: at_ms,
        write_id: id.into(),
        op: Op::Put,
        digest: Some(format!("digest-{id}")),
        parts: [("attribute:amount", "aaaaaaaaaaaa"), ("attribute:rev", "bbbbbbbbbbbb")]
            .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
            .into(),
        bytes: 100,
        amount: None,
        outcome: Outcome::Acknowledged,
        issued_ms: RunTime::from_ms(at_ms),
        completed_ms: Some(RunTime::from_ms(at_ms + 10)),
        side: Side::Primary,
        epoch: 0,
        attempt: 1,
        origin: Origin::Traffic,
        cause: None,
        version: None,
        expires_ms: None,
        txn: None,
        error: None,
        facts,
    }
}

fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same, after the cutover, on the recovery side.
pub fn put_after(resource: &ResourceId, key: &str, id: &str, at_ms: u64) -> LedgerLine {
    LedgerLine { side: Side::Recovery, epoch: 1, ..put(resource, key, id, at_ms) }
}

pub fn delete(resource: &ResourceId, key: &str, id: &str, at_ms: u64) -> LedgerLine {
    LedgerLine {
        op: Op::Delete,
        digest: None,
        parts: BTreeMap::new(),
        bytes: 0,
        facts: BTreeMap::new(),
        ..put(resource, key, id, at_ms)
    }
}

pub fn ambiguous(line: LedgerLine) -> LedgerLine {
    LedgerLine { outcome: Outcome::Ambiguous, completed_ms: None, error: Some("time-out".to_owned()), ..line }
}

pub fn rejected(line: LedgerLine) -> LedgerLine {
    LedgerLine { outcome: Outcome::Rejected, error: Some("connection refused".to_owned()), ..line }
}

/// What a capture shows of a key that holds the value of this write.
pub fn entry(line: &LedgerLine) -> Entry {
    Entry {
        key: line.key.clone(),
        write_id: Some(line.write_id.clone()),
        digest: line.digest.clone().unwrap_or_default(),
        parts: line.parts.clone(),
        bytes: line.bytes,
        versions: Vec::new(),
        deleted: false,
        counter: None,
        value: None,
    }
}

pub fn derived(key: String, value: Value) -> Entry {
    Entry {
        digest: format!("derived-{key}"),
        key,
        write_id: None,
        parts: BTreeMap::new(),
        bytes: 10,
        versions: Vec::new(),
        deleted: false,
        counter: None,
        value: Some(value),
    }
}

/// The description that `describe-upload` makes of an upload.
pub fn description(line: &LedgerLine) -> Entry {
    let mut value = json!({ "id": line.key, "write_id": line.write_id.as_str() });
    for (name, fact) in &line.facts {
        value[name] = json!(fact);
    }
    derived(item_key(&line.key, None), value)
}

/// The totals of a customer over these orders, of which each is there or gone.
pub fn running_total(customer: &str, orders: &[(&LedgerLine, bool)]) -> Entry {
    let mut applied = serde_json::Map::new();
    let mut count = 0;
    for (line, gone) in orders {
        let (order, amount) = (&line.facts["order"], if *gone { "0" } else { "12.5" });
        count += u32::from(!gone);
        let entry =
            json!({ "rev": line.facts["rev"], "amount": amount, "write_id": line.write_id.as_str(), "gone": gone });
        applied.insert(order.clone(), entry);
    }
    let total = format!("{}.{}", count * 125 / 10, count * 125 % 10);
    let value = json!({ "customer": customer, "total": total, "count": count.to_string(), "applied": applied });
    derived(item_key(customer, None), value)
}

pub fn delivery(trigger: &str, line: &LedgerLine, at_ms: u64, number: u32) -> Delivery {
    Delivery {
        trigger: trigger.to_owned(),
        event_id: line.write_id.to_string(),
        delivery_id: format!("d-{number}"),
        key: line.key.clone(),
        at_utc_ms: EPOCH_MS + at_ms,
        redriven: false,
    }
}

impl World {
    /// A drill in which everything holds: the last writes before the fault are lost within the objective of 6 s, and
    /// all else came back.
    pub fn whole() -> Self {
        let ledger = vec![
            put(&uploads(), "a b.txt", "u-a-1", 2_000),
            put(&uploads(), "c#d.txt", "u-c-1", 2_100),
            put(&uploads(), "lost.txt", "u-l-1", 19_100),
            put_after(&uploads(), "new.txt", "u-n-1", 29_000),
            put(&orders(), "C-1#o-1", "o-1-1", 3_000),
            put(&orders(), "C-1#o-1", "o-1-2", 12_000),
            put(&orders(), "C-1#o-2", "o-2-1", 3_100),
            delete(&orders(), "C-1#o-2", "o-2-2", 13_000),
            put(&orders(), "C-2#o-3", "o-3-1", 14_000),
            put(&orders(), "C-2#o-3", "o-3-2", 19_000),
            put_after(&orders(), "C-2#o-4", "o-4-1", 29_100),
        ];
        let pick = |id: &str| ledger.iter().find(|line| line.write_id.as_str() == id).unwrap();
        let upload_entries = ["u-a-1", "u-c-1", "u-n-1"].map(|id| entry(pick(id))).to_vec();
        let order_entries = ["o-1-2", "o-3-1", "o-4-1"].map(|id| entry(pick(id))).to_vec();
        let descriptions = ["u-a-1", "u-c-1", "u-n-1"].map(|id| description(pick(id))).to_vec();
        let sums = vec![
            running_total("C-1", &[(pick("o-1-2"), false), (pick("o-2-1"), true)]),
            running_total("C-2", &[(pick("o-3-1"), false), (pick("o-4-1"), false)]),
        ];
        let deliveries = vec![
            delivery("total-orders", pick("o-4-1"), 29_600, 1),
            delivery("describe-upload", pick("u-n-1"), 29_700, 2),
        ];
        let mut content = BTreeMap::new();
        for capture in [CaptureName::Recovered, CaptureName::Drained] {
            content.insert((capture, uploads()), upload_entries.clone());
            content.insert((capture, orders()), order_entries.clone());
            content.insert((capture, documents()), descriptions.clone());
            content.insert((capture, totals()), sums.clone());
        }
        let plan = plan();
        let configured = configurations(&plan);
        let configuration = [CaptureName::Source, CaptureName::Recovered].map(|name| (name, configured.clone())).into();
        let events = events(&plan);
        Self { plan, events, ledger, content, configuration, deliveries: Some(deliveries), crashed_ms: None }
    }

    /// A content capture after recovery.
    pub fn recovered(&mut self, resource: &ResourceId) -> &mut Vec<Entry> {
        self.content.entry((CaptureName::Recovered, resource.clone())).or_default()
    }

    /// A content capture after the drain.
    pub fn drained(&mut self, resource: &ResourceId) -> &mut Vec<Entry> {
        self.content.entry((CaptureName::Drained, resource.clone())).or_default()
    }

    /// What the recovery point holds of a resource.
    pub fn point(&mut self, resource: &ResourceId, ids: &[&str]) {
        let held = ids.iter().map(|id| entry(self.line(id))).collect();
        self.content.insert((CaptureName::RecoveryPoint, resource.clone()), held);
    }

    /// The ledger line with this write id.
    pub fn line(&self, id: &str) -> &LedgerLine {
        self.ledger.iter().find(|line| line.write_id.as_str() == id).unwrap()
    }

    /// Takes a key out of both captures of a resource.
    pub fn drop_key(&mut self, resource: &ResourceId, key: &str) {
        self.recovered(resource).retain(|entry| entry.key != key);
        self.drained(resource).retain(|entry| entry.key != key);
    }

    /// Changes what both captures show of a key.
    pub fn change(&mut self, resource: &ResourceId, key: &str, change: impl Fn(&mut Entry)) {
        for capture in [CaptureName::Recovered, CaptureName::Drained] {
            let entries = self.content.entry((capture, resource.clone())).or_default();
            entries.iter_mut().filter(|entry| entry.key == key).for_each(&change);
        }
    }

    /// Adds an entry to both captures of a resource.
    pub fn add(&mut self, resource: &ResourceId, entry: &Entry) {
        self.recovered(resource).push(entry.clone());
        self.drained(resource).push(entry.clone());
    }

    /// Replaces every event that `matches` by what `change` makes of it.
    pub fn each_event(&mut self, mut change: impl FnMut(&mut u64, &mut Event)) {
        for (at, event) in &mut self.events {
            change(at, event);
        }
    }

    /// Adds an event at its place in time.
    pub fn event(&mut self, at_ms: u64, event: Event) {
        self.events.push((at_ms, event));
        self.events.sort_by_key(|(at, _)| *at);
    }

    /// Writes the run directory.
    pub fn save(&self, root: &std::path::Path) -> RunDir {
        self.save_with(root, |_| {})
    }

    /// Writes the run directory; `more` adds to its files before the history takes their digests.
    pub fn save_with(&self, root: &std::path::Path, more: impl FnOnce(&RunDir)) -> RunDir {
        let dir = RunDir::new(root);
        fs::write(dir.plan(), serde_json::to_string(&self.plan).unwrap()).unwrap();
        write_lines(&dir.ledger(), &self.ledger);
        for ((capture, resource), entries) in &self.content {
            let mut entries = entries.clone();
            entries.sort_by(|left, right| left.key.cmp(&right.key));
            fs::create_dir_all(dir.capture(*capture)).unwrap();
            write_lines(&dir.content(*capture, resource), &entries);
        }
        for (capture, list) in &self.configuration {
            fs::create_dir_all(dir.capture(*capture)).unwrap();
            fs::write(dir.configuration(*capture), serde_json::to_string(list).unwrap()).unwrap();
        }
        if let Some(deliveries) = &self.deliveries {
            let mut deliveries = deliveries.clone();
            deliveries.sort_by(|left, right| (&left.event_id, left.at_utc_ms).cmp(&(&right.event_id, right.at_utc_ms)));
            fs::create_dir_all(dir.capture(CaptureName::Drained)).unwrap();
            write_lines(&dir.deliveries(CaptureName::Drained), &deliveries);
        }
        more(&dir);
        self.save_history(&dir);
        dir
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other events hold no digests")]
    fn save_history(&self, dir: &RunDir) {
        let mut text = String::new();
        let mut prev = line_digest("");
        for (seq, (at_ms, event)) in (0_u64..).zip(&self.events) {
            let mut event = event.clone();
            match &mut event {
                Event::RunBegan { plan_sha256, .. } => *plan_sha256 = file_sha256(&dir.plan()).unwrap().unwrap(),
                Event::Captured { capture, files, .. } => *files = digests(dir, *capture),
                Event::Quiesced { ledger_lines, ledger_sha256 } if ledger_sha256.is_empty() => {
                    *ledger_lines = BufReader::new(File::open(dir.ledger()).unwrap()).split(b'\n').count() as u64;
                    *ledger_sha256 = file_sha256(&dir.ledger()).unwrap().unwrap();
                }
                _ => {}
            }
            let utc = format!("2026-11-23T14:{:02}:{:02}.{:03}Z", at_ms / 60_000, at_ms / 1000 % 60, at_ms % 1000);
            let wall_clock = self.crashed_ms.is_some_and(|crashed| *at_ms > crashed);
            let record = Record { seq, at_ms: RunTime::from_ms(*at_ms), utc, prev, wall_clock, event };
            let line = serde_json::to_string(&record).unwrap();
            prev = line_digest(&line);
            text.push_str(&line);
            text.push('\n');
        }
        fs::write(dir.history(), text).unwrap();
    }

    /// Saves the world in a directory of its own and judges it.
    pub fn judge(&self) -> Verification {
        let root = tempfile::tempdir().unwrap();
        verify(&self.save(root.path())).unwrap()
    }
}

fn write_lines<T: serde::Serialize>(path: &std::path::Path, lines: &[T]) {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).unwrap());
        text.push('\n');
    }
    fs::write(path, text).unwrap();
}

fn digests(dir: &RunDir, capture: CaptureName) -> BTreeMap<String, String> {
    let Ok(files) = fs::read_dir(dir.capture(capture)) else { return BTreeMap::new() };
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, file_sha256(&path).unwrap().unwrap())
        })
        .collect()
}

fn configurations(plan: &Plan) -> Vec<Configuration> {
    let one = |resource: ResourceId| Configuration {
        compared: [("Name", json!("a name")), ("TimeToLive.Status", json!("ENABLED"))]
            .map(|(field, value)| (field.to_owned(), value))
            .into(),
        volatile: [("CreatedAt".to_owned(), "when it was made".to_owned())].into(),
        unknown: BTreeMap::new(),
        absent: false,
        resource,
    };
    plan.stack.resources().into_iter().map(one).collect()
}

fn events(plan: &Plan) -> Vec<(u64, Event)> {
    let fault = FaultId::new("fault-1");
    let point = RecoveryPoint {
        id: RecoveryPointId::new("rp-0003"),
        rule: 0,
        begun_ms: RunTime::from_ms(BACKUP.0),
        ended_ms: RunTime::from_ms(BACKUP.1),
        location: "vault/rp-0003".to_owned(),
        digest: "00".repeat(32),
        resources: plan.stack.resources(),
        entries: 4,
        bytes: 400,
        parent: None,
        stack_version: "1".to_owned(),
        verified: true,
        defect: None,
        copies: Vec::new(),
    };
    let captured = |capture, began: u64| Event::Captured {
        capture,
        side: if capture == CaptureName::Source { Side::Primary } else { Side::Recovery },
        began_ms: RunTime::from_ms(began),
        files: BTreeMap::new(),
    };
    let step = |step: usize, kind: &str| Event::StepBegan { step, step_kind: kind.to_owned() };
    let done = |step: usize| Event::StepEnded { step, ending: Ending::Done, note: String::new() };
    let began = Event::RunBegan {
        run_id: "20261123-140000-7f3a91".to_owned(),
        firedrill: "0.1.0".to_owned(),
        seed: 1,
        plan_sha256: String::new(),
        runner: None,
    };
    let mut events = vec![
        (0, began),
        (1_000, captured(CaptureName::Source, 900)),
        (BACKUP.1 + 100, Event::BackupCompleted { recovery_point: point.clone() }),
        (19_990, Event::FaultArming { id: fault.clone(), fault: Box::new(plan.disaster[0].fault.clone()) }),
        (T0 - 5, Event::FaultArmed { id: fault.clone() }),
        (T0, Event::FaultBit { id: fault.clone(), rule: None }),
        (21_600, Event::Detected { failures: 3 }),
        (21_700, Event::RecoveryBegan { attempt: 1, recovery_point: Some(point.id) }),
        (21_750, Event::TargetInspected { present: Vec::new() }),
        (21_760, Event::SourceReachability { reachable: false }),
        (21_800, step(0, "restore")),
        (26_600, done(0)),
        (26_610, step(1, "cutover")),
        (CUTOVER, Event::CutOver { to: Side::Recovery, epoch: 1 }),
        (CUTOVER + 10, done(1)),
        (CUTOVER + 20, Event::ObservationEnds { until_ms: RunTime::from_ms(ENDS) }),
        (ENDS + 200, Event::Quiesced { ledger_lines: 0, ledger_sha256: String::new() }),
        (ENDS + 1_000, captured(CaptureName::RecoveryPoint, ENDS)),
        (ENDS + 2_000, captured(CaptureName::Recovered, ENDS + 1_000)),
        (ENDS + 4_900, Event::Drained { settled: true }),
        (ENDS + 6_000, captured(CaptureName::Drained, ENDS + 5_000)),
        (ENDS + 6_100, Event::SchedulingLag { max_ms: Span::from_ms(20) }),
        (ENDS + 6_200, Event::PhaseEnded { phase: Phase::Capture, ending: Ending::Done, note: String::new() }),
        (ENDS + 7_000, Event::FaultEnded { id: fault, by: "heal".to_owned() }),
    ];
    for probe in &plan.probes {
        for began in (15_000..ENDS).step_by(500) {
            events.push((began + 40, probed(&probe.id, began, !(T0..READY).contains(&began))));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

pub fn probed(probe: &ProbeId, began_ms: u64, ok: bool) -> Event {
    let detail = if ok { String::new() } else { "time-out".to_owned() };
    Event::Probed { probe: probe.clone(), began_ms: RunTime::from_ms(began_ms), ok, detail }
}

/// The verdict of a check.
pub fn verdict(verification: &Verification, check: &str) -> Verdict {
    verification.checks[&CheckId::new(check)]
}

/// Kind and resource of every failure that is a root.
pub fn roots(verification: &Verification) -> Vec<(FindingKind, Option<ResourceId>)> {
    let root = |finding: &&Finding| finding.root.is_none() && finding.weight == Weight::Failure;
    verification.findings.iter().filter(root).map(|finding| (finding.kind, finding.resource.clone())).collect()
}

/// The first finding of a kind.
pub fn finding(verification: &Verification, kind: FindingKind) -> &Finding {
    let found = verification.findings.iter().find(|finding| finding.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind} among {:#?}", verification.findings))
}

/// Whether there is a finding of this kind and weight.
pub fn has(verification: &Verification, kind: FindingKind, weight: Weight) -> bool {
    verification.findings.iter().any(|finding| finding.kind == kind && finding.weight == weight)
}
