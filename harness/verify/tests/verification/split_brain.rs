//! Two copies that both said yes, as a law: whatever the two sides acknowledged, refused or left open before and after the
//! fences and the moves of the traffic, what is found is what the definition says.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::{
    capture::{CaptureName, Entry},
    findings::FindingKind,
    history::Event,
    ids::ResourceId,
    ledger::{LedgerLine, Origin, Outcome},
    topology::Side,
    units::RunTime,
    verdict::Verdict,
    verification::Verification,
};
use proptest::{prelude::*, sample::Index};

use crate::support::{
    CUTOVER, ENDS, T0, World, ambiguous, entry,
    generated::{tried, world},
    orders, put, rejected, uploads, verdict,
};

/// Fences, moves and writes lie on a grid, so that instants meet.
const GRID: u64 = 250;
const KEYS: u8 = 4;

/// One write before it is a line of the ledger.
#[derive(Clone, Debug)]
struct Stroke {
    resource: ResourceId,
    key: u8,
    side: Side,
    origin: Origin,
    outcome: Outcome,
    issued: u64,
    takes: u64,
}

/// Everything that two copies depend on, in milliseconds.
#[derive(Clone, Debug)]
struct Brains {
    strokes: Vec<Stroke>,
    /// The primary side was fenced then.
    fenced: Option<u64>,
    /// The recovery side was fenced then, and later the traffic moved back.
    back: Option<(u64, u64)>,
    /// Which write of each key is seen where it was recovered and on the source that came back, or none.
    recovered: Vec<Index>,
    returned: Option<Vec<Index>>,
}

fn grid(ms: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    (ms.start / GRID..ms.end / GRID).prop_map(|at| at * GRID)
}

fn brains() -> impl Strategy<Value = Brains> {
    let outcome =
        prop_oneof![5 => Just(Outcome::Acknowledged), 1 => Just(Outcome::Ambiguous), 1 => Just(Outcome::Rejected)];
    let origin = prop_oneof![6 => Just(Origin::Traffic), 1 => Just(Origin::Probe)];
    let resource = prop_oneof![2 => Just(orders()), 1 => Just(uploads())];
    let when = (grid(24_000..31_000), grid(GRID..1_250));
    let stroke = (resource, 0..KEYS, any::<bool>(), origin, outcome, when);
    let stroke = stroke.prop_map(|(resource, key, moved, origin, outcome, (issued, takes))| {
        // Nobody writes to the recovery side before the traffic is there.
        let side = if moved { Side::Recovery } else { Side::Primary };
        let issued = if moved { issued.max(CUTOVER) } else { issued };
        Stroke { resource, key, side, origin, outcome, issued, takes }
    });
    let fenced = prop_oneof![4 => grid(25_000..27_250).prop_map(Some), 1 => Just(None)];
    let back = (grid(28_000..30_000), grid(0..1_000)).prop_map(|(fenced, takes)| (fenced, fenced + takes));
    let back = prop_oneof![2 => Just(None), 1 => back.prop_map(Some)];
    let seen = || prop::collection::vec(any::<Index>(), usize::from(2 * KEYS));
    let returned = prop_oneof![3 => seen().prop_map(Some), 1 => Just(None)];
    (prop::collection::vec(stroke, 0..24), fenced, back, seen(), returned)
        .prop_map(|(strokes, fenced, back, recovered, returned)| Brains { strokes, fenced, back, recovered, returned })
}

/// What a capture shows, by resource and key.
type Shown = BTreeMap<(ResourceId, String), LedgerLine>;

impl Brains {
    fn lines(&self) -> Vec<LedgerLine> {
        let line = |(number, stroke): (usize, &Stroke)| {
            let is_back = self.back.is_some_and(|(_, moved)| stroke.issued >= moved);
            let epoch = match stroke.side {
                Side::Recovery => 1,
                Side::Primary => 2 * u32::from(is_back),
            };
            let id = format!("w-{number}");
            let line = LedgerLine {
                side: stroke.side,
                origin: stroke.origin,
                writer: id.clone(),
                completed_ms: Some(RunTime::from_ms(stroke.issued + stroke.takes)),
                epoch,
                ..put(&stroke.resource, &format!("k{}", stroke.key), &id, stroke.issued)
            };
            match stroke.outcome {
                Outcome::Acknowledged => line,
                Outcome::Ambiguous => ambiguous(line),
                Outcome::Rejected => rejected(line),
            }
        };
        self.strokes.iter().enumerate().map(line).collect()
    }

    fn world(&self, lines: &[LedgerLine], recovered: &Shown, returned: Option<&Shown>) -> World {
        let mut world = world(&[], T0);
        world.ledger.retain(|line| line.side == Side::Primary);
        world.drop_key(&uploads(), "new.txt");
        world.ledger.extend(lines.iter().cloned());
        let entries = |shown: &Shown, of: &ResourceId| -> Vec<Entry> {
            shown.iter().filter(|((resource, _), _)| resource == of).map(|(_, line)| entry(line)).collect()
        };
        for resource in [orders(), uploads()] {
            world.recovered(&resource).extend(entries(recovered, &resource));
            if let Some(returned) = returned {
                world.content.insert((CaptureName::Returned, resource.clone()), entries(returned, &resource));
            }
        }
        if returned.is_some() {
            let (began_ms, files) = (RunTime::from_ms(ENDS + 7_000), BTreeMap::new());
            let capture = CaptureName::Returned;
            world.event(ENDS + 8_000, Event::Captured { capture, side: Side::Primary, began_ms, files });
        }
        // Of what happens at one instant the fence comes first, as in a run.
        let fence = |side| Event::Fenced { side };
        world.events.extend(self.fenced.map(|at| (at, fence(Side::Primary))));
        if let Some((fenced, moved)) = self.back {
            world.events.push((fenced, fence(Side::Recovery)));
            world.events.push((moved, Event::CutOver { to: Side::Primary, epoch: 2 }));
        }
        world.events.sort_by_key(|(at, event)| (*at, !matches!(event, Event::Fenced { .. })));
        world
    }
}

