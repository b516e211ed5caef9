//! Which side the traffic writes to.

use firedrill_model::topology::Side;
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
pub struct Authority(watch::Sender<Standing>);

impl Default for Authority {
    fn default() -> Self {
        Self(watch::Sender::new(Standing { side: Side::Primary, epoch: 0, fresh_keys_only: false }))
    }
}

impl Authority {
    /// Where writes go now.
    pub fn standing(&self) -> Standing {
        *self.0.borrow()
    }

    /// Moves the traffic to `side` and begins a new epoch, which is returned.
    pub fn cut_over(&self, side: Side) -> u32 {
        self.0.send_modify(|standing| {
            *standing = Standing { side, epoch: standing.epoch + 1, fresh_keys_only: true };
        });
        self.standing().epoch
    }
}
