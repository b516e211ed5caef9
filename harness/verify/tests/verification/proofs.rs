//! What a drill has to prove of itself, as properties: whichever proofs are broken in an otherwise whole run with a random
//! ledger, it does not pass, each of them is named, and nothing else is.

use std::collections::BTreeSet;

use firedrill_model::{
    capture::CaptureName,
    findings::{Finding, FindingKind, Weight},
    history::{Ending, Event, Phase},
    ids::{FaultId, RecoveryPointId},
    ledger::{LedgerLine, Origin, Outcome},
    plan::Layout,
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
};
use proptest::prelude::*;

use crate::support::{
    CUTOVER, ENDS, READY, T0, World,
    generated::{ledger, strokes, tried, world},
    orders, put,
};

/// What is said of captures of another side, or of another time.
const NOT_WHAT_CLIENTS_FIND: &str = "captured where and when they find it";

/// Checks that the worlds here assert.
const ALL: &[&str] = &["consistent-cut", "rpo", "rto", "state"];

/// One way in which a drill proves less than it seems to.
struct Broken {
    what: &'static str,
    /// Kind of the finding and a part of its message, for each finding that names it.
    named: &'static [(FindingKind, &'static str)],
    /// Checks that cannot pass for it.
    checks: &'static [&'static str],
    breaks: fn(&mut World),
}

/// What hides a finding: a look that was not recorded shows nothing, and of a recovery that was not measured nothing is told.
const HIDDEN: [(FindingKind, &str, &[&str]); 12] = [
    (FindingKind::TargetNotEmpty, "", &["the target was not looked at"]),
    (FindingKind::SourceReachable, "could still be read", &["the source was not looked at"]),
    (FindingKind::SourceReachable, "while the restore ran", &["the source answered", "the source was not looked at"]),
    (FindingKind::EvidenceAltered, "", &["the traffic never came to its end"]),
    (FindingKind::NotMeasured, "did not take place", &["the fault stopped nothing"]),
    (FindingKind::SchedulingLag, "", &["the fault stopped nothing", "the observation has no end"]),
    (FindingKind::NotMeasured, "has to go on until", &RECOVERY_UNSEEN),
    (FindingKind::SelfHealed, "", &READINESS_UNSEEN),
    (FindingKind::RestoreAfterReadiness, "", &READINESS_UNSEEN),
    (FindingKind::NotMeasured, "what clients find was not captured", &RECOVERED_UNSEEN),
    (FindingKind::NotMeasured, "not captured after recovery", &RECOVERED_UNSEEN),
    (FindingKind::NotMeasured, "configuration was not captured on both sides", &RECOVERED_UNSEEN),
];
const READINESS_UNSEEN: [&str; 4] =
    [RECOVERY_UNSEEN[0], RECOVERY_UNSEEN[1], RECOVERY_UNSEEN[2], "the observation ended before its time"];
const RECOVERED_UNSEEN: [&str; 2] = ["the traffic never came to its end", "the recovered state was not captured"];
const RECOVERY_UNSEEN: [&str; 3] =
    ["the fault stopped nothing", "no probe felt the fault", "the observation has no end"];

/// What follows from a capture that is not there and has no root of its own.
const OF_NO_CAPTURE: [(FindingKind, &str); 2] =
    [(FindingKind::NotMeasured, "no write is known to have survived"), (FindingKind::NotMeasured, "was compared")];

fn remove(world: &mut World, which: impl Fn(&Event) -> bool) {
    world.events.retain(|(_, event)| !which(event));
}

