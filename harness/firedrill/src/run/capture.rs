//! Captures: reads a side back through clean clients into `observed/<capture>/`, and journals the digest of each file.

use std::{collections::BTreeMap, fs, io};

use firedrill_model::{
    capture::{CaptureName, Configuration, Entry},
    history::Event,
    ids::ResourceId,
    topology::Side,
};
use thiserror::Error;

use super::{Drill, journal::JournalError, manifest};
use crate::services::{self, ServiceError, Site, clients::Conduct};

/// A capture that could not be completed: what it would have shown is unknown.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// A service could not be read.
    #[error("cannot read {what}")]
    Service {
        /// Which resource.
        what: String,
        /// Why.
        source: ServiceError,
    },
    /// A file could not be written.
    #[error("cannot write `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a capture reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Configuration of every resource.
    Configuration,
    /// Content and configuration.
    Everything,
    /// Configuration, and the content that clients wrote.
    Written,
    /// Configuration, the content that functions wrote, and the delivery log. Nothing else is written any more.
    Effects,
}

/// Reads `side` into `observed/<capture>/`.
pub async fn capture(drill: &Drill, name: CaptureName, side: Side, scope: Scope) -> Result<u64, CaptureError> {
    let began_ms = drill.clock.now();
    let site = drill.site(side, Conduct::Clean);
    let folder = drill.dir.capture(name);
    fs::create_dir_all(&folder).map_err(|source| CaptureError::File { path: folder.display().to_string(), source })?;
    let mut files = BTreeMap::new();
    configuration(drill, name, &site, &mut files).await?;
    let mut entries = 0;
    let wanted = |resource: &ResourceId| match scope {
        Scope::Configuration => false,
        Scope::Everything => true,
        Scope::Written => drill.plan.stack.derived_by(resource).is_none(),
        Scope::Effects => drill.plan.stack.derived_by(resource).is_some(),
    };
    for resource in drill.plan.stack.data_resources().into_iter().filter(wanted) {
        entries += content(drill, name, &site, &resource, &mut files).await?;
    }
    if scope == Scope::Effects {
        deliveries(drill, name, &site, &mut files).await?;
    }
    drill.journal.append_synced(Event::Captured { capture: name, side, began_ms, files })?;
    Ok(entries)
}

async fn configuration(
    drill: &Drill,
    name: CaptureName,
    site: &Site,
    files: &mut BTreeMap<String, String>,
) -> Result<(), CaptureError> {
    let mut configurations = Vec::new();
    for resource in drill.plan.stack.resources() {
        configurations.push(describe(site, &resource).await?);
    }
    let path = drill.dir.configuration(name);
    let text = serde_json::to_string_pretty(&configurations)
        .map_err(|error| CaptureError::File { path: path.display().to_string(), source: error.into() })?;
    let digest = manifest::write_file(&path, &text)
        .map_err(|source| CaptureError::File { path: path.display().to_string(), source })?;
    files.insert("configuration.json".into(), digest);
    Ok(())
}

/// Writes entries that were read elsewhere as the content of a capture.
pub fn entries(
    drill: &Drill,
    name: CaptureName,
    by_resource: Vec<(ResourceId, Vec<Entry>)>,
) -> Result<(), CaptureError> {
    let began_ms = drill.clock.now();
    let folder = drill.dir.capture(name);
    fs::create_dir_all(&folder).map_err(|source| CaptureError::File { path: folder.display().to_string(), source })?;
    let mut files = BTreeMap::new();
    for (resource, entries) in by_resource {
        let path = drill.dir.content(name, &resource);
        let file_error = |source| CaptureError::File { path: path.display().to_string(), source };
        let mut writer = manifest::ManifestWriter::new();
        for entry in &entries {
            writer.add(entry).map_err(file_error)?;
        }
        files.insert(format!("{}.jsonl", resource.file_stem()), writer.finish(&path).map_err(file_error)?.sha256);
    }
    drill.journal.append_synced(Event::Captured { capture: name, side: Side::Recovery, began_ms, files })?;
    Ok(())
}

