//! `credential-loss`: the access keys with which clients of the workload use a region are revoked. Others' keys are not.

use firedrill_model::{
    rule::{Effect, Pattern, Rule, Scope},
    scenario::Fault,
};

use super::Fields;
use crate::services::clients::access_keys_of;

/// How each service says that it does not know a key.
///
/// Source: Amazon S3 API reference, "Error responses"; DynamoDB and Lambda, "Common errors" of their API references.
const UNKNOWN_KEY: [(&str, u16, &str); 4] = [
    ("s3", 403, "InvalidAccessKeyId"),
    ("dynamodb", 400, "UnrecognizedClientException"),
    ("lambda", 403, "UnrecognizedClientException"),
    ("*", 403, "InvalidClientTokenId"),
];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let region = fields.region()?;
    let rules = UNKNOWN_KEY.map(|(service, status, code)| Rule {
        scope: Scope {
            region: vec![Pattern::new(region.as_str())],
            service: vec![Pattern::new(service)],
            principal: vec![access_keys_of(&region)],
            ..Scope::default()
        },
        ..Rule::of_region(&region, Effect::Error { status, code: code.to_owned() })
    });
    let title = format!("the access keys of the clients of {region} are revoked");
    Some(fields.of_rules(title, "their requests are answered that their key is not known".to_owned(), rules.into()))
}
