//! Identifiers. Each is its own type, so that a region cannot be passed where a resource is meant.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::kinds::ResourceKind;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps `text` as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// An AWS region, such as `eu-west-1`.
    Region
);
text_id!(
    /// An availability zone, such as `us-east-1a`: the name of its region and a letter.
    Zone
);
text_id!(
    /// One run: UTC start and seed, such as `20261123-140151-7f3a91`.
    RunId
);
text_id!(
    /// A write, unique in a run and stored inside the value it wrote (attribute `write_id`, object metadata `write-id`).
    WriteId
);
text_id!(
    /// A fault of the plan: `fault-1`, `fault-2` …
    FaultId
);
text_id!(
    /// A recovery point of a run, in the order they were captured: `rp-0001` …
    RecoveryPointId
);
text_id!(
    /// A readiness or steady-state probe, such as `table/orders` or `trigger/total-orders`.
    ProbeId
);
text_id!(
    /// A check of the scenario: `rto`, `rpo`, `state`, `effects.total-orders`, `consistent-cut` …
    CheckId
);

impl Zone {
    /// Whether it is an Availability Zone of the region: `us-east-1a`.
    pub fn is_of(&self, region: &Region) -> bool {
        let letter = self.0.strip_prefix(region.as_str()).unwrap_or_default();
        letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase())
    }

    /// Whether it is a zone at the edge that hangs on the region: a Local Zone (`us-east-1-bos-1a`) or a Wavelength Zone
    /// (`us-east-1-wl1-bos-wlz-1`).
    ///
    /// Source of the names: Amazon EC2 User Guide, "Local Zones" and "Wavelength Zones".
    pub fn is_edge_of(&self, region: &Region) -> bool {
        let rest = self.0.strip_prefix(region.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let parts: Vec<&str> = rest.split('-').collect();
        parts.len() >= 2 && parts.into_iter().all(is_word)
    }
}

/// A resource of the stack by its logical name: `table/orders`, `trigger/total-orders`.
///
/// The same in every region; the plan maps it to the physical name a region uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ResourceId(String);

impl ResourceId {
    /// `kind/name`.
    pub fn new(kind: ResourceKind, name: &str) -> Self {
        Self(format!("{}/{name}", kind.word()))
    }

    /// A resource that is written as `kind/name`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.to_owned());
        id.kind().map(|_| id)
    }

    /// The whole text, `kind/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The logical name without its kind.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// The kind, or `None` when the text was made elsewhere and has none.
    pub fn kind(&self) -> Option<ResourceKind> {
        let word = self.0.split_once('/')?.0;
        ResourceKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its ARN on any side, with `${region}`, `${account}` and, for its physical name, itself as `${table/orders}`; `None`
    /// for a trigger, which has no ARN that is known beforehand.
    pub fn arn(&self) -> Option<String> {
        self.kind()?.arn("${region}", "${account}", &format!("${{{self}}}"))
    }

    /// A file name for this resource: `table.orders`.
    pub fn file_stem(&self) -> String {
        self.0.replace('/', ".")
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_of_their_region_and_at_its_edge() {
        let region = Region::from("us-east-1");
        for (zone, of, edge) in [
            ("us-east-1a", true, false),
            ("us-east-1-bos-1a", false, true),
            ("us-east-1-wl1-bos-wlz-1", false, true),
            ("us-east-1", false, false),
            ("us-east-1-", false, false),
            ("us-east-1-bos", false, false),
            ("us-east-1-bos-", false, false),
            ("us-east-1-BOS-1a", false, false),
            ("us-east-1ab", false, false),
            ("us-west-2-lax-1a", false, false),
        ] {
            let zone = Zone::new(zone);
            assert_eq!((zone.is_of(&region), zone.is_edge_of(&region)), (of, edge), "{zone}");
        }
    }
}
