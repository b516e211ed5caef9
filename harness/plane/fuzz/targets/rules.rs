//! Any bytes as a file of rules, in JSON and in YAML. Rules that are taken are written and read again as the same.

#![no_main]

use firedrill_plane::format::{self, RawRule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let of_json: Option<Vec<RawRule>> = serde_json::from_str(text).ok();
    let of_yaml: Option<Vec<RawRule>> = serde_saphyr::from_str(text).ok();
    for raw in [of_json, of_yaml].into_iter().flatten() {
        match format::read(raw) {
            Ok(rules) => {
                let written = serde_json::to_string(&rules).expect("rules can be written");
                assert_eq!(rules, serde_json::from_str::<Vec<_>>(&written).expect("what was written can be read"));
            }
            Err(wrong) => {
                assert!(!wrong.0.is_empty() && wrong.0.iter().all(|line| !line.is_empty()), "an error says why");
            }
        }
    }
});
