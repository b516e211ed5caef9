//! What a run of each environment class proves, in words. The one place that says it.

use firedrill_model::verdict::EnvironmentClass;

use crate::record::Limitation;

const PROCEDURE: &str =
    "The procedure, its recovery steps and the checks work as written, and were exercised by this run.";
const LOSSES: &str =
    "Every acknowledged write was accounted for from the data itself, not from the word of a restore job.";
const STAFF: &str = "Whether people would be there, would be told and would decide as the drill assumes.";
const DELETED_TAGS: &str = "Tags of objects that were deleted: the local target does not give those of a version below a delete \
    marker, so that traffic deletes only objects without tags.";
const ONE_RUN: &str = "Any rate of success: one run is one run.";

/// What a run of this class proves and what it does not. `beyond`: what the stack has and the run did not look at.
pub fn limitation(class: EnvironmentClass, beyond: &[String]) -> Limitation {
    let (in_short, proves, does_not_prove): (_, &[&str], &[&str]) = match class {
        EnvironmentClass::Simulation => (
            "the policy, in a simulation; nothing about AWS",
            &["The policy holds in the model that the simulation is made of."],
            &[
                "That the restore code runs at all: no service was called.",
                "Recovery times, durability, permissions, quotas or replication lag of AWS.",
                STAFF,
            ],
        ),
        EnvironmentClass::Emulator => (
            "the procedure, on an emulator; not AWS's recovery times",
            &[PROCEDURE, LOSSES],
            &[
                "How long AWS takes to restore: the times measured here are those of an emulator on one machine.",
                "Durability of AWS storage, and that regions fail independently of each other.",
                "Permissions, keys, quotas and networks: an emulator enforces few or none of them; where a disaster takes some \
                 away, the fault plane answers in their stead.",
                "Replication lag of AWS's own replication.",
                DELETED_TAGS,
                STAFF,
                ONE_RUN,
            ],
        ),
        EnvironmentClass::AwsNonprod => (
            "the procedure and its times on AWS, outside production",
            &[PROCEDURE, LOSSES, "Recovery times of AWS at the amount of data used here."],
            &[
                "Times at production's amount of data and load.",
                "Production's own permissions, keys, quotas and networks.",
                STAFF,
                ONE_RUN,
            ],
        ),
        EnvironmentClass::AwsProdIsolated => (
            "the recovery of production's copy, isolated from users",
            &[PROCEDURE, LOSSES, "Recovery times of AWS with production's data, permissions, keys and quotas."],
            &["Behaviour under the load of real users, and the move of their traffic.", STAFF, ONE_RUN],
        ),
        EnvironmentClass::Production => (
            "the recovery of production, this once",
            &[PROCEDURE, LOSSES, "Recovery of production with its data, load, permissions, keys and quotas."],
            &["Disasters other than the one of this drill.", ONE_RUN],
        ),
    };
    let sentences = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let mut does_not_prove: Vec<String> = sentences(does_not_prove);
    does_not_prove.extend((!beyond.is_empty()).then(|| {
        format!("Anything about what the template has besides, which firedrill does not know: {}.", beyond.join(", "))
    }));
    Limitation { in_short: in_short.to_owned(), proves: sentences(proves), does_not_prove }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_run_never_claims_aws_recovery_times() {
        let limits = limitation(EnvironmentClass::Emulator, &[]);
        assert!(limits.proves.iter().all(|sentence| !sentence.contains("AWS")), "{:?}", limits.proves);
        assert!(limits.does_not_prove.iter().any(|sentence| sentence.starts_with("How long AWS takes")));
    }

    #[test]
    fn what_the_run_did_not_look_at_is_named() {
        let limits = limitation(EnvironmentClass::Emulator, &["`Alarms` (AWS::SNS::Topic)".to_owned()]);
        let last = limits.does_not_prove.last().expect("a sentence");
        assert!(last.ends_with("which firedrill does not know: `Alarms` (AWS::SNS::Topic)."), "{last}");
    }

    #[test]
    fn every_class_names_something_it_does_not_prove() {
        use EnvironmentClass as Class;
        for class in [Class::Simulation, Class::Emulator, Class::AwsNonprod, Class::AwsProdIsolated, Class::Production]
        {
            let limits = limitation(class, &[]);
            assert!(!limits.does_not_prove.is_empty() && !limits.proves.is_empty(), "{class:?}");
        }
    }
}
