//! What people read, as snapshots.

use firedrill_reports::{diff, html, junit, markdown, terminal};
use insta::assert_snapshot;

use super::sample::{self, Sample};

/// Every kind of run, by name.
fn runs() -> Vec<(&'static str, Sample)> {
    vec![
        ("pass", sample::pass()),
        ("fail", sample::fail()),
        ("inconclusive", sample::inconclusive()),
        ("nothing-checked", sample::nothing_checked()),
        ("interrupted", sample::interrupted()),
    ]
}

#[test]
fn terminal_block() {
    for (name, run) in runs() {
        assert_snapshot!(format!("terminal-{name}"), terminal(&run.record(), false));
    }
}

#[test]
fn colours_change_no_word() {
    let record = sample::fail().record();
    let mut plain = terminal(&record, true);
    for code in ["\u{1b}[1;31m", "\u{1b}[1;32m", "\u{1b}[31m", "\u{1b}[2m", "\u{1b}[1m", "\u{1b}[0m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, terminal(&record, false));
}

#[test]
fn markdown_summary() {
    for (name, run) in runs() {
        assert_snapshot!(format!("markdown-{name}"), markdown(&run.record()));
    }
}

#[test]
fn junit_file() {
    for (name, run) in runs() {
        assert_snapshot!(format!("junit-{name}"), junit(&run.record()).unwrap());
    }
}

#[test]
fn page_of_a_failure() {
    let page = html(&sample::fail().record()).unwrap();
    let (before, after) = page.split_once("<style>").unwrap();
    let (_, after) = after.split_once("</style>").unwrap();
    assert_snapshot!("html-fail", format!("{before}{after}"));
}

#[test]
fn a_page_asks_for_nothing_from_outside() {
    for (name, run) in runs() {
        let page = html(&run.record()).unwrap();
        for outside in ["http://", "https://", "<script", "<link", "@import", "src=", "<iframe"] {
            assert!(!page.contains(outside), "{name} holds {outside}");
        }
    }
}

#[test]
fn the_record_that_is_saved_is_the_record_that_is_returned() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample::fail();
    let record = firedrill_reports::write(&run.save(folder.path()), &run.verification).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let saved: firedrill_reports::RunRecord = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(saved, record);
    assert_eq!(read("report.html"), html(&saved).unwrap());
    assert_eq!(read("summary.md"), markdown(&saved));
    assert_eq!(read("junit.xml"), junit(&saved).unwrap());
}

#[test]
fn two_runs_side_by_side() {
    let (pass, fail) = (sample::pass().record(), sample::fail().record());
    assert_snapshot!("diff-pass-fail", diff(&pass, &fail));
    let same = diff(&pass, &pass);
    assert!(!same.contains('!') && !same.contains("changed") && !same.contains("findings"), "{same}");
}

#[test]
fn runs_that_do_not_compare_say_so() {
    let mut other = sample::fail();
    other.plan.seed = 1;
    other.plan.target.engine = "another 2".to_owned();
    other.plan.stack.version = "77".repeat(32);
    let text = diff(&sample::pass().record(), &other.record());
    for caution in ["different scenarios", "different seeds", "different targets", "the stack"] {
        assert!(text.contains(caution), "{caution} is not in\n{text}");
    }
}
