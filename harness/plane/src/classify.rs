//! Which region and service a request is for.
//!
//! A signed request says it itself, in its credential scope `key/date/region/service/aws4_request` (AWS Signature
//! Version 4), in the `Authorization` header or in the query of a presigned URL. An unsigned one is attributed by its
//! host name, else by the home region of the bucket or API it names. What is left is refused: a default would let a
//! request slip past the fault of its region.

use firedrill_model::ids::Region;
use http::{HeaderMap, Method, Uri, header};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::{
    homes::{Homes, Resource},
    place::Place,
};

/// Service name of API Gateway's APIs, in signatures, host names and paths.
pub(crate) const API: &str = "execute-api";
/// Service name of function URLs, in host names and paths.
pub(crate) const FUNCTION_URL: &str = "lambda-url";

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// The region.
    pub region: Region,
    /// The service as it is signed: `s3`, `dynamodb`, `lambda`, `execute-api` …
    pub service: String,
    /// Access key that it is signed with.
    pub principal: Option<String>,
    /// By whose address it came in; the request itself does not tell.
    pub origin: Option<Place>,
    /// What told so.
    pub by: Evidence,
    /// What shows a home region when this request is signed and succeeds.
    pub shows: Shows,
}

/// What a signed request that succeeds shows to live in its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Nothing.
    Nothing,
    /// The resource that it names.
    Resource(Resource),
    /// The function URLs that its answer names: a request names only the function.
    FunctionUrls,
}

/// What told the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The credential scope of the `Authorization` header.
    Signature,
    /// The credential scope of a presigned URL.
    PresignedUrl,
    /// The host name.
    Host,
    /// The home region of the resource that the host or path names.
    Home,
    /// Nothing: who runs the proxy said what such requests are for.
    Default,
}

/// Why a request cannot be attributed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unattributed {
    /// It has a signature without a region that can be read.
    #[error("its signature has no credential scope of the form key/date/region/service/aws4_request")]
    Scope,
    /// Signature Version 2 names no region, and nothing else tells it.
    #[error(
        "it is signed with Signature Version 2, which names no region, and neither its host nor the home region of what it \
         names tells it"
    )]
    SignatureV2,
    /// Signature Version 4A for several regions at once.
    #[error("it is signed for more than one region")]
    ManyRegions,
    /// More than one signature, in headers or in the query: the region might heed another one than the plane.
    #[error("it is signed twice")]
    SignedTwice,
    /// The emulator's own pages are not AWS.
    #[error("`{0}` belongs to the emulator and not to AWS; use the region's direct address")]
    EmulatorPage(String),
    /// Nothing tells the region.
    #[error("it is not signed, and neither its host nor the home region of what it names tells its region")]
    Unknown,
}

/// Attributes a request from its head alone.
pub fn attribute(method: &Method, uri: &Uri, headers: &HeaderMap, homes: &Homes) -> Result<Attribution, Unattributed> {
    let path = uri.path();
    if method == Method::CONNECT {
        return Err(Unattributed::Unknown);
    }
    if let Some(page) = page_of("/_ministack/", path).or_else(|| page_of("/_localstack/", path)) {
        return Err(page);
    }
    let host = host(uri, headers);
    let signed = match signed(uri, headers) {
        // It names no region, as if it were not signed.
        Err(Unattributed::SignatureV2) => {
            return unsigned(&host, path, homes).map_err(|_| Unattributed::SignatureV2);
        }
        signed => signed?,
    };
    match signed {
        Some((by, scope)) => {
            // Where a bucket lives may be asked in any region: the answer does not show that it lives there.
            let shows = if scope.service == "lambda" && answers_with_urls(&host, path) {
                Shows::FunctionUrls
            } else {
                let resource = named(&scope.service, &host, path).filter(|_| !asks(uri, "location"));
                resource.map_or(Shows::Nothing, Shows::Resource)
            };
            Ok(Attribution {
                region: scope.region,
                service: scope.service,
                principal: Some(scope.key),
                origin: None,
                by,
                shows,
            })
        }
        None => unsigned(&host, path, homes).map_err(|unknown| {
            let api = [API, FUNCTION_URL].iter().any(|service| path.starts_with(&format!("/_aws/{service}/")));
            let page = page_of("/_aws/", path).filter(|_| !api).or_else(|| page_of("/moto-api/", path));
            page.unwrap_or(unknown)
        }),
    }
}

