//! `JUnit` XML, so that CI systems show each check.

use std::time::Duration;

use firedrill_model::{findings::Finding, verdict::Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    ReportError,
    record::{CheckRecord, RunRecord},
    words::{self, plain},
};

/// One test suite for the scenario, one test case for each check: a failed one is a failure, an inconclusive one an error,
/// what was measured and not asserted is skipped, and a run that checked nothing holds an error, so that none of them
/// looks like a pass.
pub fn junit(record: &RunRecord) -> Result<String, ReportError> {
    let name = plain(&record.scenario);
    let mut suite = TestSuite::new(name.as_str());
    suite.set_time(Duration::from_micros(record.length_ms.micros()));
    suite.add_property(("run_id", plain(record.run_id.as_str()).as_str()));
    suite.add_property(("seed", record.seed.to_string().as_str()));
    suite.add_property(("target", plain(&words::target(record)).as_str()));
    suite.add_property(("environment_class", words::class(record.environment_class)));
    suite.add_property(("a_pass_proves", record.limitation.in_short.as_str()));
    for check in &record.checks {
        suite.add_test_case(case(&name, check.id.as_str(), status(record, check)));
    }
    if record.checks.is_empty() {
        let message = "nothing was checked: the scenario expects nothing";
        suite.add_test_case(case(&name, "nothing-checked", non_success(NonSuccessKind::Error, message)));
    }
    if let Some(reason) = &record.interrupted {
        let message = format!("the run was cut short by {}", plain(reason));
        suite.add_test_case(case(&name, "run", non_success(NonSuccessKind::Error, &message)));
    }
    for check in &record.not_asserted {
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message("measured, not asserted");
        suite.add_test_case(case(&name, check.as_str(), skipped));
    }
    let mut report = Report::new("firedrill");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

fn case(scenario: &str, check: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(check), status);
    case.set_classname(scenario);
    case
}

fn status(record: &RunRecord, check: &CheckRecord) -> TestCaseStatus {
    let kind = match check.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Fail => NonSuccessKind::Failure,
        Verdict::Inconclusive | Verdict::NothingChecked => NonSuccessKind::Error,
    };
    let own: Vec<&Finding> = record.findings.iter().filter(|finding| check.findings.contains(&finding.id)).collect();
    let gravest = own.iter().rev().max_by_key(|finding| (finding.root.is_none(), finding.weight));
    let message = gravest.map_or_else(
        || format!("{}: {}", words::check(&check.id), words::verdict(Some(check.verdict))),
        |finding| plain(&finding.message),
    );
    let mut status = non_success(kind, &message);
    if let Some(finding) = gravest {
        status.set_type(finding.kind.to_string());
    }
    status.set_description(own.iter().map(|finding| describe(finding)).collect::<Vec<_>>().join("\n"));
    status
}

fn non_success(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status
}

fn describe(finding: &Finding) -> String {
    let mut lines = vec![format!("{} {}: {}", finding.id, finding.kind, plain(&finding.message))];
    lines.extend(finding.detail.iter().map(|detail| format!("  {}", plain(detail))));
    lines.extend(finding.help.iter().map(|help| format!("  try: {}", plain(help))));
    lines.join("\n")
}
