//! `quota-exhausted`: nothing new can be made in a region: what a recovery into it needs first.

use firedrill_model::{
    rule::{Effect, Pattern, Rule},
    scenario::Fault,
};

use super::{
    Fields,
    fields::{place, requests},
};

/// What makes something, and how its service says that there may be no more.
///
/// Source: the errors of these operations in the API references of S3, DynamoDB, Lambda and IAM.
const MAKES: [(&str, &[&str], u16, &str); 4] = [
    ("s3", &["CreateBucket"], 400, "TooManyBuckets"),
    ("dynamodb", &["CreateTable"], 400, "LimitExceededException"),
    ("lambda", &["CreateFunction", "PublishVersion"], 400, "CodeStorageExceededException"),
    ("iam", &["CreateRole"], 409, "LimitExceeded"),
];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, services) = (fields.region(), fields.services_or_all());
    let region = region?;
    let named = |service: &str| services.is_empty() || services.iter().any(|pattern| pattern.matches(service));
    let rules: Vec<Rule> = MAKES
        .into_iter()
        .filter(|(service, ..)| named(service))
        .map(|(service, operations, status, code)| {
            let mut scope = requests(&region, &[Pattern::new(service)]);
            scope.operation = operations.iter().copied().map(Pattern::new).collect();
            Rule { scope, ..Rule::of_region(&region, Effect::Error { status, code: code.to_owned() }) }
        })
        .collect();
    if rules.is_empty() {
        let known: Vec<&str> = MAKES.iter().map(|(service, ..)| *service).collect();
        fields.misplaced(
            "service",
            "no quota of these services is known",
            &format!("name some of {}", known.join(", ")),
        );
        return None;
    }
    let title = format!("the quotas of {} are exhausted", place(&region, &services));
    Some(fields.of_rules(title, "nothing new can be made there".to_owned(), rules))
}
