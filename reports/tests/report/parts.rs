//! What hand-built runs are made of: events by the kind, a plan, traffic, and what verification says of a pass.

use std::collections::BTreeMap;

use firedrill_model::{
    critical::CriticalAttribute,
    history::{Ending, Event, Phase},
    ids::{CheckId, FaultId, ProbeId, RecoveryPointId, Region, ResourceId},
    ledger::{LedgerLine, Op, Origin, Outcome},
    plan::{About, CLOCK_SKEW, Layout, Names, PLAN_SCHEMA, Plan, PlannedFault, TargetKind, TargetPlan},
    recovery_point::RecoveryPoint,
    scenario::{Backup, BackupUsing, Detect, Detector, Expect, Fault, Limits, Onset, Rpo, Rto, VaultPlace},
    stack::Stack,
    topology::{Side, Topology},
    units::{RunTime, Span},
    verdict::{EnvironmentClass, Verdict},
    verification::{
        Differences, EffectCounts, Equivalence, LedgerCounts, LossCounts, RecoveryPointActual, RecoveryTime,
        TimedPhase, Verification,
    },
};

pub(super) fn ms(at: u64) -> RunTime {
    RunTime::from_ms(at)
}

pub(super) fn resource(text: &str) -> ResourceId {
    serde_json::from_value(text.into()).unwrap()
}

pub(super) fn began() -> Event {
    Event::RunBegan {
        run_id: "20261123-140151-7f3a91".to_owned(),
        firedrill: "0.1.0".to_owned(),
        seed: 0x7f_3a91,
        plan_sha256: "3c".repeat(32),
        runner: None,
    }
}

pub(super) fn phase(events: &mut Vec<(u64, Event)>, phase: Phase, from: u64, to: u64, note: &str) {
    events.push((from, Event::PhaseBegan { phase }));
    events.push((to, Event::PhaseEnded { phase, ending: Ending::Done, note: note.to_owned() }));
}

pub(super) fn step(events: &mut Vec<(u64, Event)>, step: usize, kind: &str, from: u64, to: u64, note: &str) {
    events.push((from, Event::StepBegan { step, step_kind: kind.to_owned() }));
    events.push((to, Event::StepEnded { step, ending: Ending::Done, note: note.to_owned() }));
}

pub(super) fn backup(events: &mut Vec<(u64, Event)>, number: u64, from: u64, to: u64) {
    let id = RecoveryPointId::new(format!("rp-{number:04}"));
    events.push((from, Event::BackupBegan { id: id.clone(), rule: 0 }));
    events.push((
        to,
        Event::BackupCompleted {
            recovery_point: RecoveryPoint {
                id,
                rule: 0,
                begun_ms: ms(from),
                ended_ms: ms(to),
                location: format!("s3://order-vault/rp-{number:04}/ in eu-west-1"),
                digest: "5d".repeat(32),
                resources: vec![resource("bucket/uploads"), resource("table/orders")],
                entries: 4_000 + number * 70,
                bytes: (41 << 20) + number * 12_345,
                parent: None,
                stack_version: "9e".repeat(32),
                verified: true,
                defect: None,
                copies: Vec::new(),
            },
        },
    ));
}

pub(super) fn probes(events: &mut Vec<(u64, Event)>, from: u64, to: u64, ok: bool) {
    for (offset, probe) in
        (0..).zip(["bucket/uploads", "table/orders", "trigger/describe-upload", "trigger/total-orders"])
    {
        let mut at = from + offset * 9;
        while at < to {
            events.push((
                at + 60,
                Event::Probed {
                    probe: ProbeId::new(probe),
                    began_ms: ms(at),
                    ok,
                    detail: if ok { String::new() } else { "time-out after 400 ms".to_owned() },
                },
            ));
            at += 500;
        }
    }
}

