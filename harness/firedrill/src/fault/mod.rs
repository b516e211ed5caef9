//! Faults: the plane through which every request of a drill goes, and the rules that act there.

pub mod plane;
