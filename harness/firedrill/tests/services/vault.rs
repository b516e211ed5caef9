//! A vault's bucket encrypts what it holds, whoever made the bucket, and shows when that has changed.

use firedrill::{
    backup::vault::{bucket::BucketPlace, place::Place},
    services::{Blueprint, s3, service},
};
use firedrill_model::{ids::ResourceKind, stack::Bucket, topology::Side};

use crate::{Outcome, emulator, pipeline::site};

#[tokio::test]
async fn a_vault_is_encrypted_whether_its_bucket_was_there_or_not() -> Outcome {
    let emulator = emulator().await?;
    let site = site(&emulator.url, Side::Recovery, "eu-west-1", "vault");
    // Like S3, the emulator has a default for every bucket, so that one without encryption is for a stand-in to play.
    for (name, there, expected) in [("new-vault", None, "AES256"), ("kms-vault", Some("aws:kms"), "aws:kms")] {
        if let Some(algorithm) = there {
            let encryption = Some(algorithm.to_owned());
            let bucket = Bucket { versioning: false, encryption, cors: Vec::new(), tags: [].into(), data: None };
            service(ResourceKind::Bucket).create(&site, name, &Blueprint::Bucket(bucket)).await?;
        }
        let place = BucketPlace::new(site.clone(), name.to_owned());
        assert_eq!(place.encryption(), None, "nobody has looked yet");
        place.put("blobs/a", &b"part".to_vec().into()).await?;
        assert_eq!(s3::encryption(&site, name).await?.as_deref(), Some(expected), "{name}");
        assert_eq!(place.encryption().as_deref(), Some(expected), "{name}: what the export's manifest says");
        assert_a_change_of_the_same_size_shows(&place).await?;
    }
    Ok(())
}

async fn assert_a_change_of_the_same_size_shows(place: &BucketPlace) -> Outcome {
    let before = place.list("blobs/").await?;
    place.put("blobs/a", &b"trap".to_vec().into()).await?;
    let after = place.list("blobs/").await?;
    assert_eq!((before.len(), before[0].bytes), (after.len(), after[0].bytes));
    assert!(before[0].mark.is_some() && after[0].mark.is_some() && before != after, "{before:?}, {after:?}");
    Ok(())
}
