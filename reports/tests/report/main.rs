//! Every rendering of hand-built runs: a pass, failures with roots and consequences, inconclusive, nothing checked, cut short,
//! and data that try to break out of each format.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod documented;
mod hostility;
mod oddities;
mod parts;
mod renderings;
mod sample;
mod schema;
