//! Scenario and stack files, good and bad, and what is said about the bad ones.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

use super::{
    Diagnostics, Source, discover, load, raw::RawScenario, reference, schema, stack_raw::RawStack, understand,
};
use crate::plan::lint::lint;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..").canonicalize().expect("the repository")
}

/// A diagnostic as a terminal without colours shows it.
pub(crate) fn rendered(diagnostic: &dyn Diagnostic) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut text, diagnostic)
        .expect("rendered");
    text
}

/// Everything that `check` says about a file of the repository, which is named by its path in the repository.
fn remarks(path: &Path) -> String {
    let shown = path.strip_prefix(root()).expect("a file of the repository").display().to_string();
    let text = fs::read_to_string(path).expect("readable");
    let problems = match Source::parse(path, &shown, text).and_then(understand) {
        Ok(loaded) => lint(&loaded),
        Err(Diagnostics { problems, .. }) => problems,
    };
    problems.iter().map(|problem| rendered(problem)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_invalid_file_gets_the_diagnostic_it_must_give() {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("scenarios/invalid"))
        .expect("the folder")
        .map(|entry| entry.expect("one").path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "only {} files", files.len());
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        insta::assert_snapshot!(format!("invalid__{name}"), remarks(&file));
    }
}

#[test]
fn every_scenario_that_ships_can_be_used() {
    let folders = ["scenarios", "scenarios/must-fail", "scenarios/nightly", "scenarios/nightly/must-fail"]
        .map(|folder| root().join(folder).display().to_string());
    let files = discover(&folders).expect("found");
    assert!(files.len() >= 16, "only {} scenarios", files.len());
    for file in files {
        if let Err(diagnostics) = load(&file) {
            panic!("{}", rendered(&diagnostics));
        }
    }
}

#[test]
fn every_scenario_begins_with_the_schema_that_editors_check_it_with() {
    let folders =
        ["scenarios", "scenarios/must-fail", "scenarios/invalid", "scenarios/nightly", "scenarios/nightly/must-fail"]
            .map(|folder| root().join(folder).display().to_string());
    for file in discover(&folders).expect("found") {
        let text = fs::read_to_string(&file).expect("readable");
        let schema = text.lines().next().and_then(|first| first.strip_prefix("# yaml-language-server: $schema="));
        let schema = schema.unwrap_or_else(|| panic!("{} does not begin with its schema", file.display()));
        assert!(file.parent().expect("a folder").join(schema).is_file(), "{}: no {schema}", file.display());
    }
}

#[test]
fn passing_scenarios_carry_no_remark_and_failing_ones_only_those_that_announce_it() {
    for file in discover(&[root().join("scenarios").display().to_string()]).expect("found") {
        assert_eq!(remarks(&file), "", "{}", file.display());
    }
    let announced = ["backup-interval-too-long", "forgotten-trigger", "nothing-expected"];
    for file in discover(&[root().join("scenarios/must-fail").display().to_string()]).expect("found") {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let said = remarks(&file);
        if announced.contains(&name.as_str()) {
            insta::assert_snapshot!(format!("must_fail__{name}"), said);
        } else {
            assert_eq!(said, "", "{name}");
        }
    }
}

/// `FIREDRILL_WRITE_GENERATED=1 cargo test --release generated_files` writes them again.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
fn generated_files_are_current() {
    let write = env::var("FIREDRILL_WRITE_GENERATED").is_ok();
    for (file, expected) in [
        ("scenarios/scenario.schema.json", schema::text(&schema::scenario())),
        ("fixtures/stacks/stack.schema.json", schema::text(&schema::stack())),
        ("fixtures/rules/rules.schema.json", schema::text(&schema::rules())),
        ("docs/scenario.md", reference::page()),
    ] {
        let path = root().join(file);
        if write {
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(&path, &expected).expect("written");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "`{file}` is out of date: run this test with FIREDRILL_WRITE_GENERATED=1");
    }
}

#[test]
fn the_schema_accepts_what_ships_and_refuses_what_the_shape_check_refuses() {
    let validator = jsonschema::validator_for(&schema::scenario()).expect("a schema");
    let value = |file: &Path| -> serde_json::Value {
        serde_saphyr::from_str(&fs::read_to_string(file).expect("readable")).expect("YAML")
    };
    for file in discover(&[root().join("scenarios").display().to_string()]).expect("found") {
        let errors: Vec<String> = validator.iter_errors(&value(&file)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
    for name in ["unknown-key", "unknown-word", "wrong-type", "empty-key"] {
        let file = root().join(format!("scenarios/invalid/{name}.yaml"));
        assert!(!validator.is_valid(&value(&file)), "{name}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.yaml");
    fs::File::create(&path).expect("created").set_len(100 << 20).expect("a hole of 100 MiB");
    let error = Source::read(&path).expect_err("refused");
    assert!(error.problems[0].message.ends_with("is larger than 1 MiB"), "{}", error.problems[0].message);
}

#[test]
fn deep_nesting_and_alias_bombs_are_refused() {
    let deep = format!("a: {}{}", "[".repeat(5000), "]".repeat(5000));
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.extend([format!("a{level}: &a{level} [{aliases}]\n")]);
    }
    for text in [deep, block, bomb] {
        let error = Source::parse(Path::new("x.yaml"), "x.yaml", text).expect_err("refused");
        assert_eq!(error.problems.len(), 1);
    }
}

#[test]
fn a_position_counts_lines_and_characters_from_one() {
    let text = "scenario: x\nsummary: ü\nowner: { a: 1 }\n".to_owned();
    let source = Source::parse(Path::new("x.yaml"), "x.yaml", text).expect("YAML");
    let error = source.decode::<RawScenario>(&schema::scenario()).expect_err("refused");
    let owner = error.problems.iter().find(|problem| problem.message.contains("owner")).expect("reported");
    assert_eq!(owner.position(), Some((3, 1)));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in r"(?s).{0,400}") {
        read_everything(&text);
    }

    #[test]
    fn damaged_scenarios_never_panic(at in 0_usize..1400, with in r#"[ \n:\[\]{}*&!|>'"%@`a0-]{0,6}"#, cut in 0_usize..40) {
        let text = fs::read_to_string(root().join("scenarios/order-pipeline-region-loss.yaml")).expect("readable");
        let start = (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
        let end = (start..=text.len()).find(|index| *index >= start + cut && text.is_char_boundary(*index));
        let damaged = format!("{}{with}{}", &text[..start], &text[end.unwrap_or(text.len())..]);
        read_everything(&damaged);
    }
}

/// Reads `text` as every kind of file; what it says has to be printable.
fn read_everything(text: &str) {
    let path = root().join("scenarios/arbitrary.yaml");
    let said = |result: Result<(), Diagnostics>| {
        if let Err(diagnostics) = result {
            assert!(!diagnostics.problems.is_empty());
            assert!(!rendered(&diagnostics).is_empty());
        }
    };
    said(Source::parse(&path, "arbitrary.yaml", text.to_owned()).and_then(|source| {
        said(source.decode::<RawStack>(&schema::stack()).map(drop));
        understand(source).map(|loaded| drop(lint(&loaded)))
    }));
}
