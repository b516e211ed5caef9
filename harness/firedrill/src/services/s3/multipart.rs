//! Writing an object in parts.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Tag, Tagging};
use bytes::{Bytes, BytesMut};
use firedrill_model::ids::ResourceKind::Bucket;

use super::{ByteStream, Upload, settings::with_settings};
use crate::services::{ServiceError, Site};

/// Bytes of a part; the last one may be shorter. One part is held in memory at a time.
const PART: usize = 8 << 20;

/// An upload that was begun.
struct Begun<'a> {
    site: &'a Site,
    name: &'a str,
    key: &'a str,
    id: String,
}

/// Writes an object in parts. An upload that fails is aborted, so that its parts are not kept and paid for.
pub(super) async fn put(
    site: &Site,
    name: &str,
    upload: &Upload,
    body: ByteStream,
) -> Result<Option<String>, ServiceError> {
    let request = site.clients.s3.create_multipart_upload().bucket(site.name_of(Bucket, name)).key(&upload.key);
    let operation = format!("S3 CreateMultipartUpload `{}` to {name}", upload.key);
    let begun = with_settings!(request, &upload.settings).send().await;
    let begun = begun.map_err(|error| ServiceError::request(&operation, &error))?;
    let id = begun.upload_id.ok_or_else(|| ServiceError::Unusable { operation, what: String::from("no upload id") })?;
    let begun = Begun { site, name, key: &upload.key, id };
    match begun.send_parts(body).await {
        Ok(parts) => {
            let version = begun.complete(parts).await?;
            // The object is there by now, whatever became of its tags.
            begun.tag(upload, version.as_deref()).await.map_err(ServiceError::happened_in_part)?;
            Ok(version)
        }
        Err(error) => {
            begun.abort().await;
            Err(error)
        }
    }
}

impl Begun<'_> {
    fn operation(&self, verb: &str) -> String {
        format!("S3 {verb} `{}` to {}", self.key, self.name)
    }

    async fn send_parts(&self, mut body: ByteStream) -> Result<Vec<CompletedPart>, ServiceError> {
        let mut parts = Vec::new();
        let mut held = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ServiceError::Unusable {
                operation: self.operation("UploadPart"),
                what: format!("its body could not be read: {error}"),
            })?;
            held.extend_from_slice(&chunk);
            while held.len() >= PART {
                let part = held.split_to(PART).freeze();
                parts.push(self.send_part(parts.len(), part).await?);
            }
        }
        if !held.is_empty() {
            parts.push(self.send_part(parts.len(), held.freeze()).await?);
        }
        Ok(parts)
    }

    async fn send_part(&self, index: usize, part: Bytes) -> Result<CompletedPart, ServiceError> {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX); // S3 refuses more than 10,000 parts itself
        let request = self
            .site
            .clients
            .s3
            .upload_part()
            .bucket(self.site.name_of(Bucket, self.name))
            .key(self.key)
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(part));
        let sent = request.send().await.map_err(|error| ServiceError::request(self.operation("UploadPart"), &error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// Sets the tags on the version that came of it: S3 takes them when the upload is begun, some emulators forget them.
    async fn tag(&self, upload: &Upload, version: Option<&str>) -> Result<(), ServiceError> {
        if upload.settings.tags.is_empty() {
            return Ok(());
        }
        let failed =
            |cause: String| ServiceError::Unusable { operation: self.operation("PutObjectTagging"), what: cause };
        let tags: Result<Vec<Tag>, _> =
            upload.settings.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
        let request = self
            .site
            .clients
            .s3
            .put_object_tagging()
            .bucket(self.site.name_of(Bucket, self.name))
            .key(self.key)
            .set_version_id(version.map(str::to_owned))
            .tagging(tagging.map_err(|error| failed(error.to_string()))?);
        let sent = request.send().await;
        sent.map(drop).map_err(|error| ServiceError::request(self.operation("PutObjectTagging"), &error))
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<Option<String>, ServiceError> {
        let request = self
            .site
            .clients
            .s3
            .complete_multipart_upload()
            .bucket(self.site.name_of(Bucket, self.name))
            .key(self.key)
            .upload_id(&self.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        let completed = request
            .send()
            .await
            .map_err(|error| ServiceError::request(self.operation("CompleteMultipartUpload"), &error))?;
        Ok(completed.version_id)
    }

    /// Best effort: the failure that led here is the one to report.
    async fn abort(&self) {
        let bucket = self.site.name_of(Bucket, self.name);
        let request = self.site.clients.s3.abort_multipart_upload().bucket(bucket).key(self.key).upload_id(&self.id);
        if let Err(error) = request.send().await {
            tracing::warn!(key = self.key, %error, "a failed upload could not be aborted");
        }
    }
}
