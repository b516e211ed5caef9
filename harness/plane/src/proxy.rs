//! A plane of its own in front of one address: any emulator, for any SDK in any language.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use firedrill_model::{ids::Region, rule::Rule};
use http::uri::{Authority, Scheme};
use serde_json::Value;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    control::{Control, Counters},
    forward::{Forwarder, Front, Upstream, Upstreams},
    listener::Gate,
    rules::{Listed, RuleBook},
    tls::Trust,
};

/// What a proxy is told.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// What is behind it, `host:port`.
    pub upstream: Authority,
    /// Whose certificates are trusted there; `None`: plain HTTP is spoken.
    pub trust: Option<Trust>,
    /// Rules that stand from the beginning, as they were written and as they are meant.
    pub rules: Vec<(Value, Rule)>,
    /// Seed of what rules draw.
    pub seed: u64,
    /// Region of requests that nothing tells the region of; absent: they are refused.
    pub default_region: Option<Region>,
    /// What clients of its pages have to show.
    pub token: Option<String>,
}

/// Why a proxy does not start.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// Everybody on the network could change the rules.
    #[error("{0} is not a loopback address: whoever reaches it could change the rules, so that a token is needed")]
    NoToken(IpAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running proxy. Dropping it closes its address and every connection.
#[derive(Debug)]
pub struct Proxy {
    gate: Gate,
    rules: RuleBook,
    counters: Arc<Counters>,
    _keeping: JoinSet<()>,
}

impl Proxy {
    /// Opens the address.
    pub fn start(settings: Settings) -> Result<Self, ProxyError> {
        let Settings { listen, upstream, trust, rules: given, seed, default_region, token } = settings;
        let token = token.filter(|token| !token.is_empty());
        if !listen.ip().is_loopback() && token.is_none() {
            return Err(ProxyError::NoToken(listen.ip()));
        }
        // No fault of a drill is here that could bite.
        let (bites, _) = mpsc::unbounded_channel();
        let rules = RuleBook::new(seed, bites);
        let counters = Arc::new(Counters::default());
        let control = Control::new(rules.clone(), Arc::clone(&counters), token.as_deref(), given);
        let front = Front::Proxy { control: Box::new(control), default_region, told: Mutex::default() };
        let scheme = if trust.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let upstream = Upstreams::One(Upstream { authority: upstream, scheme });
        let trust = trust.unwrap_or_else(Trust::nobody);
        let forwarder = Forwarder::new(upstream, trust, rules.clone(), front, Arc::clone(&counters));
        let cannot = |source| ProxyError::Listen { address: listen, source };
        let mut gate = Gate::at(listen).map_err(cannot)?;
        gate.open(Arc::new(forwarder), None).map_err(cannot)?;
        let mut keeping = JoinSet::new();
        keeping.spawn(rules.clone().keep_time());
        Ok(Self { gate, rules, counters, _keeping: keeping })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The rules, in the order in which they are asked.
    pub fn list(&self) -> Vec<Listed> {
        self.rules.list()
    }

    /// How many requests came, its own pages left out.
    pub fn requests(&self) -> u64 {
        self.counters.requests.load(std::sync::atomic::Ordering::Relaxed)
    }
}
