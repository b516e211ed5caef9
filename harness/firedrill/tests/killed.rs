//! `kill -9` after every step of a run, with every disaster: nothing is left, and the journal alone heals.
//!
//! The supervisor, the fault plane, the guards and `firedrill heal` are the real ones; the emulators are stand-ins that start in
//! milliseconds. The disasters are those of the drills in `scenarios`, and the steps those that a first run, which is not killed,
//! has told: a disaster or a step that is added is met without a word here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "tests watch the program from outside, by their own clock")]
#![expect(unreachable_pub, reason = "parts of a test")]

#[path = "killed/emulator.rs"]
mod emulator;
#[path = "killed/remains.rs"]
mod remains;
#[path = "killed/runner.rs"]
mod runner;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use firedrill::{
    clock::RunClock,
    fault::isolation,
    plan::{self, Choices},
    run::Journal,
    scenario::{self, schema},
    target::record::TARGET_SCHEMA,
    workload::dataset::Draw,
};
use firedrill_model::{
    history::{Event, Record},
    ids::FaultId,
    plan::{Layout, Plan},
    run_dir::RunDir,
    scenario::Fault,
    stack::KeyType,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use self::runner::{End, JOB, Job, Step, With};
use crate::support::{history, nightly, only_run, printed, root, run};

/// Runs that go on at the same time: each waits most of the time.
const AT_ONCE: usize = 6;
/// How long a runner may take to the step after which it ends.
const STEP_LIMIT: Duration = Duration::from_mins(1);
/// How long the supervisor may take to heal and to end everything: 5 s, and the machine is busy.
const END_LIMIT: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const SEED: u64 = 0x5eed;

/// A disaster of a plan, or several that follow each other.
#[derive(Debug)]
struct Disaster {
    name: String,
    plan: PathBuf,
    numbers: Vec<usize>,
    faults: Vec<Fault>,
}

/// A run that is killed.
struct Case<'a> {
    disaster: &'a Disaster,
    end: End,
    /// It is healed at once, and not when the supervisor has ended everything.
    hurried: bool,
}

/// What every run shares: the folder with the plans and with the emulator that is a stand-in.
struct Stage {
    folder: tempfile::TempDir,
    disasters: Vec<Disaster>,
}

#[test]
fn as_runner() {
    runner::run();
}

#[test]
fn as_emulator() {
    emulator::serve();
}

