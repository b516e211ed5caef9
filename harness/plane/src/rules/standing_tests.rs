#![expect(clippy::cast_precision_loss, reason = "counts of a test are small")]

use firedrill_model::{
    rule::{Firing, Scope},
    units::ByteSize,
};
use proptest::prelude::*;

use super::*;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().copied().map(Pattern::new).collect()
}

fn standing(rule: Rule, seed: u64) -> StandingRule {
    StandingRule::new(Source::Named("test".into()), 0, rule, RunTime::default(), seed).begun(0)
}

fn always(effect: Effect) -> Rule {
    Rule::of(Scope::default(), effect)
}

fn firing(fires: Firing) -> Rule {
    Rule { fires, ..always(Effect::Reset) }
}

/// Which of so many requests a rule strikes.
fn struck(rule: &StandingRule, requests: u64) -> Vec<bool> {
    (0..requests).map(|_| rule.fires(RunTime::default()).is_some()).collect()
}

fn facts() -> Facts {
    Facts {
        region: "us-east-1".into(),
        service: "dynamodb".into(),
        operation: Some("PutItem".into()),
        resources: vec!["orders".into(), "totals".into()],
        principal: Some("AKIA1".into()),
        origin: Some("eu-west-1".into()),
        body_tells: false,
    }
}

#[test]
fn every_field_of_a_scope_must_match() {
    let scope = Scope {
        region: patterns(&["eu-*", "us-east-?"]),
        service: patterns(&["dynamodb"]),
        operation: patterns(&["Put*"]),
        resource: patterns(&["totals"]),
        principal: patterns(&["AKIA1"]),
        origin: patterns(&["eu-west-1"]),
    };
    let is_for = |scope: Scope, facts: &Facts| standing(Rule { scope, ..always(Effect::Reset) }, 0).is_for(facts);
    assert!(is_for(scope.clone(), &facts()));
    assert!(is_for(Scope::default(), &Facts::default()), "no condition, nothing known");
    let others: [fn(&mut Facts); 9] = [
        |facts| facts.region = "us-west-2".into(),
        |facts| facts.service = "s3".into(),
        |facts| facts.operation = Some("GetItem".into()),
        |facts| facts.operation = None,
        |facts| facts.resources = vec!["orders".into()],
        |facts| facts.principal = None,
        |facts| facts.principal = Some("AKIA2".into()),
        |facts| facts.origin = None,
        |facts| facts.origin = Some("us-east-1".into()),
    ];
    for (n, change) in others.into_iter().enumerate() {
        let mut other = facts();
        change(&mut other);
        assert!(!is_for(scope.clone(), &other), "case {n}");
    }
}

#[test]
fn a_body_is_wanted_only_where_it_could_matter() {
    let needs =
        |scope: Scope, effect: Effect, facts: &Facts| standing(Rule { scope, ..always(effect) }, 0).needs_body(facts);
    let unread = Facts { resources: Vec::new(), body_tells: true, ..facts() };
    let table = || Scope { resource: patterns(&["orders"]), ..Scope::default() };
    assert!(needs(table(), Effect::Reset, &unread));
    assert!(!needs(table(), Effect::Reset, &Facts { body_tells: false, ..unread.clone() }), "the body tells nothing");
    assert!(!needs(table(), Effect::Reset, &Facts { resources: vec!["orders".into()], ..unread.clone() }), "known");
    assert!(!needs(Scope::default(), Effect::Reset, &unread), "not asked");
    let elsewhere = Scope { region: patterns(&["eu-west-1"]), ..table() };
    assert!(!needs(elsewhere, Effect::Reset, &unread), "whatever the body says, the rule is for others");
    let query = Facts { operation: None, ..unread.clone() };
    let operation = Scope { operation: patterns(&["SendMessage"]), ..Scope::default() };
    assert!(needs(operation.clone(), Effect::Reset, &query));
    assert!(!needs(operation, Effect::Reset, &unread), "another operation is known");
    assert!(needs(Scope::default(), Effect::Duplicate, &facts()), "it is sent twice");
    assert!(needs(Scope::default(), Effect::StaleRead, &facts()), "it is told from other reads");
    let others = Scope { service: patterns(&["s3"]), ..Scope::default() };
    assert!(!needs(others, Effect::Duplicate, &facts()));
}

#[test]
fn only_what_refuses_everything_closes_a_region() {
    let (east, west) = (Region::from("us-east-1"), Region::from("eu-west-1"));
    let rule = Rule::of_region(&east, Effect::Refuse);
    let closes = |rule: Rule| standing(rule, 0).closes(&east);
    assert!(closes(rule.clone()));
    assert!(!standing(rule.clone(), 0).closes(&west));
    assert!(closes(always(Effect::Refuse)), "every region");
    let to_come = StandingRule::new(Source::Named(String::new()), 0, rule.clone(), RunTime::default(), 0);
    assert!(!to_come.closes(&east), "its time has not come");
    let timed = Firing { lasts: Some(Span::from_secs(1)), ..Firing::default() };
    assert!(closes(Rule { fires: timed, ..rule.clone() }), "it ends by itself, and until then refuses everything");
    let less: [fn(&mut Rule); 9] = [
        |rule| rule.effect = Effect::Reset,
        |rule| rule.side = ExchangeSide::Response,
        |rule| rule.scope.service = patterns(&["s3"]),
        |rule| rule.scope.origin = patterns(&["*"]),
        |rule| rule.scope.operation = patterns(&["*"]),
        |rule| rule.scope.resource = patterns(&["orders"]),
        |rule| rule.scope.principal = patterns(&["AKIA1"]),
        |rule| rule.fires.probability = Probability::new(0.5),
        |rule| rule.fires.count = Some(Count::First(1)),
    ];
    for (n, change) in less.into_iter().enumerate() {
        let mut rule = rule.clone();
        change(&mut rule);
        assert!(!closes(rule), "case {n}");
    }
}

