//! Geometry of the timeline picture.

use firedrill_model::{
    history::{Ending, Phase},
    units::{RunTime, Span},
};
use serde::Serialize;

use crate::{
    record::{BackupRecord, BackupState, Bin, RunRecord, Stretch},
    summary,
    words::{self, WallClock, count, plural},
};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 156.0;
const RIGHT: f64 = 1072.0;
const TOP: f64 = 34.0;
const LANE_GAP: f64 = 12.0;
const PROBE_HEIGHT: f64 = 10.0;
const WRITES_HEIGHT: f64 = 92.0;
/// Width of one letter in a bar's label, so that a label is shown only where it fits.
const LETTER: f64 = 6.4;
const TICKS_MAX: u64 = 11;
const TICK_STEPS_S: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400];

/// The timeline of a run, in the units of its SVG.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    ticks: Vec<Tick>,
    bands: Vec<Shape>,
    lanes: Vec<Lane>,
    writes: Option<Writes>,
    /// What the picture shows, for those who do not see it.
    description: String,
}

#[derive(Debug, Serialize)]
struct Tick {
    x: f64,
    label: String,
}

/// One row of the picture.
#[derive(Debug, Serialize)]
struct Lane {
    label: String,
    y: f64,
    height: f64,
    shapes: Vec<Shape>,
    marks: Vec<Mark>,
}

/// A stretch of time.
#[derive(Debug, Serialize)]
struct Shape {
    x: f64,
    width: f64,
    class: &'static str,
    /// Shown inside; empty when it does not fit.
    text: String,
    /// Shown when pointed at.
    title: String,
}

/// An instant.
#[derive(Debug, Serialize)]
struct Mark {
    x: f64,
    class: &'static str,
    title: String,
}

/// Acknowledged and failed writes by bin, stacked.
#[derive(Debug, Serialize)]
struct Writes {
    y: f64,
    height: f64,
    top_label: String,
    bars: Vec<Stacked>,
}

#[derive(Debug, Serialize)]
struct Stacked {
    x: f64,
    width: f64,
    title: String,
    /// Class, y, height of each part that is not empty.
    parts: Vec<(&'static str, f64, f64)>,
}

impl Picture {
    /// The picture of a run; `None` when nothing with a time is known.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        let axis = Axis::of(record)?;
        let mut stack = Stack { y: TOP, lanes: Vec::new() };
        stack.push("phases", 24.0, phases(record, &axis), Vec::new());
        if !record.backups.is_empty() {
            stack.push("backups", 14.0, backups(record, &axis), Vec::new());
        }
        for fault in &record.faults {
            if let Some((shape, marks)) = axis.fault(fault) {
                stack.push("fault", 18.0, vec![shape], marks);
            }
        }
        let (steps, marks) = recovery(record, &axis);
        if !steps.is_empty() || !marks.is_empty() {
            stack.push("recovery", 18.0, steps, marks);
        }
        for (probe, stretches) in &record.timeline.probes {
            stack.push(
                &shorten(&words::plain(probe.as_str()), 22),
                PROBE_HEIGHT,
                probe_strip(stretches, &axis),
                Vec::new(),
            );
        }
        let writes = writes(record, &axis, stack.y);
        let bottom = writes.as_ref().map_or(stack.y - LANE_GAP, |writes| writes.y + writes.height);
        Some(Self {
            width: WIDTH,
            height: bottom + 12.0,
            left: LEFT,
            right: RIGHT,
            top: TOP,
            bottom,
            ticks: axis.ticks(),
            bands: bands(record, &axis),
            lanes: stack.lanes,
            writes,
            description: description(record),
        })
    }
}

/// Rows from top to bottom.
struct Stack {
    y: f64,
    lanes: Vec<Lane>,
}

impl Stack {
    fn push(&mut self, label: &str, height: f64, shapes: Vec<Shape>, marks: Vec<Mark>) {
        self.lanes.push(Lane { label: label.to_owned(), y: self.y, height, shapes, marks });
        // Strips of probes stand closer together: they are read as one.
        self.y += height + if height <= PROBE_HEIGHT { LANE_GAP / 2.0 } else { LANE_GAP };
    }
}

/// Time from left to right.
struct Axis {
    from: RunTime,
    to: RunTime,
    clock: WallClock,
}

impl Axis {
    /// From the steady state on, since what is before would only squeeze the disaster; the tables hold it all.
    fn of(record: &RunRecord) -> Option<Self> {
        let shown = |phase: Phase| matches!(phase, Phase::SteadyState | Phase::Traffic | Phase::Fault);
        let from =
            record.phases.iter().find(|phase| shown(phase.phase)).map(|phase| phase.began_ms).unwrap_or_default();
        let to = RunTime::default().plus(record.length_ms);
        (to > from).then(|| Self { from, to, clock: WallClock::of(record) })
    }

    fn x(&self, at: RunTime) -> f64 {
        let share = micros(at.clamp(self.from, self.to).since(self.from)) / micros(self.to.since(self.from));
        tenth(LEFT + share * (RIGHT - LEFT))
    }

