//! Each rule of MEASUREMENT.md on a world that breaks it, and on one that comes close without breaking it.

mod bites;
mod deliveries;
mod drill;
mod during;
mod effects;
mod events;
mod evidence;
mod items;
mod must_fail;
mod proofs;
mod recovery;
mod shown_effects;
mod state;
mod thresholds;

use crate::support::World;

/// Breaks a world in one place.
type Break = fn(&mut World);
