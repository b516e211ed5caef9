//! Names, keys and messages come from outside: none may leave its place.

use firedrill_reports::{html, junit, markdown, terminal};

use super::sample;

#[test]
fn html_stays_text() {
    let page = html(&sample::hostile().record()).unwrap();
    assert!(!page.contains("<img"), "an element got through");
    assert!(page.contains("{{ 7*7 }}"), "a template was evaluated");
    assert!(
        page.contains("&lt;&#x2f;script&gt;&lt;img") || page.contains("&lt;/script&gt;&lt;img"),
        "the text is gone"
    );
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
}

#[test]
fn a_terminal_gets_no_escape_sequence_from_the_data() {
    let text = terminal(&sample::hostile().record(), false, None);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn markdown_stays_text() {
    let text = markdown(&sample::hostile().record());
    assert!(!text.contains("<img") && !text.contains("</script"), "{text}");
    let table_rows = text.lines().filter(|line| line.starts_with("| ")).collect::<Vec<_>>();
    assert!(!table_rows.is_empty());
    // A line feed in the data would start a heading.
    assert!(!text.lines().any(|line| line.starts_with("# ")), "{text}");
}

#[test]
fn junit_stays_well_formed() {
    let text = junit(&sample::hostile().record()).unwrap();
    assert!(!text.contains("<img") && !text.contains('\u{1b}') && !text.contains('\u{0}'), "{text}");
    let cases = text.matches("<testcase ").count();
    assert_eq!(cases, sample::hostile().record().checks.len());
    // Inside an attribute or an element, neither may end early.
    assert!(!text.contains("]]>&\\") && text.contains("&lt;/script&gt;"), "{text}");
}
