//! The page.
use crate::{ReportError, record::RunRecord};
/// stub
pub fn html(_: &RunRecord) -> Result<String, ReportError> { Ok(String::new()) }
