//! `firedrill proxy`: the fault plane as a program of its own, in front of any emulator.

use std::{
    fs,
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use firedrill_model::{
    ids::Region,
    rule::{Pattern, Rule},
    units::Span,
};
use firedrill_plane::{
    format::{self, RawRule},
    proxy::{Proxy, Settings},
    rules::Listed,
    tls::Trust,
};
use http::{Uri, uri::Authority};
use indicatif::{ProgressBar, ProgressStyle};
use miette::miette;
use serde_json::Value;

use super::{Failure, check::counted, screen, signals};
use crate::{
    plan, poll,
    run::{Stop, chain},
    scenario::{Source, schema},
};

/// Between two looks at what the rules have struck.
const LOOK_EVERY: Span = Span::from_ms(250);

/// Stands in front of any emulator and does to its requests what rules say, until it is told to end by a signal (exit 0).
///
/// It answers LocalStack's Chaos API, `/_localstack/chaos/faults` and `/_localstack/chaos/effects`, and has pages of its
/// own: `/_firedrill/rules` and, for Prometheus, `/_firedrill/metrics`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The emulator, such as `http://127.0.0.1:4566` or `https://127.0.0.1:9297`
    #[arg(long, value_name = "URL")]
    upstream: Uri,
    /// Certificates, as PEM, that are trusted there besides those that this machine trusts
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Where to listen; port 0 is a free one
    #[arg(long, default_value = "127.0.0.1:4567", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Rules to begin with: a list, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Seed of what rules draw, hexadecimal; the same seed strikes the same requests
    #[arg(long, value_parser = plan::parse_seed)]
    seed: Option<u64>,
    /// Region of requests that nothing tells the region of, such as unsigned ones; without it they are refused
    #[arg(long, value_name = "REGION")]
    default_region: Option<String>,
    /// What clients of its own pages have to show as `Authorization: Bearer …`; needed beyond loopback addresses
    #[arg(long, env = "FIREDRILL_PROXY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// Serves until a signal says stop.
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let seed = args.seed.unwrap_or_else(rand::random);
    let settings = Settings {
        listen: args.listen,
        upstream: upstream(&args.upstream)?,
        trust: trust(&args.upstream, args.upstream_ca.as_deref())?,
        rules: args.rules.map(|path| rules(&path)).transpose()?.unwrap_or_default(),
        seed,
        default_region: args.default_region.as_deref().map(Region::from),
        token: args.token,
    };
    let proxy = Proxy::start(settings)
        .map_err(|error| Failure::usage(miette!(help = "give another address with `--listen`", "{}", chain(&error))))?;
    screen::line(format!("listening on http://{}   in front of {}   seed {seed:x}", proxy.address(), args.upstream));
    let stop = Stop::default();
    let showing = show(&proxy, &stop);
    tokio::select! {
        failed = signals::watch(&stop) => match failed? {},
        () = showing => Ok(0),
    }
}

/// `host:port` of a URL that is nothing but that.
fn upstream(url: &Uri) -> Result<Authority, Failure> {
    let wrong = |what: &str| {
        Failure::usage(miette!(help = "write it like `http://127.0.0.1:4566`", "`--upstream {url}` {what}"))
    };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        let help = "leave out what is before the `@`: no emulator asks for it";
        return Err(Failure::usage(miette!(help = help, "the URL of `--upstream` holds a name or a password")));
    }
    match url.scheme_str() {
        Some("http" | "https") => {}
        Some(_) | None => return Err(wrong("is no HTTP address")),
    }
    if url.path() != "/" || url.query().is_some() {
        return Err(wrong("has a path; requests have their own"));
    }
    url.authority().cloned().ok_or_else(|| wrong("names no host"))
}

/// Whom to trust behind a URL of TLS.
fn trust(url: &Uri, certificates: Option<&Path>) -> Result<Option<Trust>, Failure> {
    let is_tls = url.scheme_str() == Some("https");
    let Some(file) = certificates else { return Ok(is_tls.then(Trust::of_this_machine)) };
    let help = "give the certificate of its authority, as PEM, and an `--upstream` that begins with `https://`";
    let wrong = |what: String| Failure::usage(miette!(help = help, "`--upstream-ca {}`: {what}", file.display()));
    if !is_tls {
        return Err(wrong(format!("`--upstream {url}` speaks no TLS")));
    }
    let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Trust::of_this_machine().and(&pem).map(Some).map_err(|error| wrong(chain(&error)))
}

/// The rules of a file, as they are written and as they are meant.
fn rules(path: &Path) -> Result<Vec<(Value, Rule)>, Failure> {
    let source = Source::read(path).map_err(Failure::usage)?;
    let raw: Vec<RawRule> = source.decode(&schema::rules()).map_err(Failure::usage)?;
    let written: Vec<Value> = source.fill().map_err(Failure::usage)?;
    let meant = format::read(raw).map_err(|error| {
        Failure::usage(miette!(
            help = "rules are counted from 1; docs/faults.md has all that can be written",
            "{}: not all rules can be used\n{error}",
            source.shown()
        ))
    })?;
    Ok(written.into_iter().zip(meant).collect())
}

/// Shows what stands and what it has struck until the proxy is told to end: live on a terminal, else a line for each change
/// of the rules.
async fn show(proxy: &Proxy, stop: &Stop) {
    let plain = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let live = std::io::stderr().is_terminal().then(|| ProgressBar::new_spinner().with_style(plain));
    let mut before = None;
    while poll::pause(LOOK_EVERY, stop.token()).await {
        let rules = proxy.list();
        if let Some(live) = &live {
            live.set_message(table(proxy.requests(), &rules));
        } else {
            let stand: Vec<Rule> = rules.into_iter().map(|listed| listed.rule).collect();
            if before.as_ref() != Some(&stand) {
                let stands = if stand.len() == 1 { "stands" } else { "stand" };
                screen::line(format!("{} {stands}", counted(stand.len(), "rule")));
                before = Some(stand);
            }
        }
    }
    if let Some(live) = live {
        live.finish_and_clear();
    }
    screen::line(table(proxy.requests(), &proxy.list()));
}

/// Requests, and one line for each rule.
fn table(requests: u64, rules: &[Listed]) -> String {
    let mut lines = vec![format!("{} came", counted(usize::try_from(requests).unwrap_or(usize::MAX), "request"))];
    for (number, listed) in (1..).zip(rules) {
        let Listed { by, rule, begun, matched, struck } = listed;
        let state = if *begun { "" } else { "   its time has not come" };
        lines.push(format!(
            "  {by} {number}   {:<12} struck {struck} of {matched}{state}   {}",
            rule.effect.word(),
            scope(rule)
        ));
    }
    lines.join("\n")
}

/// Whom a rule is for: `us-east-1 s3 Put*`, or `everything`.
fn scope(rule: &Rule) -> String {
    let scope = &rule.scope;
    let parts = [&scope.region, &scope.service, &scope.operation, &scope.resource, &scope.principal];
    let words = parts.into_iter().filter(|patterns| !patterns.is_empty());
    let words: Vec<String> =
        words.map(|patterns| patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(",")).collect();
    if words.is_empty() { "everything".to_owned() } else { words.join(" ") }
}
