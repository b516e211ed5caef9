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

/// The points beyond the newest `keep`, oldest first. `keep` of zero keeps one: a vault that keeps none protects nothing.
pub fn surplus(points: &[RecoveryPointId], keep: u32) -> &[RecoveryPointId] {
    let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    &points[..points.len().saturating_sub(keep)]
}
