//! What an object carries beside its key and its body.

use std::{collections::BTreeMap, fmt};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A header of S3's own that is stored with an object (Amazon S3 user guide, "Working with object metadata":
/// system-defined metadata that a user can change). Its name is that of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemHeader {
    /// `Cache-Control`.
    CacheControl,
    /// `Content-Disposition`.
    ContentDisposition,
    /// `Content-Encoding`.
    ContentEncoding,
    /// `Content-Language`.
    ContentLanguage,
    /// `Content-Type`.
    ContentType,
    /// `Expires`, as it was sent: S3 keeps any text.
    Expires,
    /// `x-amz-storage-class`; an object without it is of the class `STANDARD`.
    StorageClass,
    /// `x-amz-website-redirect-location`.
    WebsiteRedirect,
}

impl SystemHeader {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CacheControl,
        Self::ContentDisposition,
        Self::ContentEncoding,
        Self::ContentLanguage,
        Self::ContentType,
        Self::Expires,
        Self::StorageClass,
        Self::WebsiteRedirect,
    ];

    /// Name of its part in ledger and captures.
    pub fn name(self) -> &'static str {
        match self {
            Self::CacheControl => "cache-control",
            Self::ContentDisposition => "content-disposition",
            Self::ContentEncoding => "content-encoding",
            Self::ContentLanguage => "content-language",
            Self::ContentType => "content-type",
            Self::Expires => "expires",
            Self::StorageClass => "storage-class",
            Self::WebsiteRedirect => "website-redirect",
        }
    }
}

impl fmt::Display for SystemHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything of an object that is written with it, read back, kept in a vault and compared, its key and body aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSettings {
    /// Headers of S3's own that are set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<SystemHeader, String>,
    /// User metadata, names in lower case; S3 allows ASCII alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Object tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl ObjectSettings {
    /// Those of an answer of `GetObject`, which counts the tags and does not hold them.
    pub(super) fn of(found: &mut GetObjectOutput) -> Self {
        let storage_class = found.storage_class.take().map(|class| class.as_str().to_owned());
        let headers = [
            (SystemHeader::CacheControl, found.cache_control.take()),
            (SystemHeader::ContentDisposition, found.content_disposition.take()),
            (SystemHeader::ContentEncoding, found.content_encoding.take()),
            (SystemHeader::ContentLanguage, found.content_language.take()),
            (SystemHeader::ContentType, found.content_type.take()),
            (SystemHeader::Expires, found.expires_string.take()),
            (SystemHeader::StorageClass, storage_class.filter(|class| class != "STANDARD")),
            (SystemHeader::WebsiteRedirect, found.website_redirect_location.take()),
        ];
        Self {
            headers: headers.into_iter().filter_map(|(header, value)| Some((header, value?))).collect(),
            metadata: found.metadata.take().unwrap_or_default().into_iter().collect(),
            tags: BTreeMap::new(),
        }
    }

    /// A header, if it is set.
    pub fn header(&self, header: SystemHeader) -> Option<String> {
        self.headers.get(&header).cloned()
    }

    /// The tags as S3 takes them in a header.
    pub(super) fn tagging(&self) -> Option<String> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> =
            self.tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }
}

/// Puts the settings into a request that makes an object, whether at once or in parts.
///
/// `Expires` goes in as a header: the SDK takes a point in time alone, S3 any text.
macro_rules! with_settings {
    ($request:expr, $settings:expr) => {{
        let settings: &$crate::services::s3::ObjectSettings = $settings;
        let header = |header| settings.header(header);
        let expires = header($crate::services::s3::SystemHeader::Expires);
        $request
            .set_cache_control(header($crate::services::s3::SystemHeader::CacheControl))
            .set_content_disposition(header($crate::services::s3::SystemHeader::ContentDisposition))
            .set_content_encoding(header($crate::services::s3::SystemHeader::ContentEncoding))
            .set_content_language(header($crate::services::s3::SystemHeader::ContentLanguage))
            .set_content_type(header($crate::services::s3::SystemHeader::ContentType))
            .set_storage_class(
                header($crate::services::s3::SystemHeader::StorageClass)
                    .map(|class| ::aws_sdk_s3::types::StorageClass::from(class.as_str())),
            )
            .set_website_redirect_location(header($crate::services::s3::SystemHeader::WebsiteRedirect))
            .set_metadata(Some(settings.metadata.clone().into_iter().collect()))
            .set_tagging(settings.tagging())
            .customize()
            .map_request(move |mut request| match &expires {
                None => Ok(request),
                Some(expires) => {
                    request.headers_mut().try_insert("expires", expires.clone()).map(drop).map(|()| request)
                }
            })
    }};
}
pub(super) use with_settings;

/// What S3 says of an object beside its settings and is not compared, each with the reason.
///
/// Source: the response of `GetObject` in the S3 API Reference, and what an object has that `GetObject` leaves out.
pub(super) const NOT_COMPARED: [(&str, &str); 13] = [
    ("object.ACL", "it is neither read nor restored; the access control list of the bucket is compared"),
    ("object.BucketKeyEnabled", "it follows from the encryption of the bucket, which is compared"),
    ("object.Checksum", "it follows from the body, which is compared, and from how the body was sent"),
    ("object.ETag", "it follows from the body, which is compared, and from the size of its parts"),
    ("object.Expiration", "S3 works it out from the lifecycle rules of the bucket, which are compared"),
    ("object.LastModified", "each copy has its own"),
    ("object.ObjectLock", "retention and legal holds of an object are neither read nor restored"),
    ("object.PartsCount", "it tells how the body was sent, not what it is"),
    ("object.ReplicationStatus", "S3 sets it as it replicates; each copy has its own"),
    ("object.Restore", "it tells whether a copy of an archived object is there for a time"),
    (
        "object.ServerSideEncryption",
        "an object is restored under the encryption of its bucket, which is compared; a key of its own is not kept",
    ),
    (
        "object.Tagging of versions below a delete marker",
        "compared only where the service gives them: some emulators answer that there is no such key",
    ),
    ("object.VersionId", "the service gives each copy its own"),
];

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{primitives::ByteStream, types::StorageClass};

    use super::*;

    #[test]
    fn names_are_those_that_are_written_to_disk() {
        for header in SystemHeader::ALL {
            assert_eq!(serde_json::to_value(header).unwrap(), header.name());
        }
    }

    #[test]
    fn an_answer_gives_every_header_and_the_standard_class_is_none() {
        let whole = || {
            GetObjectOutput::builder()
                .body(ByteStream::default())
                .cache_control("no-store")
                .content_disposition("attachment")
                .content_encoding("gzip")
                .content_language("de")
                .content_type("text/csv")
                .expires_string("0")
                .website_redirect_location("/moved")
                .metadata("rev", "1")
        };
        let settings = ObjectSettings::of(&mut whole().storage_class(StorageClass::StandardIa).build());
        let found: Vec<(&str, &str)> =
            settings.headers.iter().map(|(header, value)| (header.name(), value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("cache-control", "no-store"),
                ("content-disposition", "attachment"),
                ("content-encoding", "gzip"),
                ("content-language", "de"),
                ("content-type", "text/csv"),
                ("expires", "0"),
                ("storage-class", "STANDARD_IA"),
                ("website-redirect", "/moved"),
            ]
        );
        assert_eq!(settings.metadata["rev"], "1");
        let standard = ObjectSettings::of(&mut whole().storage_class(StorageClass::Standard).build());
        assert_eq!(standard.header(SystemHeader::StorageClass), None);
    }
}
