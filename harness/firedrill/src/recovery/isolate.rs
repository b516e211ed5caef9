//! Cutting a region off, so that a recovery neither reads what a disaster has touched nor is overtaken by it.

use firedrill_model::{
    history::Event,
    ids::Region,
    plan::{PlannedFault, isolation_id},
    scenario::Onset,
    units::Span,
};

use super::{RecoveryError, StepNote};
use crate::{fault::isolation, run::Drill, target::Switch};

/// Refuses every request to `region` until the run is over. Written down before it is switched on, as a fault is, and undone
/// in the same ways.
pub async fn isolate(
    drill: &Drill,
    switch: &dyn Switch,
    step: usize,
    region: &Region,
) -> Result<StepNote, RecoveryError> {
    let id = isolation_id(step);
    if drill.faults_on.is_on(&id) {
        return Ok(StepNote(format!("{region} is cut off already")));
    }
    let fault = isolation(region);
    // An attempt that ran out of time may have ordered it already.
    if !drill.faults_on.is_known(&id) {
        drill.journal.append_synced(Event::Isolating { id: id.clone(), fault: Box::new(fault.clone()) })?;
        drill.faults_on.arming(&id, &fault);
    }
    let when = Onset::At { delay: Span::default() };
    let duration_max = drill.plan.limits.run;
    switch.arm(&PlannedFault { id: id.clone(), when, fault, duration_max }).await?;
    drill.faults_on.began(&id);
    Ok(StepNote(format!("{region} is cut off")))
}

#[cfg(test)]
pub(crate) mod tests {
    use async_trait::async_trait;
    use firedrill_model::run_dir::RunDir;

    use super::*;
    use crate::{run, target::TargetError, workload::sample};

    /// A target that takes nothing away, and looks what was written down when it was told to.
    #[derive(Debug)]
    pub(crate) struct Idle(pub(crate) RunDir);

    #[async_trait]
    impl Switch for Idle {
        async fn arm(&self, fault: &PlannedFault) -> Result<(), TargetError> {
            let written = self.0.read_history().unwrap().map(|record| record.unwrap().event);
            let known = written.filter(|event| matches!(event, Event::Isolating { id, .. } if *id == fault.id));
            if known.count() == 1 { Ok(()) } else { Err(TargetError::Protocol("not written down".to_owned())) }
        }
    }

    #[tokio::test]
    async fn a_region_is_cut_off_once_and_written_down_before() {
        let folder = tempfile::tempdir().unwrap();
        let drill = run::sample::drill(folder.path(), sample::plan(7));
        let (switch, east) = (Idle(drill.dir.clone()), Region::from("us-east-1"));
        let first = isolate(&drill, &switch, 0, &east).await.unwrap();
        assert!(drill.faults_on.refuse(&east, |_| true) && drill.faults_on.are_certain(&east));
        let again = isolate(&drill, &switch, 0, &east).await.unwrap();
        assert_eq!([first.0, again.0], ["us-east-1 is cut off", "us-east-1 is cut off already"]);
        assert_eq!(drill.faults_on.to_heal(), [isolation_id(0)]);
    }
}
