//! `replication-pause`: what is copied from where the workload runs to where it is recovered to does not arrive any more. Unlike in
//! a partition, the regions reach each other, and what was copied before can be read.

use firedrill_model::{
    rule::{Effect, Pattern, Rule, Scope},
    scenario::Fault,
};

use super::{
    Fields,
    fields::{from_within, requests},
};

/// Operations that bring something into a region, of any service: by their names, since most of AWS's begin with a word for it.
const WRITES: [&str; 22] = [
    "Put*",
    "Post*",
    "Create*",
    "Upload*",
    "Complete*",
    "Copy*",
    "Rename*",
    "Update*",
    "Delete*",
    "Tag*",
    "Untag*",
    "Restore*",
    "Import*",
    "BatchWrite*",
    "BatchExecute*",
    "Execute*",
    "TransactWrite*",
    "Write*",
    "Send*",
    "Publish*",
    "Invoke*",
    "Start*",
];

pub(super) fn make(fields: &Fields<'_>) -> Fault {
    let (from, into) = fields.both_regions();
    let scope =
        Scope { origin: from_within(from), operation: WRITES.map(Pattern::new).to_vec(), ..requests(into, &[]) };
    let title = format!("nothing is copied from {from} to {into} any more");
    let symptoms = format!("what {from} writes into {into} is answered 503 `ServiceUnavailable`");
    fields.of_rules(title, symptoms, vec![Rule::of(scope, Effect::unavailable())])
}
