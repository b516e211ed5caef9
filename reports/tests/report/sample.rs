//! Hand-built runs: a plan, a history, a ledger and what verification would say of them.

use std::{collections::BTreeMap, fs, path::Path};

use firedrill_model::{
    capture::CaptureName,
    findings::{Finding, FindingKind, Weight},
    history::{Ending, Event, Phase, Record, line_digest},
    ids::{CheckId, FaultId, RecoveryPointId},
    ledger::LedgerLine,
    plan::Plan,
    run_dir::RunDir,
    scenario::Expect,
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::{
        Differences, EffectCounts, Equivalence, LedgerCounts, RecoveryPointActual, RecoveryTime, Verification,
    },
};
use firedrill_reports::RunRecord;
use serde::Serialize;

use super::parts::{backup, began, ms, outage, passed, phase, plan, probes, resource, step, traffic};

/// A run directory that is not on disk yet.
pub(crate) struct Sample {
    pub(crate) plan: Plan,
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) ledger: Vec<LedgerLine>,
    pub(crate) verification: Verification,
    /// The run crashed then: later events are what `firedrill heal` added.
    pub(crate) crashed_ms: Option<u64>,
}

impl Sample {
    /// Writes plan, history and ledger into `folder`.
    pub(crate) fn save(&self, folder: &Path) -> RunDir {
        let dir = RunDir::new(folder);
        fs::write(dir.plan(), serde_json::to_string(&self.plan).unwrap()).unwrap();
        let mut prev = line_digest("");
        let records: Vec<Record> = (0..)
            .zip(&self.events)
            .map(|(seq, (at, event))| {
                let record = Record {
                    seq,
                    at_ms: RunTime::from_ms(*at),
                    utc: utc(*at),
                    prev: prev.clone(),
                    wall_clock: self.crashed_ms.is_some_and(|crashed| *at > crashed),
                    event: event.clone(),
                };
                prev = line_digest(&serde_json::to_string(&record).unwrap());
                record
            })
            .collect();
        lines(&dir.history(), &records);
        lines(&dir.ledger(), &self.ledger);
        dir
    }

    /// The record that reports make of it.
    pub(crate) fn record(&self) -> RunRecord {
        let folder = tempfile::tempdir().unwrap();
        firedrill_reports::build(&self.save(folder.path()), &self.verification).unwrap()
    }
}

fn lines<T: Serialize>(path: &Path, items: &[T]) {
    let text: String = items.iter().map(|item| serde_json::to_string(item).unwrap() + "\n").collect();
    fs::write(path, text).unwrap();
}

fn utc(at: u64) -> String {
    let start: jiff::Timestamp = "2026-11-23T14:01:51Z".parse().unwrap();
    format!("{:.3}", start + std::time::Duration::from_millis(at))
}

