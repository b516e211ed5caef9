//! Which checks a scenario asserts, by id.

use std::collections::BTreeSet;

use firedrill_model::{ids::CheckId, plan::Plan};

/// Recovery time objective.
pub(crate) const RTO: &str = "rto";
/// Recovery point objective.
pub(crate) const RPO: &str = "rpo";
/// State equivalence.
pub(crate) const STATE: &str = "state";
/// Consistent cut across services.
pub(crate) const CONSISTENT_CUT: &str = "consistent-cut";

/// The check of one trigger's effects.
pub(crate) fn effects_of(trigger: &str) -> String {
    format!("effects.{trigger}")
}

/// The checks of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Asserted {
    asserted: BTreeSet<String>,
    possible: BTreeSet<String>,
}

impl Asserted {
    /// From what the plan expects. An expectation about a trigger that the stack does not have is asserted too: it can
    /// then not pass.
    pub(crate) fn of(plan: &Plan) -> Self {
        let expect = &plan.expect;
        let mut asserted: BTreeSet<String> = expect.effects.keys().map(|trigger| effects_of(trigger)).collect();
        for (check, wanted) in [
            (RTO, expect.rto.is_some()),
            (RPO, expect.rpo.is_some()),
            (STATE, expect.state),
            (CONSISTENT_CUT, expect.consistent_cut),
        ] {
            if wanted {
                asserted.insert(check.to_owned());
            }
        }
        let mut possible: BTreeSet<String> = [RTO, RPO, STATE, CONSISTENT_CUT].map(str::to_owned).into();
        possible.extend(plan.stack.triggers.keys().map(|trigger| effects_of(trigger)));
        Self { asserted, possible }
    }

    /// Whether the scenario asserts `check`.
    pub(crate) fn has(&self, check: &str) -> bool {
        self.asserted.contains(check)
    }

    /// The first of `wanted` that is asserted: where a finding belongs that bears on several checks.
    pub(crate) fn first<'w>(&self, wanted: &[&'w str]) -> Option<&'w str> {
        wanted.iter().copied().find(|check| self.has(check))
    }

    /// Every asserted check, in order.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &str> {
        self.asserted.iter().map(String::as_str)
    }

    /// What is measured though nobody asked.
    pub(crate) fn not_asserted(&self) -> Vec<CheckId> {
        self.possible.difference(&self.asserted).map(|check| CheckId::new(check.as_str())).collect()
    }
}
