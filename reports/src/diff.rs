//! Two runs side by side.

use std::{collections::BTreeSet, fmt::Write};

use firedrill_model::{findings::Finding, units::Span, verification::TimedPhase};

use crate::{
    record::{PhaseRecord, RunRecord},
    words::{self, count, plain},
};

/// What changed from run `a` to run `b`, for people. Runs of different scenarios, seeds or engines are compared all the
/// same, and the first lines say so.
pub fn diff(a: &RunRecord, b: &RunRecord) -> String {
    let mut out = String::new();
    for (letter, run) in [("A", a), ("B", b)] {
        line(
            &mut out,
            &format!("{letter}  {}   {}   {}", plain(run.run_id.as_str()), plain(&run.scenario), run.verdict.word()),
        );
    }
    cautions(&mut out, a, b);
    out.push('\n');
    table(&mut out, &rows(a, b));
    findings(&mut out, a, b);
    out
}

/// What makes a comparison of the figures mean less.
fn cautions(out: &mut String, a: &RunRecord, b: &RunRecord) {
    let mut caution = |text: &str| line(out, &format!("!  {text}"));
    if a.scenario != b.scenario {
        caution("different scenarios: the figures below do not measure the same thing");
    } else if a.about.scenario_sha256 != b.about.scenario_sha256 {
        caution("the scenario was changed between the runs");
    }
    if a.about.stack_version != b.about.stack_version {
        caution("the stack or its functions' code was changed between the runs");
    }
    if a.environment_class != b.environment_class || a.engine != b.engine || a.layout != b.layout {
        caution(&format!("different targets: {} and {}", plain(&words::target(a)), plain(&words::target(b))));
    }
    if a.seed != b.seed {
        caution("different seeds: data set and traffic differ");
    }
    if a.firedrill != b.firedrill {
        caution(&format!("different versions of firedrill: {} and {}", plain(&a.firedrill), plain(&b.firedrill)));
    }
}

/// Name, value in A, value in B, change.
type Row = [String; 4];

fn rows(a: &RunRecord, b: &RunRecord) -> Vec<Row> {
    let mut rows = vec![text_row("verdict", words::verdict(Some(a.verdict)), words::verdict(Some(b.verdict)))];
    let checks: BTreeSet<_> = a.checks.iter().chain(&b.checks).map(|check| &check.id).collect();
    for id in checks {
        let of = |run: &RunRecord| {
            words::verdict(run.checks.iter().find(|check| check.id == *id).map(|check| check.verdict))
        };
        rows.push(text_row(&format!("  {}", words::check(id)), of(a), of(b)));
    }
    let times = (&a.objectives.rto, &b.objectives.rto);
    let losses = (&a.objectives.rpo, &b.objectives.rpo);
    rows.push(span_row("recovery time", times.0.actual_ms, times.1.actual_ms));
    rows.push(span_row("  objective", times.0.objective_ms, times.1.objective_ms));
    let part = |parts: &[TimedPhase], name: &str| parts.iter().find(|part| part.name == name).map(|part| part.span_ms);
    for name in in_order(times.0.phases.iter().chain(&times.1.phases).map(|part| part.name.as_str())) {
        rows.push(span_row(&format!("  {name}"), part(&times.0.phases, name), part(&times.1.phases, name)));
    }
    rows.push(span_row("recovery point", losses.0.actual_ms, losses.1.actual_ms));
    rows.push(span_row("  at most", losses.0.actual_upper_ms, losses.1.actual_upper_ms));
    rows.push(span_row("  objective", losses.0.objective_ms, losses.1.objective_ms));
    rows.extend(counts(a, b));
    let phase = |phases: &[PhaseRecord], name: &str| {
        let ended = phases.iter().find(|phase| phase.phase.word() == name)?;
        Some(ended.ended_ms?.since(ended.began_ms))
    };
    for name in in_order(a.phases.iter().chain(&b.phases).map(|phase| phase.phase.word())) {
        rows.push(span_row(&format!("phase {name}"), phase(&a.phases, name), phase(&b.phases, name)));
    }
    rows
}

