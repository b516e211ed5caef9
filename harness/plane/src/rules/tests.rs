use firedrill_model::{
    rule::{Count, Firing, Pattern, Scope},
    units::Span,
};
use futures_util::FutureExt;

use super::*;

const EAST: &str = "us-east-1";

fn book() -> (RuleBook, mpsc::UnboundedReceiver<Bite>) {
    let (bites, bitten) = mpsc::unbounded_channel();
    (RuleBook::new(1, bites), bitten)
}

fn fault() -> Source {
    Source::Fault(FaultId::from("fault-1"))
}

fn named(name: &str) -> Source {
    Source::Named(name.to_owned())
}

fn of_east(effect: Effect) -> Rule {
    Rule::of_region(&Region::from(EAST), effect)
}

fn request(book: &RuleBook, region: &str) -> Passage {
    book.passage(Facts { region: region.to_owned(), ..Facts::default() })
}

fn error(code: &str) -> Effect {
    Effect::Error { status: 503, code: code.to_owned() }
}

fn effects(hits: &[Hit]) -> Vec<Effect> {
    hits.iter().map(|hit| hit.effect().clone()).collect()
}

#[test]
fn rules_are_asked_in_order_until_one_ends_the_exchange() {
    let (book, _bitten) = book();
    let slow = Effect::Bandwidth { per_second: firedrill_model::units::ByteSize::new(10) };
    let rules = [slow.clone(), error("First"), error("Second")];
    book.switch_on(&named("a"), rules.map(of_east));
    let hits = request(&book, EAST).meet(ExchangeSide::Request);
    assert_eq!(effects(&hits), [slow, error("First")]);
    let struck: Vec<u64> = book.list().into_iter().map(|rule| rule.matched).collect();
    assert_eq!(struck, [1, 1, 0], "what comes after the end is not asked");
    assert!(request(&book, "eu-west-1").meet(ExchangeSide::Request).is_empty());
}

#[test]
fn a_rule_that_does_not_fire_leaves_the_request_to_the_next() {
    let (book, _bitten) = book();
    let once = Rule { fires: Firing { count: Some(Count::First(1)), ..Firing::default() }, ..of_east(error("First")) };
    book.switch_on(&named("a"), [once, of_east(error("Second"))]);
    let codes: Vec<_> = (0..3).map(|_| effects(&request(&book, EAST).meet(ExchangeSide::Request))).collect();
    assert_eq!(codes, [[error("First")], [error("Second")], [error("Second")]]);
}

#[test]
fn each_side_has_its_rules() {
    let (book, _bitten) = book();
    let late = Rule { side: ExchangeSide::Response, ..of_east(Effect::Reset) };
    book.switch_on(&named("a"), [late]);
    let mut passage = request(&book, EAST);
    assert!(passage.meet(ExchangeSide::Request).is_empty());
    assert_eq!(passage.struck().now_or_never().map(|hit| hit.effect().clone()), None, "it waits for the answer");
    assert_eq!(effects(&passage.meet(ExchangeSide::Response)), [Effect::Reset]);
}

#[test]
fn a_source_replaces_its_own_rules_alone() {
    let (book, _bitten) = book();
    book.switch_on(&named("a"), [of_east(error("A"))]);
    book.switch_on(&fault(), [of_east(error("B"))]);
    book.switch_on(&named("a"), [of_east(error("C"))]);
    let codes = |book: &RuleBook| book.list().into_iter().map(|rule| rule.rule.effect).collect::<Vec<_>>();
    assert_eq!(codes(&book), [error("B"), error("C")]);
    book.switch_off(&fault());
    assert_eq!(codes(&book), [error("C")]);
}

