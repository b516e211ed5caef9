//! How a run shows itself: a live terminal, plain lines, JSON lines, or nothing.

use std::{
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering},
};

use firedrill_model::{
    history::{Ending, Phase},
    units::Span,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::screen;
use crate::run::progress::{Progress, Silent};

/// How to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// For people; live when stderr is a terminal.
    People,
    /// For people, beside other runs: plain lines, each with the name of its scenario.
    Together,
    /// One JSON object a line on stdout.
    Json,
    /// Nothing but the result.
    Quiet,
}

/// The progress of a scenario in a manner.
pub(super) fn progress(manner: Manner, scenario: &str) -> Box<dyn Progress> {
    match manner {
        Manner::People => Box::new(People::new(None)),
        Manner::Together => Box::new(People::new(Some(scenario.to_owned()))),
        Manner::Json => Box::new(Json { scenario: scenario.to_owned() }),
        Manner::Quiet => Box::new(Silent),
    }
}

const SPINNER: &str = "  {spinner} {prefix:<13} {elapsed:>5}   {wide_msg}";
const BAR: &str = "  {spinner} {prefix:<13} {elapsed:>5}   [{bar:24}] {pos}/{len} {wide_msg}";

/// Finished phases as lines on stdout; what is going on as a spinner on stderr when that is a terminal.
struct People {
    spinner: ProgressBar,
    /// Said once that the emulator is being installed.
    installing: AtomicBool,
    /// Whose lines these are, where there are others.
    scenario: Option<String>,
}

impl People {
    fn new(scenario: Option<String>) -> Self {
        let live = scenario.is_none() && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let spinner = ProgressBar::with_draw_target(None, target);
        let people = Self { spinner, installing: AtomicBool::new(false), scenario };
        people.look_like(SPINNER);
        people
    }

    fn look_like(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.spinner.set_style(style.progress_chars("=> "));
        }
    }

    fn say(&self, text: &str) {
        let text = labelled(self.scenario.as_deref(), text);
        self.spinner.suspend(|| screen::line(text));
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

impl Progress for People {
    fn run_began(&self, headline: &str) {
        self.say(&format!("{headline}\n"));
    }

    fn phase_began(&self, phase: Phase) {
        self.look_like(SPINNER);
        self.spinner.reset_elapsed();
        self.spinner.set_prefix(phase.word());
        self.spinner.set_message("");
    }

    fn status(&self, text: &str) {
        // Several times a second there is nothing to say yet: what the installation says stays to be read.
        if !text.is_empty() {
            self.spinner.set_message(text.to_owned());
        }
        self.spinner.tick();
    }

    fn installing(&self, what: &str, packages: Option<(u64, u64)>) {
        if !self.installing.swap(true, Ordering::Relaxed) {
            self.say("  ..  the emulator is installed into the cache folder, once: about 215 MB");
        }
        if let Some((begun, all)) = packages {
            self.look_like(BAR);
            self.spinner.set_length(all);
            self.spinner.set_position(begun);
        }
        self.status(what);
    }

    fn phase_ended(&self, phase: Phase, ending: Ending, took: Span, note: &str) {
        if let Some(line) = ended_line(phase, ending, took, note) {
            self.say(&line);
        }
    }

    fn setback(&self, what: &str) {
        self.say(&setback_line(what));
    }

    fn disaster(&self, what: &str, utc: &str) {
        self.say(&disaster_line(what, utc));
    }
}

/// A line with the scenario that it belongs to, where there are several.
fn labelled(scenario: Option<&str>, text: &str) -> String {
    match scenario {
        Some(scenario) => format!("{scenario}: {}", text.trim()),
        None => text.to_owned(),
    }
}

/// `None` for a fault that is on: the disaster has its own line.
fn ended_line(phase: Phase, ending: Ending, took: Span, note: &str) -> Option<String> {
    let mark = match ending {
        Ending::Done => "ok",
        Ending::Failed | Ending::TimedOut => "!!",
        Ending::Interrupted => "--",
    };
    let line = format!("  {mark}  {:<13} {:>7}   {note}", phase.word(), took.to_string());
    (phase != Phase::Fault || ending != Ending::Done).then(|| line.trim_end().to_owned())
}

fn setback_line(what: &str) -> String {
    format!("  !!  {what}")
}

fn disaster_line(what: &str, utc: &str) -> String {
    let clock = utc.split_once('T').map_or(utc, |(_, clock)| clock);
    format!("  ##  {what:<60} {clock}")
}

/// One object a line, each with its scenario.
struct Json {
    scenario: String,
}

impl Json {
    fn say(&self, mut event: Value) {
        event["scenario"] = self.scenario.clone().into();
        screen::line(event.to_string());
    }
}

impl Progress for Json {
    fn run_began(&self, headline: &str) {
        self.say(json!({ "event": "run-began", "headline": headline }));
    }

    fn phase_began(&self, phase: Phase) {
        self.say(json!({ "event": "phase-began", "phase": phase }));
    }

    fn status(&self, _: &str) {}

    fn installing(&self, what: &str, packages: Option<(u64, u64)>) {
        let (begun, all) = packages.unzip();
        self.say(json!({ "event": "installing", "what": what, "packages": begun, "of": all }));
    }

    fn phase_ended(&self, phase: Phase, ending: Ending, took: Span, note: &str) {
        self.say(json!({ "event": "phase-ended", "phase": phase, "ending": ending, "took_ms": took, "note": note }));
    }

    fn setback(&self, what: &str) {
        self.say(json!({ "event": "setback", "what": what }));
    }

    fn disaster(&self, what: &str, utc: &str) {
        self.say(json!({ "event": "disaster", "what": what, "utc": utc }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reads_as_plain_lines() {
        let ended = |phase, ending, ms, note| ended_line(phase, ending, Span::from_ms(ms), note);
        assert_eq!(
            labelled(Some("own-scripts"), &setback_line("attempt 1 of 2 failed")),
            "own-scripts: !!  attempt 1 of 2 failed"
        );
        let lines = [
            ended(Phase::Preflight, Ending::Done, 2_310, "4 tables, 1 bucket; DynamoDB and S3 answer"),
            ended(Phase::SteadyState, Ending::Done, 640, "4 probes"),
            ended(Phase::Traffic, Ending::Done, 17_050, "834 writes acknowledged, 0 rejected; 3 backups verified"),
            ended(Phase::Fault, Ending::Done, 30, ""),
            Some(disaster_line("us-east-1 is gone (time-outs)", "2026-11-23T14:02:14.207Z")),
            Some(setback_line("attempt 1 of 2 failed: `./restore.sh` exited with 3")),
            ended(Phase::Recover, Ending::TimedOut, 120_000, "recover took longer than its limit of 2 min"),
            ended(Phase::Fault, Ending::Failed, 900, "fault-1 cannot be armed"),
            ended(Phase::Observe, Ending::Interrupted, 1_500, "stopped during observe"),
            ended(Phase::Report, Ending::Done, 12, ""),
        ];
        insta::assert_snapshot!(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"), @r"
        ok  preflight       2.3 s   4 tables, 1 bucket; DynamoDB and S3 answer
        ok  steady state    0.6 s   4 probes
        ok  traffic        17.1 s   834 writes acknowledged, 0 rejected; 3 backups verified
        ##  us-east-1 is gone (time-outs)                                14:02:14.207Z
        !!  attempt 1 of 2 failed: `./restore.sh` exited with 3
        !!  recover       2 min 0 s   recover took longer than its limit of 2 min
        !!  fault           0.9 s   fault-1 cannot be armed
        --  observe         1.5 s   stopped during observe
        ok  report            0 s
        ");
    }
}
