//! A line of `disaster`, and the words for what can be taken away.

use firedrill_model::{
    ids::Region,
    scenario::{Onset, Symptom},
    units::{ByteSize, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::written::Written;

/// What is taken away, and when. One of `after`, `at` and `during`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDisaster {
    /// Once so many backups are complete and verified, or so many writes are acknowledged; `2 more backups` and `300 more writes` count from when the
    /// disaster before it was on.
    pub after: Option<Written<Onset>>,
    /// So long after the traffic began.
    pub at: Option<Written<Span>>,
    /// While the recovery runs its first step of this kind: `restore`, `command` or `redrive`. It is switched on once that step has
    /// begun, and has to strike something before it has ended.
    #[schemars(example = &"restore")]
    pub during: Option<String>,
    /// The longest that it may stay on: then it is undone, whether or not firedrill is still there; the limit of the run when left
    /// out. Not for what stays as it was done. A recovery that its end brought about counts only with `ride_out`.
    pub at_most: Option<Written<Span>>,
    /// What is taken away.
    pub fault: FaultWord,
    /// Which region. In every fault but `region-partition`, `replication-pause`, `edge-zone-outage` and `edge-zone-degraded`.
    pub region: Option<Written<Region>>,
    /// What clients see. In `region-outage` (`refused`, `timeouts`, `destroyed`), `service-outage` (`errors`, `refused`,
    /// `timeouts`), `region-partition` and `edge-zone-outage` (`timeouts`, `refused`), `key-loss` (`disabled`, which it is when
    /// left out, or `pending-deletion`).
    pub symptom: Option<Symptom>,
    /// Which services, as requests are signed: `s3`, `dynamodb`, `lambda`. In `service-outage`; in `brownout`,
    /// `throttling-storm`, `permission-loss` and `quota-exhausted` all when left out.
    #[schemars(length(min = 1))]
    pub service: Option<Vec<String>>,
    /// The share of requests that fail, from 0 to 1. In `brownout` and `throttling-storm`; 0.9 when left out. In `zone-outage`,
    /// where it is that of the zone; a third when left out. In `edge-zone-degraded`, where so many are lost on their way; 0.05 when
    /// left out.
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
    /// How late requests are in the end. In `brownout`; 500 ms when left out. How late they are on average in
    /// `edge-zone-degraded`; 200 ms when left out.
    pub latency: Option<Written<Span>>,
    /// How long errors and delays take to rise. In `brownout`; 10 s when left out. How long services take to fail over. In
    /// `zone-outage`; 30 s when left out.
    pub over: Option<Written<Span>>,
    /// How many bytes of each body pass in a second. In `edge-zone-degraded`; 64 KiB when left out.
    pub bandwidth: Option<Written<ByteSize>>,
    /// Which Availability Zone of the region, in `zone-outage`; which Local Zone or Wavelength Zone, in `edge-zone-outage` and
    /// `edge-zone-degraded`.
    #[schemars(example = "us-east-1a", example = "us-east-1-bos-1a")]
    pub zone: Option<String>,
    /// Which vault: the bucket of a backup rule. In `vault-loss`; in `ransomware`, where it is lost besides.
    #[schemars(length(min = 1))]
    pub vault: Option<String>,
    /// To which resource it is done. In every fault that changes one.
    pub resource: Option<String>,
    /// Of a bucket, only the objects whose keys begin so, and not the bucket itself. In `data-loss`.
    #[schemars(length(min = 1))]
    pub prefix: Option<String>,
    /// Only a part of the resource: the `stream` of a table, which stays, in `data-loss`; the event source `mapping` of a trigger,
    /// which is disabled, or the `alias` of a function, which is moved to `$LATEST`, in `config-drift`; the `code` of a function,
    /// which it is when left out, or its `configuration`, in `bad-deploy`.
    pub part: Option<PartWord>,
    /// How many objects or items. In `corruption`; all when left out.
    #[schemars(range(min = 1))]
    pub count: Option<u64>,
    /// How many bytes of each object, drawn from the seed. In `corruption` of a bucket; the last one alone when left out.
    #[schemars(range(min = 1))]
    pub bytes: Option<u64>,
    /// Which variable of the environment of a function is lost. In `config-drift` of a function.
    #[schemars(length(min = 1))]
    pub variable: Option<String>,
    /// Which operations, by name or pattern. In `permission-loss`; all when left out.
    #[schemars(length(min = 1))]
    pub operation: Option<Vec<String>>,
}

/// A part of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartWord {
    /// The stream of a table.
    Stream,
    /// The event source mapping of a trigger.
    Mapping,
    /// The alias of a function.
    Alias,
    /// The code of a function.
    Code,
    /// The settings of a function.
    Configuration,
}

impl PartWord {
    /// As it is written: `stream`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Mapping => "mapping",
            Self::Alias => "alias",
            Self::Code => "code",
            Self::Configuration => "configuration",
        }
    }
}

/// What can be taken away.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultWord {
    /// A whole region with everything in it.
    RegionOutage,
    /// The two regions cannot reach each other; clients from outside reach both.
    RegionPartition,
    /// Some services of a region; the region and its data stay.
    ServiceOutage,
    /// Errors and delays that grow until most requests fail; the region and its data stay.
    Brownout,
    /// Services tell their clients to slow down; the region and its data stay.
    ThrottlingStorm,
    /// A zone: clients in it lose everything, and the region's services fail for others until they have failed over.
    ZoneOutage,
    /// A zone at the edge: the clients in it reach nothing; all others notice nothing.
    EdgeZoneOutage,
    /// The link of a zone at the edge: delay, loss and little bandwidth for the clients in it.
    EdgeZoneDegraded,
    /// Services deny requests as if a policy forbade them; the region and its data stay.
    PermissionLoss,
    /// The access keys of the workload's clients are revoked; the region and its data stay.
    CredentialLoss,
    /// Nothing new can be made in a region, such as the one that is recovered into.
    QuotaExhausted,
    /// Every recovery point in a vault is deleted.
    VaultLoss,
    /// The key that encrypts the data is disabled or about to be deleted: nothing can be read or written that needs it; the data stay.
    KeyLoss,
    /// A table, a bucket or a part of one is deleted for good.
    DataLoss,
    /// What is copied from one region to the other does not arrive; the regions reach each other.
    ReplicationPause,
    /// Objects or items change behind everybody's back, their sizes do not.
    Corruption,
    /// Every object of a bucket is overwritten with noise, and its older versions are deleted; with `vault`, every recovery point
    /// there before that.
    Ransomware,
    /// A function gets code or settings with which it fails.
    BadDeploy,
    /// A trigger is disconnected or switched off, or a function loses a variable or the version behind its alias.
    ConfigDrift,
    /// An event that the function of a trigger cannot process, and that holds up those behind it.
    PoisonEvent,
}
