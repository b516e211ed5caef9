//! Stop conditions: what ends a drill at once, so that its faults do no harm beyond what was meant.

use firedrill_model::{
    history::Event,
    scenario::{StopCondition, Watch},
    topology::Side,
};
use futures_util::future::select_all;

use super::{Drill, Stop, StopReason, Vantage, chain, phase::PhaseError};
use crate::{
    backup::{
        BackupError,
        process::{self, Outputs, Run},
    },
    poll,
    services::{
        clients::Conduct,
        cloudwatch::{self, AlarmState},
    },
};

/// With which a program ends that was found but not executed, or not found (POSIX, "Shell Command Language", section 2.8.2).
const NOT_RUN: [i32; 2] = [126, 127];

/// Does what endangers something, while the conditions of the plan are looked at; not at all when one is met before. When one is
/// met, the run is asked to stop, and `dangerous` to come to its end.
pub(super) async fn guard(
    drill: &Drill,
    stop: &Stop,
    dangerous: impl Future<Output = Result<(), PhaseError>>,
) -> Result<(), PhaseError> {
    let conditions = || drill.plan.stop_when.iter().enumerate();
    for (number, condition) in conditions() {
        if let Some(seen) = look(drill, number, condition).await {
            return Err(end(drill, stop, number, seen));
        }
    }
    if conditions().next().is_none() {
        return dangerous.await;
    }
    tokio::pin!(dangerous);
    let watching = select_all(conditions().map(|(number, condition)| Box::pin(watch(drill, number, condition))));
    tokio::select! {
        biased;
        result = &mut dangerous => result,
        ((number, seen), _, _) = watching => {
            let ended = end(drill, stop, number, seen);
            // Its phases heed the request.
            match dangerous.await {
                Ok(()) | Err(PhaseError::Stopped { .. }) => {}
                Err(error) => tracing::warn!("what was under way did not end as asked: {}", chain(&error)),
            }
            Err(ended)
        }
    }
}

/// Why a condition ends the run.
enum Seen {
    /// It is met.
    Met(String),
    /// It cannot be looked at, and so protects from nothing.
    Unknown(String),
}

/// Asks the run to stop. That a condition is met is written down; where nobody knows whether it is, the run was only cut short.
fn end(drill: &Drill, stop: &Stop, number: usize, seen: Seen) -> PhaseError {
    let (what, written) = match seen {
        Seen::Met(what) => {
            let met = Event::StopConditionMet { condition: number, what: what.clone() };
            (what, drill.journal.append_synced(met).map(drop))
        }
        Seen::Unknown(what) => (what, Ok(())),
    };
    stop.request(StopReason::Condition);
    written.map_or_else(PhaseError::from, |()| PhaseError::Condition { what })
}

/// Looks time and again until the condition ends the run; never ends otherwise.
async fn watch(drill: &Drill, number: usize, condition: &StopCondition) -> (usize, Seen) {
    loop {
        if !poll::pause(condition.every, &drill.cancel).await {
            // The run ends without it.
            std::future::pending::<()>().await;
        }
        if let Some(seen) = look(drill, number, condition).await {
            return (number, seen);
        }
    }
}

