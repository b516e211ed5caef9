//! S3 buckets.

pub mod canonical;
pub mod put;
pub mod read;
pub mod versions;

pub use aws_sdk_s3::primitives::ByteStream;

pub use self::{
    put::{Upload, delete, put},
    read::{Object, read},
    versions::{ObjectVersion, versions},
};
