//! Configuration of the recovery side against the source as it was before the fault.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::{CaptureName, Configuration},
    findings::FindingKind,
    ids::{ResourceId, ResourceKind},
    run_dir::RunDirError,
    verification::Differences,
};
use serde_json::Value;

use crate::{
    asserted::{STATE, effects_of},
    content::Case,
    evidence,
    findings::{Book, Draft, SAMPLE_MAX},
    tally::{Tally, agreeing, counted},
};

/// What was compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configured {
    pub(crate) differences: BTreeMap<ResourceId, Differences>,
    pub(crate) fields_compared: u64,
    pub(crate) volatile: BTreeMap<String, String>,
}

/// Compares every resource of the stack but the delivery log, which is firedrill's instrument.
pub(crate) fn compare(case: Case<'_>, book: &mut Book) -> Result<Configured, RunDirError> {
    let mut configured = Configured::default();
    let source = captured(case, CaptureName::Source)?;
    let recovered = match captured(case, CaptureName::Recovered)? {
        Some(recovered) => Some(recovered),
        None => captured(case, CaptureName::Drained)?,
    };
    let (Some(source), Some(recovered)) = (source, recovered) else {
        let why = "the configuration was not captured on both sides";
        let misplaced = evidence::misplaced(case.timeline, CaptureName::Source);
        let draft = Draft::undecided(FindingKind::NotMeasured, why).detail(misplaced);
        book.add(draft.check(STATE).follows(book.unseen()));
        return Ok(configured);
    };
    let log = case.plan.stack.delivery_log().map(|table| ResourceId::new(ResourceKind::Table, table));
    for resource in case.plan.stack.resources().into_iter().filter(|resource| Some(resource) != log.as_ref()) {
        let Some(reference) = source.get(&resource).filter(|source| !source.absent) else {
            let why = format!("the configuration of {resource} was not captured before the fault");
            let draft = Draft::undecided(FindingKind::NotMeasured, why).check(STATE).resource(resource);
            book.add(draft.follows(book.unseen()));
            continue;
        };
        match recovered.get(&resource).filter(|recovered| !recovered.absent) {
            Some(found) => one(&resource, reference, found, &mut configured, book),
            None => absent(&resource, &mut configured, book),
        }
    }
    Ok(configured)
}

fn captured(case: Case<'_>, capture: CaptureName) -> Result<Option<BTreeMap<ResourceId, Configuration>>, RunDirError> {
    let list = case.configuration(capture)?;
    Ok(list.map(|list| list.into_iter().map(|one| (one.resource.clone(), one)).collect()))
}

fn absent(resource: &ResourceId, configured: &mut Configured, book: &mut Book) {
    let differences = configured.differences.entry(resource.clone()).or_default();
    differences.missing += 1;
    differences.sample.push(resource.to_string());
    let draft = if resource.kind() == Some(ResourceKind::Trigger) {
        let effects = effects_of(resource.name());
        let check = book.asserted().first(&[STATE, &effects]).unwrap_or(STATE).to_owned();
        Draft::failure(
            FindingKind::LostTrigger,
            format!("{resource} is not on the recovery side: no event reaches its function there"),
        )
        .check(check)
        .help("restore it after its table or bucket and its function; is it among what the backup protects?")
    } else {
        Draft::failure(FindingKind::ConfigurationMissing, format!("{resource} is not on the recovery side"))
            .check(STATE)
            .help("is it among what the backup protects, and did its step of the restore succeed?")
    };
    book.add(draft.resource(resource.clone()));
}

fn one(
    resource: &ResourceId,
    reference: &Configuration,
    found: &Configuration,
    configured: &mut Configured,
    book: &mut Book,
) {
    for (field, reason) in reference.volatile.iter().chain(&found.volatile) {
        configured.volatile.insert(format!("{resource} {field}"), reason.clone());
    }
    let (mut fields, mut counts) = (Tally::default(), Differences::default());
    for (field, expected) in &reference.compared {
        configured.fields_compared += 1;
        match found.compared.get(field) {
            None => {
                counts.missing += 1;
                fields.add(field, || format!("was {}, is not there", short(expected)));
            }
            Some(value) if value != expected => {
                counts.changed += 1;
                fields.add(field, || format!("was {}, is {}", short(expected), short(value)));
            }
            Some(_) => {}
        }
    }
    for (field, value) in found.compared.iter().filter(|(field, _)| !reference.compared.contains_key(*field)) {
        configured.fields_compared += 1;
        counts.extra += 1;
        fields.add(field, || format!("was not there, is {}", short(value)));
    }
    if fields.count > 0 {
        counts.sample = fields.keys();
        configured.differences.insert(resource.clone(), counts);
        let (what, differ) =
            (counted(fields.count, "configuration field"), agreeing(fields.count, "differs", "differ"));
        book.add(
            Draft::failure(FindingKind::ConfigurationChanged, format!("{what} of {resource} {differ} from the source"))
                .check(STATE)
                .resource(resource.clone())
                .key(fields.first_key())
                .count(fields.count)
                .detail(fields.lines())
                .help("set them in the restore, or find out why the backup does not hold them"),
        );
    }
    unknown(resource, reference, found, book);
}

/// A field that firedrill does not know may matter: equality is not proved.
fn unknown(resource: &ResourceId, reference: &Configuration, found: &Configuration, book: &mut Book) {
    let mut fields: Vec<&String> = reference.unknown.keys().chain(found.unknown.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    if let Some(first) = fields.first() {
        let count = fields.len() as u64;
        book.add(
            Draft::undecided(
                FindingKind::ConfigurationUnknown,
                format!("the service describes {} of {resource} unknown to firedrill", counted(count, "field")),
            )
            .check(STATE)
            .resource(resource.clone())
            .key(Some((*first).clone()))
            .count(count)
            .detail(fields.iter().take(SAMPLE_MAX).map(|field| (*field).clone()))
            .help("add each to the compared or to the volatile fields of the service's adapter"),
        );
    }
}

/// A value in a line of a report; long ones are cut, since policies can be pages long.
fn short(value: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX).chain("…".chars()).collect()
}
