//! What a drill that must fail states.

use firedrill_model::{
    findings::FindingKind,
    ids::ResourceKind,
    scenario::{RecoveryStep, StatedFinding},
};

use super::Reader;
use crate::scenario::{
    key_path::KeyPath,
    nearest::suggest,
    raw::{RawScenario, StatedWord},
};

impl Reader<'_> {
    pub(super) fn must_fail(&mut self, raw: &RawScenario, recover: &[RecoveryStep]) -> Vec<StatedFinding> {
        let base = KeyPath::of(["must_fail"]);
        raw.must_fail
            .iter()
            .enumerate()
            .filter_map(|(index, stated)| {
                let path = base.index(index);
                let resource = match &stated.resource {
                    Some(name) => Some(self.resource(name, &ResourceKind::ALL, &path.key("resource"))?),
                    None => None,
                };
                let step = stated.step.clone();
                if let Some(step) = &step {
                    self.stated_step(stated.finding, step, recover, &path.key("step"));
                }
                Some(StatedFinding { finding: stated.finding.to_string(), resource, step })
            })
            .collect()
    }

    /// Only a recovery that fails has a step in which it does, and that is one of its own.
    fn stated_step(&mut self, finding: StatedWord, step: &str, recover: &[RecoveryStep], path: &KeyPath) {
        if finding != StatedWord::Finding(FindingKind::RecoveryFailed) {
            let message = format!("`{finding}` names no step of the recovery");
            self.wrong(path, message, "not here", "leave it out, or write `finding: recovery-failed`");
            return;
        }
        match recover.iter().filter(|of| of.kind() == step).count() {
            0 => {
                let help = suggest(step, recover.iter().map(RecoveryStep::kind));
                self.wrong(path, format!("the recovery has no step `{step}`"), "no such step", help);
            }
            1 => {}
            _ => {
                let message = format!("the recovery has several steps `{step}`");
                self.wrong(path, message, "which one?", "leave it out: a step is stated by its kind");
            }
        }
    }
}
