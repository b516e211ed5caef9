use std::time::Instant;

use firedrill_model::{
    rule::{ExchangeSide, Rule, Scope},
    units::ByteSize,
};
use http_body_util::{BodyExt, Full, StreamBody};
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::{
    facts::Facts,
    rules::{RuleBook, Source},
};

/// A book in which these effects stand for every answer, and what they make of one.
fn shaped(effects: &[Effect]) -> (RuleBook, Shape) {
    let (bites, _) = mpsc::unbounded_channel();
    let book = RuleBook::new(11, bites);
    let rule = |effect: &Effect| Rule { side: ExchangeSide::Response, ..Rule::of(Scope::default(), effect.clone()) };
    book.switch_on(&Source::Named("test".into()), effects.iter().map(rule));
    let mut shape = Shape::default();
    book.passage(Facts::default()).meet(ExchangeSide::Response).iter().for_each(|hit| shape.take(hit));
    (book, shape)
}

fn whole(bytes: &[u8]) -> Full<Bytes> {
    Full::new(Bytes::copy_from_slice(bytes))
}

/// A body in parts, whose length is not known.
fn parts(parts: &[&[u8]]) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin + use<> {
    let frames: Vec<_> = parts.iter().map(|part| Ok(Frame::data(Bytes::copy_from_slice(part)))).collect();
    StreamBody::new(futures_util::stream::iter(frames))
}

/// A body that comes in frames which end at these places, and whose length is not known.
fn cut(body: &[u8], at: &[usize]) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin + use<> {
    let mut places: Vec<usize> = at.iter().map(|at| at % (body.len() + 1)).chain([0, body.len()]).collect();
    places.sort_unstable();
    let slices: Vec<&[u8]> = places.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
    parts(&slices)
}

/// What arrives, and whether it is whole.
async fn arrives<B: Body<Data = Bytes> + Unpin>(mut body: B) -> (Vec<u8>, bool) {
    let mut arrived = Vec::new();
    loop {
        match body.frame().await {
            Some(Ok(frame)) => arrived.extend_from_slice(frame.data_ref().expect("data alone")),
            Some(Err(_)) => return (arrived, false),
            None => return (arrived, true),
        }
    }
}

/// Runs a future to its end.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(future)
}

proptest! {
    #[test]
    fn what_is_cut_short_arrives_to_there(body in prop::collection::vec(any::<u8>(), 0..300), after in 0_u64..300) {
        let (_book, shape) = shaped(&[Effect::Truncate { after: ByteSize::new(after) }]);
        let (arrived, is_whole) = run(arrives(Shaped::new(whole(&body), shape)));
        let kept = body.len().min(usize::try_from(after).unwrap());
        prop_assert_eq!(&arrived, &body[..kept]);
        prop_assert_eq!(is_whole, kept == body.len());
    }

    #[test]
    fn what_is_corrupted_keeps_its_length(body in prop::collection::vec(any::<u8>(), 0..300), bytes in 1_u32..20) {
        let (_book, shape) = shaped(&[Effect::Corrupt { bytes }]);
        let (arrived, is_whole) = run(arrives(Shaped::new(whole(&body), shape)));
        prop_assert!(is_whole);
        prop_assert_eq!(arrived.len(), body.len());
        let changed = arrived.iter().zip(&body).filter(|(a, b)| a != b).count();
        prop_assert_eq!(changed, body.len().min(bytes as usize));
    }

    #[test]
    fn what_is_corrupted_does_not_depend_on_how_it_comes_in(
        length in 0_usize..3000,
        cuts in prop::collection::vec(any::<usize>(), 0..40),
        bytes in 1_u32..40,
        per_second in prop::option::of(1_u64 << 20..1 << 30),
    ) {
        let body = vec![0; length];
        let corrupt = Effect::Corrupt { bytes };
        let (_book, shape) = shaped(std::slice::from_ref(&corrupt));
        let (at_once, _) = run(arrives(Shaped::new(parts(&[&body]), shape)));
        let pace = per_second.map(|bytes| Effect::Bandwidth { per_second: ByteSize::new(bytes) });
        let (_book, shape) = shaped(&[corrupt].into_iter().chain(pace).collect::<Vec<_>>());
        let (arrived, is_whole) = run(arrives(Shaped::new(cut(&body, &cuts), shape)));
        prop_assert!(is_whole && arrived == at_once);
        let changed: Vec<usize> = (0..length).filter(|&at| arrived[at] != 0).collect();
        prop_assert_eq!(changed.len(), length.min(BEGINNING).min(bytes as usize));
        prop_assert!(changed.iter().all(|&at| at < BEGINNING), "{:?}", changed);
    }

    #[test]
    fn what_has_no_shape_passes_unchanged(lengths in prop::collection::vec(0_usize..50, 0..8)) {
        let body: Vec<Vec<u8>> = lengths.iter().map(|length| vec![7; *length]).collect();
        let slices: Vec<&[u8]> = body.iter().map(Vec::as_slice).collect();
        let (arrived, is_whole) = run(arrives(Shaped::new(parts(&slices), Shape::default())));
        prop_assert!(is_whole && arrived == body.concat());
    }
}

