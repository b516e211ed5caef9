//! What `firedrill run --keep` says of the target that it leaves up.

use std::path::Path;

use serde_json::{Value, json};

use crate::target::record::TargetRecord;

/// Where each region answers, for people.
pub(super) fn lines(run_dir: &Path, target: &TargetRecord) -> Vec<String> {
    let width = target.endpoints.keys().map(|region| region.as_str().chars().count()).max().unwrap_or(0);
    let head = format!("  target  left up; `firedrill heal {}` ends it", run_dir.display());
    let regions = target.endpoints.iter().map(|(region, addresses)| {
        let region = region.as_str();
        format!("          {region:width$}   fault plane {}   direct {}", addresses.plane_url, addresses.direct_url)
    });
    std::iter::once(head).chain(regions).collect()
}

/// The same as one JSON object.
pub(super) fn event(scenario: &str, run_dir: &Path, target: &TargetRecord) -> Value {
    json!({
        "event": "kept",
        "scenario": scenario,
        "run_dir": run_dir,
        "access_key_id": target.access_key_id,
        "endpoints": target.endpoints,
    })
}

#[cfg(test)]
mod tests {
    use firedrill_model::{
        plan::{Layout, TargetKind, TargetPlan},
        verdict::EnvironmentClass,
    };

    use super::*;
    use crate::target::record::{Addresses, TARGET_SCHEMA};

    fn target() -> TargetRecord {
        let addresses = |port: u16| Addresses {
            plane_url: format!("http://127.0.0.1:{port}"),
            direct_url: format!("http://127.0.0.1:{}", port + 1),
        };
        TargetRecord {
            schema: TARGET_SCHEMA.to_owned(),
            target: TargetPlan {
                kind: TargetKind::Local,
                layout: Layout::ProcessPerRegion,
                environment_class: EnvironmentClass::Emulator,
                engine: "any".to_owned(),
            },
            endpoints: [("us-east-1".into(), addresses(4566)), ("eu-west-1".into(), addresses(4568))].into(),
            zones: [].into(),
            access_key_id: "test".to_owned(),
            processes: Vec::new(),
            started_by: Vec::new(),
            python: "python3".into(),
            kept: true,
        }
    }

    #[test]
    fn endpoints_are_told_by_region() {
        let run_dir = Path::new("runs/20261123-140151-7f3a91");
        insta::assert_snapshot!(lines(run_dir, &target()).join("\n"), @r"
        target  left up; `firedrill heal runs/20261123-140151-7f3a91` ends it
                eu-west-1   fault plane http://127.0.0.1:4568   direct http://127.0.0.1:4569
                us-east-1   fault plane http://127.0.0.1:4566   direct http://127.0.0.1:4567
        ");
        insta::assert_snapshot!(event("orders", run_dir, &target()), @r#"
        {"event":"kept","scenario":"orders","run_dir":"runs/20261123-140151-7f3a91","access_key_id":"test","endpoints":{"eu-west-1":{"plane_url":"http://127.0.0.1:4568","direct_url":"http://127.0.0.1:4569"},"us-east-1":{"plane_url":"http://127.0.0.1:4566","direct_url":"http://127.0.0.1:4567"}}}
        "#);
    }
}
