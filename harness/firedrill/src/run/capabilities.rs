//! What a plan needs of its target, asked for before anything is made there.

use std::collections::BTreeSet;

use firedrill_model::{
    plan::Plan,
    scenario::{BackupUsing, Detector, VaultPlace},
    topology::{Side, Topology},
    units::Span,
};
use futures_util::future;
use thiserror::Error;

use super::Drill;
use crate::{
    poll,
    services::{
        api::{self, Api},
        clients::Conduct,
    },
    target::install::Emulator,
};

/// How long a service may take for a list of one. Retries of the client are within it.
const ANSWER_LIMIT: Span = Span::from_secs(20);

/// What the target lacks, all of it at once.
#[derive(Debug, Error)]
#[error("the target lacks what this drill needs: {}", .0.join("; "))]
pub(super) struct Lacking(Vec<String>);

impl Lacking {
    /// Fails when anything is missing.
    pub(super) fn unless_empty(missing: Vec<String>) -> Result<(), Self> {
        if missing.is_empty() { Ok(()) } else { Err(Self(missing)) }
    }
}

/// The services that a plan needs, by side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needed {
    primary: BTreeSet<Api>,
    recovery: BTreeSet<Api>,
}

impl Needed {
    pub(super) fn of(plan: &Plan) -> Self {
        let stack = &plan.stack;
        let both = [
            (Api::DynamoDb, !stack.tables.is_empty()),
            (Api::Streams, stack.tables.values().any(|table| table.stream)),
            (Api::S3, !stack.buckets.is_empty()),
            (Api::Lambda, !stack.functions.is_empty()),
            (Api::Sqs, !stack.queues.is_empty()),
            (Api::Iam, !stack.roles.is_empty()),
        ];
        let both: BTreeSet<Api> = both.into_iter().filter_map(|(api, needed)| needed.then_some(api)).collect();
        let mut needed = Self { primary: both.clone(), recovery: both };
        if stack.template.is_some() {
            // The code of its functions is put into a bucket.
            needed.primary.extend([Api::CloudFormation, Api::S3]);
        }
        if matches!(plan.detect.by, Detector::Alarm(_)) {
            needed.recovery.insert(Api::CloudWatch);
        }
        for rule in &plan.backups {
            if let BackupUsing::Vault { into: VaultPlace::Bucket { region, .. }, .. } = &rule.using {
                match plan.topology.side(region) {
                    Some(Side::Primary) => needed.primary.insert(Api::S3),
                    Some(Side::Recovery) | None => needed.recovery.insert(Api::S3),
                };
            }
        }
        needed
    }

    fn on(&self, side: Side) -> &BTreeSet<Api> {
        match side {
            Side::Primary => &self.primary,
            Side::Recovery => &self.recovery,
        }
    }

    /// `DynamoDB, S3 and IAM answer in us-east-1 and eu-west-1, CloudWatch in eu-west-1`.
    fn seen(&self, topology: &Topology) -> String {
        let Topology { primary, recovery } = topology;
        let both: Vec<&Api> = self.primary.intersection(&self.recovery).collect();
        let only_primary: Vec<&Api> = self.primary.difference(&self.recovery).collect();
        let only_recovery: Vec<&Api> = self.recovery.difference(&self.primary).collect();
        let places = [
            (both, format!("{primary} and {recovery}")),
            (only_primary, primary.to_string()),
            (only_recovery, recovery.to_string()),
        ];
        let mut parts: Vec<String> = Vec::new();
        for (apis, place) in places.iter().filter(|(apis, _)| !apis.is_empty()) {
            let verb = match (parts.len(), apis.len()) {
                (0, 1) => " answers",
                (0, _) => " answer",
                _ => "",
            };
            parts.push(format!("{}{verb} in {place}", list(apis)));
        }
        parts.join(", ")
    }
}

/// `a, b and c`.
fn list(apis: &[&Api]) -> String {
    let names: Vec<String> = apis.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Asks every service that the plan needs, on both sides, the way that every client of the drill goes, and looks for the
/// programs that its functions need; says which services answered.
pub(super) async fn ask_all(drill: &Drill, emulator: &Emulator) -> Result<String, Lacking> {
    let needed = Needed::of(&drill.plan);
    let sides = [Side::Primary, Side::Recovery].map(|side| (side, drill.site(side, Conduct::Control).clients));
    let questions = sides.iter().flat_map(|(side, clients)| {
        needed.on(*side).iter().map(async move |api| {
            let cause = match poll::at_most(ANSWER_LIMIT, api::ask(clients, *api)).await {
                Some(Ok(())) => return None,
                Some(Err(error)) => super::chain(&error),
                None => format!("no answer within {ANSWER_LIMIT}"),
            };
            Some(format!("{api} in {} ({cause})", clients.region))
        })
    });
    let mut missing: Vec<String> = future::join_all(questions).await.into_iter().flatten().collect();
    let needs_node = drill.plan.stack.functions.iter().find(|(_, function)| function.runtime.starts_with("nodejs"));
    if let Some((name, function)) = needs_node
        && !emulator.finds("node")
    {
        missing.push(format!("the program `node`, on which function/{name} ({}) runs", function.runtime));
    }
    Lacking::unless_empty(missing)?;
    Ok(needed.seen(&drill.plan.topology))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology { primary: "us-east-1".into(), recovery: "eu-west-1".into() }
    }

    #[test]
    fn what_was_seen_reads_as_a_sentence() {
        let common = BTreeSet::from([Api::DynamoDb, Api::Streams, Api::S3, Api::Lambda, Api::Iam]);
        let mut needed = Needed { primary: common.clone(), recovery: common };
        insta::assert_snapshot!(
            needed.seen(&topology()),
            @"DynamoDB, DynamoDB Streams, S3, Lambda and IAM answer in us-east-1 and eu-west-1"
        );
        needed.primary.insert(Api::CloudFormation);
        needed.recovery.insert(Api::CloudWatch);
        insta::assert_snapshot!(
            needed.seen(&topology()),
            @"DynamoDB, DynamoDB Streams, S3, Lambda and IAM answer in us-east-1 and eu-west-1, CloudFormation in us-east-1, CloudWatch in eu-west-1"
        );
        let none = Needed { primary: BTreeSet::new(), recovery: BTreeSet::from([Api::S3]) };
        insta::assert_snapshot!(none.seen(&topology()), @"S3 answers in eu-west-1");
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        assert!(Lacking::unless_empty(Vec::new()).is_ok());
        let missing =
            ["Lambda in us-east-1 (no answer within 20 s)", "IAM in eu-west-1 (ListRoles failed: InternalError)"];
        let error = Lacking::unless_empty(missing.map(str::to_owned).to_vec()).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"the target lacks what this drill needs: Lambda in us-east-1 (no answer within 20 s); IAM in eu-west-1 (ListRoles failed: InternalError)"
        );
    }
}
