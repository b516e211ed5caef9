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
