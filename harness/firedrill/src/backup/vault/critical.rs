//! What a backup rule calls critical must be in its recovery points.

use firedrill_model::{critical::CriticalAttribute, ids::ResourceId, ids::ResourceKind, stack::Stack};

use super::manifest::{Manifest, PartRole};
use crate::backup::BackupError;

/// Whether the point holds every critical attribute of what it protects; the error names what it lacks. That the parts
/// read back is for [`super::verify`] to say.
pub fn every_attribute(
    manifest: &Manifest,
    protect: &[ResourceId],
    critical: &[CriticalAttribute],
    stack: &Stack,
) -> Result<(), BackupError> {
    for attribute in critical {
        let lacking: Vec<String> = attribute
            .owed_by(protect, stack)
            .iter()
            .filter(|resource| !holds(manifest, resource, *attribute))
            .map(|resource| format!("`{resource}`"))
            .collect();
        if !lacking.is_empty() {
            let what = format!("is critical and is not in it for {}", lacking.join(", "));
            return Err(BackupError::damaged(&manifest.id, attribute.word(), what));
        }
    }
    Ok(())
}

fn holds(manifest: &Manifest, resource: &ResourceId, attribute: CriticalAttribute) -> bool {
    let needed: &[PartRole] = match (attribute, resource.kind()) {
        (CriticalAttribute::Code, _) => &[PartRole::Blueprint, PartRole::Code],
        (CriticalAttribute::Data, Some(ResourceKind::Bucket)) => &[PartRole::Blueprint, PartRole::Objects],
        (CriticalAttribute::Data, _) => &[PartRole::Blueprint, PartRole::ExportManifest, PartRole::ExportData],
        (CriticalAttribute::Configuration | CriticalAttribute::Triggers, _) => &[PartRole::Blueprint],
    };
    manifest.resource(resource).is_some_and(|parts| needed.iter().all(|role| parts.of(*role).next().is_some()))
}

#[cfg(test)]
mod tests {
    use firedrill_model::units::RunTime;

    use super::*;
    use crate::{
        backup::vault::manifest::{Part, ResourceParts, VAULT_FORMAT},
        scenario::{load, tests::root},
    };

    const ALL: [CriticalAttribute; 4] = [
        CriticalAttribute::Code,
        CriticalAttribute::Configuration,
        CriticalAttribute::Data,
        CriticalAttribute::Triggers,
    ];

    /// Everything that the order pipeline protects, with the parts that a capture writes for it.
    fn whole(protect: &[ResourceId]) -> Manifest {
        let part = |role| Part { role, path: String::new(), sha256: String::new(), bytes: 1, carried: false };
        let parts = |resource: &ResourceId| {
            let mut roles = vec![PartRole::Blueprint];
            match resource.kind() {
                Some(ResourceKind::Function) => roles.push(PartRole::Code),
                Some(ResourceKind::Bucket) => roles.extend([PartRole::Objects, PartRole::Body]),
                Some(ResourceKind::Table) => roles.extend([PartRole::ExportManifest, PartRole::ExportData]),
                Some(ResourceKind::Role | ResourceKind::Queue | ResourceKind::Trigger) | None => {}
            }
            ResourceParts { resource: resource.clone(), entries: 1, parts: roles.into_iter().map(part).collect() }
        };
        Manifest {
            format: VAULT_FORMAT.to_owned(),
            id: "rp-0001".into(),
            rule: 0,
            parent: None,
            region: "us-east-1".into(),
            stack_version: String::new(),
            begun_ms: RunTime::from_ms(1),
            ended_ms: RunTime::from_ms(2),
            begun_utc: String::new(),
            ended_utc: String::new(),
            cut_utc_ms: None,
            resources: protect.iter().map(parts).collect(),
        }
    }

    #[test]
    fn a_point_without_what_is_critical_is_not_verified_and_says_what_it_lacks() {
        let loaded = load(&root().join("scenarios/order-pipeline-region-loss.yaml")).unwrap();
        let (stack, protect) = (&loaded.stack, &loaded.scenario.backups[0].protect);
        every_attribute(&whole(protect), protect, &ALL, stack).expect("whole");

        let without = |resource: &str, role| {
            let mut manifest = whole(protect);
            let parts = manifest.resources.iter_mut().find(|parts| parts.resource.as_str() == resource).unwrap();
            parts.parts.retain(|part| part.role != role);
            manifest
        };
        let cases = [
            ("code", "function/total-orders", PartRole::Code),
            ("data", "bucket/uploads", PartRole::Objects),
            ("data", "table/orders", PartRole::ExportData),
            ("data", "table/totals", PartRole::ExportManifest),
            ("configuration", "role/total-orders", PartRole::Blueprint),
            ("configuration", "trigger/describe-upload", PartRole::Blueprint),
        ];
        for (attribute, resource, role) in cases {
            let manifest = without(resource, role);
            let error = every_attribute(&manifest, protect, &ALL, stack).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("recovery point `rp-0001`: {attribute} is critical and is not in it for `{resource}`")
            );
            every_attribute(&manifest, protect, &[], stack).expect("nothing is critical");
        }
    }

    #[test]
    fn a_trigger_that_the_point_does_not_hold_is_lacking_though_nothing_protects_it() {
        let loaded = load(&root().join("scenarios/must-fail/forgotten-trigger.yaml")).unwrap();
        let (stack, protect) = (&loaded.stack, &loaded.scenario.backups[0].protect);
        let manifest = whole(protect);
        let lacking = every_attribute(&manifest, protect, &[CriticalAttribute::Triggers], stack).unwrap_err();
        assert!(lacking.to_string().ends_with("for `trigger/total-orders`"), "{lacking}");
        for attribute in [CriticalAttribute::Code, CriticalAttribute::Configuration, CriticalAttribute::Data] {
            every_attribute(&manifest, protect, &[attribute], stack).expect("it holds the rest");
        }
    }
}
