//! The bar that sets what was measured against its objective.

use firedrill_model::units::Span;
use serde::Serialize;

use crate::record::{RpoRecord, RtoRecord};

/// A bar; positions and lengths in percent of its track.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Bar {
    /// What was measured, in parts from left to right.
    parts: Vec<Part>,
    /// Where the objective stands.
    objective: Option<f64>,
    /// How far what was measured may reach: from, length.
    uncertain: Option<(f64, f64)>,
    /// Nothing was measured, or it never ended.
    endless: bool,
    /// The parts have names of their own.
    named: bool,
}

/// One part of a bar.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    span: String,
    width: f64,
    declared: bool,
}

/// Room right of the longest thing on a track, so that its end is seen.
const ROOM: f64 = 1.15;

impl Bar {
    /// Recovery time with its parts.
    pub(crate) fn of_rto(rto: &RtoRecord) -> Self {
        let reach = rto.actual_ms.map(|actual| actual.plus(rto.uncertainty_ms));
        let scale = Scale::over([rto.objective_ms, reach]);
        let mut bar = Self::on(&scale, rto.actual_ms, reach, rto.objective_ms);
        bar.endless = rto.actual_ms.is_none() && rto.t0_ms.is_some();
        if rto.actual_ms.is_some() && !rto.phases.is_empty() {
            bar.named = true;
            bar.parts = rto
                .phases
                .iter()
                .map(|part| Part {
                    name: part.name.clone(),
                    span: part.span_ms.to_string(),
                    width: scale.percent(part.span_ms),
                    declared: part.declared,
                })
                .collect();
        }
        bar
    }

    /// Recovery point with what may be lost besides.
    pub(crate) fn of_rpo(rpo: &RpoRecord) -> Self {
        let scale = Scale::over([rpo.objective_ms, rpo.actual_ms, rpo.actual_upper_ms]);
        Self::on(&scale, rpo.actual_ms, rpo.actual_upper_ms, rpo.objective_ms)
    }

    fn on(scale: &Scale, actual: Option<Span>, reach: Option<Span>, objective: Option<Span>) -> Self {
        let uncertain = actual.zip(reach).filter(|(actual, reach)| reach > actual).map(|(actual, reach)| {
            (scale.percent(actual), scale.percent(Span::from_micros(reach.micros() - actual.micros())))
        });
        let whole = |span: Span| Part {
            name: "measured".to_owned(),
            span: span.to_string(),
            width: scale.percent(span),
            declared: false,
        };
        Self {
            parts: actual.map(whole).into_iter().collect(),
            objective: objective.map(|objective| scale.percent(objective)),
            uncertain,
            endless: false,
            named: false,
        }
    }
}

struct Scale {
    micros_max: f64,
}

impl Scale {
    fn over<const N: usize>(spans: [Option<Span>; N]) -> Self {
        let longest = spans.into_iter().flatten().max().unwrap_or_default();
        Self { micros_max: (micros(longest) * ROOM).max(1.0) }
    }

    fn percent(&self, span: Span) -> f64 {
        let percent = (micros(span) / self.micros_max * 100.0).clamp(0.0, 100.0);
        (percent * 100.0).round() / 100.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "positions on a screen")]
fn micros(span: Span) -> f64 {
    span.micros() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_gives_an_empty_bar_and_not_a_division_by_zero() {
        let bar = Bar::of_rpo(&RpoRecord::default());
        assert!(bar.parts.is_empty() && bar.objective.is_none() && bar.uncertain.is_none());
    }

    #[test]
    fn a_missed_objective_stands_left_of_the_end_of_the_bar() {
        let bar = Bar::of_rpo(&RpoRecord {
            objective_ms: Some(Span::from_secs(6)),
            actual_ms: Some(Span::from_secs(12)),
            actual_upper_ms: Some(Span::from_secs(13)),
            ..RpoRecord::default()
        });
        assert!(bar.objective.unwrap() < bar.parts[0].width, "{bar:?}");
        let (from, length) = bar.uncertain.unwrap();
        assert!((from - bar.parts[0].width).abs() < 0.01 && from + length < 100.0, "{bar:?}");
    }
}