#[test]
fn a_run_that_is_killed_after_any_step_of_any_disaster_leaves_nothing() {
    let began = Instant::now();
    let stage = Stage::new();
    let whole = at_once(&stage.disasters, |disaster| stage.whole(disaster));
    let steps: Vec<(&Disaster, Vec<Step>)> =
        stage.disasters.iter().zip(whole).map(|(disaster, steps)| (disaster, steps.unwrap())).collect();
    let cases = cases(&steps);
    let failed: Vec<String> = at_once(&cases, |case| stage.killed(case))
        .into_iter()
        .zip(&cases)
        .filter_map(|(outcome, case)| Some(format!("{case}: {}", outcome.err()?)))
        .collect();
    say(&format!("{} disasters, {} runs killed, {:?}", stage.disasters.len(), cases.len(), began.elapsed()));
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// Each disaster is killed after each of its steps, and healed when the supervisor has ended everything. At night so is each
/// sequence, and each disaster is also healed at once, and killed along with the supervisor, and with the guards of the emulators
/// too; in the day, of those that have a step, one that is drawn.
fn cases<'a>(steps: &[(&'a Disaster, Vec<Step>)]) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let mut more: BTreeMap<String, Vec<Case<'_>>> = BTreeMap::new();
    for (disaster, steps) in steps {
        let recorded = steps.iter().position(|step| step.what == "target-started is on disk").unwrap();
        // What comes before the last fault of several is tried with each of the others alone.
        let last = steps.iter().rposition(|step| step.what == "fault-arming is on disk").unwrap();
        let tried = if disaster.faults.len() > 1 { last } else { 0 };
        for (at, step) in steps.iter().enumerate().skip(tried) {
            let case = |with| Case { disaster, end: End { step: step.clone(), with }, hurried: with != With::Nobody };
            let mut also = |kind: &str, case| more.entry(format!("{step} {kind}")).or_default().push(case);
            if disaster.faults.len() > 1 {
                also("in a sequence", case(With::Nobody));
                continue;
            }
            cases.push(case(With::Nobody));
            also("hurried", Case { hurried: true, ..case(With::Nobody) });
            also("supervisor", case(With::Supervisor));
            // Before that, nobody is left who knows of the emulators.
            if at >= recorded {
                also("guards", case(With::Guards));
            }
        }
    }
    for (step, mut those) in more {
        if nightly() {
            cases.append(&mut those);
        } else {
            cases.push(those.swap_remove(Draw::at(SEED, &["killed", &step]).index(those.len())));
        }
    }
    cases
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { disaster, end, hurried } = self;
        let when = if *hurried { " and healed at once" } else { "" };
        write!(f, "{} killed after `{}` with {:?}{when}", disaster.name, end.step, end.with)
    }
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut disasters: BTreeMap<String, Disaster> = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for (number, path) in scenarios().into_iter().enumerate() {
            let loaded = scenario::load(&path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
            let plan = plan::plan(&loaded, &Choices { seed: SEED }).unwrap();
            let file = folder.path().join(format!("{number}.json"));
            fs::write(&file, serde_json::to_vec(&plan).unwrap()).unwrap();
            keys.extend(key_attributes(&plan));
            let each = (0..plan.disaster.len()).map(|number| vec![number]);
            let sequence = (plan.disaster.len() > 1).then(|| (0..plan.disaster.len()).collect());
            for numbers in each.chain(sequence) {
                let shared = if plan.target.layout == Layout::SharedProcess { " in a shared process" } else { "" };
                let faults: Vec<Fault> = numbers.iter().map(|number| plan.disaster[*number].fault.clone()).collect();
                let names: Vec<String> =
                    faults.iter().map(|fault| format!("{}{shared}: {}", fault.kind, fault.title)).collect();
                let (name, plan) = (names.join(", then "), file.clone());
                disasters.entry(name.clone()).or_insert(Disaster { name, plan, numbers, faults });
            }
        }
        let items: Vec<Value> = ["one", "two"].map(|name| item(name, &keys)).into();
        emulator::install(&folder.path().join("cache"), &json!(items));
        Self { folder, disasters: disasters.into_values().collect() }
    }

    /// Runs a disaster to its end. Gives the steps that were taken.
    fn whole(&self, disaster: &Disaster) -> Result<Vec<Step>, String> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let status = self.run(disaster, folder.path(), None)?;
        let told = || fs::read_to_string(folder.path().join("printed")).unwrap_or_default();
        if !status.success() {
            return Err(format!("{} did not come to its end:\n{}", disaster.name, told()));
        }
        let dir = only_run(&folder.path().join("out"));
        healed(&dir, "clean, nothing is left running")?;
        over(&dir)?;
        let text = fs::read_to_string(folder.path().join("steps")).unwrap();
        let steps: Vec<Step> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        written_before_ordered(&steps, disaster.faults.len())?;
        Ok(steps)
    }

    /// Kills a run, then has it healed twice.
    fn killed(&self, case: &Case<'_>) -> Result<(), String> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let status = self.run(case.disaster, folder.path(), Some(&case.end))?;
        if status.signal() != Some(Signal::SIGKILL as i32) {
            let told = fs::read_to_string(folder.path().join("printed")).unwrap_or_default();
            return Err(format!("the runner ended by itself, {status}:\n{told}"));
        }
        let dir = only_run(&folder.path().join("out"));
        if !case.hurried {
            nothing_within(END_LIMIT, || remains::of(&dir))?;
        }
        healed(&dir, "")?;
        nothing_within(Duration::ZERO, || remains::recorded(&dir))?;
        healed(&dir, "clean, nothing is left running")?;
        over(&dir)
    }

    fn run(&self, disaster: &Disaster, folder: &Path, end: Option<&End>) -> Result<ExitStatus, String> {
        let job = Job {
            plan: disaster.plan.clone(),
            faults: disaster.numbers.clone(),
            out: folder.join("out"),
            program: env!("CARGO_BIN_EXE_firedrill").into(),
            cache: self.folder.path().join("cache"),
            steps: folder.join("steps"),
            end: end.cloned(),
        };
        let path = folder.join("job.json");
        fs::write(&path, serde_json::to_vec(&job).unwrap()).unwrap();
        let output = File::create(folder.join("printed")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "as_runner", "--nocapture"])
            .env(JOB, &path)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let ended = wait(&mut child);
        ended.ok_or_else(|| {
            let steps = fs::read_to_string(&job.steps).unwrap_or_default();
            format!(
                "the step was not reached in {STEP_LIMIT:?}; the last was {}",
                steps.lines().last().unwrap_or("none")
            )
        })
    }
}

