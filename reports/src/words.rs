//! Words and numbers as people read them, the same in every rendering.

use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    ids::CheckId,
    plan::{Layout, TargetKind},
    units::{RunTime, Span},
    verdict::{EnvironmentClass, Verdict},
};
use jiff::{SignedDuration, Timestamp};

use crate::record::{AfterCrash, BackupRecord, BackupState, RunRecord};

/// `4211` → `4,211`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 write`, `2 writes`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A short span without its unit where the unit is clear from beside: `9.9`; a long one in full.
pub(crate) fn bare(span: Span) -> String {
    let text = span.to_string();
    text.strip_suffix(" s").filter(|number| !number.contains(' ')).map_or(text.clone(), str::to_owned)
}

/// Text from outside with everything that could steer a terminal or reorder a line written out: control characters and
/// the bidirectional controls of Unicode.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                safe.extend(letter.escape_unicode());
            }
            letter if letter.is_control() => safe.extend(letter.escape_default()),
            letter => safe.push(letter),
        }
    }
    safe
}

/// What a check is about: `rto` → `recovery time`, `effects.total-orders` → `effects of total-orders`.
pub(crate) fn check(id: &CheckId) -> String {
    match id.as_str() {
        "rto" => "recovery time".to_owned(),
        "rpo" => "recovery point".to_owned(),
        "state" => "state".to_owned(),
        "consistent-cut" => "consistent cut".to_owned(),
        other => match other.strip_prefix("effects.") {
            Some(trigger) => format!("effects of {trigger}"),
            None => other.to_owned(),
        },
    }
}

/// A verdict inside a sentence or a table; `not asserted` for none.
pub(crate) fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "pass",
        Some(Verdict::Fail) => "fail",
        Some(Verdict::Inconclusive) => "inconclusive",
        Some(Verdict::NothingChecked) => "nothing checked",
        None => "not asserted",
    }
}

/// What stands before what a run of its class proves: only a pass has proved it.
pub(crate) fn proves(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "proves",
        Verdict::Fail | Verdict::Inconclusive | Verdict::NothingChecked => "would prove",
    }
}

/// Where it ran: `local (ministack 1.5.33, a process per region)`.
pub(crate) fn target(record: &RunRecord) -> String {
    let kind = match record.target {
        TargetKind::Local => "local",
    };
    let layout = match record.layout {
        Layout::ProcessPerRegion => "a process per region",
        Layout::SharedProcess => "one process for all regions",
    };
    format!("{kind} ({}, {layout})", record.engine)
}

/// An environment class: `emulator`.
pub(crate) fn class(class: EnvironmentClass) -> &'static str {
    match class {
        EnvironmentClass::Simulation => "simulation",
        EnvironmentClass::Emulator => "emulator",
        EnvironmentClass::AwsNonprod => "AWS, not production",
        EnvironmentClass::AwsProdIsolated => "AWS, production, isolated",
        EnvironmentClass::Production => "production",
    }
}

/// How a backup ended.
pub(crate) fn backup(state: BackupState) -> &'static str {
    match state {
        BackupState::Unfinished => "unfinished",
        BackupState::Failed => "failed",
        BackupState::Completed => "not verified",
        BackupState::Verified => "verified",
    }
}

/// When a crashed run was healed, and what its clock cannot say any more.
pub(crate) fn after_crash(after: &AfterCrash) -> String {
    let faults: Vec<String> = after.faults.iter().map(|fault| plain(fault.as_str())).collect();
    let ended = if faults.is_empty() {
        String::new()
    } else {
        format!("; {} ended with it, at no measured time", faults.join(", "))
    };
    format!("healed {} by the wall clock{ended}", plain(&after.healed_utc))
}

/// What a recovery point holds of what its rule calls critical.
pub(crate) fn critical(backup: &BackupRecord) -> Option<String> {
    let words: Vec<&str> = backup.critical.iter().map(|attribute| attribute.word()).collect();
    let what = words.join(", ");
    match (backup.critical_held, backup.state) {
        _ if words.is_empty() => None,
        (Some(true), _) => Some(format!("holds {what}")),
        (Some(false), _) => Some(format!("not shown to hold {what}")),
        (None, BackupState::Unfinished | BackupState::Failed) => None,
        (None, BackupState::Completed | BackupState::Verified) => Some(format!("nobody looked in it for {what}")),
    }
}

/// What a finding that leaves every check undecided is about; `None` for one that bears on checks of its own.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other kind bears on single checks")]
fn of_the_run(kind: FindingKind) -> Option<&'static str> {
    match kind {
        FindingKind::EvidenceAltered => Some("evidence"),
        FindingKind::RunIncomplete | FindingKind::RecoveryFailed | FindingKind::StopConditionMet => Some("run"),
        FindingKind::FaultDidNotBite => Some("fault"),
        FindingKind::NotProvable => Some("target"),
        _ => None,
    }
}

/// What a finding is about: its check, or what leaves every check undecided.
pub(crate) fn subject(finding: &Finding) -> String {
    match (of_the_run(finding.kind), &finding.check) {
        (Some(subject), _) => subject.to_owned(),
        (None, Some(id)) => check(id),
        (None, None) => weight(finding.weight).to_owned(),
    }
}

