//! The fault plane: a reverse proxy on the loopback interface between every client of a drill and its regions.
//!
//! Each region has an address of its own, so that a region can refuse connections as a lost one does: by not listening.
//! A request is routed and judged by the region it was *signed* for, whatever address it came in by.
//!
//! | file | what |
//! |---|---|
//! | [`listener`] | addresses that open and close |
//! | [`classify`] | which region and service a request is for |
//! | [`homes`] | which region unsigned requests to a resource are for |
//! | [`rules`] | what happens to the requests of a region now |
//! | [`forward`] | carries requests to a region and answers back |
//! | [`refusal`] | what a client is told that asks for what cannot be attributed |

pub mod classify;
mod forward;
pub mod homes;
mod listener;
pub mod refusal;
pub mod rules;
mod stream;

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use firedrill_model::ids::{FaultId, Region};
use thiserror::Error;
use tokio::sync::mpsc;

pub use self::rules::Rule;
use self::{forward::Forwarder, listener::Gate, rules::RuleBook};

/// The plane could not do what it was told.
#[derive(Debug, Error)]
pub enum PlaneError {
    /// A region that the plane does not serve.
    #[error("the fault plane does not serve {0}")]
    UnknownRegion(Region),
    /// A region's own address cannot be written in a request.
    #[error("{region} cannot be reached at {address}")]
    Upstream {
        /// The region.
        region: Region,
        /// Its address.
        address: SocketAddr,
        /// Why.
        source: http::uri::InvalidUri,
    },
    /// An address could not be opened.
    #[error("cannot open the address of {region} on the fault plane")]
    Listen {
        /// The region.
        region: Region,
        /// Why.
        source: io::Error,
    },
}

/// A running plane. Dropping it closes every address and connection.
#[derive(Debug)]
pub struct Plane {
    gates: BTreeMap<Region, Gate>,
    rules: RuleBook,
    forwarder: Arc<Forwarder>,
}

/// Addresses that are reserved; nothing is served before the regions' own addresses are known.
#[derive(Debug)]
pub struct Reserved(BTreeMap<Region, Gate>);

impl Reserved {
    /// Reserves an address on 127.0.0.1 for each region.
    pub fn bind(regions: &[Region]) -> Result<Self, PlaneError> {
        let bind = |region: &Region| match Gate::reserve() {
            Ok(gate) => Ok((region.clone(), gate)),
            Err(source) => Err(PlaneError::Listen { region: region.clone(), source }),
        };
        regions.iter().map(bind).collect::<Result<_, _>>().map(Self)
    }

    /// The address of a region.
    pub fn address(&self, region: &Region) -> Option<SocketAddr> {
        self.0.get(region).map(Gate::address)
    }

    /// Opens every address. `upstreams` are the regions' own addresses; the id of each fault that stops its first request is
    /// sent through `bites`.
    pub fn open(
        self,
        upstreams: &BTreeMap<Region, SocketAddr>,
        bites: mpsc::UnboundedSender<FaultId>,
    ) -> Result<Plane, PlaneError> {
        let rules = RuleBook::new(upstreams.keys().cloned(), bites);
        let forwarder = Arc::new(Forwarder::new(upstreams, rules.clone())?);
        let mut plane = Plane { gates: self.0, rules, forwarder };
        let regions: Vec<Region> = plane.gates.keys().cloned().collect();
        for region in &regions {
            plane.open_gate(region)?;
        }
        Ok(plane)
    }
}

impl Plane {
    /// The address of a region.
    pub fn address(&self, region: &Region) -> Option<SocketAddr> {
        self.gates.get(region).map(Gate::address)
    }

    /// Applies `rule` to a region in the name of `fault`, from this moment, to requests under way as well.
    ///
    /// When this returns, no request of the region is forwarded any more.
    pub async fn arm(&mut self, region: &Region, rule: Rule, fault: &FaultId) -> Result<(), PlaneError> {
        self.rules.set(region, rule, Some(fault.clone()))?;
        if rule == Rule::Refuse {
            let gate = self.gate(region)?;
            gate.close().await;
            // A connection that is refused never reaches the plane, so the plane knocks at its own door: from this
            // instant on every client is refused as well.
            if gate.is_refused().await {
                self.rules.bite(fault);
            }
        }
        Ok(())
    }

    /// Lets the requests of a region pass again. Those that were held are dropped, not forwarded.
    pub fn pass(&mut self, region: &Region) -> Result<(), PlaneError> {
        self.rules.set(region, Rule::Pass, None)?;
        self.open_gate(region)
    }

    fn open_gate(&mut self, region: &Region) -> Result<(), PlaneError> {
        let forwarder = Arc::clone(&self.forwarder);
        self.gate(region)?.open(forwarder).map_err(|source| PlaneError::Listen { region: region.clone(), source })
    }

    fn gate(&mut self, region: &Region) -> Result<&mut Gate, PlaneError> {
        self.gates.get_mut(region).ok_or_else(|| PlaneError::UnknownRegion(region.clone()))
    }
}
