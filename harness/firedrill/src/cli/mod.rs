//! The command line: one file per command, and one line for it in [`Command`].

mod check;
mod diff;
mod doctor;
mod failure;
mod heal;
mod init;
mod kept;
mod list;
mod plan;
mod progress;
mod proxy;
mod prune;
mod report;
mod run;
mod runs_folder;
mod screen;
mod signals;
mod supervise;
mod verify;

use std::{io::IsTerminal, process::ExitCode};

use clap::{Parser, Subcommand};

pub use self::failure::Failure;

/// `cargo test` for disaster recovery: takes a region away, runs the recovery, and proves from the data what came back.
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, max_term_width = 110, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 pass, 1 a check failed, 2 inconclusive, 3 nothing was checked, 64 bad usage or \
                          scenario, 70 firedrill's own fault, 75 target unavailable, 130/143 interrupted and healed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first scenario from a stack file
    Init(init::Args),
    /// Run drills and judge them
    Run(run::Args),
    /// Show what a run would do; touches nothing
    Plan(plan::Args),
    /// Check scenarios without running them
    Check(check::Args),
    /// List scenarios
    List(list::Args),
    /// Judge a run again from its directory alone
    Verify(verify::Args),
    /// Write the reports of a run again
    Report(report::Args),
    /// Compare two runs
    Diff(diff::Args),
    /// Remove old run directories
    Prune(prune::Args),
    /// Undo what a crashed run left behind
    Heal(heal::Args),
    /// Say what is here, what is missing and how to get it
    Doctor(doctor::Args),
    /// Stand in front of any emulator and do to its requests what rules say
    Proxy(proxy::Args),
    /// Own the emulators and the fault plane of one run (started by `run`)
    #[command(hide = true)]
    Supervise(supervise::Args),
}

/// Parses the command line, runs the command and gives its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if error.use_stderr() {
                return ExitCode::from(failure::exit::USAGE);
            }
            screen::remember(printed);
            return end(Ok(0));
        }
    };
    start_logging();
    // The fault plane only passes bytes on: one thread does that with a fifth less CPU than several that wake each other.
    let mut runtime = if matches!(cli.command, Command::Supervise(_) | Command::Proxy(_)) {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&Failure::internal(miette::miette!("cannot start the async runtime: {error}"))),
    };
    end(runtime.block_on(dispatch(cli.command)))
}

/// The exit code of a command that has ended; one whose result could not be told has failed.
fn end(result: Result<u8, Failure>) -> ExitCode {
    match (result, screen::unwritten()) {
        (Err(failure), _) => give_up(&failure),
        (Ok(_), Some(error)) => give_up(&Failure::internal(miette::miette!(
            help = "what is missing there can be printed again: `firedrill verify RUN_DIR` judges a run anew",
            "cannot write to standard output: {error}"
        ))),
        (Ok(code), None) => ExitCode::from(code),
    }
}

async fn dispatch(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Init(args) => init::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::List(args) => list::run(args).await,
        Command::Verify(args) => verify::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Heal(args) => heal::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Proxy(args) => proxy::run(args).await,
        Command::Supervise(args) => supervise::run(args).await,
    }
}

fn give_up(failure: &Failure) -> ExitCode {
    screen::error(&failure.report);
    ExitCode::from(failure.exit)
}

/// Logs go to stderr; `FIREDRILL_LOG=debug` shows more.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FIREDRILL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_reads_well() {
        let mut program = Cli::command().term_width(110);
        program.build();
        let mut pages = vec![program.render_long_help().to_string()];
        let commands = program.get_subcommands_mut().filter(|command| !command.is_hide_set());
        pages.extend(commands.map(|command| command.render_long_help().to_string()));
        insta::assert_snapshot!(pages.join("\n--------\n\n"));
    }
}