    /// A stretch; `None` when it lies left or right of the picture.
    fn shape(&self, from: RunTime, to: RunTime, class: &'static str, text: &str, title: String) -> Option<Shape> {
        if to < self.from || from > self.to {
            return None;
        }
        let x = self.x(from);
        let width = tenth((self.x(to) - x).max(2.0));
        let fits = letters(text) * LETTER + 8.0 <= width;
        Some(Shape { x, width, class, text: if fits { text.to_owned() } else { String::new() }, title })
    }

    fn mark(&self, at: RunTime, class: &'static str, what: &str) -> Mark {
        Mark { x: self.x(at), class, title: format!("{what}, {}", self.clock.time(at)) }
    }

    fn times(&self, from: RunTime, to: RunTime) -> String {
        format!("{} to {}, {}", self.clock.time(from), self.clock.time(to), to.since(from))
    }

    fn ticks(&self) -> Vec<Tick> {
        let length_s = self.to.since(self.from).ms().div_ceil(1000);
        let step = TICK_STEPS_S.into_iter().find(|step| length_s / step <= TICKS_MAX).unwrap_or(length_s.max(1));
        let first = self.from.ms().div_ceil(1000).div_ceil(step);
        let last = self.to.ms() / 1000 / step;
        let room = |x: f64| x < RIGHT - 24.0;
        (first..=last)
            .map(|index| RunTime::from_ms(index * step * 1000))
            .map(|at| Tick { x: self.x(at), label: format!("{} s", count(at.ms() / 1000)) })
            .filter(|tick| room(tick.x))
            .collect()
    }

    fn fault(&self, fault: &crate::record::FaultRecord) -> Option<(Shape, Vec<Mark>)> {
        let armed = fault.armed_ms.or(fault.bit_ms)?;
        let ended = fault.ended_ms.unwrap_or(self.to);
        let text = fault.title.clone();
        let title = format!("{text}; {}", self.times(armed, ended));
        let shape = self.shape(armed, ended, "fault", &text, title)?;
        let mut marks = vec![self.mark(armed, "armed", "armed")];
        marks.extend(fault.bit_ms.map(|bit| self.mark(bit, "bit", "bit: the first request was stopped")));
        marks.extend(fault.ended_ms.map(|end| self.mark(end, "ended", "ended")));
        Some((shape, marks))
    }
}

fn phases(record: &RunRecord, axis: &Axis) -> Vec<Shape> {
    let shape = |(index, phase): (usize, &crate::record::PhaseRecord)| {
        let end = phase.ended_ms.unwrap_or(axis.to);
        let class = match phase.ending {
            Some(Ending::Failed | Ending::TimedOut | Ending::Interrupted) => "phase bad",
            Some(Ending::Done) | None if index % 2 == 0 => "phase even",
            Some(Ending::Done) | None => "phase odd",
        };
        let title = format!("{}: {}. {}", phase.phase.word(), axis.times(phase.began_ms, end), phase.note);
        // A phase that ended before the picture begins touches its edge and is not part of it.
        if end <= axis.from { None } else { axis.shape(phase.began_ms, end, class, phase.phase.word(), title) }
    };
    record.phases.iter().enumerate().filter_map(shape).collect()
}

fn backups(record: &RunRecord, axis: &Axis) -> Vec<Shape> {
    let shape = |backup: &BackupRecord| {
        let end = backup.ended_ms.unwrap_or(axis.to);
        let class = match backup.state {
            BackupState::Failed | BackupState::Unfinished => "backup failed",
            BackupState::Completed | BackupState::Verified if backup.restored => "backup restored",
            BackupState::Completed => "backup unverified",
            BackupState::Verified => "backup",
        };
        let restored = if backup.restored { ", restored" } else { "" };
        let title =
            format!("{} {}{restored}; {}", backup.id, words::backup(backup.state), axis.times(backup.begun_ms, end));
        axis.shape(backup.begun_ms, end, class, backup.id.as_str(), title)
    };
    record.backups.iter().filter_map(shape).collect()
}

fn recovery(record: &RunRecord, axis: &Axis) -> (Vec<Shape>, Vec<Mark>) {
    let steps = record.recovery.iter().flat_map(|attempt| &attempt.steps);
    let shapes = steps
        .filter_map(|step| {
            let end = step.ended_ms.unwrap_or(axis.to);
            let class = match step.ending {
                Some(Ending::Failed | Ending::TimedOut | Ending::Interrupted) => "step bad",
                Some(Ending::Done) | None => "step",
            };
            let title = format!("{}: {}. {}", step.kind, axis.times(step.began_ms, end), step.note);
            axis.shape(step.began_ms, end, class, &step.kind, title)
        })
        .collect();
    let mut marks: Vec<Mark> = record.detected_ms.map(|at| axis.mark(at, "detected", "detected")).into_iter().collect();
    marks.extend(record.cut_overs.iter().map(|move_| axis.mark(move_.at_ms, "cutover", "traffic cut over")));
    marks.extend(record.objectives.rto.ready_ms.map(|at| axis.mark(at, "ready", "ready")));
    (shapes, marks)
}

