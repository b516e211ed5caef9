//! The order of the checkers, and what happens when one of them cannot go on.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use firedrill_model::{
    findings::FindingKind,
    ids::CheckId,
    plan::Plan,
    run_dir::{RunDir, RunDirError},
    verdict::Verdict,
    verification::{Equivalence, RecoveryPointActual, RecoveryTime, Verification},
};
use thiserror::Error;

use crate::{
    asserted::{Asserted, CONSISTENT_CUT, RPO, RTO, STATE, effects_of},
    configuration::{self, Configured},
    content::{self, Case, Content},
    cut,
    effects::{self, SourceModels},
    evidence,
    findings::{Book, Draft},
    judge,
    ledger::Ledger,
    proofs, recovery_point, recovery_time, split_brain,
    timeline::Timeline,
};

/// The run directory does not hold enough to judge anything.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The plan, the history or the ledger cannot be read.
    #[error("the run cannot be verified")]
    RunDir(#[from] RunDirError),
}

/// Judges a run from its run directory alone.
///
/// The same directory gives the same result, on any machine and at any time. What could not be measured is in the result
/// as a finding and leaves its check inconclusive; an error means that the plan, the history or the ledger is absent or
/// not in firedrill's format.
pub fn verify(dir: &RunDir) -> Result<Verification, VerifyError> {
    let plan = dir.read_plan()?;
    let history = evidence::open_history(dir)?;
    let timeline = Timeline::of(&plan, &history.records);
    let mut book = Book::new(Asserted::of(&plan));
    let mut ledger = Ledger::load(dir, &SourceModels::of_plan(&plan))?;
    evidence::examine(dir, &timeline, history.broken, &mut book)?;
    evidence::examine_captures(&timeline, &mut book);
    Ok(measure(Case { dir, plan: &plan, timeline: &timeline }, &mut ledger, book))
}

fn measure(case: Case<'_>, ledger: &mut Ledger, mut book: Book) -> Verification {
    let (plan, timeline, book) = (case.plan, case.timeline, &mut book);
    let effect_checks: Vec<String> = plan.stack.triggers.keys().map(|trigger| effects_of(trigger)).collect();
    let effect_checks: Vec<&str> = effect_checks.iter().map(String::as_str).collect();

    let every_check: Vec<String> = book.asserted().checks().map(str::to_owned).collect();
    let every_check: Vec<&str> = every_check.iter().map(String::as_str).collect();
    guard(book, &every_check, "the proofs of the drill", |book| {
        proofs::examine(plan, timeline, book);
        Ok(())
    });
    let configured = guard(book, &[STATE], "configuration", |book| configuration::compare(case, book));
    let content = guard(book, &[STATE, RPO, CONSISTENT_CUT], "content", |book| content::compare(case, ledger, book));
    let rpo = guard(book, &[RPO], "the recovery point", |book| {
        Ok(content.as_ref().map(|content| recovery_point::measure(plan, timeline, ledger, content, book)))
    });
    let rto = guard(book, &[RTO], "the recovery time", |book| Ok(recovery_time::measure(plan, timeline, ledger, book)));
    let ready = rto.as_ref().and_then(|rto| rto.ready_ms);
    let effects =
        guard(book, &effect_checks, "effects", |book| effects::examine(case, ledger, content.as_ref(), ready, book));
    guard(book, &[CONSISTENT_CUT], "the cut", |book| {
        cut::examine(ledger, book);
        Ok(())
    });
    guard(book, &[STATE, RPO], "two copies", |book| split_brain::examine(case, ledger, book));
    unknown_triggers(plan, book);
    let equivalence = equivalence(content.unwrap_or_default(), configured.unwrap_or_default());
    compared(&equivalence, book);

    let mut verification = Verification {
        verdict: Verdict::NothingChecked,
        checks: judge::checks(book.asserted(), &[]),
        not_asserted: book.asserted().not_asserted(),
        findings: Vec::new(),
        rto: rto.unwrap_or_default(),
        rpo: rpo.flatten().unwrap_or_default(),
        ledger: ledger.counts,
        equivalence,
        effects: effects.unwrap_or_default(),
        as_stated: None,
    };
    conclude(case, book.clone(), &mut verification);
    verification
}

