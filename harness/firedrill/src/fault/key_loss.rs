//! `key-loss`: the KMS key that encrypts objects and functions' environments is disabled. Emulators do not enforce that, so
//! the plane answers as the services do.

use firedrill_model::{
    rule::{Effect, Pattern, Rule},
    scenario::Fault,
};

use super::{Fields, fields::requests};

/// What needs the key, and how its service says that the key is disabled.
///
/// Source: Amazon S3 user guide, "Troubleshooting" of SSE-KMS; AWS Lambda API reference, `Invoke`, errors.
const NEEDS_KEY: [(&str, &[&str], u16, &str); 2] = [
    (
        "s3",
        &["GetObject", "PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy"],
        400,
        "KMS.DisabledException",
    ),
    ("lambda", &["Invoke"], 502, "KMSDisabledException"),
];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let region = fields.region()?;
    let rules = NEEDS_KEY.map(|(service, operations, status, code)| {
        let mut scope = requests(&region, &[Pattern::new(service)]);
        scope.operation = operations.iter().copied().map(Pattern::new).collect();
        Rule { scope, ..Rule::of_region(&region, Effect::Error { status, code: code.to_owned() }) }
    });
    let title = format!("the key of the objects and functions in {region} is disabled");
    let symptoms =
        "objects cannot be read or written, functions cannot be invoked (told by the fault plane)".to_owned();
    Some(fields.of_rules(title, symptoms, rules.into()))
}
