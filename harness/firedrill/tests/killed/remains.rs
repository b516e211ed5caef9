//! What is still there of a run, looked for without its journal: in the processes of the machine, its ports and its folders.

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::ffi::OsStrExt,
    path::Path,
    time::Duration,
};

use firedrill::target::{
    process::{self, Standing},
    record::TargetRecord,
};
use firedrill_model::{
    history::{Event, Record},
    ids::FaultId,
    run_dir::{RunDir, read_json},
};

/// Everything that is still there of a run, for people; empty when nothing is.
pub fn of(dir: &RunDir) -> Vec<String> {
    [processes(dir), ports(dir), scratch(dir)].concat()
}

/// Processes that the run's history names.
pub fn recorded(dir: &RunDir) -> Vec<String> {
    let recorded = dir.read_history().into_iter().flatten().map_while(Result::ok).flat_map(|record| {
        if let Event::TargetStarted { processes } = record.event {
            processes
        } else if let Event::RunBegan { runner, .. } = record.event {
            Vec::from_iter(runner)
        } else {
            Vec::new()
        }
    });
    let left = recorded.filter(|process| process::standing(process) != Standing::Gone);
    left.map(|process| format!("the {} is process {}", process.role, process.pid)).collect()
}

/// Those, or else processes that were given its directory or have a file in it open: a look that costs more.
fn processes(dir: &RunDir) -> Vec<String> {
    let recorded = recorded(dir);
    if !recorded.is_empty() {
        return recorded;
    }
    pids()
        .filter(|pid| has_to_do_with(*pid, dir.root()))
        .map(|pid| format!("{pid} is `{}`", command_line(pid)))
        .collect()
}

fn has_to_do_with(pid: i32, root: &Path) -> bool {
    let needle = root.as_os_str().as_bytes();
    let says = |file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        text.windows(needle.len()).any(|part| part == needle)
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let mut open = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    says("environ") || says("cmdline") || open.any(|path| path.starts_with(root))
}

fn command_line(pid: i32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&text).replace('\0', " ").chars().take(120).collect()
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The processes that a process has started and that still run.
pub fn children_of(parent: i32) -> Vec<i32> {
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    pids().filter(is_child).collect()
}

/// Addresses of its regions and its plane at which somebody listens.
fn ports(dir: &RunDir) -> Vec<String> {
    let Ok(record) = read_json::<TargetRecord>(&dir.target()) else { return Vec::new() };
    let of_regions = record.endpoints.into_values().flat_map(|of| [of.plane_url, of.direct_url]);
    let addresses: BTreeSet<String> = of_regions.chain(record.zones.into_values()).collect();
    let listens = |url: &String| {
        let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
    };
    addresses.into_iter().filter(listens).map(|url| format!("somebody listens at {url}")).collect()
}

/// Folders of temporary files.
fn scratch(dir: &RunDir) -> Vec<String> {
    let entries = fs::read_dir(dir.root().join("target")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let temporary = paths.filter(|path| path.extension().is_some_and(|extension| extension == "tmp"));
    temporary.map(|path| format!("{} is there", path.display())).collect()
}

/// What is wrong with a history that must be over: faults without an end, or not exactly one end of the run.
pub fn unended(records: &[Record]) -> Vec<String> {
    let mut on: BTreeSet<&FaultId> = BTreeSet::new();
    let mut ends = 0;
    for record in records {
        if let Event::FaultArming { id, .. } | Event::FaultArmed { id } | Event::Isolating { id, .. } = &record.event {
            on.insert(id);
        } else if let Event::FaultEnded { id, .. } = &record.event {
            on.remove(id);
        } else if let Event::TornDown { .. } = &record.event {
            ends += 1;
        }
    }
    let mut wrong: Vec<String> = on.into_iter().map(|id| format!("{id} has no end")).collect();
    if !records.is_empty() && ends != 1 {
        wrong.push(format!("the run has {ends} ends"));
    }
    wrong
}
