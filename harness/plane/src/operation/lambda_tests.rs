use proptest::prelude::*;

use super::tests::request;

fn told(method: &str, target: &str) -> String {
    request("lambda", method, target).shown()
}

/// Operations by their addresses; the resource is called `describe`.
#[rustfmt::skip]
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("GET", "/2015-03-31/functions/describe", "GetFunction"),
    ("GET", "/2015-03-31/functions/describe?Qualifier=live", "GetFunction"),
    ("DELETE", "/2015-03-31/functions/describe?Qualifier=3", "DeleteFunction"),
    ("PUT", "/2015-03-31/functions/describe/code", "UpdateFunctionCode"),
    ("GET", "/2015-03-31/functions/describe/configuration", "GetFunctionConfiguration"),
    ("PUT", "/2015-03-31/functions/describe/configuration", "UpdateFunctionConfiguration"),
    ("POST", "/2015-03-31/functions/describe/invocations", "Invoke"),
    ("POST", "/2014-11-13/functions/describe/invoke-async", "InvokeAsync"),
    ("POST", "/2014-11-13/functions/describe/invoke-async/", "InvokeAsync"),
    ("POST", "/2021-11-15/functions/describe/response-streaming-invocations", "InvokeWithResponseStream"),
    ("GET", "/2015-03-31/functions/describe/versions", "ListVersionsByFunction"),
    ("POST", "/2015-03-31/functions/describe/versions", "PublishVersion"),
    ("GET", "/2015-03-31/functions/describe/aliases", "ListAliases"),
    ("POST", "/2015-03-31/functions/describe/aliases", "CreateAlias"),
    ("GET", "/2015-03-31/functions/describe/aliases/live", "GetAlias"),
    ("PUT", "/2015-03-31/functions/describe/aliases/live", "UpdateAlias"),
    ("DELETE", "/2015-03-31/functions/describe/aliases/live", "DeleteAlias"),
    ("GET", "/2015-03-31/functions/describe/policy", "GetPolicy"),
    ("POST", "/2015-03-31/functions/describe/policy", "AddPermission"),
    ("DELETE", "/2015-03-31/functions/describe/policy/sid", "RemovePermission"),
    ("GET", "/2026-07-09/resource-policy/describe", "GetResourcePolicy"),
    ("PUT", "/2026-07-09/resource-policy/describe", "PutResourcePolicy"),
    ("DELETE", "/2026-07-09/resource-policy/describe", "DeleteResourcePolicy"),
    ("GET", "/2021-10-31/functions/describe/url", "GetFunctionUrlConfig"),
    ("POST", "/2021-10-31/functions/describe/url", "CreateFunctionUrlConfig"),
    ("PUT", "/2021-10-31/functions/describe/url", "UpdateFunctionUrlConfig"),
    ("DELETE", "/2021-10-31/functions/describe/url", "DeleteFunctionUrlConfig"),
    ("GET", "/2021-10-31/functions/describe/urls", "ListFunctionUrlConfigs"),
    ("GET", "/2019-09-25/functions/describe/event-invoke-config", "GetFunctionEventInvokeConfig"),
    ("PUT", "/2019-09-25/functions/describe/event-invoke-config", "PutFunctionEventInvokeConfig"),
    ("POST", "/2019-09-25/functions/describe/event-invoke-config", "UpdateFunctionEventInvokeConfig"),
    ("DELETE", "/2019-09-25/functions/describe/event-invoke-config", "DeleteFunctionEventInvokeConfig"),
    ("GET", "/2019-09-25/functions/describe/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
    ("GET", "/2019-09-30/functions/describe/concurrency", "GetFunctionConcurrency"),
    ("PUT", "/2017-10-31/functions/describe/concurrency", "PutFunctionConcurrency"),
    ("DELETE", "/2017-10-31/functions/describe/concurrency", "DeleteFunctionConcurrency"),
    ("GET", "/2019-09-30/functions/describe/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs"),
    ("GET", "/2019-09-30/functions/describe/provisioned-concurrency?Qualifier=1", "GetProvisionedConcurrencyConfig"),
    ("PUT", "/2019-09-30/functions/describe/provisioned-concurrency?Qualifier=1", "PutProvisionedConcurrencyConfig"),
    ("DELETE", "/2019-09-30/functions/describe/provisioned-concurrency?Qualifier=1", "DeleteProvisionedConcurrencyConfig"),
    ("GET", "/2024-08-31/functions/describe/recursion-config", "GetFunctionRecursionConfig"),
    ("PUT", "/2024-08-31/functions/describe/recursion-config", "PutFunctionRecursionConfig"),
    ("GET", "/2025-11-30/functions/describe/function-scaling-config?Qualifier=1", "GetFunctionScalingConfig"),
    ("PUT", "/2025-11-30/functions/describe/function-scaling-config?Qualifier=1", "PutFunctionScalingConfig"),
    ("GET", "/2021-07-20/functions/describe/runtime-management-config", "GetRuntimeManagementConfig"),
    ("PUT", "/2021-07-20/functions/describe/runtime-management-config", "PutRuntimeManagementConfig"),
    ("GET", "/2020-06-30/functions/describe/code-signing-config", "GetFunctionCodeSigningConfig"),
    ("PUT", "/2020-06-30/functions/describe/code-signing-config", "PutFunctionCodeSigningConfig"),
    ("DELETE", "/2020-06-30/functions/describe/code-signing-config", "DeleteFunctionCodeSigningConfig"),
    ("GET", "/2025-12-01/functions/describe/durable-executions", "ListDurableExecutionsByFunction"),
    ("GET", "/2015-03-31/event-source-mappings/describe", "GetEventSourceMapping"),
    ("PUT", "/2015-03-31/event-source-mappings/describe", "UpdateEventSourceMapping"),
    ("DELETE", "/2015-03-31/event-source-mappings/describe", "DeleteEventSourceMapping"),
    ("GET", "/2018-10-31/layers/describe/versions", "ListLayerVersions"),
    ("POST", "/2018-10-31/layers/describe/versions", "PublishLayerVersion"),
    ("GET", "/2018-10-31/layers/describe/versions/3", "GetLayerVersion"),
    ("DELETE", "/2018-10-31/layers/describe/versions/3", "DeleteLayerVersion"),
    ("GET", "/2018-10-31/layers/describe/versions/3/policy", "GetLayerVersionPolicy"),
    ("POST", "/2018-10-31/layers/describe/versions/3/policy", "AddLayerVersionPermission"),
    ("DELETE", "/2018-10-31/layers/describe/versions/3/policy/sid", "RemoveLayerVersionPermission"),
    ("GET", "/2020-04-22/code-signing-configs/describe", "GetCodeSigningConfig"),
    ("PUT", "/2020-04-22/code-signing-configs/describe", "UpdateCodeSigningConfig"),
    ("DELETE", "/2020-04-22/code-signing-configs/describe", "DeleteCodeSigningConfig"),
    ("GET", "/2020-04-22/code-signing-configs/describe/functions", "ListFunctionsByCodeSigningConfig"),
    ("GET", "/2025-11-30/capacity-providers/describe", "GetCapacityProvider"),
    ("PUT", "/2025-11-30/capacity-providers/describe", "UpdateCapacityProvider"),
    ("DELETE", "/2025-11-30/capacity-providers/describe", "DeleteCapacityProvider"),
    ("GET", "/2025-11-30/capacity-providers/describe/function-versions", "ListFunctionVersionsByCapacityProvider"),
    ("GET", "/2025-12-01/durable-executions/describe", "GetDurableExecution"),
    ("GET", "/2025-12-01/durable-executions/describe/history", "GetDurableExecutionHistory"),
    ("GET", "/2025-12-01/durable-executions/describe/state", "GetDurableExecutionState"),
    ("POST", "/2025-12-01/durable-executions/describe/checkpoint", "CheckpointDurableExecution"),
    ("POST", "/2025-12-01/durable-executions/describe/stop", "StopDurableExecution"),
    ("GET", "/2017-03-31/tags/describe", "ListTags"),
    ("POST", "/2017-03-31/tags/describe", "TagResource"),
    ("DELETE", "/2017-03-31/tags/describe?tagKeys=a", "UntagResource"),
];