/// The configuration of one resource, which may be absent.
async fn describe(site: &Site, resource: &ResourceId) -> Result<Configuration, CaptureError> {
    let error = |source| CaptureError::Service { what: format!("the configuration of {resource}"), source };
    let Some(kind) = resource.kind() else { return Ok(absent(resource)) };
    let service = services::service(kind);
    if service.exists(site, resource.name()).await.map_err(error)? {
        service.configuration(site, resource.name()).await.map_err(error)
    } else {
        Ok(absent(resource))
    }
}

fn absent(resource: &ResourceId) -> Configuration {
    Configuration {
        resource: resource.clone(),
        absent: true,
        compared: BTreeMap::new(),
        volatile: BTreeMap::new(),
        unknown: BTreeMap::new(),
    }
}

async fn content(
    drill: &Drill,
    name: CaptureName,
    site: &Site,
    resource: &ResourceId,
    files: &mut BTreeMap<String, String>,
) -> Result<u64, CaptureError> {
    let error = |source| CaptureError::Service { what: format!("the content of {resource}"), source };
    let Some(kind) = resource.kind() else { return Ok(0) };
    let service = services::service(kind);
    let mut writer = manifest::ManifestWriter::new();
    if service.exists(site, resource.name()).await.map_err(error)? {
        let with_values = drill.plan.stack.derived_by(resource).is_some();
        service.content(site, resource.name(), with_values, &mut writer).await.map_err(error)?;
    }
    let path = drill.dir.content(name, resource);
    let written =
        writer.finish(&path).map_err(|source| CaptureError::File { path: path.display().to_string(), source })?;
    files.insert(format!("{}.jsonl", resource.file_stem()), written.sha256);
    Ok(written.entries)
}

async fn deliveries(
    drill: &Drill,
    name: CaptureName,
    site: &Site,
    files: &mut BTreeMap<String, String>,
) -> Result<(), CaptureError> {
    let Some(table) = drill.plan.stack.delivery_log() else { return Ok(()) };
    let mut deliveries = services::dynamodb::deliveries(site, table)
        .await
        .map_err(|source| CaptureError::Service { what: "the delivery log".into(), source })?;
    deliveries
        .sort_by(|a, b| (&a.event_id, a.at_utc_ms, &a.delivery_id).cmp(&(&b.event_id, b.at_utc_ms, &b.delivery_id)));
    let path = drill.dir.deliveries(name);
    let file_error = |source| CaptureError::File { path: path.display().to_string(), source };
    let mut text = String::new();
    for delivery in &deliveries {
        text.push_str(&serde_json::to_string(delivery).map_err(|error| file_error(error.into()))?);
        text.push('\n');
    }
    let digest = manifest::write_file(&path, &text).map_err(file_error)?;
    files.insert("deliveries.jsonl".into(), digest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use firedrill_model::ids::Region;

    use super::*;
    use crate::{
        run::sample,
        services::{clients::Endpoint, stand_in},
        workload,
    };

    /// Something that says of everything that it is not there: its address, and how often it was asked.
    fn nothing() -> (String, Arc<AtomicU32>) {
        let asked = Arc::<AtomicU32>::default();
        let counted = Arc::clone(&asked);
        let url = stand_in::answering(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            ("404 Not Found", String::new())
        });
        (url, asked)
    }

    #[tokio::test]
    async fn evidence_is_read_straight_from_the_region_and_never_through_the_fault_plane() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = workload::sample::plan(7);
        plan.stack.tables.clear(); // whether a bucket is there is told without a body
        let drill = sample::drill(folder.path(), plan);
        let ((plane_url, by_the_plane), (direct_url, directly)) = (nothing(), nothing());
        let endpoint = |region: &Region| {
            let (plane_url, direct_url) = (plane_url.clone(), direct_url.clone());
            (region.clone(), Endpoint { region: region.clone(), plane_url, direct_url })
        };
        let topology = &drill.plan.topology;
        drill.endpoints.set([endpoint(&topology.primary), endpoint(&topology.recovery)].into()).unwrap();
        capture(&drill, CaptureName::Source, Side::Primary, Scope::Configuration).await.unwrap();
        assert_eq!(directly.swap(0, Ordering::Relaxed), 1, "its configuration");
        capture(&drill, CaptureName::Recovered, Side::Recovery, Scope::Everything).await.unwrap();
        assert_eq!(directly.load(Ordering::Relaxed), 2, "its configuration and its content");
        assert_eq!(by_the_plane.load(Ordering::Relaxed), 0);
    }
}
