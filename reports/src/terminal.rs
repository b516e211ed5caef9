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

/// The narrowest text that is still wrapped: on a narrower screen the terminal breaks it as it likes.
const TEXT_WIDTH_MIN: usize = 20;

/// The result of a run as people read it at the end of `firedrill run`, with a line feed at its end. `styles` puts ANSI
/// colours in; without them the text holds no escape sequence, whatever the data are. Lines are wrapped between words at
/// `columns`, when they are known.
pub fn terminal(record: &RunRecord, styles: bool, columns: Option<usize>) -> String {
    let paint = Paint { on: styles };
    let mut out = Block { text: String::new(), columns };
    let verdict = paint.verdict(record.verdict, record.verdict.word());
    push(&mut out.text, &format!("{verdict}   {}", paint.bold(&plain(&record.scenario))));
    out.text.push('\n');
    if record.cut_off {
        row(&mut out, "not ended", summary::CUT_OFF);
    }
    if let Some(reason) = &record.interrupted {
        row(&mut out, "interrupted", &format!("by {}; what follows is what was seen until then", plain(reason)));
    }
    if let Some(after) = &record.after_crash {
        row(&mut out, "crashed", &words::after_crash(after));
    }
    results(&mut out, &summary::results(record), paint);
    row(&mut out, words::proves(record.verdict), &record.limitation.in_short);
    row(&mut out, "seed", &record.seed.to_string());
    if let Some(as_stated) = record.as_stated {
        let text =
            if as_stated { "the findings are exactly the stated ones" } else { "the findings are not the stated ones" };
        row(&mut out, "must fail", text);
    }
    for (root, consequences) in words::by_root(&record.findings) {
        out.text.push('\n');
        finding(&mut out, root, &consequences, paint);
    }
    out.text
}

/// The text so far, and how wide it may be.
struct Block {
    text: String,
    columns: Option<usize>,
}

/// A name in its column and the text beside it. A name that does not fit stands on a line of its own.
fn row(out: &mut Block, name: &str, text: &str) {
    let indent = NAME_WIDTH + 3;
    let room = out.columns.map_or(usize::MAX, |columns| columns.saturating_sub(indent).max(TEXT_WIDTH_MIN));
    let mut name = name;
    if name.chars().count() > NAME_WIDTH {
        push(&mut out.text, &format!("  {name}"));
        name = "";
    }
    for line in wrapped(text, room) {
        push(&mut out.text, &format!("  {name:NAME_WIDTH$} {line}"));
        name = "";
    }
}

/// Lines of at most `room` letters, broken between words; a longer word has a line of its own. Spaces are kept except where
/// a line is broken.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut used, mut rest) = (0, text);
    while !rest.is_empty() {
        let word = rest.find(|letter| letter != ' ').unwrap_or(rest.len());
        let end = rest[word..].find(' ').map_or(rest.len(), |length| word + length);
        let width = visible(&rest[..end]);
        if used > 0 && used + width > room {
            lines.push(rest[word..end].to_owned());
            used = width - word;
        } else if let Some(line) = lines.last_mut() {
            line.push_str(&rest[..end]);
            used += width;
        }
        rest = &rest[end..];
    }
    lines
}

/// Letters that take room on the screen: all but the colours of [`Paint`].
fn visible(text: &str) -> usize {
    let mut letters = 0;
    let mut in_code = false;
    for letter in text.chars() {
        match letter {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if in_code => {}
            _ => letters += 1,
        }
    }
    letters
}

fn results(out: &mut Block, lines: &[Result], paint: Paint) {
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

fn finding(out: &mut Block, root: &Finding, consequences: &[&Finding], paint: Paint) {
    let bears_on = words::bears_on(root).map_or(String::new(), |checks| format!("   ({checks})"));
    let message = format!("{}{}", plain(&root.message), paint.dim(&bears_on));
    row(out, &plain(&words::subject(root)), &paint.weight(root.weight, &message));
    let shown = shown(root.detail.len(), DETAILS_MAX);
    for line in root.detail.iter().take(shown) {
        row(out, "", &plain(line));
    }
    if root.detail.len() > shown {
        row(out, "", &paint.dim(&format!("{} more lines in the report", root.detail.len() - shown)));
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
    let shown = self::shown(messages.len(), CONSEQUENCES_MAX);
    for message in messages.iter().take(shown) {
        row(out, "", &paint.dim(&format!("and so: {}", plain(message))));
    }
    if messages.len() > shown {
        row(out, "", &paint.dim(&format!("and so: {} more in the report", messages.len() - shown)));
    }
}

/// How many of `number` lines are shown where `most` have room: one more than that takes the place of the line that would
/// count it.
fn shown(number: usize, most: usize) -> usize {
    if number == most + 1 { number } else { most }
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
