//! The summary as Markdown, fit for a CI job summary.

use std::fmt::Write;

use firedrill_model::{findings::Finding, verdict::Verdict};

use crate::{
    record::RunRecord,
    summary,
    words::{self, WallClock, count, plain},
};

/// Findings that are spelt out; a job summary has a limit of its own.
const FINDINGS_MAX: usize = 20;

/// The summary of a run as Markdown (GitHub's dialect). Text from outside is escaped.
pub fn markdown(record: &RunRecord) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!("## {} {} · {}\n", mark(Some(record.verdict)), record.verdict.word(), escape(&record.scenario)),
    );
    line(&mut out, &format!("{}\n", escape(&summary::headline(record))));
    line(&mut out, "| | measured | objective | verdict | |\n|---|---|---|---|---|");
    for result in summary::results(record) {
        let cells = [
            escape(&result.name),
            format!("**{}**", escape(&result.value)),
            result.objective.as_deref().map_or(String::new(), escape),
            format!("{} {}", mark(result.verdict), words::verdict(result.verdict)).trim().to_owned(),
            escape(&result.figures),
        ];
        line(&mut out, &format!("| {} |", cells.join(" | ")));
    }
    findings(&mut out, record);
    phases(&mut out, record);
    line(&mut out, &format!("\nA pass **{}** {}.", words::proves(record.verdict), escape(&record.limitation.in_short)));
    line(
        &mut out,
        &format!(
            "\n<sub>run {} · seed {} · target {} · firedrill {}</sub>",
            escape(record.run_id.as_str()),
            record.seed,
            escape(&words::target(record)),
            escape(&record.firedrill)
        ),
    );
    out
}

fn findings(out: &mut String, record: &RunRecord) {
    if record.findings.is_empty() {
        return;
    }
    line(out, "\n### Findings\n");
    let grouped = words::by_root(&record.findings);
    for (root, consequences) in grouped.iter().take(FINDINGS_MAX) {
        finding(out, root, consequences);
    }
    if let Some(more) = grouped.len().checked_sub(FINDINGS_MAX).filter(|more| *more > 0) {
        line(out, &format!("- … and {more} more in the report"));
    }
}

fn finding(out: &mut String, root: &Finding, consequences: &[&Finding]) {
    let check = words::bears_on(root).map_or(String::new(), |check| format!(" · {}", escape(&check)));
    line(out, &format!("- **{}** ({}{check}): {}", root.kind, words::weight(root.weight), escape(&root.message)));
    for detail in &root.detail {
        line(out, &format!("  - {}", escape(detail)));
    }
    if let Some(help) = &root.help {
        line(out, &format!("  - *Try:* {}", escape(help)));
    }
    if !consequences.is_empty() {
        line(
            out,
            &format!(
                "  - {} from it",
                if consequences.len() == 1 {
                    "1 finding follows".to_owned()
                } else {
                    format!("{} findings follow", count(consequences.len() as u64))
                }
            ),
        );
    }
}

fn phases(out: &mut String, record: &RunRecord) {
    if record.phases.is_empty() {
        return;
    }
    let clock = WallClock::of(record);
    line(out, "\n<details><summary>Phases</summary>\n\n| phase | began | took | |\n|---|---|---|---|");
    for phase in &record.phases {
        let took = phase.ended_ms.map_or_else(|| "not ended".to_owned(), |end| end.since(phase.began_ms).to_string());
        let cells = [phase.phase.word().to_owned(), clock.time(phase.began_ms), took, escape(&phase.note)];
        line(out, &format!("| {} |", cells.join(" | ")));
    }
    line(out, "\n</details>");
}

fn line(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _infallible = writeln!(out, "{text}");
}

fn mark(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "✅",
        Some(Verdict::Fail) => "❌",
        Some(Verdict::Inconclusive) => "❔",
        Some(Verdict::NothingChecked) => "⚪",
        None => "",
    }
}

/// Writes text from outside so that Markdown and HTML see text and nothing else.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // `@` and `#` would notify people and link issues on code hosts.
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter => safe.push(letter),
        }
    }
    safe
}