fn faults_end(world: &mut World, at_ms: u64) {
    world.event(at_ms, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
}

/// Changes the side and the beginning of a capture.
fn each_capture(world: &mut World, of: CaptureName, change: fn(&mut Side, &mut RunTime)) {
    world.each_event(|_, event| {
        if let Event::Captured { capture, side, began_ms, .. } = event
            && *capture == of
        {
            change(side, began_ms);
        }
    });
}

fn without_capture(world: &mut World, name: CaptureName) {
    remove(world, |event| matches!(event, Event::Captured { capture, .. } if *capture == name));
}

static PROOFS: [Broken; 29] = [
    Broken {
        what: "the target was not empty",
        named: &[(FindingKind::TargetNotEmpty, "")],
        checks: &["state", "rpo"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::TargetInspected { present } = event {
                    present.push(orders());
                }
            });
        },
    },
    Broken {
        what: "the target was not looked at",
        named: &[(FindingKind::NotMeasured, "empty before the restore was not observed")],
        checks: &["state", "rpo"],
        breaks: |world| remove(world, |event| matches!(event, Event::TargetInspected { .. })),
    },
    Broken {
        what: "the source answered",
        named: &[(FindingKind::SourceReachable, "could still be read")],
        checks: &["state", "rpo", "rto"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::SourceReachability { reachable } = event {
                    *reachable = true;
                }
            });
        },
    },
    Broken {
        what: "the source was not looked at",
        named: &[(FindingKind::NotMeasured, "could be read during the restore was not observed")],
        checks: &["state", "rpo"],
        breaks: |world| remove(world, |event| matches!(event, Event::SourceReachability { .. })),
    },
    Broken {
        what: "the backup was not read back",
        named: &[(FindingKind::BackupNotVerified, "")],
        checks: &["state", "rpo"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.verified = false;
                }
            });
        },
    },
    Broken {
        what: "another backup was restored",
        named: &[(FindingKind::BackupNotVerified, "")],
        checks: &["state", "rpo"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.id = RecoveryPointId::new("rp-0002");
                }
            });
        },
    },
    Broken {
        what: "the fault ended while the restore ran",
        named: &[(FindingKind::SourceReachable, "while the restore ran"), (FindingKind::SelfHealed, "")],
        checks: &["state", "rpo", "rto"],
        breaks: |world| faults_end(world, 26_000),
    },
    Broken {
        what: "the fault ended before readiness",
        named: &[(FindingKind::SelfHealed, "")],
        checks: &["rto"],
        breaks: |world| faults_end(world, READY - 1),
    },
    Broken {
        what: "one process serves both regions",
        named: &[(FindingKind::NotProvable, "")],
        checks: ALL,
        breaks: |world| world.plan.target.layout = Layout::SharedProcess,
    },
    Broken {
        what: "the fault stopped nothing",
        named: &[(FindingKind::FaultDidNotBite, "")],
        checks: ALL,
        breaks: |world| remove(world, |event| matches!(event, Event::FaultBit { .. })),
    },
    Broken {
        what: "no probe felt the fault",
        named: &[(FindingKind::FaultDidNotBite, "")],
        checks: ALL,
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::Probed { ok, .. } = event {
                    *ok = true;
                }
            });
        },
    },
    Broken {
        what: "the observation has no end",
        named: &[(FindingKind::NotMeasured, "did not take place")],
        checks: &["rto"],
        breaks: |world| remove(world, |event| matches!(event, Event::ObservationEnds { .. })),
    },
    Broken {
        what: "the observation ended before its time",
        named: &[(FindingKind::NotMeasured, "has to go on until")],
        checks: &["rto"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::ObservationEnds { until_ms } = event {
                    *until_ms = RunTime::from_ms(37_009);
                }
            });
        },
    },
    Broken {
        what: "firedrill does not say how late it was",
        named: &[(FindingKind::SchedulingLag, "")],
        checks: &["rto"],
        breaks: |world| remove(world, |event| matches!(event, Event::SchedulingLag { .. })),
    },
    Broken {
        what: "firedrill was late",
        named: &[(FindingKind::SchedulingLag, "")],
        checks: &["rto"],
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::SchedulingLag { max_ms } = event {
                    *max_ms = Span::from_secs(4);
                }
            });
        },
    },
    Broken {
        what: "the recovered state was not captured",
        named: &[
            (FindingKind::NotMeasured, "was not captured after recovery"),
            (FindingKind::NotMeasured, "the configuration was not captured on both sides"),
        ],
        checks: &["state", "rpo", "consistent-cut"],
        breaks: |world| without_capture(world, CaptureName::Recovered),
    },
    Broken {
        what: "the source was not captured",
        named: &[(FindingKind::NotMeasured, "the configuration was not captured on both sides")],
        checks: &["state"],
        breaks: |world| without_capture(world, CaptureName::Source),
    },
    Broken {
        what: "another side was captured",
        named: &[(FindingKind::NotMeasured, NOT_WHAT_CLIENTS_FIND)],
        checks: ALL,
        breaks: |world| each_capture(world, CaptureName::Drained, |side, _| *side = Side::Primary),
    },
    Broken {
        what: "it was captured before the traffic moved",
        named: &[(FindingKind::NotMeasured, NOT_WHAT_CLIENTS_FIND)],
        checks: ALL,
        breaks: |world| each_capture(world, CaptureName::Drained, |_, began| *began = RunTime::from_ms(CUTOVER - 1)),
    },
    Broken {
        what: "the traffic went on while the recovered state was captured",
        // Other parts of the same messages than elsewhere: only here is hidden what hides this one.
        named: &[
            (FindingKind::NotMeasured, "what clients find was not captured"),
            (FindingKind::NotMeasured, "not captured after recovery"),
            (FindingKind::NotMeasured, "configuration was not captured on both sides"),
        ],
        checks: ALL,
        breaks: |world| each_capture(world, CaptureName::Recovered, |_, began| *began = RunTime::from_ms(CUTOVER + 1)),
    },
    Broken {
        what: "it was captured before the drain was over",
        named: &[(FindingKind::NotMeasured, NOT_WHAT_CLIENTS_FIND)],
        checks: ALL,
        breaks: |world| each_capture(world, CaptureName::Drained, |_, began| *began = RunTime::from_ms(ENDS + 4_899)),
    },
    Broken {
        what: "the source was captured after the fault",
        named: &[(FindingKind::NotMeasured, "the configuration was not captured on both sides")],
        checks: &["state"],
        breaks: |world| {
            world.each_event(|at, event| {
                if matches!(event, Event::Captured { capture: CaptureName::Source, .. }) {
                    *at = T0 + 3_000;
                }
            });
            world.events.sort_by_key(|(at, _)| *at);
        },
    },
    Broken {
        what: "another side was captured as the source",
        named: &[(FindingKind::NotMeasured, "the configuration was not captured on both sides")],
        checks: &["state"],
        breaks: |world| each_capture(world, CaptureName::Source, |side, _| *side = Side::Recovery),
    },
    Broken {
        what: "the run was interrupted",
        named: &[(FindingKind::RunIncomplete, "")],
        checks: ALL,
        breaks: |world| world.event(30_000, Event::Interrupted { reason: "SIGINT".to_owned() }),
    },
    Broken {
        what: "a phase failed",
        named: &[(FindingKind::RunIncomplete, "")],
        checks: ALL,
        breaks: |world| {
            let note = "no answer".to_owned();
            world.event(30_000, Event::PhaseEnded { phase: Phase::Recover, ending: Ending::Failed, note });
        },
    },
    Broken {
        what: "the traffic never came to its end",
        named: &[(FindingKind::RunIncomplete, "")],
        checks: ALL,
        breaks: |world| remove(world, |event| matches!(event, Event::Quiesced { .. })),
    },
    Broken {
        what: "the captures never came to their end",
        named: &[(FindingKind::RunIncomplete, "")],
        checks: ALL,
        breaks: |world| remove(world, |event| matches!(event, Event::PhaseEnded { phase: Phase::Capture, .. })),
    },
    Broken {
        what: "the ledger was another one",
        named: &[(FindingKind::EvidenceAltered, "")],
        checks: ALL,
        breaks: |world| {
            world.each_event(|_, event| {
                if let Event::Quiesced { ledger_sha256, .. } = event {
                    "of another one".clone_into(ledger_sha256);
                }
            });
        },
    },
    Broken {
        what: "the restore went on after readiness",
        named: &[(FindingKind::RestoreAfterReadiness, "")],
        checks: &["rto"],
        breaks: |world| {
            let line = put(&orders(), "C-8#restored", "restored-1", READY + 100);
            world.ledger.push(LedgerLine { origin: Origin::Restore, ..line });
        },
    },
];