/// Which checks a finding bears on: `check rpo`, `every check`; `None` for a note.
pub(crate) fn bears_on(finding: &Finding) -> Option<String> {
    let check = finding.check.as_ref()?;
    Some(match of_the_run(finding.kind) {
        Some(_) if finding.root.is_none() => "every check".to_owned(),
        _ => format!("check {}", plain(check.as_str())),
    })
}

/// How a finding bears on its check.
pub(crate) fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Failure => "failure",
        Weight::Undecided => "undecided",
        Weight::Note => "note",
    }
}

/// Root findings, altered evidence and then the gravest first, each with those that follow from it. One whose root is not in the list is a root itself,
/// so that no finding is ever left out.
pub(crate) fn by_root(findings: &[Finding]) -> Vec<(&Finding, Vec<&Finding>)> {
    let known = |id: &str| findings.iter().any(|finding| finding.id == id);
    let is_root = |finding: &&Finding| finding.root.as_deref().is_none_or(|root| root == finding.id || !known(root));
    let mut roots: Vec<&Finding> = findings.iter().filter(is_root).collect();
    roots.sort_by_key(|finding| (finding.kind != FindingKind::EvidenceAltered, std::cmp::Reverse(finding.weight)));
    let mut rest: Vec<&Finding> = findings.iter().filter(|finding| !is_root(finding)).collect();
    let mut grouped: Vec<(&Finding, Vec<&Finding>)> = Vec::with_capacity(roots.len());
    for root in roots {
        grouped.push((root, take_following(root, &mut rest)));
    }
    // What is left follows from itself in a circle: shown as it is.
    grouped.extend(rest.into_iter().map(|finding| (finding, Vec::new())));
    grouped
}

/// Everything in `rest` that follows from `root`, directly or through others.
fn take_following<'a>(root: &Finding, rest: &mut Vec<&'a Finding>) -> Vec<&'a Finding> {
    let mut following: Vec<&'a Finding> = Vec::new();
    loop {
        let follows = |finding: &&Finding| {
            finding.root.as_deref().is_some_and(|id| id == root.id || following.iter().any(|known| known.id == id))
        };
        let (next, others): (Vec<&Finding>, Vec<&Finding>) = rest.iter().partition(|finding| follows(finding));
        if next.is_empty() {
            return following;
        }
        following.extend(next);
        *rest = others;
    }
}

/// Wall-clock time of the run's instants, for display.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    begun: Option<Timestamp>,
}

impl WallClock {
    /// The clock of a run.
    pub(crate) fn of(record: &RunRecord) -> Self {
        Self { begun: record.started_utc.as_ref().and_then(|text| text.parse().ok()) }
    }

    /// `14:02:11.1Z`; before the run's start is unknown, seconds of the run: `11.1 s`.
    pub(crate) fn time(&self, at: RunTime) -> String {
        self.stamp(at).map_or_else(
            || format!("{} of the run", at.since(RunTime::default())),
            |stamp| stamp.strftime("%H:%M:%S%.1fZ").to_string(),
        )
    }

    fn stamp(&self, at: RunTime) -> Option<Timestamp> {
        let since = SignedDuration::from_micros(i64::try_from(at.micros()).ok()?);
        self.begun?.checked_add(since).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let table = [(0, "0"), (12, "12"), (999, "999"), (1000, "1,000"), (41_234_567, "41,234,567")];
        for (number, text) in table {
            assert_eq!(count(number), text);
        }
        assert_eq!(plural(1, "write"), "1 write");
        assert_eq!(plural(0, "write"), "0 writes");
    }

    #[test]
    fn short_spans_lose_their_unit_and_long_ones_keep_it() {
        assert_eq!(bare(Span::from_ms(9_900)), "9.9");
        assert_eq!(bare(Span::default()), "0");
        assert_eq!(bare(Span::from_secs(185)), "3 min 5 s");
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\nc\\u{202e}d é");
    }

    fn finding(id: &str, root: Option<&str>, weight: Weight) -> Finding {
        Finding {
            id: id.to_owned(),
            check: None,
            kind: firedrill_model::findings::FindingKind::Missing,
            weight,
            resource: None,
            key: None,
            root: root.map(str::to_owned),
            count: 1,
            message: String::new(),
            detail: Vec::new(),
            help: None,
        }
    }

    #[test]
    fn no_finding_is_left_out_whatever_its_root() {
        let findings = [
            finding("a", None, Weight::Note),
            finding("b", Some("c"), Weight::Failure),
            finding("c", Some("a"), Weight::Failure),
            finding("d", Some("gone"), Weight::Failure),
            finding("e", Some("f"), Weight::Note),
            finding("f", Some("e"), Weight::Note),
        ];
        let shape: Vec<(&str, Vec<&str>)> = by_root(&findings)
            .into_iter()
            .map(|(root, rest)| (root.id.as_str(), rest.into_iter().map(|finding| finding.id.as_str()).collect()))
            .collect();
        assert_eq!(shape, [("d", vec![]), ("a", vec!["c", "b"]), ("e", vec![]), ("f", vec![])]);
    }
}
