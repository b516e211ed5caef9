//! Which side the traffic writes to, and by which way.

use std::collections::BTreeSet;

use firedrill_model::{ids::Zone, topology::Side};
use tokio::sync::watch;

/// Where writes go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The side that traffic, canaries and probes use.
    pub side: Side,
    /// 0 before the first cutover, 1 after it, …
    pub epoch: u32,
    /// Only keys that no earlier epoch wrote may be written: from cutover until the recovered capture is complete.
    pub fresh_keys_only: bool,
}

/// The shared standing; everything that writes reads it before each request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authority {
    standing: watch::Sender<Standing>,
    /// The zones whose clients were taken out of them.
    rerouted: watch::Sender<BTreeSet<Zone>>,
}

impl Default for Authority {
    fn default() -> Self {
        let standing = Standing { side: Side::Primary, epoch: 0, fresh_keys_only: false };
        Self { standing: watch::Sender::new(standing), rerouted: watch::Sender::default() }
    }
}

impl Authority {
    /// Where writes go now.
    pub fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Moves the traffic to `side` and begins a new epoch, which is returned.
    pub fn cut_over(&self, side: Side) -> u32 {
        self.standing.send_modify(|standing| {
            *standing = Standing { side, epoch: standing.epoch + 1, fresh_keys_only: true };
        });
        self.standing().epoch
    }

    /// Takes the clients in a zone out of it.
    pub fn reroute(&self, from: &Zone) {
        self.rerouted.send_modify(|zones| {
            zones.insert(from.clone());
        });
    }

    /// Whether the clients in a zone were taken out of it.
    pub fn is_rerouted(&self, from: &Zone) -> bool {
        self.rerouted.borrow().contains(from)
    }
}
