//! Home regions: where unsigned requests to a resource belong. Learned from signed requests that succeeded.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use firedrill_model::ids::Region;
use http::Uri;
use serde_json::Value;

/// More resources than any drill has; beyond it nothing new is learned, and what is unknown is refused.
const RESOURCES_MAX: usize = 10_000;

/// Something that unsigned requests name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A bucket by name: anonymous reads, form uploads, CORS preflights.
    Bucket(String),
    /// An API Gateway API by id.
    Api(String),
    /// A function URL by id: the first label of its host name.
    FunctionUrl(String),
}

impl Resource {
    /// The function URLs that an answer of Lambda names: that to `CreateFunctionUrlConfig`, `GetFunctionUrlConfig`,
    /// `UpdateFunctionUrlConfig`, or to `ListFunctionUrlConfigs`.
    ///
    /// Source: AWS Lambda API Reference; the form of the URL, `https://<url-id>.lambda-url.<region>.on.aws/`, is in the AWS
    /// Lambda Developer Guide, "Creating and managing Lambda function URLs".
    pub fn function_urls(answer: &Value) -> Vec<Self> {
        let configs = match answer.get("FunctionUrlConfigs").and_then(Value::as_array) {
            Some(configs) => configs.iter().collect(),
            None => vec![answer],
        };
        let id = |config: &&Value| {
            let url: Uri = config.get("FunctionUrl")?.as_str()?.parse().ok()?;
            let (id, _) = url.host()?.split_once(".lambda-url.")?;
            (!id.is_empty()).then(|| Self::FunctionUrl(id.to_ascii_lowercase()))
        };
        configs.iter().filter_map(id).collect()
    }
}

/// The regions of known resources.
#[derive(Debug, Default)]
pub struct Homes(RwLock<BTreeMap<Resource, Region>>);

impl Homes {
    /// A signed request to `resource` in `region` succeeded.
    pub fn learn(&self, resource: &Resource, region: &Region) {
        if self.of(resource).as_ref() == Some(region) {
            return;
        }
        let mut homes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if homes.len() < RESOURCES_MAX || homes.contains_key(resource) {
            homes.insert(resource.clone(), region.clone());
        }
    }

    /// The region of a resource, when it is known.
    pub fn of(&self, resource: &Resource) -> Option<Region> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(resource).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn function_urls_are_read_from_what_lambda_answers() {
        let url = |id: &str| json!({ "FunctionUrl": format!("https://{id}.lambda-url.us-east-1.on.aws/"), "AuthType": "NONE" });
        let ids = |answer: Value| Resource::function_urls(&answer);
        let of = |id: &str| Resource::FunctionUrl(id.to_owned());
        assert_eq!(ids(url("a1")), [of("a1")]);
        assert_eq!(ids(url("A1")), [of("a1")], "host names have no case");
        assert_eq!(ids(json!({ "FunctionUrlConfigs": [url("a1"), url("b2")] })), [of("a1"), of("b2")]);
        for none in [
            json!({ "FunctionUrlConfigs": [] }),
            json!({ "FunctionName": "a1" }),
            json!({ "FunctionUrl": "https://example.com/" }),
            json!({ "FunctionUrl": "not a url" }),
            json!({ "FunctionUrl": 1 }),
            json!(null),
            json!([url("a1")]),
        ] {
            assert_eq!(ids(none.clone()), [], "{none}");
        }
    }
}
