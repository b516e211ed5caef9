//! The verdict: three values and the case in which nothing was checked.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check, or a run, came to. Unknown is inconclusive, never pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was asked for was seen to hold.
    Pass,
    /// A check failed.
    Fail,
    /// It could not be decided.
    Inconclusive,
    /// The scenario asks for nothing, so nothing was proved.
    NothingChecked,
}

impl Verdict {
    /// The verdict of a run from those of its checks: pass < inconclusive < fail; no checks at all is
    /// [`Verdict::NothingChecked`].
    pub fn of_checks(checks: impl IntoIterator<Item = Self>) -> Self {
        checks.into_iter().fold(
            Self::NothingChecked,
            |worst, next| {
                if rank_in_run(next) > rank_in_run(worst) { next } else { worst }
            },
        )
    }

    /// The verdict of many runs, for the exit code: fail, then inconclusive, then nothing checked, then pass.
    pub fn of_runs(runs: impl IntoIterator<Item = Self>) -> Self {
        let mut runs = runs.into_iter();
        let Some(first) = runs.next() else { return Self::NothingChecked };
        runs.fold(first, |worst, next| if next.exit_rank() > worst.exit_rank() { next } else { worst })
    }

    /// The process exit code: 0 pass, 1 fail, 2 inconclusive, 3 nothing checked.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 2,
            Self::NothingChecked => 3,
        }
    }

    fn exit_rank(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::NothingChecked => 1,
            Self::Inconclusive => 2,
            Self::Fail => 3,
        }
    }

    /// The word printed at the head of a result.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::NothingChecked => "NOTHING CHECKED",
        }
    }
}

/// Within one run a check that passed outranks the absence of checks.
fn rank_in_run(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NothingChecked => 0,
        Verdict::Pass => 1,
        Verdict::Inconclusive => 2,
        Verdict::Fail => 3,
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How much a run can prove. Ordered: each proves more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentClass {
    /// In-process, virtual time.
    Simulation,
    /// An emulator of the AWS API.
    Emulator,
    /// Real AWS, an account that is not production.
    AwsNonprod,
    /// Real AWS, a production account with the drill isolated from users.
    AwsProdIsolated,
    /// Real AWS, production.
    Production,
}
