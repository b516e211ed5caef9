//! The page: one self-contained file that asks for nothing from outside.
//!
//! [`view`] says what stands where in words, [`picture`] computes the timeline's geometry; the templates only place them.
//! Every value is escaped by the template engine.

mod bar;
mod picture;
mod view;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context, syntax::SyntaxConfig, value::Serde};

use self::{picture::Picture, view::View};
use crate::{ReportError, record::RunRecord};

const PAGE: &str = include_str!("../../templates/report.html");
const STYLE: &str = include_str!("../../templates/report.css");
const PICTURE: &str = include_str!("../../templates/timeline.svg");
const MACROS: &str = include_str!("../../templates/macros.html");

/// The page of a run.
pub fn html(record: &RunRecord) -> Result<String, ReportError> {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    pages.add_filter("unbroken", unbroken);
    pages.set_auto_escape_callback(|name| if name == "report.css" { AutoEscape::None } else { AutoEscape::Html });
    pages.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in
        [("report.html", PAGE), ("report.css", STYLE), ("timeline.svg", PICTURE), ("macros.html", MACROS)]
    {
        pages.add_template(name, source)?;
    }
    let page = pages.get_template("report.html")?;
    Ok(page.render(context! { view => Serde(View::of(record)), picture => Serde(Picture::of(record)) })?)
}

/// Units that stay on the line of their number.
const UNITS: [&str; 8] = ["s", "ms", "min", "h", "B", "KiB", "MiB", "GiB"];

/// The text with a no-break space between each number and its unit.
#[expect(clippy::needless_pass_by_value, reason = "filters of the template engine take their own text")]
fn unbroken(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut words = text.split(' ');
    out.push_str(words.next().unwrap_or_default());
    for word in words {
        let unit = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let after_number = out.ends_with(|letter: char| letter.is_ascii_digit());
        out.push(if after_number && UNITS.contains(&unit) { '\u{a0}' } else { ' ' });
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_unit_and_nothing_else() {
        let table = [
            ("took 14.9 s; 3 min 5 s, at most", "took 14.9\u{a0}s; 3\u{a0}min 5\u{a0}s, at most"),
            ("2 sets of 7 MiB.", "2 sets of 7\u{a0}MiB."),
            (" s ", " s "),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(unbroken(text.to_owned()), expected);
        }
    }
}
