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
        ("killed", sample::killed()),
        ("altered", sample::altered()),
    ]
}

#[test]
fn terminal_block() {
    for (name, run) in runs() {
        assert_snapshot!(format!("terminal-{name}"), terminal(&run.record(), false, None));
    }
}

#[test]
fn a_narrow_screen_breaks_lines_between_words() {
    let record = sample::altered().record();
    assert_snapshot!("terminal-narrow", terminal(&record, false, Some(72)));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for columns in [1, 40, 72, 100, 500] {
        let narrow = terminal(&record, false, Some(columns));
        assert_eq!(words(&narrow), words(&terminal(&record, false, None)), "{columns}");
        let longest =
            narrow.lines().filter(|line| line.split_whitespace().count() > 2).map(|line| line.chars().count()).max();
        assert!(columns < 72 || longest <= Some(columns), "{columns}: {longest:?}");
        let coloured = terminal(&record, true, Some(columns));
        assert_eq!(coloured.lines().count(), narrow.lines().count(), "colours take no room");
    }
}

#[test]
fn colours_change_no_word() {
    let record = sample::fail().record();
    let mut plain = terminal(&record, true, None);
    for code in ["\u{1b}[1;31m", "\u{1b}[1;32m", "\u{1b}[31m", "\u{1b}[2m", "\u{1b}[1m", "\u{1b}[0m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, terminal(&record, false, None));
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

/// What a reader sees of a page, an element a line.
fn seen(page: &str) -> String {
    let (before, after) = page.split_once("<style>").unwrap();
    let (_, after) = after.split_once("</style>").unwrap();
    let mut text = String::new();
    for part in format!("{before}{after}").split('<') {
        let words: Vec<&str> = part.split_once('>').map_or(part, |(_, words)| words).split_whitespace().collect();
        if !words.is_empty() {
            text.push_str(&words.join(" "));
            text.push('\n');
        }
    }
    text
}

#[test]
fn words_of_each_page() {
    for (name, run) in runs() {
        assert_snapshot!(format!("page-{name}"), seen(&html(&run.record()).unwrap()));
    }
}

#[test]
fn a_page_is_light_or_dark_as_its_reader_has_it() {
    let page = html(&sample::pass().record()).unwrap();
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("content=\"light dark\""));
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
fn a_finding_of_another_key_is_the_same_finding() {
    let (mut one, mut other) = (sample::fail(), sample::fail());
    one.verification.findings[3].key = Some("a".to_owned());
    other.verification.findings[3].key = Some("b".to_owned());
    let text = diff(&one.record(), &other.record());
    assert!(!text.contains("findings that"), "{text}");
    other.verification.findings[3].resource = other.verification.findings[0].resource.clone();
    assert!(diff(&one.record(), &other.record()).contains("findings that came"));
}

#[test]
fn a_run_that_did_not_end_says_how_to_end_it() {
    let record = sample::killed().record();
    assert!(record.cut_off && !sample::pass().record().cut_off && !sample::interrupted().record().cut_off);
    for text in [terminal(&record, false, None), markdown(&record), html(&record).unwrap()] {
        assert!(text.contains("firedrill heal RUN"), "{text}");
        for claim in ["never stable", "did not become ready", "never   ", "no fault"] {
            assert!(!text.contains(claim), "{claim} in {text}");
        }
    }
}

#[test]
fn the_seed_is_what_the_command_line_takes() {
    let mut run = sample::pass();
    run.plan.seed = 0xfedc_ba98_7654_3210;
    let record = run.record();
    let mut json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["seed"], "fedcba9876543210");
    for text in [junit(&record).unwrap(), markdown(&record), html(&record).unwrap(), terminal(&record, false, None)] {
        assert!(text.contains("fedcba9876543210"), "{text}");
    }
    // A record of before.
    json["seed"] = run.plan.seed.into();
    for newer in ["cut_off", "clock_skew_ms"] {
        json.as_object_mut().unwrap().remove(newer);
    }
    assert_eq!(serde_json::from_value::<firedrill_reports::RunRecord>(json).unwrap().seed, record.seed);
}

#[test]
fn the_first_key_is_named_once() {
    let page = html(&sample::altered().record()).unwrap();
    assert_eq!(page.matches("documents&#x2f;1.txt").count(), 1);
    assert_eq!(page.matches("Keys are shown as the ledger holds them").count(), 1);
    assert_eq!(html(&sample::pass().record()).unwrap().matches("Keys are shown as the ledger holds them").count(), 1);
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
