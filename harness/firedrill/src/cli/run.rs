//! `firedrill run`: runs drills and judges them.

use std::{io::IsTerminal, path::PathBuf};

use firedrill_model::{
    findings::{Finding, FindingKind},
    run_dir::read_json,
    verdict::Verdict,
};
use futures_util::StreamExt;

use super::{
    Failure,
    check::{check_all, counted},
    failure::exit,
    kept,
    progress::{Manner, progress},
    screen, signals,
};
use crate::{
    plan::{self, Choices},
    run::{self, Outcome, Request, RunError, Stop, StopReason},
    target::{Launch, record::TargetRecord},
};

/// Run drills and judge them.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Args {
    /// Scenario files or folders; a word that is neither filters by name
    #[arg(default_value = "scenarios")]
    scenarios: Vec<String>,
    /// Where to run
    #[arg(long, value_enum, default_value_t = Target::Local)]
    target: Target,
    /// Seed of everything that is drawn, in hexadecimal as runs print it; drawn at random when absent
    #[arg(long, value_parser = plan::parse_seed)]
    seed: Option<u64>,
    /// Folder of run directories
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Leave the target up and print its endpoints; `firedrill heal RUN_DIR` ends it
    #[arg(long)]
    keep: bool,
    /// Drills at the same time
    #[arg(long, default_value_t = 1, value_parser = jobs)]
    jobs: u8,
    /// Exit 0 for a must-fail scenario whose findings are exactly the stated ones
    #[arg(long)]
    accept_stated: bool,
    /// Print nothing but the result
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print events and results as JSON lines
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// An emulator that firedrill installs and starts itself
    Local,
}

fn jobs(text: &str) -> Result<u8, &'static str> {
    text.parse().ok().filter(|jobs| (1..=16).contains(jobs)).ok_or("write a whole number from 1 to 16")
}

impl Args {
    fn manner(&self) -> Manner {
        if self.json {
            Manner::Json
        } else if self.quiet {
            Manner::Quiet
        } else if self.jobs > 1 {
            Manner::Together
        } else {
            Manner::People
        }
    }
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let Target::Local = args.target;
    // All scenarios are read and planned before the first one runs, so that a typing error costs no drill.
    let requests = requests(&args)?;
    let stop = Stop::default();
    let drills = futures_util::stream::iter(requests)
        .map(|request| drill(&args, request, &stop))
        .buffered(usize::from(args.jobs))
        .collect::<Vec<_>>();
    let ended = tokio::select! {
        ended = drills => ended,
        broken = signals::watch(&stop) => match broken {
            Err(failure) => return Err(failure),
            Ok(never) => match never {},
        },
    };
    let ended: Vec<Ended> = ended.into_iter().collect::<Result<_, _>>()?;
    if ended.len() > 1 && !args.json {
        summarise(&ended);
    }
    Ok(exit_code(&ended, stop.reason()))
}

/// One drill that came to its end.
struct Ended {
    name: String,
    verdict: Verdict,
    /// The verdict that counts for the exit code.
    counted: Verdict,
    /// Of a must-fail scenario: whether its findings are exactly the stated ones.
    as_stated: Option<bool>,
    /// A phase did not reach its end; after the verdict that is the heal.
    unfinished: bool,
    target_lost: bool,
}

fn requests(args: &Args) -> Result<Vec<Request>, Failure> {
    let files = check_all(&args.scenarios)?;
    let bad = files.iter().filter(|file| !file.is_usable()).count();
    if bad > 0 {
        let all = counted(files.len(), "scenario");
        for problem in files.into_iter().filter(|file| !file.is_usable()).flat_map(|file| file.problems) {
            screen::note(&screen::shown(problem));
        }
        return Err(Failure::usage(miette::miette!("{bad} of {all} cannot be used: nothing was run")));
    }
    let mut requests = Vec::new();
    for loaded in files.into_iter().filter_map(|file| file.loaded) {
        let choices = Choices { seed: args.seed.unwrap_or_else(rand::random) };
        let plan = plan::plan(&loaded, &choices).map_err(Failure::usage)?;
        let launch = Launch::here().map_err(|error| Failure::internal(miette::miette!("{error}")))?;
        requests.push(Request {
            plan,
            scenario_text: loaded.source.text.clone(),
            out: args.out.clone(),
            keep: args.keep,
            launch,
        });
    }
    Ok(requests)
}