proptest! {
    #[test]
    fn counting_strikes_by_number(number in 1_u64..20, requests in 0_u64..60) {
        let first = standing(firing(Firing { count: Some(Count::First(number)), ..Firing::default() }), 1);
        prop_assert_eq!(struck(&first, requests), (1..=requests).map(|n| n <= number).collect::<Vec<_>>());
        let every = standing(firing(Firing { count: Some(Count::Every(number)), ..Firing::default() }), 1);
        prop_assert_eq!(struck(&every, requests), (1..=requests).map(|n| n % number == 0).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests(seed: u64, chance in 0.05_f64..0.95, other: u64) {
        prop_assume!(seed != other);
        let rule = firing(Firing { probability: Probability::new(chance), ..Firing::default() });
        let once = struck(&standing(rule.clone(), seed), 400);
        prop_assert_eq!(&once, &struck(&standing(rule.clone(), seed), 400));
        prop_assert_ne!(&once, &struck(&standing(rule, other), 400), "another seed draws otherwise");
    }

    #[test]
    fn chance_is_what_was_asked_for(seed: u64, chance in 0.0_f64..=1.0) {
        let rule = standing(firing(Firing { probability: Probability::new(chance), ..Firing::default() }), seed);
        let hits = struck(&rule, 4000).into_iter().filter(|&hit| hit).count() as f64;
        // Six standard deviations: once in a thousand million.
        let deviation = (4000.0 * chance * (1.0 - chance)).sqrt();
        prop_assert!((hits - 4000.0 * chance).abs() <= 6.0 * deviation + 0.01, "{} of 4000 at {}", hits, chance);
    }

    #[test]
    fn changed_bytes_are_different_ones_within_the_body(seed: u64, count in 0_u32..50, length in 0_u64..200) {
        let rule = standing(always(Effect::Corrupt { bytes: count }), seed);
        let draw = rule.fires(RunTime::default()).unwrap();
        let places = draw.places(count, length);
        prop_assert_eq!(places.len() as u64, u64::from(count).min(length));
        prop_assert!(places.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(places.iter().all(|(at, bit)| *at < length && bit.is_power_of_two()));
    }

    #[test]
    fn a_pareto_delay_is_never_below_its_least(seed: u64, least in 1_u64..10_000, shape in 500_u32..5000) {
        let least = Span::from_micros(least);
        let delay = Delay::Pareto { least, shape };
        let rule = standing(always(Effect::Latency(delay)), seed);
        for _ in 0..50 {
            prop_assert!(rule.fires(RunTime::default()).unwrap().delay(delay) >= least);
        }
    }
}

#[test]
fn a_normal_delay_has_its_mean_and_deviation() {
    let delay = Delay::Normal { mean: Span::from_ms(100), deviation: Span::from_ms(10) };
    let rule = standing(always(Effect::Latency(delay)), 3);
    let drawn: Vec<f64> =
        (0..4000).map(|_| rule.fires(RunTime::default()).unwrap().delay(delay).micros() as f64 / 1000.0).collect();
    let mean = drawn.iter().sum::<f64>() / 4000.0;
    let deviation = (drawn.iter().map(|ms| (ms - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
    assert!((mean - 100.0).abs() < 1.0 && (deviation - 10.0).abs() < 0.7, "{mean} ± {deviation}");
    let wide = Delay::Normal { mean: Span::from_ms(1), deviation: Span::from_secs(1) };
    assert!(
        (0..100).any(|_| rule.fires(RunTime::default()).unwrap().delay(wide) == Span::default()),
        "none is negative"
    );
}

#[test]
fn a_ramp_grows_chances_and_delays() {
    let ramp = Firing { ramp: Some(Span::from_secs(10)), ..Firing::default() };
    let at = |rule: &StandingRule, secs: u64| {
        let now = RunTime::from_ms(secs * 1000);
        (0..1000).filter(|_| rule.fires(now).is_some()).count()
    };
    let rule = standing(firing(ramp.clone()), 5);
    assert_eq!(at(&rule, 0), 0);
    assert!((400..600).contains(&at(&rule, 5)));
    assert_eq!((at(&rule, 10), at(&rule, 1000)), (1000, 1000));
    let delay = Delay::Fixed { by: Span::from_ms(200) };
    let slow = standing(Rule { fires: ramp, ..always(Effect::Latency(delay)) }, 5);
    let late = |secs: u64| slow.fires(RunTime::from_ms(secs * 1000)).map(|draw| draw.delay(delay));
    let delays = [0, 5, 10].map(late);
    assert_eq!(delays, [None, Some(Span::from_ms(100)), Some(Span::from_ms(200))], "at its foot nothing is struck");
}

#[test]
fn a_rule_counts_whom_it_is_for_and_whom_it_strikes() {
    let rule = standing(firing(Firing { count: Some(Count::First(2)), ..Firing::default() }), 1);
    struck(&rule, 5);
    assert_eq!(rule.counts(), (5, 2));
    let untouched = standing(always(Effect::Bandwidth { per_second: ByteSize::new(1) }), 1);
    assert_eq!(untouched.counts(), (0, 0));
}