/// The emulator's own page, if the path is one of those.
fn page_of(pages: &str, path: &str) -> Option<Unattributed> {
    path.starts_with(pages).then(|| Unattributed::EmulatorPage(pages.to_owned()))
}

/// Region and service of a signature.
#[derive(Debug)]
struct Scope {
    key: String,
    region: Region,
    service: String,
}

fn signed(uri: &Uri, headers: &HeaderMap) -> Result<Option<(Evidence, Scope)>, Unattributed> {
    let presigned = presigned(uri, headers)?;
    let version_2_in_query = asks(uri, "AWSAccessKeyId");
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next().map(|value| String::from_utf8_lossy(value.as_bytes()));
    if authorizations.next().is_some() {
        return Err(Unattributed::SignedTwice);
    }
    let text = authorization.as_deref().unwrap_or_default();
    let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
    // A bearer token or the like is no signature: that is an API's own business.
    let (version_2, version_4) = (algorithm == "AWS", algorithm.starts_with("AWS4-"));
    if [presigned.is_some(), version_2_in_query, version_2, version_4].into_iter().filter(|&one| one).count() > 1 {
        return Err(Unattributed::SignedTwice);
    }
    if version_2 || version_2_in_query {
        return Err(Unattributed::SignatureV2);
    }
    if !version_4 {
        return Ok(presigned.map(|scope| (Evidence::PresignedUrl, scope)));
    }
    let credential =
        rest.split(',').find_map(|part| part.trim().strip_prefix("Credential=")).ok_or(Unattributed::Scope)?;
    let region_set = headers.get("x-amz-region-set").and_then(|value| value.to_str().ok());
    scope(algorithm, credential, region_set).map(|scope| Some((Evidence::Signature, scope)))
}

/// The scope of a URL that is presigned with Version 4.
fn presigned(uri: &Uri, headers: &HeaderMap) -> Result<Option<Scope>, Unattributed> {
    let Some(algorithm) = query(uri, "X-Amz-Algorithm")? else { return Ok(None) };
    let credential = query(uri, "X-Amz-Credential")?.ok_or(Unattributed::Scope)?;
    let region_set = query(uri, "X-Amz-Region-Set")?
        .or_else(|| headers.get("x-amz-region-set").and_then(|value| value.to_str().ok()).map(str::to_owned));
    scope(&algorithm, &credential, region_set.as_deref()).map(Some)
}

/// `key/date/region/service/aws4_request`; Version 4A has no region there and a set of regions beside it.
fn scope(algorithm: &str, credential: &str, region_set: Option<&str>) -> Result<Scope, Unattributed> {
    let mut fields = credential.trim().rsplit('/');
    if fields.next() != Some("aws4_request") {
        return Err(Unattributed::Scope);
    }
    let service = fields.next().unwrap_or_default();
    let region = if algorithm.starts_with("AWS4-ECDSA-") {
        let set = region_set.ok_or(Unattributed::Scope)?.trim();
        if set.contains([',', '*']) {
            return Err(Unattributed::ManyRegions);
        }
        set
    } else {
        fields.next().unwrap_or_default()
    };
    let date = fields.next().unwrap_or_default();
    let date_ok = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    match fields.next() {
        Some(key) if !key.is_empty() && date_ok && is_region(region) && is_word(service) => {
            Ok(Scope { key: key.to_owned(), region: Region::new(region), service: service.to_owned() })
        }
        Some(_) | None => Err(Unattributed::Scope),
    }
}

