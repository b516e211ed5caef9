//! DynamoDB tables.
