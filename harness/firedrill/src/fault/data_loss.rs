//! `data-loss`: a table, a queue, a bucket or a part of one is deleted for good, as by accident.

use firedrill_model::{
    ids::ResourceKind::{Bucket, Queue, Table},
    scenario::{Alteration, Fault},
};

use super::Fields;
use crate::scenario::raw::PartWord;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, resource) = (fields.region(), fields.resource(&[Bucket, Table, Queue]));
    let (prefix, part) = (fields.prefix(), fields.part_of(&[PartWord::Stream]));
    let (region, resource, part) = (region?, resource?, part.ok()?);
    let kind = resource.kind()?;
    let (title, symptoms, what) = match (prefix, part) {
        (Some(prefix), None) if kind == Bucket => (
            format!("the objects below `{prefix}` of {resource} in {region} are deleted"),
            "every version of them is gone",
            Alteration::DeleteBelow { prefix },
        ),
        (Some(_), _) if kind != Bucket => {
            fields.misplaced("prefix", &format!("a {} has no prefixes", kind.word()), "leave it out, or name a bucket");
            return None;
        }
        (_, Some(_)) if kind != Table => {
            fields.misplaced("part", &format!("a {} has no stream", kind.word()), "leave it out, or name a table");
            return None;
        }
        (_, Some(_)) => {
            fields.must_have_a_stream(&resource).then_some(())?;
            let title = format!("the stream of {resource} in {region} is switched off");
            (title, "changes of its items come to nobody", Alteration::DropStream)
        }
        (_, None) => {
            (format!("{resource} in {region} is deleted"), "it is gone with everything in it", Alteration::Delete)
        }
    };
    Some(fields.of_change(title, symptoms.to_owned(), &region, resource, what))
}
