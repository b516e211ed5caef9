//! Services of the other protocols: SQS in JSON, CloudWatch in CBOR, IAM and CloudFormation in forms and XML.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDatum, StateValue, Statistic,
};
use aws_sdk_iam::types::{Role, Tag};
use aws_sdk_sqs::{
    primitives::Blob,
    types::{Message, MessageAttributeValue, SendMessageBatchRequestEntry},
};
use serde_json::{Value, json};

use super::{Calls, NAME, body};

pub(super) async fn messages(calls: &mut Calls, sqs: &aws_sdk_sqs::Client) {
    let (mut queue, mut receipt) = (String::new(), String::new());
    calls
        .call("CreateQueue", async {
            let answer = sqs.create_queue().queue_name(NAME).send().await?;
            answer.queue_url().expect("an address").clone_into(&mut queue);
            Ok(Value::Null)
        })
        .await;
    calls
        .call("SendMessage", async {
            let attribute = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new(body(9)));
            let attribute = attribute.build().expect("an attribute");
            let request = sqs.send_message().queue_url(&queue).message_body("ü <&>").message_attributes("a", attribute);
            let answer = request.send().await?;
            Ok(json!([answer.md5_of_message_body(), answer.md5_of_message_attributes()]))
        })
        .await;
    calls
        .call("ReceiveMessage", async {
            let request = sqs.receive_message().queue_url(&queue).message_attribute_names("All");
            let answer = request.send().await?;
            if let Some(handle) = answer.messages().first().and_then(Message::receipt_handle) {
                handle.clone_into(&mut receipt);
            }
            Ok(answer.messages().iter().map(received).collect::<Value>())
        })
        .await;
    for (name, receipt) in [("DeleteMessage", receipt.as_str()), ("DeleteMessage absent", "absent")] {
        calls
            .call(name, async {
                sqs.delete_message().queue_url(&queue).receipt_handle(receipt).send().await?;
                Ok(Value::Null)
            })
            .await;
    }
    calls
        .call("ReceiveMessage of none", async {
            Ok(json!(sqs.receive_message().queue_url(&queue).send().await?.messages().len()))
        })
        .await;
    calls
        .call("SendMessageBatch", async {
            let mut request = sqs.send_message_batch().queue_url(&queue);
            for id in ["a", "b"] {
                let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(id.repeat(1000)).build();
                request = request.entries(entry.expect("an entry"));
            }
            let answer = request.send().await?;
            let sent = answer.successful().iter().map(|entry| json!([entry.id(), entry.md5_of_message_body()]));
            Ok(json!([sent.collect::<Value>(), answer.failed().len()]))
        })
        .await;
    calls
        .call("GetQueueUrl absent", async {
            sqs.get_queue_url().queue_name("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
    for name in ["DeleteQueue", "DeleteQueue absent"] {
        calls
            .call(name, async {
                sqs.delete_queue().queue_url(&queue).send().await?;
                Ok(Value::Null)
            })
            .await;
    }
}

fn received(message: &Message) -> Value {
    let attributes: Option<BTreeMap<_, _>> = message
        .message_attributes()
        .map(|attributes| attributes.iter().map(|(name, value)| (name, format!("{value:?}"))).collect());
    json!([message.body(), message.md5_of_body(), attributes])
}

pub(super) async fn metrics(calls: &mut Calls, cloudwatch: &aws_sdk_cloudwatch::Client) {
    // The SDK compresses a body of more than 10 KiB.
    for (name, count) in [("PutMetricData", 1), ("PutMetricData compressed", 300)] {
        let dimension = Dimension::builder().name("of").value("ü").build();
        let datum = |n: u32| {
            let datum = MetricDatum::builder().metric_name(format!("m{n}")).value(f64::from(n));
            datum.dimensions(dimension.clone()).build()
        };
        let data: Vec<_> = (0..count).map(datum).collect();
        calls
            .call(name, async {
                cloudwatch.put_metric_data().namespace(NAME).set_metric_data(Some(data)).send().await?;
                Ok(Value::Null)
            })
            .await;
    }
    calls
        .call("ListMetrics", async {
            let answer = cloudwatch.list_metrics().namespace(NAME).send().await?;
            Ok(answer.metrics().iter().map(measured).collect::<Value>())
        })
        .await;
    calls
        .call("PutMetricAlarm", async {
            let request = cloudwatch.put_metric_alarm().alarm_name(NAME).namespace(NAME).metric_name("none");
            let request = request.statistic(Statistic::Minimum).threshold(1.5).period(60).evaluation_periods(1);
            let request = request.comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold);
            request.send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("DescribeAlarms", async {
            let answer = cloudwatch.describe_alarms().alarm_names(NAME).send().await?;
            Ok(answer.metric_alarms().iter().map(alarming).collect::<Value>())
        })
        .await;
    calls
        .call("SetAlarmState absent", async {
            let request = cloudwatch.set_alarm_state().alarm_name("absent").state_value(StateValue::Ok);
            request.state_reason("as asked").send().await?;
            Ok(Value::Null)
        })
        .await;
}

fn measured(metric: &Metric) -> Value {
    let dimensions = metric.dimensions().iter().map(|dimension| json!([dimension.name(), dimension.value()]));
    json!([metric.metric_name(), dimensions.collect::<Value>()])
}

fn alarming(alarm: &MetricAlarm) -> Value {
    json!({
        "arn": alarm.alarm_arn(),
        "statistic": alarm.statistic().map(Statistic::as_str),
        "threshold": alarm.threshold(),
        "operator": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "period": alarm.period(),
        "enabled": alarm.actions_enabled(),
    })
}

pub(super) async fn roles(calls: &mut Calls, iam: &aws_sdk_iam::Client) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" },
        ],
    });
    calls
        .call("CreateRole", async {
            let tag = Tag::builder().key("k").value("ü").build().expect("a tag");
            let request = iam.create_role().role_name(NAME).assume_role_policy_document(trust.to_string());
            let answer = request.description("ü").tags(tag).send().await?;
            Ok(answer.role().map_or(Value::Null, role))
        })
        .await;
    for (name, of) in [("GetRole", NAME), ("GetRole absent", "absent")] {
        calls
            .call(name, async {
                let answer = iam.get_role().role_name(of).send().await?;
                Ok(answer.role().map_or(Value::Null, role))
            })
            .await;
    }
    calls
        .call("ListRoles", async {
            Ok(iam.list_roles().send().await?.roles().iter().map(Role::role_name).collect::<Value>())
        })
        .await;
    calls
        .call("PutRolePolicy", async {
            let statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
            iam.put_role_policy().role_name(NAME).policy_name("p").policy_document(policy).send().await?;
            Ok(Value::Null)
        })
        .await;
    calls
        .call("GetRolePolicy", async {
            let answer = iam.get_role_policy().role_name(NAME).policy_name("p").send().await?;
            Ok(json!([answer.role_name(), answer.policy_name(), answer.policy_document()]))
        })
        .await;
    calls
        .call("DeleteRole condition", async {
            iam.delete_role().role_name(NAME).send().await?;
            Ok(Value::Null)
        })
        .await;
}

fn role(role: &Role) -> Value {
    let tags = role.tags().iter().map(|tag| json!([tag.key(), tag.value()]));
    json!({
        "name": role.role_name(),
        "arn": role.arn(),
        "path": role.path(),
        "trust": role.assume_role_policy_document(),
        "description": role.description(),
        "tags": tags.collect::<Value>(),
    })
}

pub(super) async fn stacks(calls: &mut Calls, cloudformation: &aws_sdk_cloudformation::Client) {
    calls
        .call("DescribeStacks absent", async {
            cloudformation.describe_stacks().stack_name("absent").send().await?;
            Ok(Value::Null)
        })
        .await;
}