/// One of the writes of each key that may have happened on this side, or on either; or none of them.
fn shown(lines: &[LedgerLine], which: &[Index], side: Option<Side>) -> Shown {
    let may_be_there =
        |line: &&LedgerLine| line.outcome != Outcome::Rejected && side.is_none_or(|side| line.side == side);
    let mut writes: BTreeMap<(ResourceId, String), Vec<&LedgerLine>> = BTreeMap::new();
    for line in lines.iter().filter(may_be_there) {
        writes.entry((line.resource.clone(), line.key.clone())).or_default().push(line);
    }
    let pick = |((place, writes), index): ((_, Vec<&LedgerLine>), &Index)| {
        let picked = writes.get(index.index(writes.len() + 1))?;
        Some((place, (*picked).clone()))
    };
    writes.into_iter().zip(which).filter_map(pick).collect()
}

/// Kind, place, how many and the first key of a finding about two copies.
type Told = (FindingKind, Option<ResourceId>, u64, Option<String>);

/// By the law: an acknowledgement of a side after its fence and before the traffic comes back; a key that both sides
/// acknowledged after the cutover; an acknowledged write of the lost side that is not where it was recovered, since nothing
/// is or a write that precedes it, and is still on the source that came back.
fn expected(brains: &Brains, lines: &[LedgerLine], recovered: &Shown, returned: &Shown) -> BTreeSet<Told> {
    let ms = RunTime::from_ms;
    let yes = |line: &LedgerLine| line.completed_ms.filter(|_| line.outcome == Outcome::Acknowledged);
    let is_data = |line: &LedgerLine| line.origin != Origin::Probe;
    let place = |line: &LedgerLine| (line.resource.clone(), line.key.clone());
    let is_fenced = |line: &&LedgerLine| {
        let (since, until) = match line.side {
            Side::Primary => (brains.fenced, brains.back.map(|(_, moved)| moved)),
            Side::Recovery => (brains.back.map(|(fenced, _)| fenced), None),
        };
        yes(line).zip(since).is_some_and(|(at, since)| at > ms(since) && until.is_none_or(|until| at < ms(until)))
    };
    let by = |line: &LedgerLine, side: Side| {
        let of_key = lines.iter().filter(|other| place(other) == place(line));
        of_key.filter(|other| other.side == side && is_data(other)).any(|other| yes(other) >= Some(ms(CUTOVER)))
    };
    let is_stranded = |line: &&LedgerLine| {
        let there = recovered.get(&place(line));
        let is_lost = there.is_none_or(|there| yes(there).is_some_and(|at| at < line.issued_ms));
        yes(line).is_some() && is_data(line) && is_lost
    };
    let both = lines.iter().filter(|line| by(line, Side::Primary) && by(line, Side::Recovery)).map(place);
    let mut told = tell(FindingKind::WriteAfterFence, lines.iter().filter(is_fenced).map(place));
    told.extend(tell(FindingKind::Diverged, both.collect::<BTreeSet<_>>()));
    told.extend(tell(FindingKind::Stranded, returned.values().filter(is_stranded).map(place)));
    told
}

/// One finding for each resource.
fn tell(kind: FindingKind, places: impl IntoIterator<Item = (ResourceId, String)>) -> BTreeSet<Told> {
    let mut keys: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
    places.into_iter().for_each(|(resource, key)| keys.entry(resource).or_default().push(key));
    let one = |(resource, keys): (_, Vec<String>)| (kind, Some(resource), keys.len() as u64, keys.into_iter().min());
    keys.into_iter().map(one).collect()
}

fn told(found: &Verification) -> BTreeSet<Told> {
    let kinds = [FindingKind::WriteAfterFence, FindingKind::Diverged, FindingKind::Stranded];
    let of_two_copies = found.findings.iter().filter(|finding| kinds.contains(&finding.kind));
    of_two_copies.map(|one| (one.kind, one.resource.clone(), one.count, one.key.clone())).collect()
}

proptest! {
    #![proptest_config(tried(256))]

    #[test]
    fn what_two_copies_acknowledged_is_found_by_the_definition(brains in brains()) {
        let lines = brains.lines();
        let recovered = shown(&lines, &brains.recovered, None);
        let returned = brains.returned.as_ref().map(|which| shown(&lines, which, Some(Side::Primary)));
        let found = brains.world(&lines, &recovered, returned.as_ref()).judge();
        let (mut told, mut expected) = (told(&found), expected(&brains, &lines, &recovered, &returned.unwrap_or_default()));
        // Once the traffic is back, the primary side rightly takes writes again, and is the one that is read: what the law
        // says of two copies is said of one failover.
        if brains.back.is_some() {
            told.retain(|(kind, ..)| *kind == FindingKind::WriteAfterFence);
            expected.retain(|(kind, ..)| *kind == FindingKind::WriteAfterFence);
        }
        let fails = expected.iter().any(|(kind, ..)| *kind != FindingKind::Stranded);
        prop_assert_eq!(told, expected, "{:#?}", found.findings);
        prop_assert!(!fails || verdict(&found, "state") == Verdict::Fail);
    }
}
