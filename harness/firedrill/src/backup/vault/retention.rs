//! Removing recovery points without taking anything from the ones that stay.

use std::collections::BTreeSet;

use firedrill_model::ids::RecoveryPointId;

use super::manifest::Manifest;

/// The paths that may be deleted with `gone`: all that lies below its own prefix or that it needs, and that no kept
/// point needs. `stored` are the paths below the prefix of `gone`, its manifest included.
///
/// The manifest comes first: a removal that is cut short leaves no point that looks whole.
pub fn removable(gone: &Manifest, kept: &[Manifest], stored: &[String]) -> Vec<String> {
    let needed: BTreeSet<&str> = kept.iter().flat_map(Manifest::needs).collect();
    let manifest = Manifest::path(&gone.id);
    let mut paths: BTreeSet<&str> = gone.needs();
    paths.extend(stored.iter().map(String::as_str));
    paths.remove(manifest.as_str());
    let rest = paths.into_iter().filter(|path| !needed.contains(path)).map(str::to_owned);
    std::iter::once(manifest.clone()).chain(rest).collect()
}

/// A point as retention sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: RecoveryPointId,
    /// It can be restored from.
    pub verified: bool,
}

/// The points that are too many, oldest first: beyond the newest `keep` of those that can be restored from, and beyond the
/// newest `keep` of all when they cannot. `keep` of zero keeps one: a vault that keeps none protects nothing.
pub fn surplus(points: &[Kept], keep: u32) -> Vec<RecoveryPointId> {
    let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    let (mut newer, mut newer_verified) = (0, 0);
    let mut gone = Vec::new();
    for point in points.iter().rev() {
        let newer_of_kind = if point.verified { newer_verified } else { newer };
        if newer_of_kind >= keep {
            gone.push(point.id.clone());
        }
        newer += 1;
        newer_verified += usize::from(point.verified);
    }
    gone.reverse();
    gone
}

#[cfg(test)]
mod tests {
    use firedrill_model::{
        ids::{ResourceId, ResourceKind},
        units::RunTime,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::backup::vault::manifest::{Part, PartRole, ResourceParts, VAULT_FORMAT};

    /// A point with one part of its own and these shared blobs.
    pub(crate) fn point(number: usize, blobs: &[u8]) -> Manifest {
        let id = RecoveryPointId::new(format!("rp-{number:04}"));
        let part = |role, path| Part { role, path, sha256: "00".into(), bytes: 1, carried: false };
        let list = part(PartRole::Objects, format!("{}resources/bucket.b/objects.jsonl.gz", Manifest::prefix(&id)));
        let bodies = blobs.iter().map(|blob| part(PartRole::Body, format!("blobs/{blob:02x}")));
        Manifest {
            format: VAULT_FORMAT.to_owned(),
            rule: 0,
            parent: None,
            region: "eu-west-1".into(),
            stack_version: "1".to_owned(),
            begun_ms: RunTime::from_ms(number as u64),
            ended_ms: RunTime::from_ms(number as u64 + 1),
            begun_utc: String::new(),
            ended_utc: String::new(),
            cut_utc_ms: Some(1000),
            resources: vec![ResourceParts {
                resource: ResourceId::new(ResourceKind::Bucket, "b"),
                entries: blobs.len() as u64,
                parts: std::iter::once(list).chain(bodies).collect(),
            }],
            id,
        }
    }

    proptest! {
        #[test]
        fn what_a_kept_point_needs_is_never_removed(
            blobs in prop::collection::vec(prop::collection::vec(0_u8..20, 0..12), 2..8),
            gone in any::<prop::sample::Index>(),
        ) {
            let mut points: Vec<Manifest> = blobs.iter().enumerate().map(|(n, blobs)| point(n, blobs)).collect();
            let gone = points.remove(gone.index(points.len()));
            let stored = [Manifest::path(&gone.id), format!("{}left-by-a-crash", Manifest::prefix(&gone.id))];
            let removed = removable(&gone, &points, &stored);
            prop_assert_eq!(&removed[0], &Manifest::path(&gone.id));
            for kept in &points {
                for path in kept.needs() {
                    prop_assert!(!removed.iter().any(|removed| removed == path), "{} needs {path}", kept.id);
                }
            }
            // Nothing that only the removed point needed stays behind.
            for path in gone.needs() {
                let still_needed = points.iter().any(|kept| kept.needs().contains(path));
                prop_assert_eq!(removed.iter().any(|removed| removed == path), !still_needed);
            }
            prop_assert!(removed.contains(&stored[1]));
        }

        #[test]
        fn the_newest_that_can_be_restored_from_stay(
            verified in prop::collection::vec(any::<bool>(), 0..20), keep in 0_u32..10,
        ) {
            let kept = |(n, verified)| Kept { id: RecoveryPointId::new(format!("rp-{n:04}")), verified };
            let all: Vec<Kept> = verified.into_iter().enumerate().map(kept).collect();
            let gone = surplus(&all, keep);
            let keep = keep.max(1) as usize;
            let usable: Vec<&Kept> = all.iter().filter(|point| point.verified).collect();
            let stay = |point: &&&Kept| !gone.contains(&point.id);
            let newest = &usable[usable.len().saturating_sub(keep)..];
            prop_assert_eq!(usable.iter().filter(stay).copied().collect::<Vec<_>>(), newest);
            let others = all.iter().filter(|point| !point.verified && !gone.contains(&point.id)).count();
            prop_assert!(others <= keep, "what cannot be used is not kept for ever");
            prop_assert!(all.iter().rev().take(keep).all(|point| !gone.contains(&point.id)));
            prop_assert!(gone.is_sorted());
        }

        #[test]
        fn a_manifest_reads_back_as_it_was(number in 0_usize..9999, blobs in prop::collection::vec(any::<u8>(), 0..9)) {
            let manifest = point(number, &blobs);
            let text = serde_json::to_string(&manifest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
        }
    }

    #[test]
    fn a_manifest_with_an_unknown_field_is_refused() {
        let mut json = serde_json::to_value(point(1, &[1])).unwrap();
        json["resources"][0]["parts"][0]["extra"] = true.into();
        assert!(serde_json::from_value::<Manifest>(json).is_err());
    }

    #[test]
    fn a_blob_that_versions_share_counts_once_in_the_size() {
        let recovery_point = point(1, &[5, 5, 6]).recovery_point("here".into(), "digest".into(), None);
        assert_eq!(recovery_point.bytes, 3);
        assert_eq!(recovery_point.entries, 4, "three versions and one configuration");
    }
}
