//! Which process is which, after a crash too: a process id alone may have been given to another program since.

use std::fs;

use firedrill_model::history::ProcessRecord;
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// What `/proc/<pid>/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    zombie: bool,
    group: i32,
    start_ticks: u64,
}

/// What became of a recorded process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The very process that was recorded is running.
    Running,
    /// It is gone, but its group still has members that it left behind.
    LeftGroup,
    /// Nothing of it is left; its id may belong to a stranger.
    Gone,
}

/// A shell script that runs the program it is given. It kills that program, with all that it started, when standard input
/// closes: whoever closed it, and however.
pub const GUARD: &str = include_str!("guard.sh");

/// Role of the process that runs a drill: recorded so that `heal` sees whether the run still goes on.
pub const RUNNER: &str = "runner";

/// The record of this process, as the one that runs a drill.
pub fn runner() -> Option<ProcessRecord> {
    record(RUNNER, i32::try_from(std::process::id()).ok()?)
}

/// The record of a running process; `None` when it is not running.
pub fn record(role: impl Into<String>, pid: i32) -> Option<ProcessRecord> {
    let stat = stat(pid)?;
    Some(ProcessRecord { role: role.into(), pid, start_ticks: stat.start_ticks })
}

/// What became of a recorded process.
///
/// A group whose leader is gone is still ours: the system gives its id to no new process while the group has members,
/// so members that started no earlier than the leader can only be its children.
pub fn standing(process: &ProcessRecord) -> Standing {
    match stat(process.pid) {
        Some(stat) if stat.start_ticks != process.start_ticks => Standing::Gone,
        Some(stat) if !stat.zombie => Standing::Running,
        _ if members(process.pid).iter().any(|(_, member)| member.start_ticks >= process.start_ticks) => {
            Standing::LeftGroup
        }
        _ => Standing::Gone,
    }
}

/// Sends a signal to the group of a recorded process, if that group is still its own. True when it was sent.
pub fn signal(process: &ProcessRecord, signal: Signal) -> Result<bool, Errno> {
    if standing(process) == Standing::Gone || process.pid <= 1 {
        return Ok(false);
    }
    match killpg(Pid::from_raw(process.pid), signal) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether it is a member of the group of a recorded process that listens on this port, and no stranger.
pub fn listens(process: &ProcessRecord, port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let sockets: Vec<String> =
        table.lines().filter_map(|line| listener(line, port)).map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |pid: i32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
    };
    members(process.pid).iter().any(|(pid, _)| holds(*pid))
}

/// The inode of a socket that listens on this port, from a line of `/proc/net/tcp` (`proc_net_tcp(5)`).
fn listener(line: &str, port: u16) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let listening = fields.get(3) == Some(&"0A") && u16::from_str_radix(local_port, 16) == Ok(port);
    fields.get(9).filter(|_| listening).copied()
}

/// Members of a process group that are not zombies, by process id.
fn members(group: i32) -> Vec<(i32, Stat)> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .filter(|(_, stat)| stat.group == group && !stat.zombie)
        .collect()
}

fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name in brackets and may itself hold blanks and brackets: fields are counted from
/// the last bracket (`proc_pid_stat(5)`).
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Stat {
        zombie: matches!(field(3)?, "Z" | "X"),
        group: field(5)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn stat_is_read_behind_the_last_bracket() {
        let line = "77 (a) b (c) S 1 76 76 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 10 18446744073709551615";
        assert_eq!(parse(line), Some(Stat { zombie: false, group: 76, start_ticks: 4242 }));
        assert_eq!(parse("77 (cut off"), None);
        assert_eq!(parse("77 (short) S 1"), None);
    }

    #[test]
    fn only_the_recorded_process_is_signalled() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().expect("sleep starts");
        let pid = i32::try_from(child.id()).expect("a pid");
        let own = record("us-east-1", pid).expect("it runs");
        let stranger = ProcessRecord { start_ticks: own.start_ticks + 1, ..own.clone() };
        assert_eq!(standing(&stranger), Standing::Gone);
        assert_eq!(signal(&stranger, Signal::SIGKILL), Ok(false));
        assert_eq!(standing(&own), Standing::Running, "a reused id must not be signalled");
        assert_eq!(signal(&own, Signal::SIGKILL), Ok(true));
        child.wait().expect("it ends");
        assert_eq!(standing(&own), Standing::Gone);
        assert_eq!(signal(&own, Signal::SIGKILL), Ok(false));
    }

    #[test]
    fn a_group_outlives_its_leader() {
        let mut leader =
            Command::new("sh").args(["-c", "sleep 600 & exit 0"]).process_group(0).spawn().expect("sh starts");
        let pid = i32::try_from(leader.id()).expect("a pid");
        let own = record("us-east-1", pid).expect("recorded before it is reaped");
        leader.wait().expect("it ends");
        assert_eq!(standing(&own), Standing::LeftGroup);
        assert_eq!(signal(&own, Signal::SIGKILL), Ok(true));
    }
}
