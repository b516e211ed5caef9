//! The result as a block of text for a terminal.

use std::fmt::Write;

use firedrill_model::{
    findings::{Finding, Weight},
    verdict::Verdict,
};

use crate::{
    record::RunRecord,
    summary::{self, Result},
    words::{self, plain},
};

/// Width of the first column, wide enough for `recovery point`.
const NAME_WIDTH: usize = 16;

/// Consequences of one root that are shown; the rest are counted.
const CONSEQUENCES_MAX: usize = 5;

/// Facts shown of a finding; the page has all of them.
const DETAILS_MAX: usize = 7;

/// The result of a run as people read it at the end of `firedrill run`, with a line feed at its end. `styles` puts ANSI
/// colours in; without them the text holds no escape sequence, whatever the data are.
pub fn terminal(record: &RunRecord, styles: bool) -> String {
    let paint = Paint { on: styles };
    let mut out = format!(
        "{}   {}\n\n",
        paint.verdict(record.verdict, record.verdict.word()),
        paint.bold(&plain(&record.scenario))
    );
    if let Some(reason) = &record.interrupted {
        row(&mut out, "interrupted", &format!("by {}; what follows is what was seen until then", plain(reason)));
    }
    if let Some(after) = &record.after_crash {
        row(&mut out, "crashed", &words::after_crash(after));
    }
    results(&mut out, &summary::results(record), paint);
    row(&mut out, words::proves(record.verdict), &record.limitation.in_short);
    if let Some(as_stated) = record.as_stated {
        let text =
            if as_stated { "the findings are exactly the stated ones" } else { "the findings are not the stated ones" };
        row(&mut out, "must fail", text);
    }
    for (root, consequences) in words::by_root(&record.findings) {
        out.push('\n');
        finding(&mut out, root, &consequences, paint);
    }
    out
}

fn row(out: &mut String, name: &str, text: &str) {
    push(out, &format!("  {name:NAME_WIDTH$} {text}"));
}

fn results(out: &mut String, lines: &[Result], paint: Paint) {
    let value_width = lines.iter().map(|line| line.value.chars().count()).max().unwrap_or(0);
    let objective_width =
        lines.iter().filter_map(|line| line.objective.as_ref()).map(|text| text.chars().count()).max();
    for line in lines {
        // Padding stays outside the colour, so that it can be trimmed at the end of a line.
        let padding = " ".repeat(value_width.saturating_sub(line.value.chars().count()));
        let value = match line.verdict {
            Some(verdict) => paint.verdict(verdict, &line.value),
            None => line.value.clone(),
        };
        let value = if line.objective.is_some() { padding + &value } else { value + &padding };
        let objective = match (&line.objective, objective_width) {
            (Some(objective), Some(width)) => format!("   objective {objective:>width$}"),
            _ => String::new(),
        };
        let unasserted = if line.verdict.is_none() { "   not asserted" } else { "" };
        let figures = if line.figures.is_empty() { String::new() } else { format!("   {}", plain(&line.figures)) };
        row(out, &plain(&line.name), &format!("{value}{objective}{figures}{unasserted}"));
    }
}

fn finding(out: &mut String, root: &Finding, consequences: &[&Finding], paint: Paint) {
    let label = match &root.check {
        Some(check) => words::check(check),
        None => words::weight(root.weight).to_owned(),
    };
    let of_check = root.check.as_ref().map_or(String::new(), |check| format!("   (check {})", plain(check.as_str())));
    let message = format!("{}{}", plain(&root.message), paint.dim(&of_check));
    row(out, &plain(&label), &paint.weight(root.weight, &message));
    for line in root.detail.iter().take(DETAILS_MAX) {
        row(out, "", &plain(line));
    }
    if let Some(more) = root.detail.len().checked_sub(DETAILS_MAX).filter(|more| *more > 0) {
        row(out, "", &paint.dim(&format!("{more} more lines in the report")));
    }
    if let Some(help) = &root.help {
        row(out, "", &format!("try: {}", plain(help)));
    }
    // The same cause may leave several checks undecided: said once.
    let mut messages: Vec<&str> = Vec::new();
    for consequence in consequences {
        let message = consequence.message.as_str();
        if message != root.message && !messages.contains(&message) {
            messages.push(message);
        }
    }
    for message in messages.iter().take(CONSEQUENCES_MAX) {
        row(out, "", &paint.dim(&format!("and so: {}", plain(message))));
    }
    if let Some(more) = messages.len().checked_sub(CONSEQUENCES_MAX).filter(|more| *more > 0) {
        row(out, "", &paint.dim(&format!("and so: {more} more in the report")));
    }
}

fn push(out: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _infallible = writeln!(out, "{}", line.trim_end());
}

/// ANSI colours, or none.
#[derive(Clone, Copy, Debug)]
struct Paint {
    on: bool,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Pass => "1;32",
            Verdict::Fail => "1;31",
            Verdict::Inconclusive | Verdict::NothingChecked => "1;33",
        };
        self.code(code, text)
    }

    fn weight(self, weight: Weight, text: &str) -> String {
        match weight {
            Weight::Failure => self.code("31", text),
            Weight::Undecided => self.code("33", text),
            Weight::Note => text.to_owned(),
        }
    }

    fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.code("2", text)
    }
}
