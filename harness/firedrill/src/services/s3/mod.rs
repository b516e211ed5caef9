//! S3 buckets.
