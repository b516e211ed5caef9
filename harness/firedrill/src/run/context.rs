//! What every phase of one run shares.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use firedrill_model::{
    ids::{Region, Zone},
    plan::Plan,
    run_dir::RunDir,
    topology::Side,
    units::RunTime,
};
use tokio_util::sync::CancellationToken;

use super::{FaultsOn, Journal};
use crate::{
    backup::process::Programs,
    clock::RunClock,
    services::{
        Clients, Site,
        clients::{Conduct, Endpoint},
    },
    workload::{authority::Authority, lag::Lag, ledger::Ledger},
};

/// Where clients are. The fault plane knows those in a zone by their access keys, and what runs within a region by the address by
/// which it comes in: that of its own region, whichever region it uses.
#[derive(Clone, Copy, Debug)]
pub enum Vantage<'a> {
    /// Outside of all regions and zones.
    Outside,
    /// In a zone.
    Zone(&'a Zone),
    /// In the region of a side: backups in the primary, the recovery where it happens.
    Within(Side),
}

/// One run: its plan, its clock, its records and where its regions answer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Drill {
    /// What to do.
    pub plan: Arc<Plan>,
    /// The run directory.
    pub dir: RunDir,
    /// The clock.
    pub clock: RunClock,
    /// The history.
    pub journal: Journal,
    /// The ledger.
    pub ledger: Ledger,
    /// Which side the traffic writes to.
    pub authority: Authority,
    /// Where each region answers, once the target is up.
    pub endpoints: Arc<OnceLock<BTreeMap<Region, Endpoint>>>,
    /// By zone, the address for functions that run in it, once the target is up.
    pub zones: Arc<OnceLock<BTreeMap<Zone, String>>>,
    /// When the first fault that clients can feel was about to be switched on.
    pub begun: Arc<OnceLock<RunTime>>,
    /// When it was on.
    pub struck: Arc<OnceLock<RunTime>>,
    /// When the first was about to be that interferes with requests, and does not merely change what is there.
    pub taken_away: Arc<OnceLock<RunTime>>,
    /// Faults that are on.
    pub faults_on: FaultsOn,
    /// How late firedrill itself was.
    pub lag: Lag,
    /// What the target offers to the user's own programs, as environment, once it is up: `FIREDRILL_PYTHON`, a Python
    /// with boto3.
    pub tools: Arc<OnceLock<BTreeMap<String, String>>>,
    /// The user's own programs that run.
    pub programs: Programs,
    /// Cancelled when the run must stop.
    pub cancel: CancellationToken,
}

impl Drill {
    /// A run that has its records and has not begun.
    pub(super) fn new(
        plan: Plan,
        clock: RunClock,
        (dir, journal, ledger): (RunDir, Journal, Ledger),
        cancel: CancellationToken,
    ) -> Self {
        Self {
            plan: Arc::new(plan),
            dir,
            clock,
            journal,
            ledger,
            authority: Authority::default(),
            endpoints: Arc::default(),
            zones: Arc::default(),
            begun: Arc::default(),
            struck: Arc::default(),
            taken_away: Arc::default(),
            faults_on: FaultsOn::default(),
            lag: Lag::default(),
            tools: Arc::default(),
            programs: Programs::default(),
            cancel,
        }
    }

    /// Where a region answers; `None` before preflight, or for a region outside the topology.
    pub fn endpoint(&self, region: &Region) -> Option<&Endpoint> {
        self.endpoints.get()?.get(region)
    }

    /// A side of the workload through clients of this conduct.
    ///
    /// # Panics
    /// Before preflight has started the target, or when that lacks one of the plan's regions: firedrill's own fault.
    pub fn site(&self, side: Side, conduct: Conduct) -> Site {
        self.site_from(side, conduct, Vantage::Outside)
    }

    /// The same for clients that are somewhere.
    ///
    /// # Panics
    /// As [`Drill::site`].
    pub fn site_from(&self, side: Side, conduct: Conduct, from: Vantage<'_>) -> Site {
        let region = self.plan.topology.region(side);
        let there = "preflight starts every region of the plan";
        let clients = self.clients_from(region, conduct, from).expect(there);
        let function_endpoint = self.endpoint(region).expect(there).plane_url.clone();
        Site::new(side, clients, function_endpoint, self.plan.names.of(side).clone())
            .with_triggers(self.plan.stack.triggers.clone())
            .with_placed(self.placed(side))
    }

    /// By function that is in a zone of the side's region, the address for it.
    fn placed(&self, side: Side) -> BTreeMap<String, String> {
        let of_zone = |zone| self.zones.get().and_then(|zones| zones.get(zone)).cloned();
        let address = |zone| of_zone(zone).expect("preflight gives every zone of the plan an address");
        let placed = self.plan.placed.iter().filter(|_| side == Side::Primary);
        placed.map(|(function, zone)| (function.clone(), address(zone))).collect()
    }

    /// Clients of a region; `None` for one that the target does not have.
    pub fn clients_from(&self, region: &Region, conduct: Conduct, from: Vantage<'_>) -> Option<Clients> {
        let endpoint = self.endpoint(region)?;
        Some(match from {
            Vantage::Outside => Clients::connect(endpoint, conduct, None),
            Vantage::Zone(zone) => Clients::connect(endpoint, conduct, Some(zone)),
            Vantage::Within(side) => {
                let own = self.endpoint(self.plan.topology.region(side))?;
                Clients::connect(&Endpoint { plane_url: own.plane_url.clone(), ..endpoint.clone() }, conduct, None)
            }
        })
    }
}