async fn drill(args: &Args, request: Request, stop: &Stop) -> Result<Ended, Failure> {
    let name = request.plan.scenario.name.clone();
    if stop.reason().is_some() {
        return Ok(Ended {
            name,
            verdict: Verdict::Inconclusive,
            counted: Verdict::Inconclusive,
            as_stated: None,
            unfinished: true,
            target_lost: false,
        });
    }
    let progress = progress(args.manner(), &name);
    // A drill of its own may be stopped by its time limit without stopping the others.
    let own = stop.child();
    let outcome = run::run(request, progress.as_ref(), &own).await.map_err(|error| without_verdict(&error))?;
    drop(progress);
    show(args, &outcome)?;
    Ok(Ended {
        name,
        verdict: outcome.verification.verdict,
        counted: outcome.verification.counted(args.accept_stated && ended_as_it_could(&outcome)),
        as_stated: outcome.verification.as_stated,
        unfinished: !ended_as_it_could(&outcome),
        target_lost: outcome.target_unavailable(),
    })
}

/// Whether nothing cut a run short but what the scenario itself can state: a step of the recovery that failed for good, a stop
/// condition.
fn ended_as_it_could(outcome: &Outcome) -> bool {
    let failed =
        |finding: &Finding| matches!(finding.kind, FindingKind::RecoveryFailed | FindingKind::StopConditionMet);
    outcome.unhealed.is_none() && (outcome.broken.is_none() || outcome.verification.findings.iter().any(failed))
}

fn without_verdict(error: &RunError) -> Failure {
    let text = run::chain(error);
    match error {
        RunError::Directory(_) => {
            Failure::usage(miette::miette!(help = "name a folder that can be written with --out", "{text}"))
        }
        RunError::Journal(_) | RunError::Ledger(_) | RunError::Evidence { .. } => Failure::internal(miette::miette!(
            help = "the run directory holds what was written until then; `firedrill heal` undoes what is left",
            "{text}"
        )),
    }
}

fn show(args: &Args, outcome: &Outcome) -> Result<(), Failure> {
    let kept = if args.keep { kept_target(outcome) } else { None };
    if args.json {
        // The record of the run stays the last line.
        if let Some(target) = &kept {
            screen::line(kept::event(&outcome.record.scenario, outcome.dir.root(), target).to_string());
        }
        let text =
            serde_json::to_string(&outcome.record).map_err(|error| Failure::internal(miette::miette!("{error}")))?;
        screen::line(text);
        return Ok(());
    }
    screen::line("");
    screen::line(firedrill_reports::terminal(&outcome.record, std::io::stdout().is_terminal(), screen::columns()));
    for broken in outcome.broken.iter().chain(&outcome.unhealed) {
        screen::note(&format!("the run did not reach its end: {broken}"));
    }
    screen::line(format!("\n  report  {}", outcome.dir.root().join("report.html").display()));
    for line in kept.iter().flat_map(|target| kept::lines(outcome.dir.root(), target)) {
        screen::line(line);
    }
    Ok(())
}

/// What was left up; `None` when the target never started, or could not be told to stay.
fn kept_target(outcome: &Outcome) -> Option<TargetRecord> {
    let record: TargetRecord = read_json(&outcome.dir.target()).ok()?;
    record.kept.then_some(record)
}

/// A line for each drill after more than one.
fn summarise(ended: &[Ended]) {
    screen::line("");
    for drill in ended {
        screen::line(summary_line(drill));
    }
}

fn summary_line(drill: &Ended) -> String {
    let stated = match drill.as_stated {
        Some(true) => "   as stated",
        Some(false) => "   not as stated",
        None => "",
    };
    format!("{:<16} {}{stated}", drill.verdict.word(), drill.name)
}