#[test]
fn a_rule_that_stays_goes_on_counting() {
    let (book, _bitten) = book();
    let few = Rule { fires: Firing { count: Some(Count::First(2)), ..Firing::default() }, ..of_east(Effect::Reset) };
    book.switch_on(&named("a"), [few.clone()]);
    let hit = request(&book, EAST).meet(ExchangeSide::Request).remove(0);
    book.switch_on(&named("a"), [of_east(error("New")), few.clone(), few]);
    assert!(!hit.is_over());
    let struck: Vec<u64> = book.list().iter().map(|rule| rule.struck).collect();
    assert_eq!(struck, [0, 1, 0], "one of two that are alike is the old one");
    book.switch_on(&named("a"), [of_east(error("New"))]);
    assert!(hit.is_over());
}

#[tokio::test]
async fn a_new_rule_strikes_what_is_under_way_once_and_its_fault_bites_once() {
    let (book, mut bitten) = book();
    let mut passages = [request(&book, EAST), request(&book, EAST)];
    let mut elsewhere = request(&book, "eu-west-1");
    for passage in passages.iter_mut().chain([&mut elsewhere]) {
        assert!(passage.meet(ExchangeSide::Request).is_empty());
    }
    book.switch_on(&named("a"), [of_east(error("Late"))]);
    assert!(passages[0].struck().now_or_never().is_none(), "the service has the request: no error of ours any more");
    book.switch_on(&fault(), [of_east(Effect::Reset)]);
    assert!(bitten.try_recv().is_err(), "a fault that is on has not bitten yet");
    for passage in &mut passages {
        let hit = passage.struck().await;
        assert_eq!(*hit.effect(), Effect::Reset);
        assert_eq!(passage.cut(&hit).now_or_never(), Some(()), "at once");
        assert!(passage.struck().now_or_never().is_none(), "asked once");
    }
    assert!(elsewhere.struck().now_or_never().is_none());
    assert_eq!(bitten.try_recv(), Ok(Bite { fault: FaultId::from("fault-1"), rule: None }));
    assert!(bitten.try_recv().is_err(), "one bite is reported");
}

#[test]
fn what_begins_while_a_body_is_read_is_asked_once_and_when_all_is_known() {
    let (book, _bitten) = book();
    let head = Facts { region: EAST.to_owned(), body_tells: true, ..Facts::default() };
    let mut passage = book.passage(head.clone());
    let of_table = Scope { resource: vec![Pattern::new("orders")], ..Scope::default() };
    let every_other = Firing { count: Some(Count::Every(2)), ..Firing::default() };
    let counting = Rule { fires: every_other, ..of_east(Effect::Reset) };
    book.switch_on(&named("a"), [counting, Rule { scope: of_table, ..of_east(Effect::Reset) }]);
    assert!(passage.struck().now_or_never().is_none(), "the first of two, and a table that is not known yet");
    passage.learn(Facts { resources: vec!["orders".to_owned()], body_tells: false, ..head });
    assert_eq!(effects(&passage.meet(ExchangeSide::Request)), [Effect::Reset]);
    let counts: Vec<_> = book.list().iter().map(|rule| (rule.matched, rule.struck)).collect();
    assert_eq!(counts, [(1, 0), (1, 1)]);
}

#[test]
fn a_request_meets_each_rule_once_however_often_it_meets_them() {
    let (book, _bitten) = book();
    let every_other =
        Rule { fires: Firing { count: Some(Count::Every(2)), ..Firing::default() }, ..of_east(error("Other")) };
    book.switch_on(&named("a"), [every_other, of_east(error("First"))]);
    book.switch_on(&named("b"), [of_east(error("Behind"))]);
    let mut passage = request(&book, EAST);
    let mut met = || effects(&passage.meet(ExchangeSide::Request));
    assert_eq!(met(), [error("First")]);
    // Whoever meets them again has let the first one go: it has ended.
    assert_eq!(met(), [error("Behind")]);
    assert_eq!(met(), []);
    book.switch_on(&named("c"), [of_east(error("New"))]);
    assert_eq!(met(), [error("New")]);
    assert_eq!(met(), []);
    let matched: Vec<u64> = book.list().into_iter().map(|rule| rule.matched).collect();
    assert_eq!(matched, [1, 1, 1, 1]);
}

