//! The few lines that say how a run went: what was measured, against what, and how it was judged.

use std::fmt::Write;

use firedrill_model::{
    units::{RunTime, Span},
    verdict::Verdict,
    verification::EffectCounts,
};

use crate::{
    record::RunRecord,
    words::{self, WallClock, bare, count, plural},
};

/// One line.
#[derive(Debug)]
pub(crate) struct Result {
    /// What was measured.
    pub(crate) name: String,
    /// What came out, in one or two words.
    pub(crate) value: String,
    /// What was aimed at, for a time.
    pub(crate) objective: Option<String>,
    /// The figures behind it.
    pub(crate) figures: String,
    /// How it was judged; `None` when it is not asserted.
    pub(crate) verdict: Option<Verdict>,
}

/// What is known of a history without its last record, and what to do about it.
pub(crate) const CUT_OFF: &str = "the history ends without its last record; unless the run still goes on, end what it left with: firedrill heal RUN_DIR";

/// The lines of a run, in the order in which they matter.
pub(crate) fn results(record: &RunRecord) -> Vec<Result> {
    let mut lines = vec![recovery_time(record), recovery_point(record), state(record)];
    if !record.effects.is_empty() {
        lines.push(effects(record));
    }
    let own_line = |id: &str| matches!(id, "rto" | "rpo" | "state") || id.starts_with("effects.");
    for check in record.checks.iter().filter(|check| !own_line(check.id.as_str())) {
        let value = match check.verdict {
            Verdict::Pass => "holds",
            Verdict::Fail => "broken",
            Verdict::Inconclusive | Verdict::NothingChecked => "undecided",
        };
        lines.push(Result {
            name: words::check(&check.id),
            value: value.to_owned(),
            objective: None,
            figures: match check.findings.len() as u64 {
                0 => String::new(),
                findings => plural(findings, "finding"),
            },
            verdict: Some(check.verdict),
        });
    }
    lines
}

fn verdict_of(record: &RunRecord, id: &str) -> Option<Verdict> {
    record.checks.iter().find(|check| check.id.as_str() == id).map(|check| check.verdict)
}

fn recovery_time(record: &RunRecord) -> Result {
    let rto = &record.objectives.rto;
    let parts: Vec<String> = rto
        .phases
        .iter()
        .map(|part| {
            let declared = if part.declared { " (declared)" } else { "" };
            format!("{} {}{declared}", part.name, bare(part.span_ms))
        })
        .collect();
    let figures = match (rto.actual_ms, rto.t0_ms) {
        (Some(_), _) => format!("{}   (± {})", parts.join(", "), bare(rto.uncertainty_ms)).trim_start().to_owned(),
        (None, Some(t0)) => {
            let clock = WallClock::of(record);
            let again = match rto.ready_ms {
                Some(at) => format!("ready at {}", clock.time(at)),
                None if was_observed(record) => "never stable again".to_owned(),
                None => "what came after the recovery was not observed".to_owned(),
            };
            format!("lost at {}, {again}", clock.time(t0))
        }
        (None, None) if was_set_off(record) => "no fault took effect".to_owned(),
        (None, None) => "no fault was set off".to_owned(),
    };
    Result {
        name: "recovery time".to_owned(),
        value: rto.actual_ms.map_or_else(|| not_recovered(record).to_owned(), |actual| actual.to_string()),
        objective: rto.objective_ms.map(|objective| objective.to_string()),
        figures,
        verdict: rto.verdict.or_else(|| verdict_of(record, "rto")),
    }
}

/// What stands in the place of a recovery time that there is none of.
fn not_recovered(record: &RunRecord) -> &'static str {
    let rto = &record.objectives.rto;
    match (rto.t0_ms, rto.ready_ms, rto.verdict) {
        (None, _, _) | (_, Some(_), Some(Verdict::Inconclusive) | None) => "not measured",
        (_, Some(_), _) => "not in time",
        (_, None, _) if was_observed(record) => "never",
        (_, None, _) => "not measured",
    }
}

/// Probes counted until some instant after the recovery.
pub(crate) fn was_observed(record: &RunRecord) -> bool {
    record.observed_until_ms.is_some()
}

/// The run came as far as its faults.
fn was_set_off(record: &RunRecord) -> bool {
    record.faults.iter().any(|fault| fault.armed_ms.is_some())
}

fn recovery_point(record: &RunRecord) -> Result {
    let rpo = &record.objectives.rpo;
    let mut figures = String::new();
    if let Some(upper) = rpo.actual_upper_ms.filter(|upper| rpo.actual_ms.is_some_and(|actual| *upper > actual)) {
        let _infallible = write!(figures, "(at most {}) ", bare(upper));
    }
    if rpo.actual_ms.is_some() || rpo.lost_writes > 0 {
        let population = plural(rpo.acknowledged_writes, "acknowledged write");
        let _infallible = write!(figures, "{} of {population} (seed included) lost", count(rpo.lost_writes));
    }
    if let Some(earliest) = earliest_loss(record) {
        let _infallible = write!(figures, ", none from before {}", WallClock::of(record).time(earliest));
    }
    if rpo.lost_writes > 0 && rpo.point_in_time == Some(false) {
        figures.push_str("; what survived has holes");
    }
    Result {
        name: "recovery point".to_owned(),
        value: rpo.actual_ms.map_or_else(|| "not measured".to_owned(), |actual| actual.to_string()),
        objective: rpo.objective_ms.map(|objective| objective.to_string()),
        figures,
        verdict: rpo.verdict.or_else(|| verdict_of(record, "rpo")),
    }
}

