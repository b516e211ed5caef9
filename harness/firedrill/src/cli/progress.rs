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
use serde_json::json;

use super::screen;
use crate::run::progress::{Progress, Silent};

/// How to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// For people; live when stderr is a terminal.
    People,
    /// One JSON object a line on stdout.
    Json,
    /// Nothing but the result.
    Quiet,
}

/// The progress for a manner.
pub(super) fn progress(manner: Manner) -> Box<dyn Progress> {
    match manner {
        Manner::People => Box::new(People::new()),
        Manner::Json => Box::new(Json),
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
}

impl People {
    fn new() -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let people = Self { spinner: ProgressBar::with_draw_target(None, target), installing: AtomicBool::new(false) };
        people.look_like(SPINNER);
        people
    }

    fn look_like(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.spinner.set_style(style.progress_chars("=> "));
        }
    }

    fn say(&self, text: &str) {
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
        self.spinner.set_message(text.to_owned());
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
        let mark = match ending {
            Ending::Done => "ok",
            Ending::Failed | Ending::TimedOut => "!!",
            Ending::Interrupted => "--",
        };
        if phase == Phase::Fault && ending == Ending::Done {
            return; // the disaster has its own line
        }
        self.say(format!("  {mark}  {:<13} {:>7}   {note}", phase.word(), took.to_string()).trim_end());
    }

    fn setback(&self, what: &str) {
        self.say(&format!("  !!  {what}"));
    }

    fn disaster(&self, what: &str, utc: &str) {
        let clock = utc.split_once('T').map_or(utc, |(_, clock)| clock);
        self.say(&format!("  ##  {what:<60} {clock}"));
    }
}

struct Json;

impl Progress for Json {
    fn run_began(&self, headline: &str) {
        screen::line(json!({ "event": "run-began", "headline": headline }).to_string());
    }

    fn phase_began(&self, phase: Phase) {
        screen::line(json!({ "event": "phase-began", "phase": phase }).to_string());
    }

    fn status(&self, _: &str) {}

    fn installing(&self, what: &str, packages: Option<(u64, u64)>) {
        let (begun, all) = packages.unzip();
        screen::line(json!({ "event": "installing", "what": what, "packages": begun, "of": all }).to_string());
    }

    fn phase_ended(&self, phase: Phase, ending: Ending, took: Span, note: &str) {
        screen::line(
            json!({ "event": "phase-ended", "phase": phase, "ending": ending, "took_ms": took, "note": note })
                .to_string(),
        );
    }

    fn setback(&self, what: &str) {
        screen::line(json!({ "event": "setback", "what": what }).to_string());
    }

    fn disaster(&self, what: &str, utc: &str) {
        screen::line(json!({ "event": "disaster", "what": what, "utc": utc }).to_string());
    }
}