#[test]
fn every_operation_on_a_resource_is_told() {
    for (method, target, operation) in OPERATIONS {
        assert_eq!(told(method, target), format!("{operation} describe"), "{method} {target}");
    }
}

#[test]
fn operations_on_no_resource_in_the_path_are_told() {
    let cases = [
        ("POST", "/2015-03-31/functions", "CreateFunction"),
        ("GET", "/2015-03-31/functions/?MaxItems=50", "ListFunctions"),
        ("GET", "/2015-03-31/functions", "ListFunctions"),
        ("POST", "/2015-03-31/event-source-mappings/", "CreateEventSourceMapping"),
        ("GET", "/2015-03-31/event-source-mappings", "ListEventSourceMappings"),
        (
            "GET",
            "/2015-03-31/event-source-mappings/?FunctionName=describe%3Alive&EventSourceArn=arn%3Aaws%3Asqs%3Aus-east-1%3A0%3Aq",
            "ListEventSourceMappings describe q",
        ),
        ("GET", "/2018-10-31/layers", "ListLayers"),
        ("GET", "/2018-10-31/layers?CompatibleRuntime=provided", "ListLayers"),
        (
            "GET",
            "/2018-10-31/layers?find=LayerVersion&Arn=arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Alayer%3Atools%3A3",
            "GetLayerVersionByArn tools",
        ),
        ("GET", "/2020-04-22/code-signing-configs", "ListCodeSigningConfigs"),
        ("POST", "/2020-04-22/code-signing-configs", "CreateCodeSigningConfig"),
        ("GET", "/2025-11-30/capacity-providers", "ListCapacityProviders"),
        ("POST", "/2025-11-30/capacity-providers", "CreateCapacityProvider"),
        ("POST", "/2025-12-01/durable-execution-callbacks/id/fail", "SendDurableExecutionCallbackFailure"),
        ("POST", "/2025-12-01/durable-execution-callbacks/id/heartbeat", "SendDurableExecutionCallbackHeartbeat"),
        ("POST", "/2025-12-01/durable-execution-callbacks/id/succeed", "SendDurableExecutionCallbackSuccess"),
        ("GET", "/2016-08-19/account-settings", "GetAccountSettings"),
    ];
    for (method, target, expected) in cases {
        assert_eq!(told(method, target), expected, "{method} {target}");
    }
}