/// When the earliest lost write was complete: the recovery point actual counted back from where it is counted.
pub(crate) fn earliest_loss(record: &RunRecord) -> Option<RunTime> {
    let rpo = &record.objectives.rpo;
    let actual = rpo.actual_ms.filter(|actual| *actual > Span::default() && rpo.lost_writes > 0)?;
    Some(rpo.t_stop_ms?.minus(actual))
}

fn state(record: &RunRecord) -> Result {
    let seen = &record.equivalence;
    let verdict = verdict_of(record, "state");
    let compared = seen.entries_compared + seen.fields_compared;
    let value = match (compared, seen.count(), verdict) {
        (0, 0, _) => "not compared",
        (_, 0, Some(Verdict::Inconclusive)) => "undecided",
        (_, 0, Some(Verdict::Pass) | None) => "equal",
        _ => "differs",
    };
    let kinds = [
        (seen.missing, "missing"),
        (seen.extra, "extra"),
        (seen.changed, "changed"),
        (seen.duplicated, "duplicated"),
        (seen.reordered, "reordered"),
    ];
    let named: Vec<String> = kinds
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", count(*number)))
        .collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    Result {
        name: "state".to_owned(),
        value: value.to_owned(),
        objective: None,
        figures: format!(
            "{} items and objects, {}; {}{named}",
            count(seen.entries_compared),
            plural(seen.fields_compared, "configuration field"),
            plural(seen.count(), "difference"),
        ),
        verdict,
    }
}

fn effects(record: &RunRecord) -> Result {
    let sum = |of: fn(&EffectCounts) -> u64| record.effects.values().map(of).sum::<u64>();
    let wrong = sum(|one| one.missing + one.duplicate + one.late + one.reordered + one.orphaned + one.wrong);
    let verdicts: Vec<Verdict> = record
        .checks
        .iter()
        .filter(|check| check.id.as_str().starts_with("effects."))
        .map(|check| check.verdict)
        .collect();
    let verdict = if verdicts.is_empty() { None } else { Some(Verdict::of_checks(verdicts)) };
    let value = match verdict {
        Some(Verdict::Pass) => "complete",
        None if wrong == 0 => "complete",
        Some(Verdict::Fail) | None => "incomplete",
        Some(Verdict::Inconclusive | Verdict::NothingChecked) => "undecided",
    };
    let mut figures = format!(
        "{} owed, {} missing, {} twice, {} late",
        count(sum(|one| one.expected)),
        count(sum(|one| one.missing)),
        count(sum(|one| one.duplicate)),
        count(sum(|one| one.late)),
    );
    let others = [
        (sum(|one| one.wrong), "wrong"),
        (sum(|one| one.orphaned), "orphaned"),
        (sum(|one| one.reordered), "reordered"),
        (sum(|one| one.restored), "made again by the restore"),
    ];
    for (number, word) in others {
        if number > 0 {
            let _infallible = write!(figures, ", {} {word}", count(number));
        }
    }
    Result { name: "effects".to_owned(), value: value.to_owned(), objective: None, figures, verdict }
}

/// The whole run in one or two sentences, for the head of a page.
pub(crate) fn headline(record: &RunRecord) -> String {
    let (rto, rpo) = (&record.objectives.rto, &record.objectives.rpo);
    let recovery = match (rto.actual_ms, rto.t0_ms) {
        (Some(actual), _) => format!("The workload was ready again after {actual}."),
        (None, Some(_)) if rto.ready_ms.is_some() => "The workload was not ready and stable again in time.".to_owned(),
        (None, Some(_)) if was_observed(record) => "The workload did not become ready again.".to_owned(),
        (None, Some(_)) => "Whether the workload became ready again was not observed.".to_owned(),
        (None, None) if was_set_off(record) => "No fault took effect.".to_owned(),
        (None, None) => "No fault was set off.".to_owned(),
    };
    let losses = match rpo.actual_ms {
        Some(_) if rpo.lost_writes == 0 => {
            format!("None of {} (seed included) was lost.", plural(rpo.acknowledged_writes, "acknowledged write"))
        }
        Some(actual) => format!(
            "{} of {} (seed included) {} lost, going back {actual}.",
            count(rpo.lost_writes),
            plural(rpo.acknowledged_writes, "acknowledged write"),
            if rpo.lost_writes == 1 { "was" } else { "were" }
        ),
        None => "Losses could not be measured.".to_owned(),
    };
    let judged = match record.verdict {
        Verdict::Pass => "Everything the scenario asks for was seen to hold.",
        Verdict::Fail => "At least one check failed.",
        Verdict::Inconclusive => "At least one check could not be decided, so this is not a pass.",
        Verdict::NothingChecked => "The scenario asks for nothing, so nothing was proved.",
    };
    let cut = record.interrupted.as_ref().map_or(String::new(), |reason| format!(" The run was cut short ({reason})."));
    let crashed = if record.cut_off { format!(" The run did not end: {CUT_OFF}") } else { String::new() };
    format!("{judged} {recovery} {losses}{cut}{crashed}")
}
