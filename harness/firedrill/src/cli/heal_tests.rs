use std::{
    os::unix::process::CommandExt,
    process::{Child, Command},
};

use firedrill_model::{
    ids::Region,
    scenario::{Fault, Symptom},
};

use super::*;
use crate::{clock::RunClock, fault, run::Journal};

fn outage() -> Box<Fault> {
    Box::new(fault::region_outage(&Region::from("us-east-1"), Symptom::Timeouts).expect("a fault"))
}

fn sleeper() -> (Child, i32) {
    let child = Command::new("sleep").arg("600").process_group(0).spawn().expect("sleep starts");
    let pid = i32::try_from(child.id()).expect("a pid");
    (child, pid)
}

fn trace(processes: Vec<ProcessRecord>) -> Trace {
    Trace { processes, faults: vec![FaultId::from("fault-1")], torn_down: false }
}

#[test]
fn the_journal_tells_what_was_started_and_what_is_still_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = RunDir::new(folder.path());
    let journal = Journal::create(&dir.history(), RunClock::start()).expect("a journal");
    let process = ProcessRecord { role: "us-east-1".to_owned(), pid: 7, start_ticks: 42 };
    let arming = |id: &str| Event::FaultArming { id: FaultId::from(id), fault: outage() };
    for event in [
        Event::TargetStarted { processes: vec![process.clone()] },
        arming("fault-1"),
        arming("fault-2"),
        Event::FaultEnded { id: FaultId::from("fault-1"), by: "heal".to_owned() },
    ] {
        journal.append(event).expect("written");
    }
    let read = Trace::read(&dir).expect("a history");
    assert_eq!(read, Trace { processes: vec![process], faults: vec![FaultId::from("fault-2")], torn_down: false });
    assert!(run_dirs(folder.path().parent().expect("a parent")).expect("readable").contains(&folder.path().into()));
    assert_eq!(run_dirs(&folder.path().join("nope")).expect_err("absent").exit, exit::USAGE);
}

#[tokio::test]
async fn what_was_left_is_ended_once_and_a_stranger_never() {
    let (mut mine, pid) = sleeper();
    let (mut stranger, other) = sleeper();
    let record = process::record("us-east-1", pid).expect("it runs");
    let reused = process::record("eu-west-1", other).expect("it runs");
    let reused = ProcessRecord { start_ticks: reused.start_ticks + 1, ..reused };
    // The parent of a killed process must reap it for its id to be free; here that is the test.
    let reaping = std::thread::spawn(move || mine.wait());
    let trace = trace(vec![record.clone(), reused]);
    assert_eq!(heal(&trace).await, Outcome::Ended(vec![record]));
    reaping.join().expect("no panic").expect("reaped");
    assert_eq!(heal(&trace).await, Outcome::Clean, "a second time there is nothing to do");
    assert!(stranger.try_wait().expect("readable").is_none(), "a reused process id belongs to somebody else");
    stranger.kill().expect("it runs");
    stranger.wait().expect("reaped");
}

#[test]
fn what_a_crashed_run_did_not_write_is_made_up_for_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = RunDir::new(folder.path());
    let journal = Journal::create(&dir.history(), RunClock::start()).expect("a journal");
    let fault = |id: &str| FaultId::from(id);
    for id in ["fault-1", "fault-2"] {
        journal.append(Event::FaultArming { id: fault(id), fault: outage() }).expect("written");
    }
    journal.append(Event::FaultEnded { id: fault("fault-1"), by: "duration".to_owned() }).expect("written");
    assert_eq!(afterword::append(&dir.history(), missing).expect("added"), 3);
    let records: Vec<Record> = dir.read_history().expect("a history").map(|record| record.expect("a record")).collect();
    let added: Vec<&Event> = records.iter().filter(|record| record.wall_clock).map(|record| &record.event).collect();
    let ended = Event::FaultEnded { id: fault("fault-2"), by: "heal".to_owned() };
    let healed = Event::Healed { faults: vec![fault("fault-2")] };
    assert_eq!(added, [&ended, &healed, &Event::TornDown { kept: false }]);
    assert_eq!(afterword::append(&dir.history(), missing).expect("read"), 0, "healed before");
    assert_eq!(Trace::read(&dir).expect("a history").faults, []);
}

#[test]
fn nothing_is_added_to_a_run_that_came_to_its_own_end() {
    for kept in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir::new(folder.path());
        let journal = Journal::create(&dir.history(), RunClock::start()).expect("a journal");
        journal.append(Event::TornDown { kept }).expect("written");
        assert_eq!(afterword::append(&dir.history(), missing).expect("read"), 0, "kept: {kept}");
    }
}

#[tokio::test]
async fn a_run_that_goes_on_is_left_alone() {
    let (mut region, pid) = sleeper();
    let own = i32::try_from(std::process::id()).expect("a pid");
    let processes = vec![
        process::record(RUNNER, own).expect("this test runs"),
        process::record("us-east-1", pid).expect("it runs"),
    ];
    let outcome = heal(&trace(processes)).await;
    assert_eq!(outcome, Outcome::StillRunning);
    assert_eq!((outcome.exit(false), outcome.exit(true)), (exit::UNAVAILABLE, 0));
    assert!(region.try_wait().expect("readable").is_none());
    region.kill().expect("it runs");
    region.wait().expect("reaped");
}

#[tokio::test]
async fn a_run_that_has_no_target_yet_is_left_alone_while_it_lives() {
    let (mut runner, pid) = sleeper();
    let folder = tempfile::tempdir().expect("a folder");
    let dir = RunDir::new(folder.path());
    let journal = Journal::create(&dir.history(), RunClock::start()).expect("a journal");
    assert_eq!(life(&dir).expect("a history"), Life::Unstarted);
    let began = Event::RunBegan {
        run_id: "20261123-140151-7f3a91".to_owned(),
        firedrill: "0.1.0".to_owned(),
        seed: 1,
        plan_sha256: String::new(),
        runner: process::record(RUNNER, pid),
    };
    journal.append(began).expect("written");
    assert_eq!(life(&dir).expect("a history"), Life::Running);
    assert_eq!(heal(&Trace::read(&dir).expect("a history")).await, Outcome::StillRunning);
    runner.kill().expect("it runs");
    runner.wait().expect("reaped");
    assert_eq!(life(&dir).expect("a history"), Life::Over);
    assert_eq!(heal(&Trace::read(&dir).expect("a history")).await, Outcome::Clean);
    assert_eq!(afterword::append(&dir.history(), missing).expect("added"), 2, "healed and torn down");
}

#[test]
fn people_read_what_was_done() {
    let process = |role: &str, pid| ProcessRecord { role: role.to_owned(), pid, start_ticks: 1 };
    let trace = trace(Vec::new());
    let run = Path::new("runs/20261123-140151-7f3a91");
    let shown = |outcome: Outcome| outcome.lines(run, &trace).join("\n");
    insta::assert_snapshot!(shown(Outcome::Ended(vec![process("supervisor", 411), process("us-east-1", 415)])), @r"
    20261123-140151-7f3a91: ended, and seen to be gone
      supervisor     process group 411
      us-east-1      process group 415
      fault-1 ended with the target it was armed on
    ");
    insta::assert_snapshot!(shown(Outcome::Left(vec![process("us-east-1", 415)])), @r"
    20261123-140151-7f3a91: NOT clean, still running
      us-east-1      process group 415
    ");
    insta::assert_snapshot!(shown(Outcome::StillRunning), @"20261123-140151-7f3a91: still running; end it with Ctrl-C, which heals it");
}
