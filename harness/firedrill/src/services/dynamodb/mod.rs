//! DynamoDB tables.

pub mod canonical;
pub mod item;
pub mod json;
pub mod scan;
pub mod stream;
pub mod write;

use std::collections::HashMap;

pub use aws_sdk_dynamodb::types::AttributeValue;

pub use self::{
    item::{delete_item, get_item, put_item},
    scan::{deliveries, scan_items},
    write::write_items,
};

/// An item: attribute name → value.
pub type Item = HashMap<String, AttributeValue>;