/// The region is lost at 23.2 s and everything is ready at 38.1 s.
pub(crate) fn pass() -> Sample {
    let mut sample =
        Sample { plan: plan(), events: Vec::new(), ledger: traffic(), verification: passed(), crashed_ms: None };
    let events = &mut sample.events;
    events.push((0, began()));
    phase(
        events,
        Phase::Preflight,
        2,
        420,
        "3 tables, 1 bucket, 2 functions, 2 triggers; the target can do all that is needed",
    );
    phase(events, Phase::Provision, 425, 2_300, "");
    phase(events, Phase::Seed, 2_301, 5_400, "2,000 orders, 300 uploads, 41.2 MiB");
    phase(events, Phase::SteadyState, 5_401, 6_002, "4 probes");
    events.push((6_003, Event::PhaseBegan { phase: Phase::Traffic }));
    for (number, begun) in [(1, 8_000), (2, 13_000), (3, 18_000)] {
        backup(events, number, begun, begun + 2_000 + number * 150);
    }
    probes(events, 6_500, 23_000, true);
    let fault = FaultId::new("fault-1");
    events.push((
        23_190,
        Event::PhaseEnded {
            phase: Phase::Traffic,
            ending: Ending::Done,
            note: "834 writes acknowledged, 0 rejected; 3 backups, each verified".to_owned(),
        },
    ));
    events.push((23_191, Event::FaultArming { id: fault.clone(), fault: Box::new(outage()) }));
    phase(events, Phase::Fault, 23_192, 23_220, "us-east-1 is gone (time-outs)");
    events.push((23_195, Event::FaultArmed { id: fault.clone() }));
    events.push((23_207, Event::FaultBit { id: fault.clone(), rule: None }));
    phase(events, Phase::Detect, 23_221, 24_800, "canary failed 3 times");
    events.push((24_799, Event::Detected { failures: 3 }));
    events.push((24_801, Event::PhaseBegan { phase: Phase::Recover }));
    events.push((24_802, Event::RecoveryBegan { attempt: 1, recovery_point: Some(RecoveryPointId::new("rp-0003")) }));
    step(events, 0, "restore", 24_803, 34_700, "4,211 items, 688 objects");
    step(events, 1, "cutover", 34_701, 35_100, "to eu-west-1");
    events.push((35_099, Event::CutOver { to: Side::Recovery, epoch: 1 }));
    events.push((
        35_101,
        Event::PhaseEnded {
            phase: Phase::Recover,
            ending: Ending::Done,
            note: "from recovery point rp-0003".to_owned(),
        },
    ));
    probes(events, 23_500, 38_000, false);
    probes(events, 38_107, 44_200, true);
    phase(events, Phase::Observe, 35_102, 44_300, "stable for 5 s; traffic on fresh keys");
    events.push((44_301, Event::ObservationEnds { until_ms: ms(44_300) }));
    phase(events, Phase::Quiesce, 44_302, 44_900, "");
    phase(events, Phase::Capture, 44_901, 46_000, "after the drain");
    events.push((
        46_001,
        Event::Captured {
            capture: CaptureName::Recovered,
            side: Side::Recovery,
            began_ms: ms(44_950),
            files: [("table.orders.jsonl".to_owned(), "ab".repeat(32))].into(),
        },
    ));
    phase(events, Phase::Verify, 46_010, 46_400, "");
    events.push((46_420, Event::FaultEnded { id: fault.clone(), by: "heal".to_owned() }));
    phase(events, Phase::Heal, 46_401, 46_500, "");
    events.push((46_501, Event::SchedulingLag { max_ms: Span::from_ms(12) }));
    phase(events, Phase::Report, 46_502, 46_560, "");
    events.push((46_600, Event::TornDown { kept: false }));
    events.sort_by_key(|(at, _)| *at);
    sample
}

/// A restore that forgot a trigger: the objective is missed too, one root has consequences.
pub(crate) fn fail() -> Sample {
    let mut sample = pass();
    "order-pipeline-forgotten-trigger".clone_into(&mut sample.plan.scenario.name);
    let seen = &mut sample.verification;
    seen.verdict = Verdict::Fail;
    seen.checks.insert(CheckId::new("effects.total-orders"), Verdict::Fail);
    seen.checks.insert(CheckId::new("rpo"), Verdict::Fail);
    seen.rpo.objective_ms = Some(Span::from_secs(2));
    seen.rpo.verdict = Some(Verdict::Fail);
    let effects = seen.effects.get_mut("total-orders").unwrap();
    (effects.missing, effects.verdict) = (117, Some(Verdict::Fail));
    effects.sample = vec!["C-00417#2026-11-23%23000812".to_owned(), "C-00020#2026-11-23%23000813".to_owned()];
    seen.findings = vec![
        Finding {
            resource: Some(resource("trigger/total-orders")),
            detail: vec!["it was in us-east-1 when the source was captured, 14:01:57.4Z".to_owned()],
            help: Some("recovery step 1 restored 7 of the 8 protected things; add the trigger to `protect`".to_owned()),
            ..finding(
                "f-0001",
                "state",
                FindingKind::LostTrigger,
                Weight::Failure,
                "the event source mapping from orders' stream to total-orders is not in eu-west-1",
            )
        },
        Finding {
            root: Some("f-0001".to_owned()),
            count: 117,
            detail: vec!["first: customer C-00417, order 2026-11-23#000812, written 14:02:29.4Z".to_owned()],
            ..finding(
                "f-0002",
                "effects.total-orders",
                FindingKind::EffectMissing,
                Weight::Failure,
                "117 orders restored or written after cutover changed no total",
            )
        },
        Finding {
            help: Some("back up at least every 2 s less the capture time, or add replication".to_owned()),
            ..finding(
                "f-0003",
                "rpo",
                FindingKind::RpoMissed,
                Weight::Failure,
                "writes of the last 3.1 s are lost, the objective is 2 s",
            )
        },
        Finding {
            check: None,
            ..finding("f-0004", "", FindingKind::EffectLate, Weight::Note, "3 documents came later than 10 s")
        },
    ];
    seen.checks.insert(CheckId::new("state"), Verdict::Fail);
    seen.equivalence.total.missing = 1;
    let gone = Differences { missing: 1, ..Differences::default() };
    seen.equivalence.by_resource.insert(resource("trigger/total-orders"), gone);
    sample
}