fn counts(a: &RunRecord, b: &RunRecord) -> Vec<Row> {
    let of = |name: &str, value: fn(&RunRecord) -> u64| count_row(name, value(a), value(b));
    vec![
        of("acknowledged writes (seed included)", |run| run.objectives.rpo.acknowledged_writes),
        of("  lost", |run| run.objectives.rpo.lost_writes),
        of("attempts after the seed: acknowledged", |run| run.ledger.acknowledged),
        of("  rejected", |run| run.ledger.rejected),
        of("  ambiguous", |run| run.ledger.ambiguous),
        of("entries compared", |run| run.equivalence.entries_compared),
        of("  differences", |run| run.equivalence.count()),
        of("effects owed", |run| run.effects.values().map(|effect| effect.expected).sum()),
        of("  missing", |run| run.effects.values().map(|effect| effect.missing).sum()),
        of("  twice", |run| run.effects.values().map(|effect| effect.duplicate).sum()),
        of("  late", |run| run.effects.values().map(|effect| effect.late).sum()),
        of("  wrong", |run| run.effects.values().map(|effect| effect.wrong).sum()),
        of("  orphaned", |run| run.effects.values().map(|effect| effect.orphaned).sum()),
        of("  reordered", |run| run.effects.values().map(|effect| effect.reordered).sum()),
        of("backups", |run| run.backups.len() as u64),
    ]
}

fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn text_row(name: &str, a: &str, b: &str) -> Row {
    let change = if a == b { "" } else { "changed" };
    [plain(name), a.to_owned(), b.to_owned(), change.to_owned()]
}

fn span_row(name: &str, a: Option<Span>, b: Option<Span>) -> Row {
    let text = |span: Option<Span>| span.map_or_else(|| "–".to_owned(), |span| span.to_string());
    let change = match (a, b) {
        (Some(a), Some(b)) => {
            let (sign, size) = if b >= a { ('+', b.micros() - a.micros()) } else { ('−', a.micros() - b.micros()) };
            // Below a twentieth of a second the figures are printed alike.
            if size < 50_000 { String::new() } else { format!("{sign}{}", Span::from_micros(size)) }
        }
        (None, None) => String::new(),
        (None, Some(_)) | (Some(_), None) => "changed".to_owned(),
    };
    [plain(name), text(a), text(b), change]
}

fn count_row(name: &str, a: u64, b: u64) -> Row {
    let change = match b.cmp(&a) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", count(b - a)),
        std::cmp::Ordering::Less => format!("−{}", count(a - b)),
    };
    [plain(name), count(a), count(b), change]
}

fn table(out: &mut String, rows: &[Row]) {
    let header: Row = [String::new(), "A".into(), "B".into(), "change".into()];
    let rows: Vec<&Row> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, a, b) = (width(0), width(1), width(2));
    for row in rows {
        line(out, &format!("{:name$}   {:>a$}   {:>b$}   {}", row[0], row[1], row[2], row[3]));
    }
}

/// Findings of one run that the other does not have, by what they are about and not by their number or their first key,
/// which is another one in every run.
fn findings(out: &mut String, a: &RunRecord, b: &RunRecord) {
    let same = |one: &Finding, other: &Finding| {
        (one.kind, &one.check, &one.resource) == (other.kind, &other.check, &other.resource)
    };
    let only = |these: &RunRecord, those: &RunRecord| -> Vec<String> {
        let gone = these.findings.iter().filter(|finding| !those.findings.iter().any(|other| same(finding, other)));
        gone.map(|finding| format!("{}: {}", finding.kind, plain(&finding.message))).collect()
    };
    for (title, sign, list) in [("findings that came", '+', only(b, a)), ("findings that went", '−', only(a, b))] {
        if !list.is_empty() {
            line(out, &format!("\n{title}"));
        }
        for text in list {
            line(out, &format!("  {sign} {text}"));
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _infallible = writeln!(out, "{}", text.trim_end());
}
