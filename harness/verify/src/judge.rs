//! From findings to verdicts.

use std::collections::BTreeMap;

use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    ids::{CheckId, ResourceId},
    plan::Plan,
    scenario::{RecoveryStep, Sabotage, StatedFinding},
    verdict::Verdict,
};

use crate::asserted::Asserted;

/// Each asserted check by the heaviest finding it has: none or notes pass, undecided is inconclusive, failure fails.
pub(crate) fn checks(asserted: &Asserted, findings: &[Finding]) -> BTreeMap<CheckId, Verdict> {
    asserted
        .checks()
        .map(|check| {
            let check = CheckId::new(check);
            let heaviest =
                findings.iter().filter(|finding| finding.check.as_ref() == Some(&check)).map(|f| f.weight).max();
            let verdict = match heaviest {
                None | Some(Weight::Note) => Verdict::Pass,
                Some(Weight::Undecided) => Verdict::Inconclusive,
                Some(Weight::Failure) => Verdict::Fail,
            };
            (check, verdict)
        })
        .collect()
}

/// What a scenario with nothing to check states.
const NOTHING_CHECKED: &str = "nothing-checked";

/// By resource, the key that was hit on purpose: what the history says, and `None` where the plan hits a key and the history
/// does not say which.
pub(crate) fn hit_on_purpose(
    plan: &Plan,
    sabotaged: &BTreeMap<ResourceId, String>,
) -> BTreeMap<ResourceId, Option<String>> {
    let backups = plan.backups.iter().filter_map(|backup| backup.sabotage.as_ref());
    let restores = plan.recover.iter().filter_map(|step| {
        let RecoveryStep::Restore { sabotage, .. } = step else { return None };
        sabotage.as_ref()
    });
    let planned = backups.chain(restores).filter_map(Sabotage::hits_a_key_of).map(|resource| (resource.clone(), None));
    let said = sabotaged.iter().map(|(resource, key)| (resource.clone(), Some(key.clone())));
    planned.chain(said).collect()
}

/// Whether the roots that decide a check are exactly the stated ones; `None` when none are stated.
///
/// A stated finding without a resource stands for any resource, and one without a step for any step. Each stated one must be seen as a failure, or for
/// `not-provable` and `source-reachable` as what leaves checks undecided, and nothing else may fail or stay undecided. `nothing-checked` is
/// stated by a scenario without expectations. Each key that was hit on purpose must be found, and nothing else of its
/// resource: where nobody knows which key that was, nothing is as stated.
pub(crate) fn as_stated(
    stated: &[StatedFinding],
    hit: &BTreeMap<ResourceId, Option<String>>,
    verdict: Verdict,
    findings: &[Finding],
) -> Option<bool> {
    if stated.is_empty() {
        return None;
    }
    let roots: Vec<&Finding> =
        findings.iter().filter(|finding| finding.root.is_none() && finding.weight != Weight::Note).collect();
    let matches = |stated: &StatedFinding, root: &Finding| {
        (root.weight == Weight::Failure || is_of_the_scenario(root.kind))
            && stated.finding == root.kind.to_string()
            && (stated.resource.is_none() || stated.resource == root.resource)
            && (stated.step.is_none() || stated.step == root.key)
    };
    let seen = |stated: &StatedFinding| match stated.finding.as_str() {
        NOTHING_CHECKED => verdict == Verdict::NothingChecked,
        _ => roots.iter().any(|root| matches(stated, root)),
    };
    let all_stated = roots.iter().all(|root| stated.iter().any(|stated| matches(stated, root)));
    let all_hits_found = hit.iter().all(|(resource, key)| {
        let mut here = roots.iter().filter(|root| root.resource.as_ref() == Some(resource)).peekable();
        here.peek().is_some() && here.all(|root| key.is_some() && root.key == *key && root.count == 1)
    });
    Some(stated.iter().all(seen) && all_stated && all_hits_found)
}

/// Undecided, and known from the scenario alone: what cannot be proved in the layout, with what is taken away, by waiting, after a
/// procedure that does not work, or past what the scenario itself sets as the end.
fn is_of_the_scenario(kind: FindingKind) -> bool {
    matches!(
        kind,
        FindingKind::NotProvable
            | FindingKind::SourceReachable
            | FindingKind::SelfHealed
            | FindingKind::RecoveryFailed
            | FindingKind::StopConditionMet
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