fn exit_code(ended: &[Ended], stopped: Option<StopReason>) -> u8 {
    match stopped {
        Some(StopReason::Interrupt) => return exit::SIGINT,
        Some(StopReason::Terminate | StopReason::Hangup) => return exit::SIGTERM,
        Some(StopReason::TargetLost | StopReason::TimeOut | StopReason::Condition) | None => {}
    }
    if ended.iter().any(|drill| drill.target_lost) {
        return exit::UNAVAILABLE;
    }
    let verdict = Verdict::of_runs(ended.iter().map(|drill| drill.counted));
    // A verdict of pass does not open a gate when something was left undone.
    let undone = verdict == Verdict::Pass && ended.iter().any(|drill| drill.unfinished);
    if undone { exit::INTERNAL } else { verdict.exit_code() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(verdict: Verdict) -> Ended {
        let name = "a drill".to_owned();
        Ended { name, verdict, counted: verdict, as_stated: None, unfinished: false, target_lost: false }
    }

    #[test]
    fn many_drills_end_with_a_line_each() {
        let named = |verdict, name: &str| Ended { name: name.to_owned(), ..ended(verdict) };
        let drills = [
            named(Verdict::Pass, "order-pipeline-region-loss"),
            Ended { as_stated: Some(true), ..named(Verdict::Fail, "must-fail-forgotten-trigger") },
            named(Verdict::Inconclusive, "order-pipeline-own-scripts"),
            named(Verdict::NothingChecked, "must-fail-nothing-expected"),
            Ended { as_stated: Some(false), ..named(Verdict::Pass, "must-fail-flipped-byte") },
        ];
        insta::assert_snapshot!(drills.iter().map(summary_line).collect::<Vec<_>>().join("\n"), @r"
        PASS             order-pipeline-region-loss
        FAIL             must-fail-forgotten-trigger   as stated
        INCONCLUSIVE     order-pipeline-own-scripts
        NOTHING CHECKED  must-fail-nothing-expected
        PASS             must-fail-flipped-byte   not as stated
        ");
    }

    #[test]
    fn the_exit_code_says_what_counts_most() {
        use Verdict::{Fail, Inconclusive, NothingChecked, Pass};
        let unfinished = |verdict| Ended { unfinished: true, ..ended(verdict) };
        let accepted = Ended { as_stated: Some(true), counted: Pass, ..ended(Fail) };
        let unnoticed = Ended { as_stated: Some(false), counted: Fail, ..ended(Pass) };
        let lost = Ended { target_lost: true, unfinished: true, ..ended(Inconclusive) };
        let cases: Vec<(&str, Vec<Ended>, Option<StopReason>, u8)> = vec![
            ("a pass", vec![ended(Pass)], None, 0),
            ("a pass whose heal failed opens no gate", vec![unfinished(Pass)], None, exit::INTERNAL),
            ("one of many", vec![ended(Pass), unfinished(Pass), ended(Pass)], None, exit::INTERNAL),
            ("a failure says more than a heal that failed", vec![unfinished(Pass), ended(Fail)], None, 1),
            ("inconclusive says more as well", vec![unfinished(Inconclusive)], None, 2),
            ("fail before inconclusive", vec![ended(Inconclusive), ended(Fail), ended(Pass)], None, 1),
            ("inconclusive before nothing checked", vec![ended(NothingChecked), ended(Inconclusive)], None, 2),
            ("nothing checked is no pass", vec![ended(Pass), ended(NothingChecked)], None, 3),
            ("a stated failure that is accepted", vec![accepted], None, 0),
            ("a sabotage that nothing noticed", vec![ended(Pass), unnoticed], None, 1),
            ("the target was lost", vec![lost, ended(Fail)], None, exit::UNAVAILABLE),
            ("Ctrl-C", vec![ended(Fail)], Some(StopReason::Interrupt), exit::SIGINT),
            ("a cancelled job", vec![unfinished(Inconclusive)], Some(StopReason::Hangup), exit::SIGTERM),
            ("the time limit", vec![unfinished(Inconclusive)], Some(StopReason::TimeOut), 2),
        ];
        for (what, drills, stopped, code) in cases {
            assert_eq!(exit_code(&drills, stopped), code, "{what}");
        }
    }
}
