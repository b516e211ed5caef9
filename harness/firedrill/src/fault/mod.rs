//! Disasters: one file each, which says what its line in a scenario takes and what is made of it.

mod bad_deploy;
mod brownout;
pub mod change;
mod config_drift;
mod corruption;
mod credential_loss;
mod data_loss;
mod edge_zone_degraded;
mod edge_zone_outage;
mod fields;
mod isolation;
mod key_loss;
mod permission_loss;
mod poison_event;
mod quota_exhausted;
mod ransomware;
mod region_outage;
mod region_partition;
mod replication_pause;
mod service_outage;
mod throttling_storm;
mod vault_loss;
mod zone_outage;

use firedrill_model::scenario::Fault;

pub(crate) use self::fields::{Fields, Of, Setting, Wrong};
pub use self::{isolation::isolation, region_outage::region_outage};
use crate::scenario::raw::FaultWord;

/// Makes the fault of a disaster's line; `None` when the line was told to be wrong.
pub(crate) fn make(word: FaultWord, fields: &mut Fields<'_>) -> Option<Fault> {
    let fault = match word {
        FaultWord::RegionOutage => region_outage::make(fields),
        FaultWord::RegionPartition => region_partition::make(fields),
        FaultWord::ServiceOutage => service_outage::make(fields),
        FaultWord::Brownout => brownout::make(fields),
        FaultWord::ThrottlingStorm => throttling_storm::make(fields),
        FaultWord::ZoneOutage => zone_outage::make(fields),
        FaultWord::EdgeZoneOutage => edge_zone_outage::make(fields),
        FaultWord::EdgeZoneDegraded => edge_zone_degraded::make(fields),
        FaultWord::PermissionLoss => permission_loss::make(fields),
        FaultWord::CredentialLoss => credential_loss::make(fields),
        FaultWord::QuotaExhausted => quota_exhausted::make(fields),
        FaultWord::VaultLoss => vault_loss::make(fields),
        FaultWord::KeyLoss => key_loss::make(fields),
        FaultWord::ReplicationPause => Some(replication_pause::make(fields)),
        FaultWord::DataLoss => data_loss::make(fields),
        FaultWord::Corruption => corruption::make(fields),
        FaultWord::Ransomware => ransomware::make(fields),
        FaultWord::BadDeploy => bad_deploy::make(fields),
        FaultWord::ConfigDrift => config_drift::make(fields),
        FaultWord::PoisonEvent => poison_event::make(fields),
    };
    fields.end();
    fault
}

#[cfg(test)]
mod tests;
