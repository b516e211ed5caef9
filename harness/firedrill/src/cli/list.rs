//! `firedrill list`: which scenarios there are.

use miette::Severity;
use serde_json::json;

use super::{
    Failure,
    check::{Checked, check_all, counted},
    failure::exit,
    screen,
};
use crate::scenario::Loaded;

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

/// One scenario of the list.
struct Row {
    name: String,
    tier: Option<u8>,
    path: String,
    summary: String,
    usable: bool,
    errors: usize,
    warnings: usize,
}

impl Row {
    /// What `check` says, as one word or count.
    fn state(&self) -> String {
        match (self.errors, self.warnings) {
            (0, 0) => "ok".to_owned(),
            (0, warnings) => counted(warnings, "warning"),
            (errors, _) => counted(errors, "error"),
        }
    }
}

/// Prints the scenarios. 0 when all can be used, 64 otherwise.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let rows: Vec<Row> = check_all(&args.scenarios)?.into_iter().map(row).collect();
    for line in lines(&rows, args.json) {
        screen::line(line);
    }
    Ok(if rows.iter().all(|row| row.usable) { 0 } else { exit::USAGE })
}

fn lines(rows: &[Row], json: bool) -> Vec<String> {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let state_width = rows.iter().map(|row| row.state().len()).max().unwrap_or(0);
    let line = |row: &Row| {
        let Row { name, tier, path, summary, usable, errors, warnings } = row;
        if json {
            json!({
                "scenario": name, "tier": tier, "path": path, "summary": summary,
                "usable": usable, "errors": errors, "warnings": warnings,
            })
            .to_string()
        } else {
            let tier = tier.map_or_else(|| "tier -".to_owned(), |tier| format!("tier {tier}"));
            let state = row.state();
            let indent = format!("{:width$}   ", "");
            let why =
                if *usable { String::new() } else { format!("\n{indent}`firedrill check {path}` says what is wrong") };
            format!("{name:width$}   {tier}   {state:state_width$}   {path}\n{indent}{summary}{why}")
        }
    };
    rows.iter().map(line).collect()
}

fn row(checked: Checked) -> Row {
    let (errors, warnings) = (checked.count(Severity::Error), checked.count(Severity::Warning));
    let (usable, path) = (checked.is_usable(), checked.path.display().to_string());
    match checked.loaded {
        Some(Loaded { scenario, .. }) => {
            Row { name: scenario.name, tier: scenario.tier, path, summary: scenario.summary, usable, errors, warnings }
        }
        None => Row {
            name: checked.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            tier: None,
            summary: "cannot be used".to_owned(),
            path,
            usable,
            errors,
            warnings,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{cli::check::check, scenario::tests::root};

    #[test]
    fn a_list_has_the_names_in_a_column_and_says_what_check_would_say() {
        let good = Row {
            name: "order-pipeline-region-loss".to_owned(),
            tier: Some(1),
            path: "scenarios/order-pipeline-region-loss.yaml".to_owned(),
            summary: "us-east-1 stops answering; the pipeline comes back in eu-west-1.".to_owned(),
            usable: true,
            errors: 0,
            warnings: 0,
        };
        let invalid = |name: &str| {
            let file = root().join("scenarios").join(name);
            Row { path: name.to_owned(), ..row(check(&file)) }
        };
        let linted = ["must-fail/nothing-expected.yaml", "invalid/two-rules-and-a-restore.yaml"].map(invalid);
        let rows: Vec<Row> =
            [good].into_iter().chain(linted).chain([row(check(Path::new("no/broken.yaml")))]).collect();
        insta::assert_snapshot!(lines(&rows, false).join("\n"), @r"
        order-pipeline-region-loss   tier 1   ok          scenarios/order-pipeline-region-loss.yaml
                                     us-east-1 stops answering; the pipeline comes back in eu-west-1.
        must-fail-nothing-expected   tier 1   1 warning   must-fail/nothing-expected.yaml
                                     Everything comes back, but nothing is asserted; the verdict says so.
        broken                       tier -   1 error     invalid/two-rules-and-a-restore.yaml
                                     This file is broken on purpose.
                                     `firedrill check invalid/two-rules-and-a-restore.yaml` says what is wrong
        broken                       tier -   1 error     no/broken.yaml
                                     cannot be used
                                     `firedrill check no/broken.yaml` says what is wrong
        ");
        insta::assert_snapshot!(lines(&rows[2..], true).join("\n"), @r#"
        {"scenario":"broken","tier":null,"path":"invalid/two-rules-and-a-restore.yaml","summary":"This file is broken on purpose.","usable":false,"errors":1,"warnings":0}
        {"scenario":"broken","tier":null,"path":"no/broken.yaml","summary":"cannot be used","usable":false,"errors":1,"warnings":0}
        "#);
    }
}
