//! S3, whose bodies stream both ways with checksums.

use std::collections::BTreeMap;

use aws_sdk_s3::{
    Client,
    operation::{
        get_object::{GetObjectOutput, builders::GetObjectFluentBuilder},
        put_object::{PutObjectOutput, builders::PutObjectFluentBuilder},
    },
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, BucketVersioningStatus, ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload,
        CompletedPart, CopyObjectResult, CreateBucketConfiguration, Delete, ObjectIdentifier, Tag, Tagging,
        VersioningConfiguration,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use firedrill_model::ids::Region;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::{Calls, Failure, NAME, body, sha256, streamed};

/// The body of the first is empty.
const KEYS: [&str; 5] = ["plain", "a b/ü+&=?#%", "deep/ly/nested/", "日本語", "quo'te\"<>.txt"];
const LARGE: &str = "large";
const PART_BYTES: usize = 5 << 20;

pub(super) async fn objects(calls: &mut Calls, s3: &Client, region: &Region) {
    bucket(calls, s3, region).await;
    whole(calls, s3).await;
    checked(calls, s3).await;
    conditional(calls, s3).await;
    absent(calls, s3).await;
    in_parts(calls, s3).await;
    in_pieces(calls, s3).await;
    copied(calls, s3).await;
    listed(calls, s3).await;
    deleted(calls, s3).await;
}

fn put(s3: &Client, key: &str) -> PutObjectFluentBuilder {
    s3.put_object().bucket(NAME).key(key)
}

fn get(s3: &Client, key: &str) -> GetObjectFluentBuilder {
    s3.get_object().bucket(NAME).key(key)
}

/// The checksums that an answer states.
macro_rules! checksums {
    ($answer:expr) => {
        json!([
            $answer.checksum_crc32(),
            $answer.checksum_crc32_c(),
            $answer.checksum_crc64_nvme(),
            $answer.checksum_sha1(),
            $answer.checksum_sha256(),
        ])
    };
}

fn stored(answer: &PutObjectOutput) -> Value {
    json!({
        "etag": answer.e_tag(),
        "checksums": checksums!(answer),
        "checksum type": answer.checksum_type().map(ChecksumType::as_str),
        "versioned": answer.version_id().is_some(),
    })
}

/// The SDK compares a body that is read whole with the checksum that comes with it.
async fn read(object: GetObjectOutput) -> Result<Value, Failure> {
    let metadata: Option<BTreeMap<_, _>> = object.metadata().map(|metadata| metadata.iter().collect());
    let head = json!({
        "bytes": object.content_length(),
        "etag": object.e_tag(),
        "type": object.content_type(),
        "encoding": object.content_encoding(),
        "range": object.content_range(),
        "parts": object.parts_count(),
        "tags": object.tag_count(),
        "checksums": checksums!(object),
        "metadata": metadata,
    });
    let body = object.body.collect().await?.into_bytes();
    Ok(json!({ "head": head, "body": sha256(&body) }))
}

async fn got(calls: &mut Calls, name: &str, request: GetObjectFluentBuilder) {
    calls.call(name, async { read(request.send().await?).await }).await;
}

async fn bucket(calls: &mut Calls, s3: &Client, region: &Region) {
    // The first of all regions is the one that a request may not name.
    let place = (region.as_str() != "us-east-1").then(|| {
        let constraint = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(constraint).build()
    });
    calls
        .call("CreateBucket", async {
            s3.create_bucket().bucket(NAME).set_create_bucket_configuration(place).send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("PutBucketVersioning", async {
            let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            s3.put_bucket_versioning().bucket(NAME).versioning_configuration(on).send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("GetBucketVersioning", async {
            let answer = s3.get_bucket_versioning().bucket(NAME).send().await?;
            Ok(json!(answer.status().map(BucketVersioningStatus::as_str)))
        })
        .await;
}

async fn whole(calls: &mut Calls, s3: &Client) {
    for (number, key) in KEYS.into_iter().enumerate() {
        calls
            .call(&format!("PutObject {number}"), async {
                let request = put(s3, key).content_type("text/x-matrix").metadata("of", number.to_string());
                let answer = request.metadata("empty", "").body(body(number * 1000).into()).send().await?;
                Ok(stored(&answer))
            })
            .await;
        got(calls, &format!("GetObject {number}"), get(s3, key)).await;
        calls
            .call(&format!("HeadObject {number}"), async {
                let head = s3.head_object().bucket(NAME).key(key).send().await?;
                let metadata: Option<BTreeMap<_, _>> = head.metadata().map(|metadata| metadata.iter().collect());
                Ok(json!([head.content_length(), head.e_tag(), head.content_type(), metadata]))
            })
            .await;
    }
}

/// A stream goes out in signed chunks, of which a trailer with the checksum is the last.
async fn checked(calls: &mut Calls, s3: &Client) {
    for algorithm in [None, Some("CRC32C"), Some("CRC64NVME"), Some("SHA1"), Some("SHA256")] {
        let key = algorithm.unwrap_or("streamed");
        calls
            .call(&format!("PutObject of a stream {key}"), async {
                let request = put(s3, key).set_checksum_algorithm(algorithm.map(ChecksumAlgorithm::from));
                let answer = request.content_length(300_000).body(streamed(300_000)).send().await?;
                Ok(stored(&answer))
            })
            .await;
        got(calls, &format!("GetObject of a stream {key}"), get(s3, key)).await;
    }
    calls
        .call("PutObject with its SHA256", async {
            let content = body(70_000);
            let checksum = STANDARD.encode(Sha256::digest(&content));
            Ok(stored(&put(s3, "given").checksum_sha256(checksum).body(content.into()).send().await?))
        })
        .await;
    got(calls, "GetObject with its SHA256", get(s3, "given")).await;
    calls
        .call("PutObject wrong checksum", async {
            Ok(stored(&put(s3, "wrong").checksum_crc32("AAAAAA==").body(body(10).into()).send().await?))
        })
        .await;
}

async fn conditional(calls: &mut Calls, s3: &Client) {
    let head = s3.head_object().bucket(NAME).key("streamed").send().await.expect("it was put");
    let etag = head.e_tag().expect("an entity tag");
    let object = || get(s3, "streamed");
    got(calls, "GetObject range", object().range("bytes=100-199")).await;
    got(calls, "GetObject range to the end", object().range("bytes=-5")).await;
    got(calls, "GetObject absent range", object().range("bytes=900000-")).await;
    got(calls, "GetObject not modified", object().if_none_match(etag)).await;
    got(calls, "GetObject modified", object().if_none_match("\"other\"")).await;
    got(calls, "GetObject same", object().if_match(etag)).await;
    got(calls, "GetObject condition", object().if_match("\"other\"")).await;
    calls
        .call("PutObject condition", async {
            Ok(stored(&put(s3, "streamed").if_none_match("*").body(body(9).into()).send().await?))
        })
        .await;
}

async fn absent(calls: &mut Calls, s3: &Client) {
    got(calls, "GetObject absent", get(s3, "absent")).await;
    got(calls, "GetObject absent bucket", get(s3, "plain").bucket("absent")).await;
    calls
        .call("HeadObject absent", async {
            s3.head_object().bucket(NAME).key("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("HeadBucket absent", async {
            s3.head_bucket().bucket("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("ListObjectsV2 absent bucket", async {
            s3.list_objects_v2().bucket("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("AbortMultipartUpload absent", async {
            s3.abort_multipart_upload().bucket(NAME).key(LARGE).upload_id("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
}

async fn in_parts(calls: &mut Calls, s3: &Client) {
    let mut upload = String::new();
    calls
        .call("CreateMultipartUpload", async {
            let begun = s3.create_multipart_upload().bucket(NAME).key(LARGE).send().await?;
            begun.upload_id().expect("an id").clone_into(&mut upload);
            Ok(json!([begun.bucket(), begun.key()]))
        })
        .await;
    let mut parts = CompletedMultipartUpload::builder();
    for (number, content) in [(1, ByteStream::from(body(PART_BYTES))), (2, streamed(PART_BYTES))] {
        let part = CompletedPart::builder().part_number(number);
        let mut sent = part.clone().build();
        calls
            .call(&format!("UploadPart {number}"), async {
                let request = s3.upload_part().bucket(NAME).key(LARGE).upload_id(&upload).part_number(number);
                let length = i64::try_from(PART_BYTES).expect("a length");
                let answer = request.content_length(length).body(content).send().await?;
                sent = part.set_e_tag(answer.e_tag().map(str::to_owned)).build();
                Ok(json!([answer.e_tag(), checksums!(answer)]))
            })
            .await;
        parts = parts.parts(sent);
    }
    calls
        .call("ListParts", async {
            let answer = s3.list_parts().bucket(NAME).key(LARGE).upload_id(&upload).send().await?;
            let parts = answer.parts().iter().map(|part| json!([part.part_number(), part.size(), part.e_tag()]));
            Ok(parts.collect::<Value>())
        })
        .await;
    calls
        .call("CompleteMultipartUpload", async {
            let request = s3.complete_multipart_upload().bucket(NAME).key(LARGE).upload_id(&upload);
            let answer = request.multipart_upload(parts.build()).send().await?;
            Ok(json!([answer.key(), answer.e_tag(), checksums!(answer)]))
        })
        .await;
    got(calls, "GetObject in parts", get(s3, LARGE)).await;
    got(calls, "GetObject part 2", get(s3, LARGE).part_number(2)).await;
}

async fn in_pieces(calls: &mut Calls, s3: &Client) {
    calls
        .call("GetObject in pieces", async {
            let body = get(s3, LARGE).send().await?.body.into_async_read();
            tokio::pin!(body);
            let mut piece = vec![0; 4096];
            let mut hash = Sha256::new();
            loop {
                let length = body.read(&mut piece).await?;
                if length == 0 {
                    return Ok(json!(hex::encode(hash.finalize())));
                }
                hash.update(&piece[..length]);
            }
        })
        .await;
    calls
        .call("GetObject that is left at its beginning", async {
            let body = get(s3, LARGE).send().await?.body.into_async_read();
            tokio::pin!(body);
            let mut beginning = vec![0; 1000];
            body.read_exact(&mut beginning).await?;
            Ok(json!(sha256(&beginning)))
        })
        .await;
    got(calls, "GetObject after it", get(s3, "given")).await;
}

async fn copied(calls: &mut Calls, s3: &Client) {
    for (name, source) in [("CopyObject", "given"), ("CopyObject absent", "absent")] {
        calls
            .call(name, async {
                let request = s3.copy_object().bucket(NAME).key("copy").copy_source(format!("{NAME}/{source}"));
                let answer = request.send().await?;
                Ok(json!(answer.copy_object_result().and_then(CopyObjectResult::e_tag)))
            })
            .await;
    }
    calls
        .call("PutObjectTagging", async {
            let tag = Tag::builder().key("k").value("ü").build().expect("a tag");
            let tagging = Tagging::builder().tag_set(tag).build().expect("tags");
            s3.put_object_tagging().bucket(NAME).key("copy").tagging(tagging).send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("GetObjectTagging", async {
            let answer = s3.get_object_tagging().bucket(NAME).key("copy").send().await?;
            Ok(answer.tag_set().iter().map(|tag| json!([tag.key(), tag.value()])).collect::<Value>())
        })
        .await;
}

async fn listed(calls: &mut Calls, s3: &Client) {
    calls
        .call("ListObjectsV2 in pages", async {
            let mut pages = s3.list_objects_v2().bucket(NAME).into_paginator().page_size(4).send();
            let mut seen = Vec::new();
            while let Some(page) = pages.try_next().await? {
                let objects = page.contents().iter();
                let objects: Value = objects.map(|found| json!([found.key(), found.size(), found.e_tag()])).collect();
                seen.push(json!([objects, page.key_count(), page.is_truncated()]));
            }
            Ok(json!(seen))
        })
        .await;
    calls
        .call("ListObjectsV2 of a folder", async {
            let answer = s3.list_objects_v2().bucket(NAME).prefix("deep/").delimiter("/").send().await?;
            let folders: Value = answer.common_prefixes().iter().map(|folder| json!(folder.prefix())).collect();
            Ok(json!([folders, answer.contents().len(), answer.prefix()]))
        })
        .await;
}

async fn deleted(calls: &mut Calls, s3: &Client) {
    calls
        .call("DeleteObject", async {
            let answer = s3.delete_object().bucket(NAME).key(KEYS[1]).send().await?;
            Ok(json!([answer.delete_marker(), answer.version_id().is_some()]))
        })
        .await;
    got(calls, "GetObject absent since then", get(s3, KEYS[1])).await;
    calls
        .call("DeleteObjects", async {
            let keys = ["copy", KEYS[3], KEYS[4], "never there"];
            let identifier = |key: &str| ObjectIdentifier::builder().key(key).build().expect("a key");
            let objects = keys.into_iter().map(identifier).collect();
            let delete = Delete::builder().set_objects(Some(objects)).build().expect("keys");
            let answer = s3.delete_objects().bucket(NAME).delete(delete).send().await?;
            let gone: Value = answer.deleted().iter().map(|gone| json!([gone.key(), gone.delete_marker()])).collect();
            Ok(json!([gone, answer.errors().len()]))
        })
        .await;
    calls
        .call("ListObjectVersions", async {
            let answer = s3.list_object_versions().bucket(NAME).send().await?;
            let versions = answer.versions().iter();
            let versions: Value =
                versions.map(|found| json!([found.key(), found.size(), found.e_tag(), found.is_latest()])).collect();
            let markers = answer.delete_markers().iter();
            let markers: Value = markers.map(|found| json!([found.key(), found.is_latest()])).collect();
            Ok(json!([versions, markers]))
        })
        .await;
}
