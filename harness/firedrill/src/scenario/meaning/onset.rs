//! When a disaster strikes, and for how long at most.

use firedrill_model::{
    scenario::{Fault, Onset},
    units::Span,
};

use super::Reader;
use crate::scenario::{
    key_path::KeyPath,
    nearest::suggest,
    raw::{RawDisaster, RawStep},
};

/// The steps during which something can strike: all others are over at once.
const INTERRUPTED: [&str; 3] = ["restore", "command", "redrive"];

impl Reader<'_> {
    /// When it is switched on.
    pub(super) fn onset(&mut self, raw: &RawDisaster, recover: &[RawStep], path: &KeyPath) -> Option<Onset> {
        match (&raw.after, &raw.at, &raw.during) {
            (Some(progress), None, None) => Some(progress.0),
            (None, Some(delay), None) => Some(Onset::At { delay: delay.0 }),
            (None, None, Some(kind)) => self.during(kind, recover, &path.key("during")),
            _ => {
                let message = format!("`{path}` must say when: `after`, `at` or `during`");
                let help = "write `after: 3 backups`, `after: 500 writes`, `at: 20s` or `during: restore`";
                self.wrong(path, message, "here", help);
                None
            }
        }
    }

    /// The first step of a kind, of those that take their time.
    fn during(&mut self, kind: &str, recover: &[RawStep], path: &KeyPath) -> Option<Onset> {
        let step = recover.iter().position(|step| step.kind() == kind);
        let long = || recover.iter().map(RawStep::kind).filter(|kind| INTERRUPTED.contains(kind));
        if step.is_none() {
            self.wrong(path, format!("the recovery has no step `{kind}`"), "no such step", suggest(kind, long()));
        } else if !INTERRUPTED.contains(&kind) {
            let message = format!("`{kind}` is over at once: nothing can strike while it runs");
            self.wrong(path, message, "too short", suggest(kind, long()));
        }
        step.map(|step| Onset::During { step })
    }

    /// For how long it may stay on.
    pub(super) fn at_most(&mut self, raw: &RawDisaster, fault: &Fault, path: &KeyPath) -> Option<Span> {
        let (at_most, path) = (raw.at_most.as_ref()?.0, path.key("at_most"));
        if at_most == Span::default() {
            let message = "a disaster that may not stay on takes nothing away";
            self.wrong(&path, message, "zero", "write `at_most: 2min`, or leave it out");
        } else if fault.stays() {
            let message = "what it does stays: nothing undoes it";
            self.wrong(&path, message, "without effect", "leave it out");
        }
        Some(at_most)
    }
}
