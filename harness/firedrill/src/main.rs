//! The firedrill program.

use std::process::ExitCode;

use firedrill::cli::supervise;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    if std::env::args().nth(1).as_deref() != Some("supervise") {
        return ExitCode::from(64);
    }
    match supervise::run(supervise::Args {}).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.exit),
    }
}