#[test]
fn a_body_is_needed_for_rules_that_were_not_asked_yet() {
    let (book, _bitten) = book();
    book.switch_on(&named("a"), [of_east(Effect::Duplicate)]);
    let mut passage = request(&book, EAST);
    assert!(passage.needs_body());
    passage.meet(ExchangeSide::Request);
    assert!(!passage.needs_body());
    book.switch_on(&named("b"), [of_east(Effect::Duplicate)]);
    assert!(passage.needs_body());
}

#[tokio::test]
async fn a_held_request_waits_for_the_end_of_its_own_rule() {
    let (book, _bitten) = book();
    book.switch_on(&fault(), [of_east(Effect::BlackHole)]);
    let mut passage = request(&book, EAST);
    let hit = passage.meet(ExchangeSide::Request).remove(0);
    assert!(passage.cut(&hit).now_or_never().is_none() && !hit.is_over());
    // The rule ends and begins again before the request looks: it was held by the first one.
    book.switch_off(&fault());
    book.switch_on(&fault(), [of_east(Effect::BlackHole)]);
    assert!(hit.is_over());
    assert_eq!(passage.cut(&hit).now_or_never(), Some(()));
}

#[test]
fn rules_begin_and_end_at_their_time() {
    let (book, _bitten) = book();
    let at = |ms: u64| RunTime::from_ms(3_600_000 + ms);
    let fires = Firing { after: Some(Span::from_ms(100)), lasts: Some(Span::from_ms(50)), ..Firing::default() };
    let rule = Rule { fires, ..of_east(Effect::Reset) };
    let mut early = request(&book, EAST);
    early.meet(ExchangeSide::Request);
    let new = StandingRule::new(named("a"), 0, rule, at(0), 1);
    assert_eq!(book.change(at(0), |rules, _| rules.push(Arc::new(new))), Some(at(100)));
    assert!(request(&book, EAST).meet(ExchangeSide::Request).is_empty());
    assert!(!book.list()[0].begun && early.struck().now_or_never().is_none());
    assert_eq!(book.change(at(99), |_, _| ()), Some(at(100)));
    assert!(!book.list()[0].begun);
    assert_eq!(book.change(at(100), |_, _| ()), Some(at(150)));
    assert!(book.list()[0].begun);
    assert!(early.struck().now_or_never().is_some(), "what is under way when it begins is struck");
    let hit = request(&book, EAST).meet(ExchangeSide::Request).remove(0);
    assert_eq!(book.change(at(149), |_, _| ()), Some(at(150)));
    assert!(!hit.is_over());
    assert_eq!(book.change(at(150), |_, _| ()), None);
    assert!(hit.is_over() && book.list().is_empty());
}

#[tokio::test]
async fn time_is_kept_without_being_told() {
    let (book, _bitten) = book();
    let mut keeping = tokio::task::JoinSet::new();
    keeping.spawn(book.clone().keep_time());
    let soon = Some(Span::from_ms(30));
    let later = Firing { after: soon, ..Firing::default() };
    let briefly = Firing { lasts: soon, ..Firing::default() };
    for (fires, at_last) in [(later, Some(true)), (briefly, None)] {
        let mut changes = book.changes();
        book.switch_on(&named("a"), [Rule { fires, ..of_east(Effect::Reset) }]);
        while book.list().first().map(|rule| rule.begun) != at_last {
            assert_eq!(poll::at_most(Span::from_secs(10), changes.changed()).await, Some(true));
        }
    }
}

#[test]
fn who_closes_a_region_is_known() {
    let (book, _bitten) = book();
    let all = Rule { scope: Scope { region: vec![Pattern::new("*")], ..Scope::default() }, ..of_east(Effect::Refuse) };
    book.switch_on(&named("a"), [all]);
    book.switch_on(&fault(), [of_east(Effect::Refuse)]);
    assert_eq!(book.closing(&Region::from(EAST)), [named("a"), fault()]);
    assert_eq!(book.closing(&Region::from("eu-west-1")), [named("a")]);
}
