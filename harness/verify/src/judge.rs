//! From findings to verdicts.

use std::collections::BTreeMap;

use firedrill_model::{
    findings::{Finding, Weight},
    ids::CheckId,
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

/// Whether the failures that are roots are exactly the stated ones; `None` when none are stated.
///
/// A stated finding without a resource stands for any resource. Each stated one must be seen, and each one seen must be
/// stated.
pub(crate) fn as_stated(stated: &[StatedFinding], findings: &[Finding]) -> Option<bool> {
    if stated.is_empty() {
        return None;
    }
    let roots: Vec<&Finding> =
        findings.iter().filter(|finding| finding.root.is_none() && finding.weight == Weight::Failure).collect();
    let matches = |stated: &StatedFinding, root: &Finding| {
        stated.finding == root.kind.to_string() && (stated.resource.is_none() || stated.resource == root.resource)
    };
    let all_seen = stated.iter().all(|stated| roots.iter().any(|root| matches(stated, root)));
    let all_stated = roots.iter().all(|root| stated.iter().any(|stated| matches(stated, root)));
    Some(all_seen && all_stated)
}
