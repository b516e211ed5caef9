use proptest::prelude::*;

use super::tests::{Request, request};

const PATH_STYLE: &str = "127.0.0.1";

type Headers<'a> = &'a [(&'static str, &'a str)];

/// What is told about a request to S3: `operation resources…`, `-` for no operation.
fn told(host: &str, method: &str, target: &str, headers: Headers<'_>) -> String {
    request("s3", method, target).host(host).headers(headers).shown()
}

/// Every operation by its address under a bucket: a key is `K`.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("PUT", "", "CreateBucket"),
    ("GET", "", "ListObjects"),
    ("GET", "?prefix=a%2F&delimiter=%2F&marker=m", "ListObjects"),
    ("GET", "?list-type=2", "ListObjectsV2"),
    ("GET", "?prefix=uploads&list-type=2&continuation-token=t", "ListObjectsV2"),
    ("HEAD", "", "HeadBucket"),
    ("DELETE", "", "DeleteBucket"),
    ("POST", "?delete", "DeleteObjects"),
    ("POST", "?delete=", "DeleteObjects"),
    ("GET", "?versions", "ListObjectVersions"),
    ("GET", "?versions&prefix=a&key-marker=k&version-id-marker=v", "ListObjectVersions"),
    ("GET", "?uploads", "ListMultipartUploads"),
    ("GET", "?session", "CreateSession"),
    ("GET", "?location", "GetBucketLocation"),
    ("GET", "?abac", "GetBucketAbac"),
    ("PUT", "?abac", "PutBucketAbac"),
    ("GET", "?accelerate", "GetBucketAccelerateConfiguration"),
    ("PUT", "?accelerate", "PutBucketAccelerateConfiguration"),
    ("GET", "?acl", "GetBucketAcl"),
    ("PUT", "?acl", "PutBucketAcl"),
    ("GET", "?analytics&id=a", "GetBucketAnalyticsConfiguration"),
    ("GET", "?analytics", "ListBucketAnalyticsConfigurations"),
    ("PUT", "?analytics&id=a", "PutBucketAnalyticsConfiguration"),
    ("DELETE", "?analytics&id=a", "DeleteBucketAnalyticsConfiguration"),
    ("GET", "?cors", "GetBucketCors"),
    ("PUT", "?cors", "PutBucketCors"),
    ("DELETE", "?cors", "DeleteBucketCors"),
    ("GET", "?encryption", "GetBucketEncryption"),
    ("PUT", "?encryption", "PutBucketEncryption"),
    ("DELETE", "?encryption", "DeleteBucketEncryption"),
    ("GET", "?id=a&intelligent-tiering", "GetBucketIntelligentTieringConfiguration"),
    ("GET", "?intelligent-tiering", "ListBucketIntelligentTieringConfigurations"),
    ("PUT", "?intelligent-tiering&id=a", "PutBucketIntelligentTieringConfiguration"),
    ("DELETE", "?intelligent-tiering&id=a", "DeleteBucketIntelligentTieringConfiguration"),
    ("GET", "?inventory&id=a", "GetBucketInventoryConfiguration"),
    ("GET", "?inventory&continuation-token=t", "ListBucketInventoryConfigurations"),
    ("PUT", "?inventory&id=a", "PutBucketInventoryConfiguration"),
    ("DELETE", "?inventory&id=a", "DeleteBucketInventoryConfiguration"),
    ("GET", "?lifecycle", "GetBucketLifecycleConfiguration"),
    ("PUT", "?lifecycle", "PutBucketLifecycleConfiguration"),
    ("DELETE", "?lifecycle", "DeleteBucketLifecycle"),
    ("GET", "?logging", "GetBucketLogging"),
    ("PUT", "?logging", "PutBucketLogging"),
    ("POST", "?metadataConfiguration", "CreateBucketMetadataConfiguration"),
    ("GET", "?metadataConfiguration", "GetBucketMetadataConfiguration"),
    ("DELETE", "?metadataConfiguration", "DeleteBucketMetadataConfiguration"),
    ("POST", "?metadataTable", "CreateBucketMetadataTableConfiguration"),
    ("GET", "?metadataTable", "GetBucketMetadataTableConfiguration"),
    ("DELETE", "?metadataTable", "DeleteBucketMetadataTableConfiguration"),
    ("PUT", "?metadataAnnotationTable", "UpdateBucketMetadataAnnotationTableConfiguration"),
    ("PUT", "?metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration"),
    ("PUT", "?metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration"),
    ("GET", "?metrics&id=a", "GetBucketMetricsConfiguration"),
    ("GET", "?metrics", "ListBucketMetricsConfigurations"),
    ("PUT", "?metrics&id=a", "PutBucketMetricsConfiguration"),
    ("DELETE", "?metrics&id=a", "DeleteBucketMetricsConfiguration"),
    ("GET", "?notification", "GetBucketNotificationConfiguration"),
    ("PUT", "?notification", "PutBucketNotificationConfiguration"),
    ("GET", "?object-lock", "GetObjectLockConfiguration"),
    ("PUT", "?object-lock", "PutObjectLockConfiguration"),
    ("GET", "?ownershipControls", "GetBucketOwnershipControls"),
    ("PUT", "?ownershipControls", "PutBucketOwnershipControls"),
    ("DELETE", "?ownershipControls", "DeleteBucketOwnershipControls"),
    ("GET", "?policy", "GetBucketPolicy"),
    ("PUT", "?policy", "PutBucketPolicy"),
    ("DELETE", "?policy", "DeleteBucketPolicy"),
    ("GET", "?policyStatus", "GetBucketPolicyStatus"),
    ("GET", "?publicAccessBlock", "GetPublicAccessBlock"),
    ("PUT", "?publicAccessBlock", "PutPublicAccessBlock"),
    ("DELETE", "?publicAccessBlock", "DeletePublicAccessBlock"),
    ("GET", "?replication", "GetBucketReplication"),
    ("PUT", "?replication", "PutBucketReplication"),
    ("DELETE", "?replication", "DeleteBucketReplication"),
    ("GET", "?requestPayment", "GetBucketRequestPayment"),
    ("PUT", "?requestPayment", "PutBucketRequestPayment"),
    ("GET", "?tagging", "GetBucketTagging"),
    ("PUT", "?tagging", "PutBucketTagging"),
    ("DELETE", "?tagging", "DeleteBucketTagging"),
    ("GET", "?versioning", "GetBucketVersioning"),
    ("PUT", "?versioning", "PutBucketVersioning"),
    ("GET", "?website", "GetBucketWebsite"),
    ("PUT", "?website", "PutBucketWebsite"),
    ("DELETE", "?website", "DeleteBucketWebsite"),
    ("PUT", "/K", "PutObject"),
    ("PUT", "/K?x-id=PutObject", "PutObject"),
    ("GET", "/K", "GetObject"),
    ("GET", "/K?versionId=v&response-content-type=text%2Fplain", "GetObject"),
    ("GET", "/K?partNumber=2", "GetObject"),
    ("HEAD", "/K", "HeadObject"),
    ("HEAD", "/K?partNumber=1&versionId=v", "HeadObject"),
    ("DELETE", "/K", "DeleteObject"),
    ("DELETE", "/K?versionId=v", "DeleteObject"),
    ("POST", "/K?uploads", "CreateMultipartUpload"),
    ("PUT", "/K?partNumber=1&uploadId=u", "UploadPart"),
    ("PUT", "/K?x-id=UploadPart&uploadId=u&partNumber=1", "UploadPart"),
    ("POST", "/K?uploadId=u", "CompleteMultipartUpload"),
    ("DELETE", "/K?uploadId=u", "AbortMultipartUpload"),
    ("GET", "/K?uploadId=u&max-parts=3", "ListParts"),
    ("GET", "/K?acl", "GetObjectAcl"),
    ("PUT", "/K?acl&versionId=v", "PutObjectAcl"),
    ("GET", "/K?annotation&annotationName=n", "GetObjectAnnotation"),
    ("GET", "/K?annotation", "ListObjectAnnotations"),
    ("PUT", "/K?annotation&annotationName=n", "PutObjectAnnotation"),
    ("DELETE", "/K?annotation&annotationName=n", "DeleteObjectAnnotation"),
    ("GET", "/K?attributes", "GetObjectAttributes"),
    ("PUT", "/K?encryption", "UpdateObjectEncryption"),
    ("GET", "/K?legal-hold", "GetObjectLegalHold"),
    ("PUT", "/K?legal-hold", "PutObjectLegalHold"),
    ("PUT", "/K?renameObject", "RenameObject"),
    ("POST", "/K?restore&versionId=v", "RestoreObject"),
    ("GET", "/K?retention", "GetObjectRetention"),
    ("PUT", "/K?retention", "PutObjectRetention"),
    ("POST", "/K?select&select-type=2", "SelectObjectContent"),
    ("GET", "/K?tagging", "GetObjectTagging"),
    ("PUT", "/K?tagging", "PutObjectTagging"),
    ("DELETE", "/K?tagging&versionId=v", "DeleteObjectTagging"),
    ("GET", "/K?torrent", "GetObjectTorrent"),
];

