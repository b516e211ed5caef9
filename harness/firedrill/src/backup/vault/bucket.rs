//! A vault in a bucket, usually of the recovery region.

use std::collections::BTreeMap;

use async_trait::async_trait;
use firedrill_model::{
    ids::ResourceKind,
    stack::{self},
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::place::{Body, Place, Stored};
use crate::{
    backup::BackupError,
    services::{Blueprint, ServiceError, Site, s3, service},
};

/// How a vault encrypts at rest unless its bucket has a way of its own: S3's own keys.
const ENCRYPTION: &str = "AES256";

/// A vault in a bucket: created when absent, with AES256 at rest and versioning off, since every part is written once. A
/// bucket that is there is given AES256 when it encrypts nothing; one that encrypts otherwise keeps its own way.
#[derive(Debug)]
pub struct BucketPlace {
    site: Site,
    bucket: String,
    /// Its encryption, once that was seen.
    ready: OnceCell<String>,
}

impl BucketPlace {
    /// The vault in `bucket` of the site's region. Nothing is sent before the first use.
    pub fn new(site: Site, bucket: String) -> Self {
        Self { site, bucket, ready: OnceCell::new() }
    }

    /// Creates the bucket unless it is there, and sees to its encryption. Nothing is stored before that was read back.
    async fn ready(&self) -> Result<(), BackupError> {
        self.ready.get_or_try_init(|| self.make()).await.map(drop)
    }

    async fn make(&self) -> Result<String, BackupError> {
        let buckets = service(ResourceKind::Bucket);
        let settings = |tags| {
            Blueprint::Bucket(stack::Bucket {
                versioning: false,
                encryption: Some(ENCRYPTION.to_owned()),
                cors: Vec::new(),
                tags,
                data: None,
            })
        };
        if !buckets.exists(&self.site, &self.bucket).await? {
            let tags = BTreeMap::from([("firedrill".to_owned(), "vault".to_owned())]);
            buckets.create(&self.site, &self.bucket, &settings(tags)).await?;
        } else if s3::encryption(&self.site, &self.bucket).await?.is_none() {
            buckets.complete(&self.site, &self.bucket, &settings(BTreeMap::new())).await?;
        }
        let seen = s3::encryption(&self.site, &self.bucket).await?;
        let unencrypted = || ServiceError::Unusable {
            operation: format!("S3 PutBucketEncryption {}", self.bucket),
            what: "a bucket that encrypts nothing after all".to_owned(),
        };
        Ok(seen.ok_or_else(unencrypted)?)
    }
}

#[async_trait]
impl Place for BucketPlace {
    async fn put(&self, path: &str, body: &Body) -> Result<(), BackupError> {
        self.ready().await?;
        let upload = s3::Upload { key: path.to_owned(), ..s3::Upload::default() };
        s3::put(&self.site, &self.bucket, &upload, body.len(), body.stream().await?).await?;
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Option<Body>, BackupError> {
        match s3::read(&self.site, &self.bucket, path, None).await {
            Ok(object) => Body::receive(path, object.size, object.body).await.map(Some),
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchBucket" | "NotFound")) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Stored>, BackupError> {
        self.ready().await?;
        let pages: Vec<Vec<s3::ObjectVersion>> =
            s3::versions_below(&self.site, &self.bucket, prefix).boxed().try_collect().await?;
        let mut found: Vec<Stored> = pages
            .into_iter()
            .flatten()
            .filter(|version| version.is_latest && !version.is_marker)
            .map(|version| Stored { path: version.key, bytes: version.size, mark: version.etag })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    async fn delete(&self, path: &str) -> Result<(), BackupError> {
        s3::delete(&self.site, &self.bucket, path).await?;
        Ok(())
    }

    fn encryption(&self) -> Option<String> {
        self.ready.get().cloned()
    }

    fn location(&self) -> String {
        format!("s3://{} ({})", self.bucket, self.site.clients.region)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use firedrill_model::topology::Side;

    use super::*;
    use crate::services::{
        Clients,
        clients::{Conduct, Endpoint},
        stand_in::{self, Request},
    };

    /// The requests that a stand-in has got, as `PUT encryption`.
    type Asked = Arc<Mutex<Vec<String>>>;

    /// An S3 that has every bucket, of which none encrypts anything before it is told to; with `deaf`, not even then.
    fn stand_in(deaf: bool) -> (Site, Asked) {
        let asked = Asked::default();
        let seen = Arc::clone(&asked);
        let url = stand_in::answering(move |request| answer(request, &seen, deaf));
        let endpoint = Endpoint { region: "eu-west-1".into(), plane_url: url.clone(), direct_url: url.clone() };
        (Site::new(Side::Recovery, Clients::connect(&endpoint, Conduct::Control, None), url, BTreeMap::new()), asked)
    }

    fn answer(request: &Request, asked: &Asked, deaf: bool) -> stand_in::Answer {
        let subresource = request.target.split_once('?').map_or("", |(_, query)| query.split('&').next().unwrap());
        let request = format!("{} {}", request.method, subresource.trim_end_matches('='));
        let is_set = asked.lock().unwrap().iter().any(|earlier| earlier == "PUT encryption") && !deaf;
        let (status, text) = match request.as_str() {
            "GET encryption" if is_set => (
                "200 OK",
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256\
                 </SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
            ),
            "GET encryption" => {
                ("404 Not Found", "<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>")
            }
            "GET versions" => (
                "200 OK",
                "<ListVersionsResult><Version><Key>blobs/aa</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>\
                 <ETag>&quot;e1&quot;</ETag><Size>4</Size></Version></ListVersionsResult>",
            ),
            _ => ("200 OK", ""),
        };
        asked.lock().unwrap().push(request);
        (status, text.to_owned())
    }

    #[tokio::test]
    async fn a_bucket_that_encrypts_nothing_is_told_to_before_anything_is_stored() {
        let (site, asked) = stand_in(false);
        let place = BucketPlace::new(site, "plain".to_owned());
        place.list("blobs/").await.unwrap();
        assert_eq!(place.encryption().as_deref(), Some("AES256"));
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked, ["HEAD ", "GET encryption", "PUT encryption", "GET encryption", "GET versions"]);
    }

    #[tokio::test]
    async fn a_part_is_listed_with_its_etag() {
        let (site, _) = stand_in(false);
        let place = BucketPlace::new(site, "plain".to_owned());
        let listed = place.list("blobs/").await.unwrap();
        assert_eq!(listed, [Stored { path: "blobs/aa".to_owned(), bytes: 4, mark: Some("\"e1\"".to_owned()) }]);
    }

    #[tokio::test]
    async fn a_bucket_that_cannot_be_encrypted_is_no_vault() {
        let (site, asked) = stand_in(true);
        let place = BucketPlace::new(site, "plain".to_owned());
        let error = place.put("points/rp-0001/manifest.json", &b"{}".to_vec().into()).await.unwrap_err();
        assert!(error.to_string().contains("encrypts nothing after all"), "{error}");
        let puts: Vec<String> =
            asked.lock().unwrap().iter().filter(|request| request.starts_with("PUT")).cloned().collect();
        assert_eq!(puts, ["PUT encryption"], "nothing was stored");
    }
}