/// Waits for the end of a process; kills it after [`STEP_LIMIT`].
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < STEP_LIMIT {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Every drill that can be planned.
fn scenarios() -> Vec<PathBuf> {
    let folders = ["", "must-fail", "nightly", "nightly/must-fail"].map(|folder| root().join("scenarios").join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    paths.sort();
    paths
}

/// The key attributes of the tables of a plan.
fn key_attributes(plan: &Plan) -> impl Iterator<Item = (String, KeyType)> + '_ {
    let tables = plan.stack.tables.values();
    tables.flat_map(|table| [Some(&table.hash), table.range.as_ref()]).flatten().map(|key| (key.name.clone(), key.kind))
}

/// An item that can be in each of the tables.
fn item(name: &str, keys: &BTreeMap<String, KeyType>) -> Value {
    let value = |kind: &KeyType| match kind {
        KeyType::S => json!({ "S": name }),
        KeyType::N => json!({ "N": name.len().to_string() }),
        KeyType::B => json!({ "B": "AAAA" }),
    };
    let mut item: serde_json::Map<String, Value> = keys.iter().map(|(key, kind)| (key.clone(), value(kind))).collect();
    item.insert("a-note".to_owned(), json!({ "S": "text" }));
    Value::Object(item)
}

/// What the supervisor was told to take away, so many faults and an isolation, had been written down, and was on disk.
fn written_before_ordered(steps: &[Step], faults: usize) -> Result<(), String> {
    let mut written = 0;
    for step in steps {
        match step.what.as_str() {
            "fault-arming is on disk" | "isolating is on disk" => written += 1,
            "arm is ordered" if step.before >= written => return Err(format!("`{step}` was not written down before")),
            _ => {}
        }
    }
    let owed = faults + 1;
    if written == owed { Ok(()) } else { Err(format!("{written} of {owed} things were written down")) }
}

/// Has a run healed, which must say `said`.
fn healed(dir: &RunDir, said: &str) -> Result<(), String> {
    let output = run(&["heal", dir.root().to_str().unwrap()]);
    let printed = printed(&output);
    let seen = printed.contains("clean, nothing is left running") || printed.contains("ended, and seen to be gone");
    if output.status.code() == Some(0) && seen && printed.contains(said) {
        return Ok(());
    }
    Err(format!("`heal` ended with {}: {printed}", output.status))
}

/// Nothing is left of a run that was healed, and its history says how everything ended.
fn over(dir: &RunDir) -> Result<(), String> {
    nothing_within(END_LIMIT, || remains::of(dir))?;
    let records: Vec<Record> = history(dir);
    nothing_within(Duration::ZERO, || remains::unended(&records))
}

/// Looks until nothing is found any more. What was found last is the error.
fn nothing_within(limit: Duration, mut look: impl FnMut() -> Vec<String>) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let found = look();
        if found.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= limit {
            return Err(format!("after {limit:?}: {}", found.join("; ")));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What `of` makes of each of `all`, in their order, a few at the same time.
fn at_once<T: Sync, R: Send>(all: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(all.iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, one)) = next() {
                    let made = of(one);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, made);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

#[expect(clippy::print_stderr, reason = "how many there were is worth knowing")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[test]
fn every_disaster_is_among_those_that_are_tried() {
    let tried: BTreeSet<String> =
        Stage::new().disasters.into_iter().flat_map(|of| of.faults).map(|fault| fault.kind).collect();
    let schema = schema::scenario();
    let words = schema["$defs"]["FaultWord"]["oneOf"].as_array().unwrap().iter().map(|word| word["const"].as_str());
    let words: BTreeSet<String> = words.map(|word| word.unwrap().to_owned()).collect();
    assert!(words.len() >= 15);
    assert_eq!(tried, words);
}

#[test]
fn what_is_left_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let dir = RunDir::new(folder.path());
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    assert_eq!(remains::of(&dir), Vec::<String>::new());

    let log = File::create(target.join("supervisor.log")).unwrap();
    let mut left = Command::new("sleep").arg("600").stderr(log).spawn().unwrap();
    let found = nothing_within(Duration::ZERO, || remains::of(&dir)).unwrap_err();
    assert!(found.contains(&left.id().to_string()) && found.contains("sleep"), "{found}");
    left.kill().unwrap();
    left.wait().unwrap();
    nothing_within(END_LIMIT, || remains::of(&dir)).unwrap();

    fs::create_dir(target.join("us-east-1.tmp")).unwrap();
    let found = nothing_within(Duration::ZERO, || remains::of(&dir)).unwrap_err();
    assert!(found.contains("us-east-1.tmp"), "{found}");
    fs::remove_dir(target.join("us-east-1.tmp")).unwrap();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let addresses = json!({ "plane_url": url, "direct_url": url });
    let record = json!({
        "schema": TARGET_SCHEMA, "endpoints": { "us-east-1": addresses }, "access_key_id": "", "processes": [], "started_by": [],
        "python": "", "kept": false, "target": { "kind": "local", "layout": "process-per-region",
        "environment_class": "emulator", "engine": "" },
    });
    fs::write(dir.target(), record.to_string()).unwrap();
    let found = nothing_within(Duration::ZERO, || remains::of(&dir)).unwrap_err();
    assert!(found.contains(&url), "{found}");
    drop(listener);
    nothing_within(Duration::ZERO, || remains::of(&dir)).unwrap();
}

#[test]
fn a_fault_without_an_end_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let dir = RunDir::new(folder.path());
    let journal = Journal::create(&dir.history(), RunClock::start()).unwrap();
    let fault = Box::new(isolation(&"us-east-1".into()));
    let found = |events: Vec<Event>| {
        for event in events {
            journal.append(event).unwrap();
        }
        remains::unended(&history(&dir))
    };
    let of = |id: &str| (FaultId::from(id), fault.clone());
    let ((one, does), (other, also)) = (of("fault-1"), of("isolation-1"));
    let begun =
        vec![Event::FaultArming { id: one.clone(), fault: does }, Event::Isolating { id: other.clone(), fault: also }];
    assert_eq!(found(begun), ["fault-1 has no end", "isolation-1 has no end", "the run has 0 ends"]);
    let end = |id| Event::FaultEnded { id, by: "heal".to_owned() };
    assert_eq!(found(vec![end(one)]), ["isolation-1 has no end", "the run has 0 ends"]);
    assert_eq!(found(vec![end(other), Event::TornDown { kept: false }]), Vec::<String>::new());
    assert_eq!(found(vec![Event::TornDown { kept: false }]), ["the run has 2 ends"]);
}
