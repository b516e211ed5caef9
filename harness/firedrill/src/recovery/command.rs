//! A recovery step that is the user's own program. Its contract is in `backup::process`.

use std::sync::PoisonError;

use firedrill_model::{topology::Side, units::Span};

use super::{Recovery, RecoveryError, StepNote};
use crate::backup::process::{self, Outputs, Run};

/// Runs the program. The recovery point that it is given is read back before the first one of an attempt; its outputs become
/// environment of the later `command` steps.
pub async fn command(
    recovery: &Recovery<'_>,
    number: usize,
    command: &[String],
    timeout: Span,
) -> Result<StepNote, RecoveryError> {
    let point = recovery.own_point();
    let hand_over = async || match point.as_ref().and_then(|point| Some((point, recovery.backups.strategy_of(point)?)))
    {
        Some((point, strategy)) => strategy.hand_over(point).await,
        None => Ok(Outputs::new()),
    };
    let mut outputs = recovery.handed.get_or_try_init(hand_over).await?.clone();
    outputs.extend(recovery.outputs.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let run = Run {
        name: format!("step-{number}-attempt-{}", recovery.attempt),
        command,
        action: "restore",
        side: Side::Recovery,
        direct: false,
        recovery_point: point.map(|point| point.location.into()),
        outputs,
        timeout,
    };
    let ran = process::run(recovery.drill, &run).await?;
    recovery.outputs.lock().unwrap_or_else(PoisonError::into_inner).extend(ran.outputs);
    Ok(StepNote(ran.last_line))
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use firedrill_model::{
        plan::Plan,
        scenario::{Backup, BackupUsing},
    };
    use tokio::sync::{OnceCell, watch};

    use super::*;
    use crate::{
        backup::{Backups, process::tests::Stage},
        poll::{self, Look},
        recovery::isolate::tests::Idle,
        services::clients::Conduct,
    };

    const PATIENCE: Span = Span::from_secs(30);

    fn rule(program: Vec<String>) -> Backup {
        Backup {
            protect: Vec::new(),
            using: BackupUsing::Command { command: program, timeout: PATIENCE },
            every: PATIENCE,
            keep: 1,
            critical: Vec::new(),
            sabotage: None,
        }
    }

    #[tokio::test]
    async fn a_program_gets_what_its_backup_handed_on_and_no_point_that_changed() {
        let program = || ["sh", "step.sh"].map(str::to_owned).to_vec();
        let stage = Stage::new(|plan: &mut Plan| plan.backups = vec![rule(program())]);
        stage.script(
            r#"if [ "$FIREDRILL_ACTION" = backup ]; then
                echo data > "$FIREDRILL_RECOVERY_POINT/data"
                echo VAULT=orders >> "$FIREDRILL_OUTPUT"
            else
                echo "$VAULT"
                cat "$FIREDRILL_RECOVERY_POINT/data"
            fi"#,
        );
        let backups = Backups::prepare(&stage.drill, &stage.drill.site(Side::Primary, Conduct::Control)).await.unwrap();
        backups.start().await;
        poll::until("a backup", Span::from_ms(5), PATIENCE, &stage.drill.cancel, || {
            let done = *backups.completed().borrow() == 1;
            async move { if done { Look::Ready(()) } else { Look::NotYet("none".to_owned()) } }
        })
        .await
        .unwrap();
        backups.stop().await.unwrap();
        let idle = Idle(stage.drill.dir.clone());
        let runs = watch::Sender::new(None);
        let attempt = |attempt| Recovery {
            drill: &stage.drill,
            backups: &backups,
            switch: &idle,
            runs: &runs,
            attempt,
            outputs: Mutex::default(),
            handed: OnceCell::new(),
            restored: Mutex::default(),
        };
        command(&attempt(1), 0, &program(), PATIENCE).await.unwrap();
        assert_eq!(stage.log("step-0-attempt-1"), "orders\ndata\n");

        let artefacts = stage.drill.dir.root().join("points/rp-0001");
        fs::write(artefacts.join("unpacked"), "by the first attempt").unwrap();
        command(&attempt(2), 0, &program(), PATIENCE).await.unwrap();

        fs::write(artefacts.join("data"), "atad\n").unwrap();
        let error = command(&attempt(3), 0, &program(), PATIENCE).await.unwrap_err().to_string();
        assert_eq!(error, "recovery point `rp-0001`: the artefacts are not what the backup left");
        assert_eq!(stage.log("step-0-attempt-3"), "", "it was not started");
    }
}
