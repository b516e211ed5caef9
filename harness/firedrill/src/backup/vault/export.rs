//! Tables in the format that DynamoDB's own export to S3 writes (DynamoDB Developer Guide, "DynamoDB table export output
//! format", full export, `DYNAMODB_JSON`), so that a table can also be brought back by AWS's `ImportTable`.
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    /// How the place encrypts it at rest, when it does.
    pub encryption: Option<String>,
}

/// The files of an export, paths below the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// `manifest-summary.json` and `manifest-files.json`.
    pub manifests: BTreeMap<String, Vec<u8>>,
    /// Data files.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// Writes items (texts of DynamoDB JSON) as an export.
pub fn write(about: &About, items: &[&str]) -> std::io::Result<Export> {
    let folder = format!("AWSDynamoDB/{}", about.export_id);
    let (mut data, mut files) = (BTreeMap::new(), Vec::new());
    // An empty table has one empty file, as an empty partition has at DynamoDB.
    let chunks: Vec<&[&str]> = if items.is_empty() { vec![items] } else { items.chunks(ITEMS_PER_FILE).collect() };
    for (number, chunk) in chunks.into_iter().enumerate() {
        let path = format!("{folder}/data/{number:08}.json.gz");
        let bytes = lines::write_texts(chunk.iter().map(|item| format!(r#"{{"Item":{item}}}"#)))?;
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
        s3_sse_algorithm: about.encryption.clone(),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn about() -> About {
        About {
            export_id: "01764000000000-1f2e3d4c".to_owned(),
            table_arn: "arn:aws:dynamodb:us-east-1:000000000000:table/orders".to_owned(),
            prefix: "points/rp-0001/resources/table.orders/".to_owned(),
            started: "2026-11-23T14:02:11.100Z".to_owned(),
            ended: "2026-11-23T14:02:12.000Z".to_owned(),
            encryption: Some("AES256".to_owned()),
        }
    }

    fn written(items: &[Value]) -> Export {
        let texts: Vec<String> = items.iter().map(Value::to_string).collect();
        write(&about(), &texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    }

    fn read_all(export: &Export) -> Vec<Value> {
        export.data.values().flat_map(|bytes| read_data(bytes).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn items_come_back_as_they_were(texts in prop::collection::vec((any::<String>(), "-?[0-9]{1,38}"), 0..40)) {
            let items: Vec<Value> = texts
                .iter()
                .map(|(text, number)| json!({"id": {"S": text}, "n": {"N": number}, "l": {"L": [{"NULL": true}]}}))
                .collect();
            let export = written(&items);
            prop_assert_eq!(written(&items), export.clone(), "the same items give the same bytes");
            prop_assert_eq!(read_all(&export), items);
        }
    }

    #[test]
    fn many_items_are_spread_over_files_that_the_manifest_counts() {
        let items: Vec<Value> = (0..=ITEMS_PER_FILE).map(|n| json!({"id": {"N": n.to_string()}})).collect();
        let export = written(&items);
        assert_eq!(export.data.len(), 2);
        assert_eq!(read_all(&export), items);
        let manifest = &export.manifests["AWSDynamoDB/01764000000000-1f2e3d4c/manifest-files.json"];
        let counts: Vec<u64> = String::from_utf8_lossy(manifest)
            .lines()
            .map(|line| serde_json::from_str::<FileLine>(line).unwrap().item_count)
            .collect();
        assert_eq!(counts, [ITEMS_PER_FILE as u64, 1]);
    }

    #[test]
    fn a_data_file_that_was_cut_off_is_refused() {
        let export = written(&[json!({"id": {"S": "a"}})]);
        let bytes = export.data.values().next().unwrap();
        assert!(read_data(&bytes[..bytes.len() - 10]).is_err());
        assert!(read_data(&lines::write(["not an item"]).unwrap()).is_err());
    }

    #[test]
    fn the_manifests_have_the_fields_of_dynamodb_s_own() {
        let export = write(&about(), &[]).unwrap();
        let text = |name: &str| {
            let path = format!("AWSDynamoDB/01764000000000-1f2e3d4c/{name}");
            String::from_utf8(export.manifests[&path].clone()).unwrap()
        };
        insta::assert_snapshot!(text("manifest-summary.json"), @r#"
        {
          "version": "2020-06-30",
          "exportArn": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/export/01764000000000-1f2e3d4c",
          "startTime": "2026-11-23T14:02:11.100Z",
          "endTime": "2026-11-23T14:02:12.000Z",
          "tableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/orders",
          "tableId": null,
          "exportTime": "2026-11-23T14:02:12.000Z",
          "s3Bucket": null,
          "s3Prefix": "points/rp-0001/resources/table.orders/",
          "s3SseAlgorithm": "AES256",
          "s3SseKmsKeyId": null,
          "manifestFilesS3Key": "AWSDynamoDB/01764000000000-1f2e3d4c/manifest-files.json",
          "billedSizeBytes": 0,
          "itemCount": 0,
          "outputFormat": "DYNAMODB_JSON"
        }
        "#);
        let plain = write(&About { encryption: None, ..about() }, &[]).unwrap();
        let summary =
            plain.manifests.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect::<String>();
        assert!(summary.contains("\"s3SseAlgorithm\": null"), "nothing is claimed of a folder: {summary}");
        let files: Value = serde_json::from_str(&text("manifest-files.json")).unwrap();
        let names: Vec<&str> = files.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["itemCount", "md5Checksum", "etag", "dataFileS3Key"]);
    }
}
