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
    for line in lines(&rows, args.json) {
        screen::line(line);
    }
    Ok(if rows.iter().all(|row| row.usable) { 0 } else { exit::USAGE })
}

fn lines(rows: &[Row], json: bool) -> Vec<String> {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let line = |row: &Row| {
        let Row { name, tier, path, summary, usable } = row;
        if json {
            json!({ "scenario": name, "tier": tier, "path": path, "summary": summary, "usable": usable }).to_string()
        } else {
            let tier = tier.map_or_else(|| "tier -".to_owned(), |tier| format!("tier {tier}"));
            format!("{name:width$}   {tier}   {path}\n{:width$}   {summary}", "")
        }
    };
    rows.iter().map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_names_in_a_column_and_says_what_cannot_be_used() {
        let good = Row {
            name: "order-pipeline-region-loss".to_owned(),
            tier: Some(1),
            path: "scenarios/order-pipeline-region-loss.yaml".to_owned(),
            summary: "us-east-1 stops answering; the pipeline comes back in eu-west-1.".to_owned(),
            usable: true,
        };
        let rows = [good, row(Path::new("no/such/broken.yaml"))];
        insta::assert_snapshot!(lines(&rows, false).join("\n"), @r"
        order-pipeline-region-loss   tier 1   scenarios/order-pipeline-region-loss.yaml
                                     us-east-1 stops answering; the pipeline comes back in eu-west-1.
        broken                       tier -   no/such/broken.yaml
                                     cannot be used: `firedrill check no/such/broken.yaml` says why
        ");
        insta::assert_snapshot!(lines(&rows, true).join("\n"), @r#"
        {"scenario":"order-pipeline-region-loss","tier":1,"path":"scenarios/order-pipeline-region-loss.yaml","summary":"us-east-1 stops answering; the pipeline comes back in eu-west-1.","usable":true}
        {"scenario":"broken","tier":null,"path":"no/such/broken.yaml","summary":"cannot be used: `firedrill check no/such/broken.yaml` says why","usable":false}
        "#);
    }
}
