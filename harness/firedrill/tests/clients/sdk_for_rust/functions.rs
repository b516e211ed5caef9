//! Lambda.

use std::time::Duration;

use aws_sdk_lambda::{
    Client,
    client::Waiters,
    operation::invoke::builders::InvokeFluentBuilder,
    primitives::Blob,
    types::{FunctionCode, FunctionConfiguration, InvocationType, Runtime},
};
use firedrill::services::lambda::package;
use serde_json::{Value, json};

use super::{Calls, NAME, sha256};

const CODE: &str = r#"
def handle(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return {"said": event["say"] * event.get("times", 1)}
"#;

pub(super) async fn functions(calls: &mut Calls, lambda: &Client) {
    created(calls, lambda).await;
    invoked(calls, lambda).await;
    streamed(calls, lambda).await;
    found(calls, lambda).await;
}

async fn created(calls: &mut Calls, lambda: &Client) {
    let archive = package::archive("app.py", CODE.as_bytes()).expect("an archive");
    calls
        .call("CreateFunction", async {
            let request =
                lambda.create_function().function_name(NAME).runtime(Runtime::Python312).handler("app.handle");
            let code = FunctionCode::builder().zip_file(Blob::new(archive)).build();
            let request = request.role("arn:aws:iam::000000000000:role/matrix").code(code).timeout(20);
            let answer = request.send().await?;
            Ok(json!([answer.code_size(), answer.code_sha256(), answer.handler(), answer.timeout()]))
        })
        .await;
    let active = lambda.wait_until_function_active_v2().function_name(NAME).wait(Duration::from_secs(30));
    active.await.expect("an active function");
}

fn invoke(lambda: &Client, event: &Value) -> InvokeFluentBuilder {
    lambda.invoke().function_name(NAME).payload(Blob::new(event.to_string()))
}

async fn invoked(calls: &mut Calls, lambda: &Client) {
    let large = json!({ "say": "0123456789".repeat(100), "times": 1000 });
    for (name, request) in [
        ("Invoke", invoke(lambda, &json!({ "say": "ü" }))),
        ("Invoke large", invoke(lambda, &large)),
        ("Invoke dry", invoke(lambda, &json!({ "say": "ü" })).invocation_type(InvocationType::DryRun)),
        ("Invoke absent", invoke(lambda, &json!({ "say": "ü" })).function_name("absent")),
    ] {
        calls
            .call(name, async {
                let answer = request.send().await?;
                let payload = answer.payload().map(|payload| sha256(payload.as_ref()));
                Ok(json!([answer.status_code(), answer.function_error(), answer.executed_version(), payload]))
            })
            .await;
    }
    calls
        .call("Invoke that fails", async {
            let answer = invoke(lambda, &json!({ "fail": true })).send().await?;
            let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
            let told: Value = serde_json::from_slice(payload).expect("JSON");
            let how = answer.function_error();
            Ok(json!([answer.status_code(), how, told["errorType"], told["errorMessage"]]))
        })
        .await;
}

/// An answer of many frames.
async fn streamed(calls: &mut Calls, lambda: &Client) {
    let event = json!({ "say": "0123456789", "times": 10_000 }).to_string();
    for (name, function) in [("InvokeWithResponseStream", NAME), ("InvokeWithResponseStream absent", "absent")] {
        calls
            .call(name, async {
                let request = lambda.invoke_with_response_stream().function_name(function);
                let mut answer = request.payload(Blob::new(event.as_str())).send().await?;
                let (mut payload, mut completed) = (Vec::new(), 0);
                while let Some(event) = answer.event_stream.recv().await.expect("an event") {
                    if let Ok(chunk) = event.as_payload_chunk() {
                        payload.extend_from_slice(chunk.payload().map(AsRef::as_ref).unwrap_or_default());
                    }
                    completed += usize::from(event.is_invoke_complete());
                }
                Ok(json!({ "status": answer.status_code(), "payload": sha256(&payload), "InvokeComplete": completed }))
            })
            .await;
    }
}

async fn found(calls: &mut Calls, lambda: &Client) {
    for (name, function) in [("GetFunction", NAME), ("GetFunction absent", "absent")] {
        calls
            .call(name, async {
                let answer = lambda.get_function().function_name(function).send().await?;
                Ok(answer.configuration().map_or(Value::Null, configured))
            })
            .await;
    }
    calls
        .call("ListFunctions", async {
            let answer = lambda.list_functions().send().await?;
            Ok(answer.functions().iter().map(configured).collect::<Value>())
        })
        .await;
    for (name, function) in [("DeleteFunction", NAME), ("DeleteFunction absent", "absent")] {
        calls
            .call(name, async {
                lambda.delete_function().function_name(function).send().await?;
                Ok(Value::Null)
            })
            .await;
    }
}

fn configured(function: &FunctionConfiguration) -> Value {
    json!({
        "name": function.function_name(),
        "arn": function.function_arn(),
        "runtime": function.runtime().map(Runtime::as_str),
        "handler": function.handler(),
        "timeout": function.timeout(),
        "memory": function.memory_size(),
        "bytes": function.code_size(),
        "sha256": function.code_sha256(),
    })
}