/// Nothing that was compared is nothing that is equal.
fn compared(equivalence: &Equivalence, book: &mut Book) {
    if equivalence.entries_compared == 0 && equivalence.fields_compared == 0 {
        let why = "no item, object or configuration field was compared";
        let root = book.failure_of(STATE).or(book.unseen());
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(STATE).follows(root));
    }
}

/// An expectation about a trigger that the stack does not have cannot be met.
fn unknown_triggers(plan: &Plan, book: &mut Book) {
    for trigger in plan.expect.effects.keys().filter(|trigger| !plan.stack.triggers.contains_key(*trigger)) {
        let why = format!("the stack has no trigger {trigger}");
        book.add(Draft::undecided(FindingKind::NotMeasured, why).check(effects_of(trigger)));
    }
}

/// Runs a checker. One that panics, or that cannot read a capture, leaves its checks undecided and the others alone.
fn guard<T>(
    book: &mut Book,
    checks: &[&str],
    what: &str,
    checker: impl FnOnce(&mut Book) -> Result<T, RunDirError>,
) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(|| checker(book)));
    match result {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let draft = Draft::undecided(FindingKind::NotMeasured, format!("{what}: {error}")).detail(source);
            book.undecide(checks, &draft);
            None
        }
        Err(panic) => {
            let draft = Draft::undecided(FindingKind::CheckerCrashed, format!("the checker of {what} crashed"))
                .detail([said(panic.as_ref())])
                .help("this is a defect of firedrill: report it with the run directory");
            book.undecide(checks, &draft);
            None
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".to_owned())
}

fn equivalence(content: Content, configured: Configured) -> Equivalence {
    let mut equivalence = Equivalence {
        entries_compared: content.entries_compared,
        fields_compared: configured.fields_compared,
        volatile: configured.volatile,
        ..Equivalence::default()
    };
    for (resource, found) in content.differences.into_iter().chain(configured.differences) {
        for sum in [&mut equivalence.total, equivalence.by_resource.entry(resource).or_default()] {
            sum.missing += found.missing;
            sum.extra += found.extra;
            sum.changed += found.changed;
            sum.duplicated += found.duplicated;
            sum.reordered += found.reordered;
            sum.sample.extend(found.sample.iter().cloned());
            sum.sample.truncate(crate::findings::SAMPLE_MAX);
        }
    }
    equivalence
}

fn conclude(case: Case<'_>, book: Book, verification: &mut Verification) {
    let asserted = book.asserted().clone();
    let findings = book.finish();
    verification.checks = judge::checks(&asserted, &findings);
    verification.verdict = Verdict::of_checks(verification.checks.values().copied());
    let hit = judge::hit_on_purpose(case.plan, &case.timeline.sabotaged);
    verification.as_stated = judge::as_stated(&case.plan.must_fail, &hit, verification.verdict, &findings);
    verification.findings = findings;
    let verdict = |check: &str| verification.checks.get(&CheckId::new(check)).copied();
    let RecoveryTime { verdict: rto, .. } = &mut verification.rto;
    *rto = verdict(RTO);
    let RecoveryPointActual { verdict: rpo, .. } = &mut verification.rpo;
    *rpo = verdict(RPO);
    for (trigger, counts) in &mut verification.effects {
        counts.verdict = verdict(&effects_of(trigger));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn book() -> Book {
        let json = include_str!("../tests/support/plan.json");
        Book::new(Asserted::of(&serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn a_checker_that_crashes_is_inconclusive_and_others_stand() {
        let mut book = book();
        let crashed: Option<()> = guard(&mut book, &[RTO, RPO], "something", |_| panic!("index out of range"));
        assert_eq!(crashed, None);
        assert_eq!(guard(&mut book, &[STATE], "another", |_| Ok(7)), Some(7));
        let asserted = book.asserted().clone();
        let findings = book.finish();
        let verdicts: BTreeMap<CheckId, Verdict> = judge::checks(&asserted, &findings);
        assert_eq!(verdicts[&CheckId::new(RTO)], Verdict::Inconclusive);
        assert_eq!(verdicts[&CheckId::new(RPO)], Verdict::Inconclusive);
        assert_eq!(verdicts[&CheckId::new(STATE)], Verdict::Pass);
        assert_eq!(findings[0].kind, FindingKind::CheckerCrashed);
        assert_eq!(findings[0].detail, ["index out of range"]);
        assert_eq!(findings[1].root.as_deref(), Some("f-0001"));
    }
}