#[test]
fn a_function_is_named_without_account_and_alias() {
    let names = [
        "describe",
        "describe:live",
        "%64escribe",
        "describe%3A3",
        "describe%3A%24LATEST",
        "000000000000:function:describe",
        "000000000000%3Afunction%3Adescribe%3Alive",
        "arn:aws:lambda:us-east-1:000000000000:function:describe",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Adescribe%3Alive",
    ];
    for name in names {
        let target = format!("/2015-03-31/functions/{name}/invocations");
        assert_eq!(told("POST", &target), "Invoke describe", "{name}");
    }
    let cases = [
        ("/2015-03-31/functions/myfunction:live", "GetFunction myfunction"),
        ("/2015-03-31/functions/function", "GetFunction function"),
        ("/2015-03-31/functions/functions", "GetFunction functions"),
        ("/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Aevent-source-mapping%3Aabc", "ListTags abc"),
        (
            "/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Aorder%3A1%2Fdurable-execution%2Fa%2Fb",
            "GetDurableExecution order",
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(told("GET", target), expected, "{target}");
    }
}

#[test]
fn what_is_no_operation_of_lambda_is_not_guessed() {
    let cases = [
        ("GET", "/"),
        ("GET", "/functions"),
        ("GET", "/functions/describe"),
        ("GET", "/latest/functions/describe"),
        ("PATCH", "/2015-03-31/functions/describe"),
        ("POST", "/2015-03-31/functions/describe"),
        ("GET", "/2015-03-31/functions/describe/invocations"),
        ("GET", "/2015-03-31/functions//policy"),
        ("GET", "/2015-03-31/functions/describe/aliases/live/more"),
        ("GET", "/2015-03-31/functions/a%2Fpolicy/b/c"),
        ("DELETE", "/2015-03-31/functions/describe/policy"),
        ("OPTIONS", "/2015-03-31/functions/describe/invocations"),
    ];
    for (method, target) in cases {
        assert_eq!(told(method, target), "-", "{method} {target}");
    }
    assert_eq!(told("GET", "/2015-03-31/functions/a%2Fpolicy"), "GetFunction a/policy");
    let url = request("lambda", "GET", "/2015-03-31/functions/describe").host("abc.lambda-url.us-east-1.on.aws");
    assert_eq!(url.shown(), "-", "a function may serve such paths itself");
    assert_eq!(request("scheduler", "GET", "/2015-03-31/functions/describe").shown(), "-");
}

#[test]
fn bodies_are_read_where_they_name_something() {
    let mapping =
        br#"{"FunctionName":"describe:live","EventSourceArn":"arn:aws:dynamodb:us-east-1:0:table/orders/stream/2026"}"#;
    let create = request("lambda", "POST", "/2015-03-31/event-source-mappings/");
    assert!(create.told_by_body());
    assert_eq!(create.body(mapping).shown(), "CreateEventSourceMapping describe orders");
    let update = request("lambda", "PUT", "/2015-03-31/event-source-mappings/id");
    assert_eq!(update.body(mapping).shown(), "UpdateEventSourceMapping id describe");
    let function = request("lambda", "POST", "/2015-03-31/functions");
    assert!(function.told_by_body());
    let body = br#"{"Code":{"ZipFile":"AAAA","FunctionName":"not"},"FunctionName":"describe","Role":"r"}"#;
    assert_eq!(function.body(body).shown(), "CreateFunction describe");
    let invoke = request("lambda", "POST", "/2015-03-31/functions/describe/invocations");
    assert!(!invoke.told_by_body());
    assert_eq!(invoke.body(br#"{"FunctionName":"other"}"#).shown(), "Invoke describe");
}

proptest! {
    #[test]
    fn names_do_not_matter(row in prop::sample::select(OPERATIONS), name in "[a-zA-Z0-9_-]{1,64}") {
        let (method, target, operation) = row;
        let told = told(method, &target.replacen("/describe", &format!("/{name}"), 1));
        prop_assert_eq!(told, format!("{operation} {name}"));
    }
}
