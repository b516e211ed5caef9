//! The fault plane: a reverse proxy on the loopback interface between every client of a drill and its regions.
//!
//! Each region has an address of its own, so that a region can refuse connections as a lost one does: by not listening.
//! A request is routed and judged by the region it was *signed* for, whatever address it came in by.
//!
//! | file | what |
//! |---|---|
//! | [`listener`], [`place`], [`http2`], [`slow`] | addresses that open and close; who comes in by them, in which HTTP, and in time |
//! | [`classify`], [`homes`] | which region and service a request is for; where unsigned requests belong |
//! | [`protocol`], [`operation`] | which of AWS's protocols it speaks, what it asks for, which resources it names |
//! | [`rules`], [`facts`] | the rules that stand, and what they know of a request |
//! | [`forward`], [`exchange`] | carries a request to its region and the answer back; what the rules make of both |
//! | [`shape`], [`body`], [`guard`] | bodies on their way: paced, cut short, changed, read before, cut off |
//! | [`attended`], [`late`], [`stale`] | what goes out only for a client that is there, what is kept for one that may have left, answers |
//! | [`format`], [`services`] | rules as files and control APIs have them; what services are called |
//! | [`proxy`], [`control`], [`tls`] | a plane of its own in front of one address, its pages, and whom it trusts there |
//! | [`answer`] | errors that the plane answers itself, in the shape of each protocol |

pub mod answer;
mod attended;
mod body;
pub mod classify;
mod control;
mod exchange;
pub mod facts;
pub mod format;
mod forward;
mod guard;
pub mod homes;
mod http2;
mod late;
mod listener;
pub mod operation;
pub mod place;
pub mod protocol;
pub mod proxy;
pub mod rules;
mod services;
mod shape;
mod slow;
mod stale;
mod stream;
pub mod tls;

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use firedrill_model::{ids::Region, rule::Rule};
use thiserror::Error;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use self::{
    forward::{Forwarder, Front, Upstreams},
    listener::Gate,
    place::Place,
    rules::{Bite, Listed, RuleBook, Source},
    tls::Trust,
};

/// The plane could not do what it was told.
#[derive(Debug, Error)]
pub enum PlaneError {
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
    #[error("cannot open the address of {place} on the fault plane")]
    Listen {
        /// The region or zone.
        place: Place,
        /// Why.
        source: io::Error,
    },
}

/// A running plane. Dropping it closes every address and connection.
#[derive(Debug)]
pub struct Plane {
    addresses: BTreeMap<Place, SocketAddr>,
    gates: Arc<Gates>,
    _keeping: JoinSet<()>,
}

/// Addresses that are reserved; nothing is served before the regions' own addresses are known.
#[derive(Debug)]
pub struct Reserved(BTreeMap<Place, Gate>);

impl Reserved {
    /// Reserves an address on 127.0.0.1 for each place.
    pub fn bind(places: impl IntoIterator<Item = Place>) -> Result<Self, PlaneError> {
        let bind = |place: Place| match Gate::reserve() {
            Ok(gate) => Ok((place, gate)),
            Err(source) => Err(PlaneError::Listen { place, source }),
        };
        places.into_iter().map(bind).collect::<Result<_, _>>().map(Self)
    }

    /// The address of a place.
    pub fn address(&self, place: &Place) -> Option<SocketAddr> {
        self.0.get(place).map(Gate::address)
    }

    /// Opens every address. `upstreams` are the regions' own addresses; the id of each fault that strikes its first request is
    /// told through `bites`. The seed decides what rules draw.
    pub async fn open(
        self,
        upstreams: &BTreeMap<Region, SocketAddr>,
        seed: u64,
        bites: mpsc::UnboundedSender<Bite>,
    ) -> Result<Plane, PlaneError> {
        let rules = RuleBook::new(seed, bites);
        let upstreams = Upstreams::by_region(upstreams)?;
        let forwarder =
            Arc::new(Forwarder::new(upstreams, Trust::nobody(), rules.clone(), Front::Drill, Arc::default()));
        let addresses = self.0.iter().map(|(place, gate)| (place.clone(), gate.address())).collect();
        let gates = Arc::new(Gates { of: Mutex::new(self.0), rules: rules.clone(), forwarder });
        gates.settle().await?;
        let mut keeping = JoinSet::new();
        keeping.spawn(rules.keep_time());
        keeping.spawn(Arc::clone(&gates).keep_settled());
        Ok(Plane { addresses, gates, _keeping: keeping })
    }
}

impl Plane {
    /// The address of a place.
    pub fn address(&self, place: &Place) -> Option<SocketAddr> {
        self.addresses.get(place).copied()
    }

    /// Puts rules in the place of those of the same source, from this moment, for requests under way as well.
    ///
    /// When this returns, the region of a rule that refuses everything refuses connections, and no request that a rule
    /// refuses, resets or holds is answered any more.
    pub async fn switch_on(&self, by: &Source, rules: Vec<Rule>) -> Result<(), PlaneError> {
        self.gates.rules.switch_on(by, rules);
        self.gates.settle().await
    }

    /// Ends the rules of a source. Requests that were held are dropped, not forwarded.
    pub async fn switch_off(&self, by: &Source) -> Result<(), PlaneError> {
        self.gates.rules.switch_off(by);
        self.gates.settle().await
    }

    /// The rules, in the order in which they are asked.
    pub fn list(&self) -> Vec<Listed> {
        self.gates.rules.list()
    }
}

/// The addresses of regions and of zones in them, open or closed as the rules say.
#[derive(Debug)]
struct Gates {
    of: Mutex<BTreeMap<Place, Gate>>,
    rules: RuleBook,
    forwarder: Arc<Forwarder>,
}

impl Gates {
    /// Closes the addresses of regions that refuse everything, opens the others. All are tried; the first error is told.
    async fn settle(&self) -> Result<(), PlaneError> {
        let mut settled = Ok(());
        let mut gates = self.of.lock().await;
        let regions: Vec<Region> = gates.keys().filter_map(|place| place.region().cloned()).collect();
        for (place, gate) in gates.iter_mut() {
            let region = regions.iter().find(|region| place.is_in(region));
            let closing = region.map_or_else(Vec::new, |region| self.rules.closing(region));
            if closing.is_empty() {
                let opened = gate.open(Arc::clone(&self.forwarder), Some(place));
                settled = settled.and(opened.map_err(|source| PlaneError::Listen { place: place.clone(), source }));
                continue;
            }
            gate.close().await;
            // A connection that is refused never reaches the plane, so the plane knocks at its own door: from this instant
            // on every client is refused as well.
            if gate.is_refused().await {
                for by in &closing {
                    self.rules.bite(by, None);
                }
            }
        }
        settled
    }

    /// Follows rules that begin and end by the clock; never returns.
    async fn keep_settled(self: Arc<Self>) {
        let mut changes = self.rules.changes();
        while changes.changed().await {
            if let Err(error) = self.settle().await {
                tracing::error!(%error, "an address does not do as the rules say");
            }
        }
    }
}