#[tokio::test]
async fn trailers_behind_a_body_that_is_corrupted_come_behind_it() {
    let (_book, shape) = shaped(&[Effect::Corrupt { bytes: 1 }]);
    let frames = [Frame::data(Bytes::from_static(b"abc")), Frame::trailers(http::HeaderMap::new())];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    let whole = Shaped::new(StreamBody::new(futures_util::stream::iter(frames)), shape).collect().await.unwrap();
    assert!(whole.trailers().is_some());
    assert_eq!(whole.to_bytes().iter().zip(b"abc").filter(|(a, b)| a != b).count(), 1);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it measures a pause")]
async fn a_paced_body_takes_its_time_and_arrives_whole() {
    let (_book, shape) = shaped(&[Effect::Bandwidth { per_second: ByteSize::new(10_000) }]);
    let (began, body) = (Instant::now(), vec![3; 2000]);
    let (arrived, is_whole) = arrives(Shaped::new(whole(&body), shape)).await;
    assert!(is_whole && arrived == body);
    assert!(began.elapsed().as_millis() >= 180, "{:?} for a fifth of a second's bytes", began.elapsed());
}

#[tokio::test]
async fn a_pace_ends_with_its_rule() {
    let (book, shape) = shaped(&[Effect::Bandwidth { per_second: ByteSize::new(100) }]);
    let mut body = Shaped::new(whole(&vec![5; 100_000]), shape);
    let first = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
    assert_eq!(first.len(), 2, "what goes out in 20 ms");
    book.switch_off(&Source::Named("test".into()));
    let rest = poll::at_most(Span::from_secs(10), arrives(body)).await.expect("not at 100 bytes a second");
    assert_eq!((rest.0.len(), rest.1), (99_998, true));
}

#[tokio::test]
async fn what_is_held_back_goes_on_when_the_rule_ends() {
    let (book, shape) = shaped(&[Effect::SlowClose { by: Span::from_secs(3600) }]);
    let mut body = Shaped::new(whole(b"abc"), shape);
    let first = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
    assert_eq!(&first[..], b"ab");
    book.switch_off(&Source::Named("test".into()));
    let rest = poll::at_most(Span::from_secs(10), arrives(body)).await.expect("not in an hour");
    assert_eq!(rest, (b"c".to_vec(), true));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it measures a pause")]
async fn the_last_byte_is_held_back() {
    for known in [true, false] {
        let (_book, shape) = shaped(&[Effect::SlowClose { by: Span::from_ms(150) }]);
        let began = Instant::now();
        let mut at = Vec::new();
        let mut body: Box<dyn Body<Data = Bytes, Error = BrokenOff<std::convert::Infallible>> + Unpin> = if known {
            Box::new(Shaped::new(whole(b"abc"), shape))
        } else {
            Box::new(Shaped::new(parts(&[b"abc"]), shape))
        };
        while let Some(frame) = body.frame().await {
            at.push((frame.expect("no error").into_data().expect("data"), began.elapsed().as_millis() >= 150));
        }
        assert!(began.elapsed().as_millis() >= 150, "the end comes late");
        let expected: &[(&[u8], bool)] = if known { &[(b"ab", false), (b"c", true)] } else { &[(b"abc", false)] };
        assert_eq!(at.iter().map(|(data, late)| (&data[..], *late)).collect::<Vec<_>>(), expected);
    }
}
