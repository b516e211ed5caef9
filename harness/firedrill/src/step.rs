//! The steps with which a run changes something outside its own memory, told as trace lines once they are taken:
//! `FIREDRILL_LOG=firedrill::step=trace` shows them. A test kills the program at every one of these lines.

use serde::Serialize;

/// The target of these lines.
pub const STEP: &str = "firedrill::step";

/// The word of an event or a command, as it is written.
pub(crate) fn word(of: &impl Serialize) -> String {
    let written = serde_json::to_value(of).unwrap_or_default();
    written["kind"].as_str().unwrap_or("something").to_owned()
}