#[test]
fn every_operation_is_told_in_both_styles() {
    for (method, address, operation) in OPERATIONS {
        let expected = format!("{operation} orders");
        assert_eq!(told(PATH_STYLE, method, &format!("/orders{address}"), &[]), expected, "{method} {address}");
        let target = if address.starts_with('/') { (*address).to_owned() } else { format!("/{address}") };
        let host = "orders.s3.eu-west-1.amazonaws.com";
        assert_eq!(told(host, method, &target, &[]), expected, "{method} {host} {target}");
    }
}

#[test]
fn headers_tell_copies_and_forms() {
    let copy = |source| [("x-amz-copy-source", source)];
    let form = [("content-type", "multipart/form-data; boundary=b")];
    let cases: [(&str, &str, Headers<'_>, &str); 17] = [
        ("PUT", "/b/k", &copy("/src/k"), "CopyObject b src"),
        ("PUT", "/b/k", &copy("src/a/b?versionId=v"), "CopyObject b src"),
        ("PUT", "/b/k", &copy("%2Fsrc%2Fk"), "CopyObject b src"),
        ("PUT", "/b/k", &copy("b/other"), "CopyObject b"),
        ("PUT", "/b/k", &copy(""), "CopyObject b"),
        ("PUT", "/b/k", &copy("arn:aws:s3:us-east-1:000000000000:accesspoint/point/object/k"), "CopyObject b point"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", &copy("src/k"), "UploadPartCopy b src"),
        ("PUT", "/b/k?tagging", &copy("src/k"), "PutObjectTagging b"),
        ("PUT", "/b", &copy("src/k"), "CreateBucket b"),
        ("GET", "/b/k", &copy("src/k"), "GetObject b"),
        ("POST", "/b", &form, "PostObject b"),
        ("POST", "/b/", &form, "PostObject b"),
        ("POST", "/b/k", &form, "- b"),
        ("POST", "/b?delete", &form, "DeleteObjects b"),
        ("POST", "/b", &[("content-type", "application/xml")], "- b"),
        ("PUT", "/b/k", &[("content-type", "application/x-www-form-urlencoded")], "PutObject b"),
        ("PUT", "/b/k", &[("x-amz-target", "DynamoDB_20120810.DeleteTable")], "PutObject b"),
    ];
    for (method, target, headers, expected) in cases {
        assert_eq!(told(PATH_STYLE, method, target, headers), expected, "{method} {target} {headers:?}");
    }
}

#[test]
fn names_and_hints_are_not_taken_for_subresources() {
    let cases = [
        ("GET", "/b/k?x-id=PutObject", "GetObject b"),
        ("PUT", "/b/k?x-id=CopyObject", "PutObject b"),
        ("PUT", "/b/k?x-id=UploadPart", "PutObject b"),
        ("GET", "/?x-id=ListDirectoryBuckets", "ListBuckets"),
        ("GET", "/b/uploads", "GetObject b"),
        ("POST", "/b/uploads", "- b"),
        ("PUT", "/b/acl", "PutObject b"),
        ("DELETE", "/b/delete", "DeleteObject b"),
        ("GET", "/b/%3Facl", "GetObject b"),
        ("GET", "/b/k%3Fuploads", "GetObject b"),
        ("GET", "/b/k?a=acl", "GetObject b"),
        ("GET", "/b/k?prefix=%26acl", "GetObject b"),
        ("GET", "/b/k?ACL", "GetObject b"),
        ("GET", "/b/k?Policy=p&Signature=s", "GetObject b"),
        ("GET", "/b/k?list-type=2", "GetObject b"),
        ("GET", "/b?list-type=1", "ListObjects b"),
        ("GET", "/b?id=a", "ListObjects b"),
        ("GET", "/functions", "ListObjects functions"),
        ("GET", "/2015-03-31/functions/describe", "GetObject 2015-03-31"),
        ("PUT", "/uploads", "CreateBucket uploads"),
        ("GET", "/delete?acl", "GetBucketAcl delete"),
        ("GET", "/b?%61cl", "GetBucketAcl b"),
        ("GET", "/b?acl&acl", "GetBucketAcl b"),
        ("GET", "/%62/k", "GetObject b"),
        ("GET", "/b/", "ListObjects b"),
        ("GET", "/b//", "GetObject b"),
        ("GET", "/b//k", "GetObject b"),
        ("GET", "/", "ListBuckets"),
        ("GET", "/?max-buckets=2", "ListBuckets"),
    ];
    for (method, target, expected) in cases {
        assert_eq!(told(PATH_STYLE, method, target, &[]), expected, "{method} {target}");
    }
}

#[test]
fn what_is_no_operation_of_s3_is_not_guessed() {
    let cases = [
        ("OPTIONS", "/b/k", "- b"),
        ("OPTIONS", "/b", "- b"),
        ("PATCH", "/b/k", "- b"),
        ("HEAD", "/", "-"),
        ("PUT", "/", "-"),
        ("GET", "/?acl", "-"),
        ("GET", "//k", "-"),
        ("GET", "/b?acl&policy", "- b"),
        ("GET", "/b/k?uploads", "- b"),
        ("GET", "/b/k?versioning", "- b"),
        ("POST", "/b?uploads", "- b"),
        ("GET", "/b?attributes", "- b"),
        ("GET", "/b?delete", "- b"),
        ("POST", "/b/k?delete", "- b"),
        ("PUT", "/b?location", "- b"),
        ("DELETE", "/b?versioning", "- b"),
        ("DELETE", "/b/k?acl", "- b"),
        ("PUT", "/b/k?uploadId=u", "- b"),
        ("HEAD", "/b/k?acl", "- b"),
    ];
    for (method, target, expected) in cases {
        assert_eq!(told(PATH_STYLE, method, target, &[]), expected, "{method} {target}");
    }
}

#[test]
fn a_host_name_tells_the_bucket() {
    let cases = [
        ("s3.amazonaws.com", "/b/k", "GetObject b"),
        ("s3.dualstack.us-east-1.amazonaws.com", "/b/k", "GetObject b"),
        ("s3-eu-west-1.amazonaws.com", "/b/k", "GetObject b"),
        ("orders.s3.amazonaws.com", "/b/k", "GetObject orders"),
        ("orders.s3.amazonaws.com", "/b", "GetObject orders"),
        ("orders.s3.amazonaws.com", "/", "ListObjects orders"),
        ("orders.s3.dualstack.us-east-1.amazonaws.com", "/k", "GetObject orders"),
        ("orders.s3-eu-west-1.amazonaws.com", "/k", "GetObject orders"),
        ("orders.s3-accelerate.amazonaws.com", "/k", "GetObject orders"),
        ("orders.s3-fips.us-east-1.amazonaws.com", "/k", "GetObject orders"),
        ("orders.s3.us-east-1.localhost", "/k", "GetObject orders"),
        ("my.dotted.bucket.s3.localhost", "/k", "GetObject my.dotted.bucket"),
        ("a.s3.b.s3.us-east-1.amazonaws.com", "/k", "GetObject a.s3.b"),
        ("a.s3-eu-west-1.s3.us-east-1.amazonaws.com", "/k", "GetObject a.s3-eu-west-1"),
        ("s3.s3.us-east-1.amazonaws.com", "/k", "GetObject s3"),
        ("point-000000000000.s3-accesspoint.us-east-1.amazonaws.com", "/k", "GetObject point-000000000000"),
        ("o--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "/k", "GetObject o--use1-az4--x-s3"),
        (".s3.us-east-1.amazonaws.com", "/b/k", "GetObject b"),
        ("a.s3x.localhost", "/b/k", "GetObject b"),
        ("000000000000.s3-control.us-east-1.amazonaws.com", "/v20180820/jobs", "-"),
        ("", "/b/k", "GetObject b"),
    ];
    for (host, target, expected) in cases {
        assert_eq!(told(host, "GET", target, &[]), expected, "{host} {target}");
    }
    let arn = "/arn%3Aaws%3As3%3Aus-east-1%3A000000000000%3Aaccesspoint%2Fpoint/k";
    assert_eq!(told(PATH_STYLE, "GET", arn, &[]), "GetObject point");
}

#[test]
fn other_services_of_s3_are_told_apart() {
    let shown = |service, method, target| request(service, method, target).host("localhost").shown();
    assert_eq!(shown("s3express", "GET", "/"), "ListDirectoryBuckets");
    assert_eq!(shown("s3express", "GET", "/b?session"), "CreateSession b");
    assert_eq!(shown("s3-object-lambda", "POST", "/WriteGetObjectResponse"), "WriteGetObjectResponse");
    assert_eq!(shown("s3", "POST", "/WriteGetObjectResponse"), "- WriteGetObjectResponse");
    let account = [("x-amz-account-id", "000000000000")];
    assert_eq!(told("localhost", "GET", "/v20180820/jobs", &account), "-");
    assert_eq!(told("localhost", "GET", "/v20180820/jobs", &[]), "GetObject v20180820");
}

proptest! {
    /// Whatever a bucket and a key are called, the operation on them is told.
    #[test]
    fn names_do_not_matter(
        row in prop::sample::select(OPERATIONS),
        bucket in "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        key in "\\PC{1,40}",
        virtual_host in any::<bool>(),
    ) {
        let (method, address, operation) = row;
        let key = percent_encoding::utf8_percent_encode(&key, percent_encoding::NON_ALPHANUMERIC).to_string();
        let address = address.replacen('K', &key, usize::from(address.starts_with('/')));
        let told = if virtual_host {
            let slash = if address.starts_with('/') { "" } else { "/" };
            told(&format!("{bucket}.s3.us-east-1.localhost"), method, &format!("{slash}{address}"), &[])
        } else {
            told("s3.us-east-1.localhost", method, &format!("/{bucket}{address}"), &[])
        };
        prop_assert_eq!(told, format!("{operation} {bucket}"));
    }

    /// Parameters that S3 does not know change nothing.
    #[test]
    fn other_parameters_do_not_matter(
        row in prop::sample::select(OPERATIONS),
        parameter in "x-[a-z]{1,9}(=[a-zA-Z%=?/-]{0,9})?",
    ) {
        let (method, address, operation) = row;
        let mark = if address.contains('?') { '&' } else { '?' };
        let told = told(PATH_STYLE, method, &format!("/orders{address}{mark}{parameter}"), &[]);
        prop_assert_eq!(told, format!("{operation} orders"));
    }
}

#[test]
fn a_body_tells_nothing_more() {
    let put: Request<'_> = request("s3", "PUT", "/b/k");
    assert!(!put.told_by_body());
    assert_eq!(put.body(br#"{"TableName":"t"}"#).shown(), "PutObject b");
}