/// Acknowledged before the fault, ambiguous and rejected after it, acknowledged again after the cutover.
pub(super) fn traffic() -> Vec<LedgerLine> {
    (0..1_400_u64)
        .map(|number| {
            let issued = 6_100 + number * 27;
            let outcome = match issued {
                23_200..24_300 => Outcome::Ambiguous,
                24_300..35_100 => Outcome::Rejected,
                _ => Outcome::Acknowledged,
            };
            let (epoch, side) = if issued < 35_100 { (0, Side::Primary) } else { (1, Side::Recovery) };
            LedgerLine {
                resource: resource("table/orders"),
                key: format!("C-{number:05}#2026-11-23%23000001"),
                writer: format!("orders-{}", number % 4),
                seq: number / 4,
                write_id: format!("w-{number}").as_str().into(),
                op: Op::Put,
                digest: Some("00".repeat(32)),
                parts: BTreeMap::new(),
                bytes: 900,
                amount: None,
                outcome,
                issued_ms: ms(issued),
                completed_ms: (outcome != Outcome::Ambiguous).then(|| ms(issued + 4 + number * 7 % 11)),
                side,
                epoch,
                attempt: 1,
                origin: Origin::Traffic,
                cause: None,
                version: None,
                expires_ms: None,
                txn: None,
                error: None,
                facts: BTreeMap::new(),
            }
        })
        // A writer that waits for its failures sends less.
        .filter(|line| line.outcome != Outcome::Rejected || line.seq % 3 == 0)
        .collect()
}

pub(super) fn plan() -> Plan {
    Plan {
        schema: PLAN_SCHEMA.to_owned(),
        scenario: About {
            name: "order-pipeline-region-loss".to_owned(),
            summary: "us-east-1 disappears while orders are being taken; the pipeline comes back in eu-west-1 from its vault."
                .to_owned(),
            owner: Some("payments-platform".to_owned()),
            tier: Some(1),
            sha256: "1a".repeat(32),
            folder: "/scenarios".into(),
        },
        seed: 0x7f_3a91,
        target: TargetPlan {
            kind: TargetKind::Local,
            layout: Layout::ProcessPerRegion,
            environment_class: EnvironmentClass::Emulator,
            engine: "ministack 1.5.33".to_owned(),
        },
        topology: Topology { primary: Region::new("us-east-1"), recovery: Region::new("eu-west-1") },
        stack: Stack {
            template: None,
            name: "order-pipeline".to_owned(),
            version: "9e".repeat(32),
            roles: BTreeMap::new(),
            buckets: BTreeMap::new(),
            tables: BTreeMap::new(),
            queues: BTreeMap::new(),
            functions: BTreeMap::new(),
            triggers: BTreeMap::new(),
        },
        names: Names { primary: BTreeMap::new(), recovery: BTreeMap::new() },
        seeding: BTreeMap::new(),
        placed: BTreeMap::new(),
        traffic: Vec::new(),
        backups: vec![Backup {
            protect: vec![resource("bucket/uploads"), resource("table/orders")],
            critical: vec![CriticalAttribute::Configuration, CriticalAttribute::Data],
            using: BackupUsing::Vault {
                into: VaultPlace::Bucket { region: Region::new("eu-west-1"), bucket: "order-vault".to_owned() },
                incremental: false,
            },
            every: Span::from_secs(5),
            keep: 6,
            sabotage: None,
        }],
        disaster: vec![PlannedFault {
            id: FaultId::new("fault-1"),
            when: Onset::AfterBackups { count: 3 },
            fault: outage(),
            duration_max: Span::from_secs(120),
        }],
        detect: Detect {
            reads: false,
            zone: None,
            canary: resource("table/orders"),
            every: Span::from_ms(500),
            by: Detector::Failures { in_a_row: 3 },
            decide: Span::default(),
        },
        stop_when: Vec::new(),
        recover: Vec::new(),
        probes: Vec::new(),
        probe_interval: Span::from_ms(500),
        observe: Span::from_secs(9),
        clock_skew: CLOCK_SKEW,
        expect: Expect {
            rto: Some(Rto {
                within: Span::from_secs(60),
                stable_for: Span::from_secs(5),
                source: Some("BIA-2026-014".to_owned()),
                ride_out: false,
            }),
            rpo: Some(Rpo { within: Span::from_secs(6), source: Some("BIA-2026-014".to_owned()) }),
            state: true,
            effects: BTreeMap::new(),
            consistent_cut: true,
        },
        limits: Limits { run: Span::from_secs(600), phase: Span::from_secs(120), drain: Span::from_secs(30), attempts: 1 },
        must_fail: Vec::new(),
    }
}

