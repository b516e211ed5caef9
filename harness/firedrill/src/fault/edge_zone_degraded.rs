//! `edge-zone-degraded`: the link between a Local Zone or Wavelength Zone and its region is slow, lossy and narrow.

use firedrill_model::{
    rule::{Delay, Effect, ExchangeSide, Firing, Rule},
    scenario::Fault,
    units::{ByteSize, Span},
};

use super::{Fields, fields::placed_in};

/// Unless the scenario says another.
const LATENCY: Span = Span::from_ms(200);
/// Of the mean: how much a delay differs from it.
const DEVIATION_PARTS: u64 = 4;
/// What is lost of a link that still counts as one, unless the scenario says another.
const LOST: f64 = 0.05;
const BANDWIDTH: ByteSize = ByteSize::new(64 << 10);

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (zone, lost) = (fields.edge_zone(), fields.share(LOST));
    let (mean, per_second) = (fields.latency(LATENCY), fields.bandwidth(BANDWIDTH));
    let (zone, lost) = (zone?, lost?);
    let deviation = Span::from_micros(mean.micros() / DEVIATION_PARTS);
    let rule = |effect| Rule::of(placed_in(&zone), effect);
    let some = Firing { probability: Some(lost), ..Firing::default() };
    let rules = vec![
        Rule { fires: some, ..rule(Effect::BlackHole) },
        rule(Effect::Latency(Delay::Normal { mean, deviation })),
        rule(Effect::Bandwidth { per_second }),
        Rule { side: ExchangeSide::Response, ..rule(Effect::Bandwidth { per_second }) },
    ];
    let percent = lost.percent();
    let symptoms = format!(
        "requests of the clients in it take {mean} longer and {per_second} of a body pass in a second; {percent} % are lost"
    );
    Some(fields.of_rules(format!("the link of edge zone {zone} is bad"), symptoms, rules))
}
