//! What an object carries: written whole and in parts, read back, and told apart.

use std::collections::{BTreeMap, BTreeSet};

use firedrill::services::{
    Blueprint, ServiceError, Site,
    s3::{self, ObjectSettings, SystemHeader, Upload},
    service,
};
use firedrill_model::{
    capture::Entry,
    ids::{ResourceId, ResourceKind},
    stack::Bucket,
    topology::Side,
};

use crate::{Outcome, content, emulator, pipeline::site};

/// Small enough to be sent whole, and large enough to be sent in parts.
const SIZES: [usize; 2] = [100, 9 << 20];

/// Every header that S3 keeps. An `Expires` that is no date is what many a web server sends.
fn whole(expires: &str) -> ObjectSettings {
    let headers = [
        (SystemHeader::CacheControl, "private, max-age=60"),
        (SystemHeader::ContentDisposition, "attachment; filename=\"a b.csv\""),
        (SystemHeader::ContentEncoding, "gzip"),
        (SystemHeader::ContentLanguage, "de-DE, en"),
        (SystemHeader::ContentType, "text/csv"),
        (SystemHeader::Expires, expires),
        (SystemHeader::StorageClass, "STANDARD_IA"),
        (SystemHeader::WebsiteRedirect, "/uploads/moved"),
    ];
    let pairs = |pairs: [(&str, &str); 2]| pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    ObjectSettings {
        headers: headers.map(|(header, value)| (header, value.to_owned())).into(),
        metadata: pairs([("write-id", "w-1"), ("rev", "1")]),
        tags: pairs([("team", "goods in"), ("a + b", "c = d")]),
    }
}

async fn put(site: &Site, key: &str, settings: ObjectSettings, size: usize) -> Result<Option<String>, ServiceError> {
    let upload = Upload { key: key.to_owned(), settings };
    s3::put(site, "uploads", &upload, size as u64, vec![b'x'; size].into()).await
}

async fn with_bucket(url: &str) -> Result<Site, ServiceError> {
    let site = site(url, Side::Primary, "us-east-1", "objects");
    let bucket = Bucket {
        versioning: true,
        encryption: Some("AES256".to_owned()),
        cors: Vec::new(),
        tags: [].into(),
        data: None,
    };
    service(ResourceKind::Bucket).create(&site, "uploads", &Blueprint::Bucket(bucket)).await?;
    Ok(site)
}

#[tokio::test]
async fn every_setting_of_an_object_is_kept_and_each_loss_is_named() -> Outcome {
    let emulator = emulator().await?;
    let site = with_bucket(&emulator.url).await?;
    let uploads = ResourceId::new(ResourceKind::Bucket, "uploads");
    for (size, expires) in SIZES.into_iter().zip(["0", "Fri, 01 Jan 2038 00:00:00 GMT"]) {
        let first = put(&site, &format!("{size}"), whole(expires), size).await?;
        assert_eq!(s3::read(&site, "uploads", &size.to_string(), None).await?.settings, whole(expires), "{size} bytes");
        // A version that is not the newest any more keeps its own.
        put(&site, &format!("{size}"), ObjectSettings::default(), size).await?;
        let first = s3::read(&site, "uploads", &size.to_string(), first.as_deref()).await?;
        assert_eq!(first.settings, whole(expires), "{size} bytes, an older version");

        put(&site, "as-written", whole(expires), size).await?;
        for header in SystemHeader::ALL {
            let mut without = whole(expires);
            without.headers.remove(&header);
            put(&site, header.name(), without, size).await?;
        }
        let found: BTreeMap<String, Entry> =
            content(&site, &uploads).await?.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        let written = &found["as-written"];
        for header in SystemHeader::ALL {
            let lacking = &found[header.name()];
            assert_ne!(lacking.digest, written.digest, "{header}, {size} bytes");
            assert_eq!(differing(written, lacking), [header.name()], "{size} bytes");
        }
    }
    assert_what_is_not_compared_is_listed(&site).await?;
    Ok(emulator.target.stop(false).await?)
}

/// Names of the parts in which two objects differ.
fn differing<'a>(one: &'a Entry, other: &'a Entry) -> Vec<&'a str> {
    let names: BTreeSet<&String> = one.parts.keys().chain(other.parts.keys()).collect();
    names.into_iter().filter(|name| one.parts.get(*name) != other.parts.get(*name)).map(String::as_str).collect()
}

async fn assert_what_is_not_compared_is_listed(site: &Site) -> Outcome {
    let listed = service(ResourceKind::Bucket).configuration(site, "uploads").await?.volatile;
    let of_objects: Vec<&str> = listed.keys().filter_map(|field| field.strip_prefix("object.")).collect();
    assert_eq!(
        of_objects,
        [
            "ACL",
            "BucketKeyEnabled",
            "Checksum",
            "ETag",
            "Expiration",
            "LastModified",
            "ObjectLock",
            "PartsCount",
            "ReplicationStatus",
            "Restore",
            "ServerSideEncryption",
            "Tagging of versions below a delete marker",
            "VersionId",
        ]
    );
    assert!(listed.values().all(|reason| !reason.is_empty()));
    Ok(())
}