/// A fault that stopped nothing.
pub(crate) fn inconclusive() -> Sample {
    let mut sample = pass();
    sample.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. }));
    let seen = &mut sample.verification;
    seen.verdict = Verdict::Inconclusive;
    for verdict in seen.checks.values_mut() {
        *verdict = Verdict::Inconclusive;
    }
    seen.rto = RecoveryTime {
        objective_ms: Some(Span::from_secs(60)),
        verdict: Some(Verdict::Inconclusive),
        ..RecoveryTime::default()
    };
    seen.rpo = RecoveryPointActual {
        objective_ms: Some(Span::from_secs(6)),
        verdict: Some(Verdict::Inconclusive),
        ..RecoveryPointActual::default()
    };
    seen.findings = vec![Finding {
        help: Some("look at whether the clients really go through the fault plane".to_owned()),
        ..finding(
            "f-0001",
            "rto",
            FindingKind::FaultDidNotBite,
            Weight::Undecided,
            "fault-1 was on for 23.2 s and stopped no request",
        )
    }];
    sample
}

/// A scenario without expectations.
pub(crate) fn nothing_checked() -> Sample {
    let mut sample = pass();
    sample.plan.expect = Expect::default();
    let seen = &mut sample.verification;
    seen.verdict = Verdict::NothingChecked;
    seen.not_asserted = seen.checks.keys().cloned().collect();
    seen.checks.clear();
    (seen.rto.verdict, seen.rto.objective_ms) = (None, None);
    (seen.rpo.verdict, seen.rpo.objective_ms) = (None, None);
    seen.effects.values_mut().for_each(|effect| effect.verdict = None);
    sample
}

/// Ctrl-C while seeding: hardly any events, no ledger, nothing measured.
pub(crate) fn interrupted() -> Sample {
    let mut sample = pass();
    sample.ledger.clear();
    sample.events.truncate(6);
    sample.events.push((3_000, Event::Interrupted { reason: "SIGINT".to_owned() }));
    sample.events.push((3_100, Event::TornDown { kept: false }));
    let verdicts = sample.verification.checks.keys().map(|id| (id.clone(), Verdict::Inconclusive)).collect();
    sample.verification = Verification {
        verdict: Verdict::Inconclusive,
        checks: verdicts,
        not_asserted: Vec::new(),
        findings: vec![finding(
            "f-0001",
            "rto",
            FindingKind::RunIncomplete,
            Weight::Undecided,
            "the run ended in the phase seed",
        )],
        rto: RecoveryTime { objective_ms: Some(Span::from_secs(60)), ..RecoveryTime::default() },
        rpo: RecoveryPointActual::default(),
        ledger: LedgerCounts::default(),
        equivalence: Equivalence::default(),
        effects: BTreeMap::new(),
        as_stated: None,
    };
    sample
}

