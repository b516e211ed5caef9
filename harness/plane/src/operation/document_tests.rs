use proptest::prelude::*;

use super::{
    NAME_MAX, RESOURCES_MAX,
    tests::{document, request},
};

fn json(service: &str, target: &str, body: &str) -> String {
    let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
    let request = request(service, "POST", "/").headers(&headers);
    assert!(request.told_by_body());
    request.body(body.as_bytes()).shown()
}

#[test]
fn bodies_of_dynamodb_name_tables() {
    let cases = [
        ("PutItem", r#"{"TableName":"t","Item":{"TableName":{"S":"no"}}}"#, "t"),
        ("PutItem", r#"{"Item":{"Put":{"TableName":"no"}},"TableName":"t"}"#, "t"),
        ("GetItem", r#"{"TableName":"arn:aws:dynamodb:us-east-1:000000000000:table/orders"}"#, "orders"),
        ("DescribeGlobalTable", r#"{"GlobalTableName":"g"}"#, "g"),
        (
            "BatchWriteItem",
            r#"{"RequestItems":{"a":[{"PutRequest":{"Item":{}}}],"b":[],"arn:aws:dynamodb:r:0:table/c":[]}}"#,
            "a b c",
        ),
        ("BatchGetItem", r#"{"RequestItems":{"a":{"Keys":[{"TableName":{"S":"no"}}]}}}"#, "a"),
        (
            "TransactWriteItems",
            r#"{"TransactItems":[{"Put":{"TableName":"a","Item":{"Put":{"M":{"TableName":{"S":"no"}}}}}},
                {"ConditionCheck":{"Key":{},"TableName":"b"}},{"Update":{"TableName":"a"}},{"Delete":{"TableName":"c"}}]}"#,
            "a b c",
        ),
        ("TransactGetItems", r#"{"TransactItems":[{"Get":{"Key":{"k":{"S":"v"}},"TableName":"a"}}]}"#, "a"),
        (
            "GetShardIterator",
            r#"{"StreamArn":"arn:aws:dynamodb:us-east-1:0:table/orders/stream/2026-01-01T00:00:00.000"}"#,
            "orders",
        ),
        (
            "RestoreTableFromBackup",
            r#"{"TargetTableName":"new","BackupArn":"arn:aws:dynamodb:r:0:table/old/backup/01"}"#,
            "new old",
        ),
        ("ImportTable", r#"{"TableCreationParameters":{"TableName":"t"}}"#, "t"),
    ];
    for (operation, body, expected) in cases {
        let told = json("dynamodb", &format!("DynamoDB_20120810.{operation}"), body);
        assert_eq!(told, format!("{operation} {expected}"), "{body}");
    }
    assert_eq!(json("dynamodb", "DynamoDB_20120810.ListTables", r#"{"Limit":1}"#), "ListTables");
    let statement = r#"{"Statement":"SELECT * FROM t"}"#;
    assert_eq!(json("dynamodb", "DynamoDB_20120810.ExecuteStatement", statement), "ExecuteStatement");
}

#[rustfmt::skip]
#[test]
fn bodies_of_other_services_name_resources() {
    let cases = [
        ("sqs", "SendMessage", r#"{"QueueUrl":"http://localhost:4566/000000000000/q.fifo"}"#, "q.fifo"),
        ("sqs", "SendMessage", r#"{"QueueUrl":"q"}"#, "q"),
        ("sqs", "CreateQueue", r#"{"QueueName":"q","tags":{"QueueName":"no"}}"#, "q"),
        ("sqs", "StartMessageMoveTask", r#"{"SourceArn":"arn:aws:sqs:us-east-1:0:dead"}"#, "dead"),
        ("kinesis", "PutRecords", r#"{"Records":[{"Data":"AA=="}],"StreamName":"s"}"#, "s"),
        ("kinesis", "GetRecords", r#"{"StreamARN":"arn:aws:kinesis:us-east-1:0:stream/s"}"#, "s"),
        ("kinesis", "SubscribeToShard", r#"{"ConsumerARN":"arn:aws:kinesis:us-east-1:0:stream/s/consumer/c:1"}"#, "s"),
        ("firehose", "PutRecord", r#"{"DeliveryStreamName":"d"}"#, "d"),
        ("secretsmanager", "GetSecretValue", r#"{"SecretId":"prod/db-AbC123"}"#, "prod/db-AbC123"),
        ("secretsmanager", "GetSecretValue", r#"{"SecretId":"arn:aws:secretsmanager:us-east-1:0:secret:prod/db-AbC123"}"#, "prod/db"),
        ("secretsmanager", "GetSecretValue", r#"{"SecretId":"arn:aws:secretsmanager:us-east-1:0:secret:prod-db"}"#, "prod-db"),
        ("secretsmanager", "BatchGetSecretValue", r#"{"SecretIdList":["a","b","a"]}"#, "a b"),
        ("kms", "Encrypt", r#"{"KeyId":"arn:aws:kms:us-east-1:0:key/1234","Plaintext":"AA=="}"#, "1234"),
        ("kms", "Decrypt", r#"{"KeyId":"arn:aws:kms:us-east-1:0:alias/orders"}"#, "alias/orders"),
        ("kms", "CreateAlias", r#"{"AliasName":"alias/orders","TargetKeyId":"1234"}"#, "alias/orders 1234"),
        ("ssm", "GetParameters", r#"{"Names":["/app/db","arn:aws:ssm:r:0:parameter/app/x"]}"#, "/app/db /app/x"),
        ("ssm", "GetParameter", r#"{"Name":"arn:aws:ssm:r:0:parameter/db"}"#, "db"),
        ("ssm", "GetParameter", r#"{"Name":"arn:aws:ssm:r:0:parameter"}"#, "parameter"),
        ("events", "PutRule", r#"{"Name":"r","EventBusName":"b"}"#, "r b"),
        ("events", "PutEvents", r#"{"Entries":[{"EventBusName":"arn:aws:events:r:0:event-bus/b"}]}"#, "b"),
        ("events", "TagResource", r#"{"ResourceARN":"arn:aws:events:r:0:rule/b/r"}"#, "r"),
        ("logs", "PutLogEvents", r#"{"logGroupName":"/aws/lambda/f","logStreamName":"s"}"#, "/aws/lambda/f"),
        ("logs", "StartQuery", r#"{"logGroupIdentifiers":["arn:aws:logs:r:0:log-group:/aws/lambda/f:*"]}"#, "/aws/lambda/f"),
        ("states", "StartExecution", r#"{"name":"run-1","stateMachineArn":"arn:aws:states:r:0:stateMachine:m"}"#, "m"),
        ("states", "CreateStateMachine", r#"{"name":"m"}"#, "m"),
        ("states", "StopExecution", r#"{"executionArn":"arn:aws:states:r:0:execution:m:run-1"}"#, "m"),
        ("ecr", "TagResource", r#"{"resourceArn":"arn:aws:ecr:r:0:repository/team/app"}"#, "team/app"),
        ("monitoring", "TagResource", r#"{"ResourceARN":"arn:aws:cloudwatch:r:0:alarm:a"}"#, "a"),
        ("someday", "DoIt", r#"{"Name":"n"}"#, "n"),
        ("someday", "DoIt", r#"{"ResourceArn":"arn:aws:someday:r:0:n"}"#, "n"),
        ("someday", "DoIt", r#"{"ResourceArn":"arn:aws"}"#, "arn:aws"),
    ];
    for (service, operation, body, expected) in cases {
        let told = json(service, &format!("Service_20150101.{operation}"), body);
        assert_eq!(told, format!("{operation} {expected}"), "{service} {body}");
    }
}

#[test]
fn bodies_that_are_not_what_they_should_be_tell_what_they_can() {
    let cases = [
        ("", "PutItem"),
        ("[]", "PutItem"),
        ("null", "PutItem"),
        (r#""TableName""#, "PutItem"),
        (r#"{"TableName":7}"#, "PutItem"),
        (r#"{"TableName":-1.5e300}"#, "PutItem"),
        (r#"{"TableName":null,"TableArn":"t"}"#, "PutItem t"),
        (r#"{"TableName":true,"TableArn":"t"}"#, "PutItem t"),
        (r#"{"TableName":""}"#, "PutItem"),
        (r#"{"TableName":{"TableName":"no"}}"#, "PutItem"),
        (r#"{"TableName":[["no"],"t"]}"#, "PutItem t"),
        (r#"{"Table\u004eame":"\u0074"}"#, "PutItem t"),
        (r#"{"TableName":"a","TableName":"b"}"#, "PutItem a b"),
        (r#"{"TableName":"a","Item":{"#, "PutItem a"),
        (r#"{"TableName":"a"} and more"#, "PutItem a"),
        (r#"{"RequestItems":["no"]}"#, "PutItem"),
        (r#"{"RequestItems":"no"}"#, "PutItem"),
        (r#"{"TransactItems":{"Put":{"TableName":"t"}}}"#, "PutItem t"),
        (r#"{"Put":{"Put":{"Put":{"Put":{"TableName":"no"}}}},"TableName":"t"}"#, "PutItem t"),
        (r#"{"TransactItems":"TableName"}"#, "PutItem"),
    ];
    for (body, expected) in cases {
        assert_eq!(json("dynamodb", "DynamoDB_20120810.PutItem", body), expected, "{body}");
    }
}

#[test]
fn names_are_limited_in_number_and_length() {
    let names: Vec<String> = (0..1000).map(|number| format!(r#""t{number}":[]"#)).collect();
    let body = format!(r#"{{"RequestItems":{{{}}}}}"#, names.join(","));
    assert_eq!(json("dynamodb", "D.BatchGetItem", &body).split(' ').count(), 1 + RESOURCES_MAX);
    let table = |length: usize| format!(r#"{{"TableName":"{}"}}"#, "t".repeat(length));
    assert_eq!(json("dynamodb", "D.PutItem", &table(NAME_MAX)).len(), "PutItem ".len() + NAME_MAX);
    assert_eq!(json("dynamodb", "D.PutItem", &table(NAME_MAX + 1)), "PutItem");
}

/// Without bounds one of them would take the stack or the day.
#[test]
fn deep_and_long_bodies_are_read_in_passing() {
    let deep = format!(r#"{{"Item":{}{},"TableName":"t"}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(json("dynamodb", "D.PutItem", &deep), "PutItem t");
    assert_eq!(json("dynamodb", "D.PutItem", &r#"{"Put":"#.repeat(1 << 20)), "PutItem");
    assert_eq!(json("dynamodb", "D.PutItem", &format!(r#"{{"TableName":{}"#, "[".repeat(1 << 20))), "PutItem");
    let long = format!(r#"{{"Item":{{"B":"{}"}},"TableName":"t"}}"#, "A".repeat(16 << 20));
    assert_eq!(json("dynamodb", "D.PutItem", &long), "PutItem t");
    assert_eq!(kinesis(&vec![0xbf; 1 << 20]), "PutRecords");
    for nested in [0x82, 0x9f, 0xbf] {
        assert_eq!(kinesis(&[&b"\xa1\x64Data"[..], &vec![nested; 1 << 20]].concat()), "PutRecords");
    }
    let alternating = b"\x82\x9f".repeat(1 << 19);
    assert_eq!(kinesis(&[&b"\xa1\x64Data"[..], &alternating].concat()), "PutRecords");
    let many: String = (0..1 << 18).map(|number| format!("&TopicArn.{number}=t{number}")).collect();
    let form = request("sns", "POST", "/").body(many.as_bytes()).shown();
    assert_eq!(form.split(' ').count(), 1 + RESOURCES_MAX);
}

fn kinesis(body: &[u8]) -> String {
    let headers = [("x-amz-target", "Kinesis_20131202.PutRecords"), ("content-type", "application/x-amz-cbor-1.1")];
    request("kinesis", "POST", "/").headers(&headers).body(body).shown()
}

#[test]
fn bodies_of_cbor_name_resources() {
    let indefinite = b"\xbf\x67Records\x9f\xbf\x64Data\x41\x00\x6cPartitionKey\x61k\xff\xff\x6aStreamName\x61s\xff";
    assert_eq!(kinesis(indefinite), "PutRecords s");
    let arn = b"\x69StreamARN\x78\x26arn:aws:kinesis:us-east-1:0:stream/abc";
    let definite = [&b"\xa2\x67Records\x81\xbf\x64Data\x5f\x41\x00\xff\xff"[..], arn].concat();
    assert_eq!(kinesis(&definite), "PutRecords abc");
    assert_eq!(kinesis(b"\xa1\x6aStreamName\x7f\x61s\x61t\xff"), "PutRecords st");
    assert_eq!(kinesis(b"\xa2\x6aStreamName\x41s\x69StreamARN\x61t"), "PutRecords t", "bytes are no text");
    assert_eq!(kinesis(b"\xa2\x6aStreamName\xf6\x69StreamARN\x61t"), "PutRecords t");
    assert_eq!(kinesis(b"\xa1\x01\x61s"), "PutRecords");
    assert_eq!(kinesis(b"\xa1\x6aStreamName\x7b\xff\xff\xff\xff\xff\xff\xff\xff"), "PutRecords");
}

#[test]
fn bodies_of_rpc_name_resources() {
    let told = |target: &str, body: &[u8]| {
        let request = request("monitoring", "POST", target).headers(&[("smithy-protocol", "rpc-v2-cbor")]);
        assert!(request.told_by_body());
        request.body(body).shown()
    };
    // A time, as numbers with a tag, is skipped.
    let alarms = b"\xa2\x65Start\xc1\x1a\x65\x00\x00\x00\x6aAlarmNames\x82\x61a\x61b";
    assert_eq!(told("/service/GraniteServiceVersion20100801/operation/DescribeAlarms", alarms), "DescribeAlarms a b");
    assert_eq!(told("/v1/service/S/operation/Op", b"\xa0"), "Op");
    assert_eq!(told("/operation/Op", b"\xa0"), "-");
    assert_eq!(told("/service/operation/Op", b"\xa0"), "-");
    assert_eq!(told("/service/S/operation/", b""), "-");
}

proptest! {
    /// A table's name is read wherever it stands among other members.
    #[test]
    fn every_table_is_found(names in prop::collection::hash_set("[a-zA-Z0-9_.-]{3,20}", 1..9), item in document()) {
        let item = String::from_utf8_lossy(&item).into_owned();
        let put = |name: &String| serde_json::json!({ "Put": { "Item": { "S": item }, "TableName": name } });
        let body = serde_json::json!({ "TransactItems": names.iter().map(put).collect::<Vec<_>>() }).to_string();
        let expected = names.iter().fold("TransactWriteItems".to_owned(), |all, name| all + " " + name);
        prop_assert_eq!(json("dynamodb", "DynamoDB_20120810.TransactWriteItems", &body), expected);
    }
}
