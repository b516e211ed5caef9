//! A function's code as a zip archive.

use std::path::Path;

use bytes::Bytes;

use crate::services::ServiceError;

/// Packs a folder, the same bytes for the same files: names sorted, times fixed, no compiled Python.
pub fn package(folder: &Path) -> Result<Bytes, ServiceError> {
    unimplemented!("{}", folder.display())
}
