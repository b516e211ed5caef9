//! Disasters: one file each, which says what its line in a scenario takes and what is made of it.

mod brownout;
mod fields;
mod region_outage;
mod service_outage;
mod throttling_storm;

use firedrill_model::scenario::Fault;

pub(crate) use self::fields::{Fields, Wrong};
pub use self::region_outage::region_outage;
use crate::scenario::raw::FaultWord;

/// Makes the fault of a disaster's line; `None` when the line was told to be wrong.
pub(crate) fn make(word: FaultWord, fields: &mut Fields<'_>) -> Option<Fault> {
    let fault = match word {
        FaultWord::RegionOutage => region_outage::make(fields),
        FaultWord::ServiceOutage => service_outage::make(fields),
        FaultWord::Brownout => brownout::make(fields),
        FaultWord::ThrottlingStorm => throttling_storm::make(fields),
    };
    fields.end();
    fault
}

#[cfg(test)]
mod tests;