pub(super) fn passed() -> Verification {
    let checks = ["rto", "rpo", "state", "effects.describe-upload", "effects.total-orders", "consistent-cut"];
    let part = |name: &str, ms: u64, declared: bool| TimedPhase {
        name: name.to_owned(),
        span_ms: Span::from_ms(ms),
        declared,
    };
    let effect = |expected| EffectCounts {
        expected,
        traffic: 30,
        restored: 2,
        redriven: 40,
        verdict: Some(Verdict::Pass),
        ..EffectCounts::default()
    };
    Verification {
        verdict: Verdict::Pass,
        checks: checks.into_iter().map(|id| (CheckId::new(id), Verdict::Pass)).collect(),
        not_asserted: Vec::new(),
        findings: Vec::new(),
        rto: RecoveryTime {
            objective_ms: Some(Span::from_secs(60)),
            actual_ms: Some(Span::from_ms(14_900)),
            uncertainty_ms: Span::from_ms(500),
            t0_ms: Some(ms(23_207)),
            ready_ms: Some(ms(38_107)),
            verdict: Some(Verdict::Pass),
            phases: vec![
                part("detect", 1_600, false),
                part("decide", 0, true),
                part("restore", 9_900, false),
                part("cut over", 400, false),
                part("settle", 3_000, false),
            ],
        },
        rpo: RecoveryPointActual {
            objective_ms: Some(Span::from_secs(6)),
            actual_ms: Some(Span::from_ms(3_100)),
            actual_upper_ms: Some(Span::from_ms(3_300)),
            t_stop_ms: Some(ms(23_207)),
            lost_writes: 117,
            lost_bytes: 911_000,
            acknowledged_writes: 834,
            point_in_time: Some(true),
            verdict: Some(Verdict::Pass),
            by_resource: [
                (
                    resource("bucket/uploads"),
                    LossCounts {
                        lost_writes: 22,
                        lost_bytes: 822_000,
                        actual_ms: Some(Span::from_ms(2_800)),
                        actual_upper_ms: Some(Span::from_ms(2_800)),
                        sample: vec!["scans/a b+c%.txt".to_owned()],
                    },
                ),
                (
                    resource("table/orders"),
                    LossCounts {
                        lost_writes: 95,
                        lost_bytes: 89_000,
                        actual_ms: Some(Span::from_ms(3_100)),
                        actual_upper_ms: Some(Span::from_ms(3_300)),
                        sample: (0..8).map(|n| format!("C-0041{n}#2026-11-23%23000812")).collect(),
                    },
                ),
            ]
            .into(),
        },
        ledger: LedgerCounts { lines: 3_500, seeded: 2_300, acknowledged: 3_134, rejected: 325, ambiguous: 41 },
        equivalence: Equivalence {
            by_resource: ["bucket/uploads", "table/orders", "table/documents", "function/total-orders"]
                .map(|id| (resource(id), Differences::default()))
                .into(),
            entries_compared: 4_899,
            fields_compared: 312,
            volatile: [
                ("function/*.LastModified".to_owned(), "the time of the deployment".to_owned()),
                ("table/*.LatestStreamArn".to_owned(), "holds the time the stream was created".to_owned()),
            ]
            .into(),
            ..Equivalence::default()
        },
        effects: [("describe-upload".to_owned(), effect(278)), ("total-orders".to_owned(), effect(439))].into(),
        as_stated: None,
    }
}

/// The loss of the primary region.
pub(crate) fn outage() -> Fault {
    Fault {
        kind: "region-outage".to_owned(),
        title: "us-east-1 is gone (time-outs)".to_owned(),
        symptoms: "requests are never answered".to_owned(),
        lost: vec![Region::new("us-east-1")],
        rules: Vec::new(),
        actions: Vec::new(),
        changes: Vec::new(),
    }
}
