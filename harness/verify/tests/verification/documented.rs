//! The page that says which test holds which rule.

use std::{collections::BTreeSet, fs, path::Path};

/// The text of every Rust file below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("readable"));
        }
    }
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let page = fs::read_to_string(root.join("docs/measurement.md")).unwrap();
    let mut text = String::new();
    sources(&root.join("harness"), &mut text);
    sources(&root.join("reports"), &mut text);
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rule"));
    let mut named = BTreeSet::new();
    for row in rows {
        let tests: Vec<&str> =
            row.split('`').skip(1).step_by(2).filter(|name| name.contains('_') && !name.contains('/')).collect();
        assert!(!tests.is_empty(), "a rule without a test: {row}");
        named.extend(tests);
    }
    assert!(named.len() > 50, "{}", named.len());
    let gone: Vec<&str> = named.into_iter().filter(|name| !text.contains(&format!("fn {name}("))).collect();
    assert!(gone.is_empty(), "{gone:?}");
}
