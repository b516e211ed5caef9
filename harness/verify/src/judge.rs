//! From findings to verdicts.

use std::collections::BTreeMap;

use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    ids::{CheckId, ResourceId},
    scenario::StatedFinding,
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

/// Whether the roots that decide a check are exactly the stated ones; `None` when none are stated.
///
/// A stated finding without a resource stands for any resource, and one without a step for any step. Each stated one must be seen as a failure, or for
/// `not-provable` and `source-reachable` as what leaves checks undecided, and nothing else may fail or stay undecided. `nothing-checked` is
/// stated by a scenario without expectations. What is found of a resource in which one key was hit on purpose must be
/// that key and no other.
pub(crate) fn as_stated(
    stated: &[StatedFinding],
    sabotaged: &BTreeMap<ResourceId, String>,
    verdict: Verdict,
    findings: &[Finding],
) -> Option<bool> {
    if stated.is_empty() {
        return None;
    }
    let roots: Vec<&Finding> =
        findings.iter().filter(|finding| finding.root.is_none() && finding.weight != Weight::Note).collect();
    let hit = |root: &Finding| root.resource.as_ref().and_then(|resource| sabotaged.get(resource));
    let matches = |stated: &StatedFinding, root: &Finding| {
        (root.weight == Weight::Failure || is_of_the_scenario(root.kind))
            && stated.finding == root.kind.to_string()
            && (stated.resource.is_none() || stated.resource == root.resource)
            && (stated.step.is_none() || stated.step == root.key)
            && hit(root).is_none_or(|key| root.key.as_ref() == Some(key) && root.count == 1)
    };
    let seen = |stated: &StatedFinding| match stated.finding.as_str() {
        NOTHING_CHECKED => verdict == Verdict::NothingChecked,
        _ => roots.iter().any(|root| matches(stated, root)),
    };
    let all_stated = roots.iter().all(|root| stated.iter().any(|stated| matches(stated, root)));
    Some(stated.iter().all(seen) && all_stated)
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