/// A run of which everything is known, and nothing of the orders lost.
fn whole(strokes: &[crate::support::generated::Stroke], concurrent: bool) -> World {
    let certain = |line: &LedgerLine| line.outcome == Outcome::Acknowledged;
    let lines: Vec<LedgerLine> = ledger(strokes, concurrent).into_iter().filter(certain).collect();
    let mut world = world(&lines, T0);
    // The last traffic before the fault, which is known to have survived.
    let last = put(&orders(), "C-7#last", "last-1", T0 - 50);
    world.add(&orders(), &crate::support::entry(&last));
    world.ledger.push(last);
    world.ledger.retain(|line| line.write_id.as_str() != "u-l-1");
    world
}

fn names(named: &(FindingKind, &str), finding: &Finding) -> bool {
    finding.kind == named.0 && finding.message.contains(named.1) && finding.weight > Weight::Note
}

fn is_hidden(named: &(FindingKind, &str), what: &[&str]) -> bool {
    let by_one = |by: &[&str]| what.iter().any(|what| by.contains(what));
    HIDDEN.iter().any(|(kind, part, by)| (*kind, *part) == *named && by_one(by))
}

fn hold(world: &mut World, which: &BTreeSet<usize>) -> Result<(), TestCaseError> {
    let broken: Vec<&Broken> = which.iter().map(|index| &PROOFS[*index]).collect();
    let what: Vec<&str> = broken.iter().map(|broken| broken.what).collect();
    for broken in &broken {
        (broken.breaks)(world);
    }
    let found = world.judge();
    prop_assert_eq!(found.verdict == Verdict::Pass, broken.is_empty(), "{:?}: {:#?}", what, found.findings);
    for broken in &broken {
        for named in broken.named.iter().filter(|named| !is_hidden(named, &what)) {
            let told = found.findings.iter().any(|finding| names(named, finding));
            prop_assert!(told, "{} is not named as {named:?}, of {what:?}: {:#?}", broken.what, found.findings);
        }
        // What was taken out of the history by another one shows in no check either.
        if broken.named.iter().all(|named| is_hidden(named, &what)) {
            continue;
        }
        for check in broken.checks {
            let verdict = crate::support::verdict(&found, check);
            prop_assert!(verdict != Verdict::Pass, "{check} passes, and {}: {what:?}", broken.what);
        }
    }
    for finding in found.findings.iter().filter(|finding| finding.root.is_none() && finding.weight > Weight::Note) {
        let mut all = broken.iter().flat_map(|broken| broken.named).chain(&OF_NO_CAPTURE);
        let is_broken = all.any(|named| names(named, finding)) && !broken.is_empty();
        prop_assert!(is_broken, "{finding:#?} is named, of {what:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(tried(256))]

    #[test]
    fn each_broken_proof_is_named_and_no_other(
        strokes in strokes(), concurrent: bool, which in prop::collection::btree_set(0..PROOFS.len(), 0..5),
    ) {
        hold(&mut whole(&strokes, concurrent), &which)?;
    }
}

/// Each by itself, so that none is only ever drawn with what hides it.
#[test]
fn every_proof_matters_by_itself() {
    for (index, broken) in PROOFS.iter().enumerate() {
        hold(&mut whole(&[], false), &BTreeSet::from([index])).expect(broken.what);
    }
    hold(&mut whole(&[], false), &BTreeSet::new()).expect("a whole drill passes");
}