/// A stretch is drawn up to the next one, since a probe says nothing between its rounds.
fn probe_strip(stretches: &[Stretch], axis: &Axis) -> Vec<Shape> {
    let ends = stretches.iter().skip(1).map(|next| Some(next.from_ms)).chain([None]);
    stretches
        .iter()
        .zip(ends)
        .filter_map(|(stretch, next)| {
            let end = next.unwrap_or(stretch.to_ms).max(stretch.to_ms);
            let (class, word) = if stretch.passed { ("probe up", "passing") } else { ("probe down", "failing") };
            let detail =
                if stretch.detail.is_empty() { String::new() } else { format!(". {}", words::plain(&stretch.detail)) };
            let title = format!(
                "{word}: {} in {}{detail}",
                plural(stretch.rounds, "round"),
                axis.times(stretch.from_ms, stretch.to_ms)
            );
            axis.shape(stretch.from_ms, end, class, "", title)
        })
        .collect()
}

/// The two stretches that the drill is about, behind everything else.
fn bands(record: &RunRecord, axis: &Axis) -> Vec<Shape> {
    let (rto, rpo) = (&record.objectives.rto, &record.objectives.rpo);
    let outage = rto.t0_ms.and_then(|t0| {
        let end = rto.ready_ms.or(record.observed_until_ms).unwrap_or(axis.to);
        let text = match rto.actual_ms {
            Some(actual) => format!("recovery time {actual}"),
            None if rto.ready_ms.is_some() => "not recovered in time".to_owned(),
            None if summary::was_observed(record) => "not recovered".to_owned(),
            None => "the recovery was not observed".to_owned(),
        };
        axis.shape(t0, end, "band outage", &text, text.clone())
    });
    let lost = summary::earliest_loss(record).zip(rpo.t_stop_ms).and_then(|(from, to)| {
        let text = format!("recovery point {}", to.since(from));
        let title = format!("{text}: {} lost", plural(rpo.lost_writes, "acknowledged write"));
        axis.shape(from, to, "band lost", "lost", title)
    });
    lost.into_iter().chain(outage).collect()
}

fn writes(record: &RunRecord, axis: &Axis, y: f64) -> Option<Writes> {
    let bins = &record.timeline.bins;
    let total = |bin: &Bin| bin.acknowledged + bin.rejected + bin.ambiguous;
    let most = bins.iter().map(total).max().filter(|most| *most > 0)?;
    let bin_ms = record.timeline.bin_ms;
    let start = |index: usize| RunTime::from_micros(bin_ms.micros().saturating_mul(index as u64));
    let drawn = bins.iter().enumerate().filter(|(_, bin)| total(bin) > 0);
    let bars = drawn
        .filter_map(|(index, bin)| {
            let (from, to) = (start(index), start(index + 1));
            if to <= axis.from || from >= axis.to {
                return None;
            }
            let x = axis.x(from);
            let mut top = y + WRITES_HEIGHT;
            let counts = [("acked", bin.acknowledged), ("ambiguous", bin.ambiguous), ("rejected", bin.rejected)];
            let parts = counts
                .into_iter()
                .filter(|(_, number)| *number > 0)
                .map(|(class, number)| {
                    let height = tenth((ratio(number, most) * WRITES_HEIGHT).max(1.0));
                    top -= height;
                    (class, tenth(top), height)
                })
                .collect();
            let title = format!(
                "{}: {} acknowledged, {} rejected, {} ambiguous",
                axis.clock.time(from),
                count(bin.acknowledged),
                count(bin.rejected),
                count(bin.ambiguous)
            );
            Some(Stacked { x, width: tenth((axis.x(to) - x - 1.0).max(1.0)), title, parts })
        })
        .collect();
    let top_label = format!("{} in {bin_ms}", count(most));
    Some(Writes { y, height: WRITES_HEIGHT, top_label, bars })
}

fn description(record: &RunRecord) -> String {
    let clock = WallClock::of(record);
    let mut told = vec![format!("Timeline of the run. {}.", plural(record.backups.len() as u64, "backup"))];
    let rto = &record.objectives.rto;
    if let Some(t0) = rto.t0_ms {
        told.push(format!("The fault took effect at {}.", clock.time(t0)));
    }
    if let Some(detected) = record.detected_ms {
        told.push(format!("It was detected at {}.", clock.time(detected)));
    }
    told.push(match rto.ready_ms {
        Some(ready) => format!("The workload was ready at {}.", clock.time(ready)),
        None if summary::was_observed(record) => "The workload did not become ready.".to_owned(),
        None => "Whether the workload became ready was not observed.".to_owned(),
    });
    told.push("The tables below hold the same figures.".to_owned());
    told.join(" ")
}

fn shorten(text: &str, letters_max: usize) -> String {
    if text.chars().count() <= letters_max {
        return text.to_owned();
    }
    text.chars().take(letters_max - 1).chain(['…']).collect()
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "positions on a screen")]
fn micros(span: Span) -> f64 {
    span.micros() as f64
}

#[expect(clippy::cast_precision_loss, reason = "lengths on a screen")]
fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}

#[expect(clippy::cast_precision_loss, reason = "heights on a screen")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
