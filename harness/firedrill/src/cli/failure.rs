//! A command that could not do its work, with the exit code that says whose fault it was.

use miette::Report;

/// Exit codes beyond those of a verdict (0 to 3). Documented in the README and tested.
pub(super) mod exit {
    /// Bad usage or a bad scenario.
    pub(crate) const USAGE: u8 = 64;
    /// Firedrill's own fault.
    pub(crate) const INTERNAL: u8 = 70;
    /// The target is unavailable.
    pub(crate) const UNAVAILABLE: u8 = 75;
    /// Interrupted by SIGINT; the drill was healed.
    pub(crate) const SIGINT: u8 = 130;
    /// Interrupted by SIGTERM or SIGHUP; the drill was healed.
    pub(crate) const SIGTERM: u8 = 143;
}

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// Exit code, one of [`exit`].
    pub exit: u8,
    /// What went wrong, what was found and what to do next.
    pub report: Report,
}

impl Failure {
    /// What the user wrote cannot be used.
    pub fn usage(report: impl Into<Report>) -> Self {
        Self { exit: exit::USAGE, report: report.into() }
    }

    /// Firedrill's own fault.
    pub fn internal(report: impl Into<Report>) -> Self {
        Self { exit: exit::INTERNAL, report: report.into() }
    }

    /// The target is unavailable.
    pub fn unavailable(report: impl Into<Report>) -> Self {
        Self { exit: exit::UNAVAILABLE, report: report.into() }
    }
}
