//! `firedrill list`: which scenarios there are.

use std::path::Path;

use serde_json::json;

use super::{Failure, check::check, failure::exit, screen};
use crate::scenario;

/// Which scenarios, and how to print them.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Scenario files or folders; a word that is neither filters by name. `must-fail` and `invalid` must be named
    #[arg(default_value = "scenarios")]
    scenarios: Vec<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// One line of the list.
struct Row {
    name: String,
    tier: Option<u8>,
    path: String,
    summary: String,
    usable: bool,
}

/// Prints one line a scenario. 0 when all can be used, 64 otherwise.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let rows: Vec<Row> =
        scenario::discover(&args.scenarios).map_err(Failure::usage)?.iter().map(|path| row(path)).collect();
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for row in &rows {
        let Row { name, tier, path, summary, usable } = row;
        if args.json {
            let line = json!({ "scenario": name, "tier": tier, "path": path, "summary": summary, "usable": usable });
            screen::line(line.to_string());
        } else {
            let tier = tier.map_or_else(|| "tier -".to_owned(), |tier| format!("tier {tier}"));
            screen::line(format!("{name:width$}   {tier}   {path}\n{:width$}   {summary}", ""));
        }
    }
    Ok(if rows.iter().all(|row| row.usable) { 0 } else { exit::USAGE })
}

fn row(path: &Path) -> Row {
    let checked = check(path);
    let shown = path.display().to_string();
    match checked.scenario {
        Some(scenario) => {
            Row { name: scenario.name, tier: scenario.tier, path: shown, summary: scenario.summary, usable: true }
        }
        None => Row {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            tier: None,
            summary: format!("cannot be used: `firedrill check {shown}` says why"),
            path: shown,
            usable: false,
        },
    }
}
