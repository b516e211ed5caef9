//! What the page says, in words, ready to be placed.

use firedrill_model::{findings::Finding, history::Ending, verdict::Verdict};
use serde::Serialize;

use super::bar::Bar;
use crate::{
    record::RunRecord,
    summary,
    words::{self, WallClock, count, plain},
};

/// Everything the template places besides the picture. Cells are text; the template escapes them.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    scenario: String,
    summary: String,
    verdict: Badge,
    headline: String,
    as_stated: Option<bool>,
    facts: Vec<(&'static str, String)>,
    cards: Vec<Card>,
    findings: Vec<Group>,
    keys: &'static str,
    tables: Vec<Table>,
    /// Only a pass has proved what its class can prove.
    passed: bool,
    in_short: String,
    class: &'static str,
    proves: Vec<String>,
    does_not_prove: Vec<String>,
    provenance: Vec<(&'static str, String)>,
}

/// A verdict as a word and a class.
#[derive(Debug, Serialize)]
struct Badge {
    word: &'static str,
    class: &'static str,
}

/// One result at the head of the page.
#[derive(Debug, Serialize)]
struct Card {
    name: String,
    value: String,
    objective: Option<String>,
    source: Option<String>,
    figures: String,
    badge: Badge,
    bar: Option<Bar>,
    /// How much of a row it takes.
    width: &'static str,
}

/// A root finding with what follows from it.
#[derive(Debug, Serialize)]
struct Group {
    root: FindingView,
    consequences: Vec<FindingView>,
}

#[derive(Debug, Serialize)]
struct FindingView {
    id: String,
    kind: String,
    class: &'static str,
    weight: &'static str,
    checks: Option<String>,
    place: String,
    message: String,
    detail: Vec<String>,
    help: Option<String>,
}

/// A table: titles of columns, `true` for those of numbers, and rows of cells.
#[derive(Debug, Serialize)]
struct Table {
    title: &'static str,
    note: String,
    columns: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
    /// Long and of interest to few: folded away.
    folded: bool,
}

/// How the keys of a report are to be read.
const KEYS: &str = "Keys are shown as the ledger holds them: # stands between the partition key and the sort key of an item, \
                    and a # or % within either is written %23 or %25.";

impl View {
    /// The page of a run.
    pub(crate) fn of(record: &RunRecord) -> Self {
        Self {
            scenario: plain(&record.scenario),
            summary: plain(&record.about.summary),
            verdict: badge(Some(record.verdict)),
            headline: summary::headline(record),
            as_stated: record.as_stated,
            facts: facts(record),
            cards: cards(record),
            findings: words::by_root(&record.findings)
                .into_iter()
                .map(|(root, consequences)| Group {
                    root: finding(root),
                    consequences: consequences.into_iter().map(finding).collect(),
                })
                .collect(),
            keys: KEYS,
            tables: tables(record),
            passed: record.verdict == Verdict::Pass,
            in_short: record.limitation.in_short.clone(),
            class: words::class(record.environment_class),
            proves: record.limitation.proves.clone(),
            does_not_prove: record.limitation.does_not_prove.clone(),
            provenance: provenance(record),
        }
    }
}

fn badge(verdict: Option<Verdict>) -> Badge {
    match verdict {
        Some(Verdict::Pass) => Badge { word: "Pass", class: "pass" },
        Some(Verdict::Fail) => Badge { word: "Fail", class: "fail" },
        Some(Verdict::Inconclusive) => Badge { word: "Inconclusive", class: "unsure" },
        Some(Verdict::NothingChecked) => Badge { word: "Nothing checked", class: "unsure" },
        None => Badge { word: "Not asserted", class: "none" },
    }
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Run", plain(record.run_id.as_str()))];
    if let Some(started) = &record.started_utc {
        facts.push(("Started", plain(started).replace('T', " ")));
    }
    facts.push(("Took", record.length_ms.to_string()));
    let route: Vec<&str> = record.regions.values().map(firedrill_model::ids::Region::as_str).collect();
    facts.push(("Regions", plain(&route.join(" → "))));
    facts.push(("Target", plain(&words::target(record))));
    facts.push(("Environment", words::class(record.environment_class).to_owned()));
    if let Some(after) = &record.after_crash {
        facts.push(("Crashed", words::after_crash(after)));
    }
    if let Some(owner) = &record.about.owner {
        facts.push(("Owner", plain(owner)));
    }
    if let Some(tier) = record.about.tier {
        facts.push(("Tier", tier.to_string()));
    }
    facts
}

fn cards(record: &RunRecord) -> Vec<Card> {
    let results = summary::results(record);
    // Times stand two in a row; the others share the rows below without a hole.
    let small = match results.len() {
        3 => "full",
        4 => "half",
        _ => "third",
    };
    results
        .into_iter()
        .enumerate()
        .map(|(index, result)| {
            let (bar, source) = match index {
                0 => (Some(Bar::of_rto(&record.objectives.rto)), record.objectives.rto.source.as_deref()),
                1 => (Some(Bar::of_rpo(&record.objectives.rpo)), record.objectives.rpo.source.as_deref()),
                _ => (None, None),
            };
            Card {
                name: plain(&result.name),
                value: result.value,
                objective: result.objective,
                source: source.map(plain),
                figures: if index == 0 { recovery_figures(record, result.figures) } else { result.figures },
                badge: badge(result.verdict),
                width: if bar.is_some() { "half" } else { small },
                bar,
            }
        })
        .collect()
}

/// The parts of the recovery time stand below their bar; the card need not say them twice.
fn recovery_figures(record: &RunRecord, figures: String) -> String {
    let rto = &record.objectives.rto;
    if rto.actual_ms.is_none() {
        return figures;
    }
    let stable = rto.stable_for_ms.map_or(String::new(), |stable| format!("; held for at least {stable}"));
    format!("± {} from the interval of the probes{stable}", rto.uncertainty_ms)
}

fn finding(finding: &Finding) -> FindingView {
    // The facts begin with the first key, where they name keys.
    let named = |key: &String| {
        let of_key = |line: &String| {
            line.strip_prefix(key.as_str()).is_some_and(|fact| fact.is_empty() || fact.starts_with(": "))
        };
        finding.detail.iter().any(of_key)
    };
    let key = finding.key.clone().filter(|key| !named(key));
    let place = [finding.resource.as_ref().map(ToString::to_string), key];
    FindingView {
        id: plain(&finding.id),
        kind: finding.kind.to_string().replace('-', " "),
        class: match finding.weight {
            firedrill_model::findings::Weight::Failure => "fail",
            firedrill_model::findings::Weight::Undecided => "unsure",
            firedrill_model::findings::Weight::Note => "none",
        },
        weight: words::weight(finding.weight),
        checks: words::bears_on(finding),
        place: place.into_iter().flatten().map(|part| plain(&part)).collect::<Vec<_>>().join(" · "),
        message: plain(&finding.message),
        detail: finding.detail.iter().map(|line| plain(line)).collect(),
        help: finding.help.as_deref().map(plain),
    }
}

fn tables(record: &RunRecord) -> Vec<Table> {
    let tables = [
        losses(record),
        differences(record),
        effects(record),
        backups(record),
        recovery(record),
        phases(record),
        volatile(record),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn losses(record: &RunRecord) -> Table {
    let rows = record.objectives.rpo.by_resource.iter().map(|(resource, lost)| {
        vec![
            plain(resource.as_str()),
            count(lost.lost_writes),
            firedrill_model::units::ByteSize::new(lost.lost_bytes).to_string(),
            lost.actual_ms.map_or_else(|| "–".to_owned(), |span| span.to_string()),
            lost.actual_upper_ms.map_or_else(|| "–".to_owned(), |span| span.to_string()),
            sample(&lost.sample),
        ]
    });
    let ledger = &record.ledger;
    Table {
        title: "Lost writes by resource",
        note: format!(
            "{} attempts in the ledger: {} acknowledged, {} rejected, {} ambiguous; {} of them seeded.",
            count(ledger.lines),
            count(ledger.acknowledged),
            count(ledger.rejected),
            count(ledger.ambiguous),
            count(ledger.seeded)
        ),
        columns: vec![
            ("resource", false),
            ("lost", true),
            ("bytes", true),
            ("recovery point", true),
            ("at most", true),
            ("keys", false),
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn differences(record: &RunRecord) -> Table {
    let rows = record.equivalence.by_resource.iter().map(|(resource, seen)| {
        let numbers = [seen.missing, seen.extra, seen.changed, seen.duplicated, seen.reordered];
        let mut row = vec![plain(resource.as_str())];
        row.extend(numbers.into_iter().map(count));
        row.push(sample(&seen.sample));
        row
    });
    Table {
        title: "State by resource",
        note: format!(
            "{} items and objects and {} configuration fields compared. Lost writes are not counted here.",
            count(record.equivalence.entries_compared),
            count(record.equivalence.fields_compared)
        ),
        columns: vec![
            ("resource", false),
            ("missing", true),
            ("extra", true),
            ("changed", true),
            ("duplicated", true),
            ("reordered", true),
            ("where", false),
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn effects(record: &RunRecord) -> Table {
    let rows = record.effects.iter().map(|(trigger, seen)| {
        let numbers = [
            seen.expected,
            seen.missing,
            seen.duplicate,
            seen.late,
            seen.reordered,
            seen.orphaned,
            seen.wrong,
            seen.traffic,
            seen.restored,
            seen.redriven,
        ];
        let mut row = vec![plain(trigger)];
        row.extend(numbers.into_iter().map(count));
        row.push(words::verdict(seen.verdict).to_owned());
        row.push(sample(&seen.sample));
        row
    });
    Table {
        title: "Effects by trigger",
        note: format!(
            "Owed by the writes that survived. Deliveries are counted by what made them: what clients wrote here, what the \
             restore made again, a redrive. Clocks of functions may be {} ms apart: what is late by less is not called late.",
            record.clock_skew_ms.ms()
        ),
        columns: vec![
            ("trigger", false),
            ("owed", true),
            ("missing", true),
            ("twice", true),
            ("late", true),
            ("reordered", true),
            ("orphaned", true),
            ("wrong", true),
            ("by traffic", true),
            ("by the restore", true),
            ("redriven", true),
            ("verdict", false),
            ("keys", false),
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn backups(record: &RunRecord) -> Table {
    let clock = WallClock::of(record);
    let rows = record.backups.iter().map(|backup| {
        let mut state = vec![words::backup(backup.state).to_owned()];
        state.extend(words::critical(backup));
        state.extend((backup.clean == Some(true)).then(|| "the last clean one".to_owned()));
        state.extend(backup.restored.then(|| "restored".to_owned()));
        state.extend(backup.pruned.then(|| "pruned".to_owned()));
        state.extend(backup.error.as_deref().map(plain));
        vec![
            plain(backup.id.as_str()),
            clock.time(backup.begun_ms),
            backup.ended_ms.map_or_else(|| "–".to_owned(), |end| clock.time(end)),
            count(backup.entries),
            firedrill_model::units::ByteSize::new(backup.bytes).to_string(),
            state.join(", "),
            backup.location.as_deref().map_or(String::new(), plain),
        ]
    });
    Table {
        title: "Backups",
        note: "A recovery point stands for the interval of its capture, not for one instant.".to_owned(),
        columns: vec![
            ("recovery point", false),
            ("capture began", true),
            ("ended", true),
            ("entries", true),
            ("size", true),
            ("state", false),
            ("location", false),
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn recovery(record: &RunRecord) -> Table {
    let clock = WallClock::of(record);
    let rows = record.recovery.iter().flat_map(|attempt| {
        attempt.steps.iter().map(move |step| {
            vec![
                attempt.attempt.to_string(),
                plain(&step.kind),
                clock.time(step.began_ms),
                step.ended_ms.map_or_else(|| "–".to_owned(), |end| end.since(step.began_ms).to_string()),
                ending(step.ending).to_owned(),
                plain(&step.note),
            ]
        })
    });
    Table {
        title: "Recovery",
        note: "Steps in the order in which they ran.".to_owned(),
        columns: vec![
            ("attempt", true),
            ("step", false),
            ("began", true),
            ("took", true),
            ("ending", false),
            ("note", false),
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn phases(record: &RunRecord) -> Table {
    let clock = WallClock::of(record);
    let rows = record.phases.iter().map(|phase| {
        vec![
            phase.phase.word().to_owned(),
            clock.time(phase.began_ms),
            phase.ended_ms.map_or_else(|| "–".to_owned(), |end| end.since(phase.began_ms).to_string()),
            ending(phase.ending).to_owned(),
            plain(&phase.note),
        ]
    });
    Table {
        title: "Phases",
        note: "What had not ended when this page was written has no length.".to_owned(),
        columns: vec![("phase", false), ("began", true), ("took", true), ("ending", false), ("note", false)],
        rows: rows.collect(),
        folded: false,
    }
}

fn volatile(record: &RunRecord) -> Table {
    Table {
        title: "Fields that were not compared",
        note:
            "Of configurations, and of objects in buckets. They differ between regions, change by themselves or cannot \
               be read. Every other field was compared."
                .to_owned(),
        columns: vec![("field", false), ("reason", false)],
        rows: record.equivalence.volatile.iter().map(|(field, reason)| vec![plain(field), plain(reason)]).collect(),
        folded: true,
    }
}

fn ending(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Done) => "done",
        Some(Ending::Failed) => "failed",
        Some(Ending::TimedOut) => "timed out",
        Some(Ending::Interrupted) => "interrupted",
        None => "not ended",
    }
}

fn provenance(record: &RunRecord) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("Seed", record.seed.to_string()),
        ("Scenario, SHA-256", plain(&record.about.scenario_sha256)),
        ("Stack, SHA-256", plain(&record.about.stack_version)),
    ];
    if let Some(digest) = &record.about.plan_sha256 {
        rows.push(("Plan, SHA-256", plain(digest)));
    }
    if !record.firedrill.is_empty() {
        rows.push(("firedrill", plain(&record.firedrill)));
    }
    if let Some(lag) = record.scheduling_lag_ms {
        rows.push(("Own scheduling lag, at most", format!("{} ms", count(lag.ms()))));
    }
    if !record.not_asserted.is_empty() {
        let names: Vec<String> = record.not_asserted.iter().map(words::check).collect();
        rows.push(("Measured, not asserted", plain(&names.join(", "))));
    }
    rows
}

fn sample(keys: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = keys.iter().take(SHOWN).map(|key| plain(key)).collect();
    if keys.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