/// Killed while it restored: the history ends there, and nothing after it was observed.
pub(crate) fn killed() -> Sample {
    let mut sample = pass();
    sample.events.retain(|(at, _)| *at < 25_000);
    sample.ledger.retain(|line| line.issued_ms < ms(25_000));
    let verdicts = sample.verification.checks.keys().map(|id| (id.clone(), Verdict::Inconclusive)).collect();
    let follows = |id: &str, message: &str| Finding {
        root: Some("f-0001".to_owned()),
        ..finding(id, "rto", FindingKind::NotMeasured, Weight::Undecided, message)
    };
    let undecided = Some(Verdict::Inconclusive);
    sample.verification = Verification {
        verdict: Verdict::Inconclusive,
        checks: verdicts,
        findings: vec![
            Finding {
                detail: vec!["recover began and never ended".to_owned()],
                help: Some(
                    "mend what stopped it and run the drill again; what was measured until then stands".to_owned(),
                ),
                ..finding(
                    "f-0001",
                    "consistent-cut",
                    FindingKind::RunIncomplete,
                    Weight::Undecided,
                    "the run was not completed",
                )
            },
            follows(
                "f-0002",
                "the recovery time was not measured: the observation after the recovery did not take place",
            ),
            follows("f-0003", "the content of bucket/uploads was not captured after recovery"),
        ],
        rto: RecoveryTime {
            actual_ms: None,
            ready_ms: None,
            phases: Vec::new(),
            verdict: undecided,
            ..sample.verification.rto
        },
        rpo: RecoveryPointActual {
            objective_ms: Some(Span::from_secs(6)),
            verdict: undecided,
            ..RecoveryPointActual::default()
        },
        equivalence: Equivalence::default(),
        ..sample.verification
    };
    for effect in sample.verification.effects.values_mut() {
        *effect = EffectCounts { verdict: undecided, ..EffectCounts::default() };
    }
    sample
}

/// A history that lost its end, with a long label, one line too many and counts of every kind.
pub(crate) fn altered() -> Sample {
    let mut sample = fail();
    let seen = &mut sample.verification;
    let effects = seen.effects.get_mut("describe-upload").unwrap();
    (effects.wrong, effects.orphaned, effects.reordered, effects.verdict) = (3, 2, 1, Some(Verdict::Fail));
    seen.checks.insert(CheckId::new("effects.describe-upload"), Verdict::Fail);
    seen.findings.push(Finding {
        detail: (1..=8).map(|number| format!("documents/{number}.txt: it does not show what was written")).collect(),
        key: Some("documents/1.txt".to_owned()),
        resource: Some(resource("trigger/describe-upload")),
        ..finding(
            "f-0005",
            "effects.describe-upload",
            FindingKind::EffectWrong,
            Weight::Failure,
            "3 keys where the result of describe-upload is not what its causes give",
        )
    });
    seen.findings.push(Finding {
        detail: vec!["history.jsonl: fewer than the 128 records that run.json says it had".to_owned()],
        help: Some("verify an untouched copy of the run directory, or run the drill again".to_owned()),
        ..finding(
            "f-0006",
            "consistent-cut",
            FindingKind::EvidenceAltered,
            Weight::Undecided,
            "files of the run directory are not as the run left them",
        )
    });
    sample
}

/// Data that try to break out of each format.
pub(crate) fn hostile() -> Sample {
    let mut sample = fail();
    let evil = "</script><img src=x onerror=alert(1)>\"'|`\u{1b}[31m\u{202e}]]>&\u{0}\n# {{ 7*7 }}";
    evil.clone_into(&mut sample.plan.scenario.name);
    evil.clone_into(&mut sample.plan.scenario.summary);
    for finding in &mut sample.verification.findings {
        evil.clone_into(&mut finding.message);
        finding.key = Some(evil.to_owned());
        finding.detail = vec![evil.to_owned()];
        finding.help = Some(evil.to_owned());
    }
    sample
}

/// A finding of a check, with nothing else said.
pub(crate) fn finding(id: &str, check: &str, kind: FindingKind, weight: Weight, message: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        check: Some(CheckId::new(check)),
        kind,
        weight,
        resource: None,
        key: None,
        root: None,
        count: 1,
        message: message.to_owned(),
        detail: Vec::new(),
        help: None,
    }
}
