//! `key-loss`: the KMS key that encrypts objects and functions' environments is disabled, or waiting for its deletion. Emulators
//! do not enforce that, so the plane answers as the services do.

use firedrill_model::{
    rule::{Effect, Pattern, Rule},
    scenario::{Fault, Symptom},
};

use super::{Fields, fields::requests};

/// What needs the key, and how its service says that it is disabled, and that it is waiting for its deletion.
///
/// Source: Amazon S3 user guide, "Troubleshooting" of SSE-KMS and "Multipart upload API and permissions", with the exceptions of
/// the AWS KMS API reference, `Decrypt`; AWS Lambda API reference, `Invoke`, errors.
const NEEDS_KEY: [(&str, &[&str], u16, [&str; 2]); 2] = [
    (
        "s3",
        &[
            "GetObject",
            "SelectObjectContent",
            "PutObject",
            "PostObject",
            "CopyObject",
            "CreateMultipartUpload",
            "UploadPart",
            "UploadPartCopy",
            "CompleteMultipartUpload",
        ],
        400,
        ["KMS.DisabledException", "KMS.KMSInvalidStateException"],
    ),
    (
        "lambda",
        &["Invoke", "InvokeAsync", "InvokeWithResponseStream"],
        502,
        ["KMSDisabledException", "KMSInvalidStateException"],
    ),
];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let known = [Symptom::Disabled, Symptom::PendingDeletion];
    let (region, symptom) = (fields.region(), fields.symptom_or(Symptom::Disabled, &known));
    let (region, symptom) = (region?, symptom?);
    let rules = NEEDS_KEY.map(|(service, operations, status, [disabled, pending])| {
        let mut scope = requests(&region, &[Pattern::new(service)]);
        scope.operation = operations.iter().copied().map(Pattern::new).collect();
        let code = if symptom == Symptom::PendingDeletion { pending } else { disabled };
        Rule { scope, ..Rule::of_region(&region, Effect::Error { status, code: code.to_owned() }) }
    });
    let state = if symptom == Symptom::PendingDeletion { "waits for its deletion" } else { "is disabled" };
    let title = format!("the key of the objects and functions in {region} {state} (told by the fault plane)");
    let symptoms = "objects cannot be read or written, functions cannot be invoked".to_owned();
    Some(fields.of_rules(title, symptoms, rules.into()))
}