fn unsigned(host: &str, path: &str, homes: &Homes) -> Result<Attribution, Unattributed> {
    if let Some((service, region)) = host_scope(host) {
        return Ok(Attribution {
            region,
            service,
            principal: None,
            origin: None,
            by: Evidence::Host,
            shows: Shows::Nothing,
        });
    }
    let segments: Vec<&str> = path.split('/').collect();
    let by_host = |service: &str| host_before(host, service);
    let by_path = |service: &str| match segments[..] {
        ["", "_aws", named, id, ..] if named == service => Some(id.to_owned()),
        ["", "restapis", id, _, "_user_request_", ..] if service == API => Some(id.to_owned()),
        _ => None,
    };
    let (service, resource) = if let Some(id) = by_host(API).or_else(|| by_path(API)) {
        (API, Resource::Api(id))
    } else if let Some(id) = by_host(FUNCTION_URL).or_else(|| by_path(FUNCTION_URL)) {
        (FUNCTION_URL, Resource::FunctionUrl(id))
    } else {
        ("s3", named("s3", host, path).ok_or(Unattributed::Unknown)?)
    };
    let region = homes.of(&resource).ok_or(Unattributed::Unknown)?;
    Ok(Attribution {
        region,
        service: service.to_owned(),
        principal: None,
        origin: None,
        by: Evidence::Home,
        shows: Shows::Nothing,
    })
}

/// The service of a request that nothing tells the region of: a function URL's, an API's, or else S3's, which alone is
/// asked without a signature.
pub(crate) fn unsigned_service(uri: &Uri, headers: &HeaderMap) -> String {
    let (host, path) = (host(uri, headers), uri.path());
    let is = |service: &str| host_before(&host, service).is_some() || path.starts_with(&format!("/_aws/{service}/"));
    if is(API) || path.starts_with("/restapis/") {
        API.to_owned()
    } else if is(FUNCTION_URL) {
        FUNCTION_URL.to_owned()
    } else {
        "s3".to_owned()
    }
}

/// Whether this request of Lambda's API is answered with function URLs: `/2021-10-31/functions/<name>/url`, or `…/urls` for
/// all of a function. A request to a function URL itself is signed for the same service; what the function says is no
/// answer of Lambda.
fn answers_with_urls(host: &str, path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    host_before(host, FUNCTION_URL).is_none()
        && matches!(segments[..], ["", version, "functions", _, "url" | "urls"] if !version.is_empty())
}

/// The resource that a request to `service` names.
fn named(service: &str, host: &str, path: &str) -> Option<Resource> {
    let mut segments = path.split('/').skip(1);
    match service {
        "s3" => host_before(host, "s3")
            .or_else(|| segments.next().filter(|bucket| !bucket.is_empty()).map(decoded))
            .map(Resource::Bucket),
        "apigateway" => {
            let id = match (segments.next()?, segments.next()?) {
                ("restapis", id) => id,
                ("v2", "apis") => segments.next()?,
                _ => return None,
            };
            (!id.is_empty()).then(|| Resource::Api(id.to_owned()))
        }
        _ => None,
    }
}

/// `….service.region.…` of a host name; the rightmost region counts, since a bucket's name may look like one.
fn host_scope(host: &str) -> Option<(String, Region)> {
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().rposition(|label| is_region(label))?;
    let service = labels[..at].iter().rev().find(|label| **label != "dualstack")?;
    is_word(service).then(|| ((*service).to_owned(), Region::new(labels[at])))
}

/// What stands before `.service.` in a host name: a bucket, an API id.
pub(crate) fn host_before(host: &str, service: &str) -> Option<String> {
    host.split_once(&format!(".{service}.")).map(|(before, _)| before.to_owned()).filter(|before| !before.is_empty())
}

/// The host that the client asked for, lower case and without its port.
pub(crate) fn host(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).or_else(|| uri.host()).unwrap_or("");
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or("") };
    name.to_ascii_lowercase()
}

/// The value of a query parameter that may be given once.
fn query(uri: &Uri, name: &str) -> Result<Option<String>, Unattributed> {
    let mut values = parameters(uri).filter(|(key, _)| key == name).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() { Err(Unattributed::SignedTwice) } else { Ok(value) }
}

/// Whether the query has a parameter, with a value or without.
pub(crate) fn asks(uri: &Uri, name: &str) -> bool {
    parameters(uri).any(|(key, _)| key == name)
}

pub(crate) fn parameters(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(key, value)| (decoded(key), decoded(value)))
}

pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The form of AWS region names: `us-east-1`, `ap-southeast-2`, `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [partition, middle @ .., number] = &parts[..] else { return false };
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    partition.len() == 2
        && letters(partition)
        && (1..=2).contains(&middle.len())
        && middle.iter().all(letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
