//! Tables in the format that DynamoDB's own export to S3 writes (DynamoDB Developer Guide, "DynamoDB table export output
//! format", full export, `DYNAMODB_JSON`), so that a table can also be brought back by AWS's ImportTable.
//!
//! The checksum files beside the manifests are left out: the vault's manifest holds a SHA-256 of every part.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lines;

/// Items a data file holds at most.
const ITEMS_PER_FILE: usize = 10_000;

/// Version of the export format, as DynamoDB writes it.
const EXPORT_VERSION: &str = "2020-06-30";

/// One line of a data file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemLine {
    /// The item as DynamoDB JSON.
    #[serde(rename = "Item")]
    pub item: Value,
}

/// One line of `manifest-files.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileLine {
    /// Items in the file.
    pub item_count: u64,
    /// MD5 of the file, base64.
    pub md5_checksum: String,
    /// Its entity tag: MD5 in hex for a file put in one piece.
    pub etag: String,
    /// Where it is, below the export's prefix.
    #[serde(rename = "dataFileS3Key")]
    pub data_file_s3_key: String,
}

/// `manifest-summary.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are DynamoDB's own")]
pub struct Summary {
    pub version: String,
    pub export_arn: String,
    pub start_time: String,
    pub end_time: String,
    pub table_arn: String,
    pub table_id: Option<String>,
    pub export_time: String,
    pub s3_bucket: Option<String>,
    pub s3_prefix: String,
    pub s3_sse_algorithm: Option<String>,
    pub s3_sse_kms_key_id: Option<String>,
    #[serde(rename = "manifestFilesS3Key")]
    pub manifest_files_s3_key: String,
    pub billed_size_bytes: u64,
    pub item_count: u64,
    pub output_format: String,
}

/// What an export says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Unique in the vault, such as `01764000000000-1f2e3d4c`.
    pub export_id: String,
    /// ARN of the table.
    pub table_arn: String,
    /// Where the export lies in the vault: paths in it are relative to this.
    pub prefix: String,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    pub ended: String,
}

/// The files of an export, paths below the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// `manifest-summary.json` and `manifest-files.json`.
    pub manifests: BTreeMap<String, Vec<u8>>,
    /// Data files.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// Writes items (DynamoDB JSON) as an export.
pub fn write(about: &About, items: &[Value]) -> std::io::Result<Export> {
    let folder = format!("AWSDynamoDB/{}", about.export_id);
    let (mut data, mut files) = (BTreeMap::new(), Vec::new());
    // An empty table has one empty file, as an empty partition has at DynamoDB.
    let chunks: Vec<&[Value]> = if items.is_empty() { vec![items] } else { items.chunks(ITEMS_PER_FILE).collect() };
    for (number, chunk) in chunks.into_iter().enumerate() {
        let path = format!("{folder}/data/{number:08}.json.gz");
        let bytes = lines::write(chunk.iter().map(|item| ItemLine { item: item.clone() }))?;
        let md5 = Md5::digest(&bytes);
        files.push(FileLine {
            item_count: chunk.len() as u64,
            md5_checksum: STANDARD.encode(md5),
            etag: hex::encode(md5),
            data_file_s3_key: path.clone(),
        });
        data.insert(path, bytes);
    }
    let files_path = format!("{folder}/manifest-files.json");
    let summary = Summary {
        version: EXPORT_VERSION.to_owned(),
        export_arn: format!("{}/export/{}", about.table_arn, about.export_id),
        start_time: about.started.clone(),
        end_time: about.ended.clone(),
        table_arn: about.table_arn.clone(),
        table_id: None,
        export_time: about.ended.clone(),
        s3_bucket: None,
        s3_prefix: about.prefix.clone(),
        s3_sse_algorithm: Some("AES256".to_owned()),
        s3_sse_kms_key_id: None,
        manifest_files_s3_key: files_path.clone(),
        billed_size_bytes: 0,
        item_count: items.len() as u64,
        output_format: "DYNAMODB_JSON".to_owned(),
    };
    let mut file_lines = Vec::new();
    for line in &files {
        serde_json::to_writer(&mut file_lines, line)?;
        file_lines.push(b'\n');
    }
    let manifests = BTreeMap::from([
        (files_path, file_lines),
        (format!("{folder}/manifest-summary.json"), serde_json::to_vec_pretty(&summary)?),
    ]);
    Ok(Export { manifests, data })
}

/// Reads the items of one data file.
pub fn read_data(bytes: &[u8]) -> std::io::Result<Vec<Value>> {
    Ok(lines::read::<ItemLine>(bytes)?.into_iter().map(|line| line.item).collect())
}