/// What is to be seen if the condition ends the run.
async fn look(drill: &Drill, number: usize, condition: &StopCondition) -> Option<Seen> {
    match &condition.by {
        Watch::Alarm { name, region } => {
            // No fault is meant for who watches over it.
            let Some(clients) = drill.clients_from(region, Conduct::Clean, Vantage::Outside) else {
                return Some(Seen::Unknown(format!("alarm `{name}`: this target has no region {region}")));
            };
            match cloudwatch::alarm_state(&clients, name).await {
                Ok(AlarmState::Alarm) => Some(Seen::Met(format!("alarm `{name}` in {region} is in ALARM"))),
                Ok(AlarmState::Ok | AlarmState::InsufficientData) => None,
                Err(error) => {
                    Some(Seen::Unknown(format!("alarm `{name}` in {region} cannot be looked at: {}", chain(&error))))
                }
            }
        }
        Watch::Program { command, timeout } => {
            let run = Run {
                name: format!("stop-condition-{}", number + 1),
                command,
                action: "watch",
                side: Side::Recovery,
                direct: true,
                recovery_point: None,
                outputs: Outputs::new(),
                timeout: *timeout,
            };
            let failed = process::run(drill, &run).await.err().filter(|_| !drill.cancel.is_cancelled())?;
            let code = if let BackupError::Command { code, .. } = &failed { *code } else { None };
            let said_no = code.is_some_and(|code| !NOT_RUN.contains(&code));
            Some(if said_no { Seen::Met(chain(&failed)) } else { Seen::Unknown(chain(&failed)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use firedrill_model::{history::Phase, units::Span};

    use super::*;
    use crate::backup::process::tests::Stage;

    const EVERY: Span = Span::from_ms(20);
    const PATIENCE: Span = Span::from_secs(30);

    /// A run that is guarded by one condition.
    fn guarded(by: impl FnOnce(&Stage) -> Watch) -> (Stage, Drill, Stop) {
        let (stage, stop) = (Stage::new(|_| {}), Stop::default());
        let mut drill = Drill { cancel: stop.token().clone(), ..stage.drill.clone() };
        let mut plan = (*drill.plan).clone();
        plan.stop_when = vec![StopCondition { every: EVERY, by: by(&stage) }];
        drill.plan = plan.into();
        (stage, drill, stop)
    }

    fn program(stage: &Stage, text: &str) -> Watch {
        Watch::Program { command: stage.script(text), timeout: PATIENCE }
    }

    /// What the history says was seen.
    fn written(drill: &Drill) -> Option<String> {
        drill.dir.read_history().unwrap().find_map(|record| {
            let Event::StopConditionMet { condition: 0, what } = record.unwrap().event else { return None };
            Some(what)
        })
    }

    #[tokio::test]
    async fn nothing_is_done_when_a_condition_is_met_before() {
        let alarm = |_: &Stage| Watch::Alarm { name: "errors".to_owned(), region: "eu-west-1".into() };
        let failing = |stage: &Stage| program(stage, "echo production is not well; exit 3");
        let absent = |_: &Stage| Watch::Program { command: vec!["no-such-program".to_owned()], timeout: PATIENCE };
        let hanging = |stage: &Stage| Watch::Program { command: stage.script("sleep 30"), timeout: Span::from_ms(50) };
        for (by, seen, is_met) in [
            (Box::new(failing) as Box<dyn FnOnce(&Stage) -> Watch>, "production is not well", true),
            // Nobody listens: what cannot be looked at protects from nothing.
            (Box::new(alarm), "alarm `errors` in eu-west-1 cannot be looked at", false),
            (Box::new(absent), "no-such-program", false),
            (Box::new(hanging), "was ended after", false),
        ] {
            let (_stage, drill, stop) = guarded(by);
            let done = Cell::new(false);
            let ended = guard(&drill, &stop, async {
                done.set(true);
                Ok(())
            });
            let ended = ended.await.unwrap_err().to_string();
            assert!(ended.contains(seen), "{ended}");
            assert!(!done.get() && stop.reason() == Some(StopReason::Condition));
            assert_eq!(written(&drill).is_some_and(|what| what.contains(seen)), is_met, "{seen}");
        }
    }

    #[tokio::test]
    async fn what_is_under_way_is_asked_to_stop_and_comes_to_its_end() {
        let third = "n=$(cat looks 2>/dev/null || echo 0); echo $((n + 1)) > looks; test \"$n\" -lt 2";
        let (stage, drill, stop) = guarded(|stage| program(stage, third));
        let done = Cell::new(false);
        let ended = guard(&drill, &stop, async {
            drill.cancel.cancelled().await;
            done.set(true);
            Err(PhaseError::Stopped { phase: Phase::Recover })
        });
        assert!(matches!(ended.await, Err(PhaseError::Condition { .. })));
        assert!(done.get() && written(&drill).is_some());
        assert_eq!(stage.left("looks").unwrap().trim(), "3");
    }

    #[tokio::test]
    async fn what_ends_by_itself_ends_as_it_would_without() {
        let (_stage, drill, stop) = guarded(|stage| program(stage, "true"));
        assert!(guard(&drill, &stop, async { Ok(()) }).await.is_ok());
        let failed = guard(&drill, &stop, async { Err(PhaseError::Stopped { phase: Phase::Recover }) }).await;
        assert!(matches!(failed, Err(PhaseError::Stopped { .. })));
        assert!(stop.reason().is_none() && written(&drill).is_none());
    }
}
