//! CloudWatch: the metric that a canary publishes, and the alarm on it.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricDatum, StandardUnit, StateValue, Statistic};
use firedrill_model::{ids::ResourceId, scenario::Alarm};

use super::{Clients, ServiceError};

/// Namespace of firedrill's metrics.
const NAMESPACE: &str = "firedrill";
/// 1 for a canary write that failed, 0 for one that was acknowledged.
const METRIC: &str = "CanaryFailed";
/// Metrics of high resolution can be looked at in periods under a minute.
const HIGH_RESOLUTION: i32 = 1;

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// A canary write of its periods was acknowledged.
    Ok,
    /// Every canary write of its periods failed.
    Alarm,
    /// It has not been looked at yet, or nothing was published.
    InsufficientData,
}

/// Puts an alarm on the canary of `canary`, in place of any alarm of its name.
pub async fn put_alarm(clients: &Clients, alarm: &Alarm, canary: &ResourceId) -> Result<(), ServiceError> {
    let request = clients
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(&alarm.name)
        .alarm_description(format!("every canary write to {canary} fails"))
        .namespace(NAMESPACE)
        .metric_name(METRIC)
        .dimensions(dimension(canary))
        // The smallest value of a period is 1 only when every write of it failed.
        .statistic(Statistic::Minimum)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .threshold(1.0)
        .period(i32::try_from(alarm.period.micros() / 1_000_000).unwrap_or(i32::MAX))
        .evaluation_periods(i32::try_from(alarm.periods).unwrap_or(i32::MAX));
    request.send().await.map_err(|error| ServiceError::request("CloudWatch PutMetricAlarm", &error))?;
    Ok(())
}

/// Publishes the outcome of a canary write.
pub async fn publish(clients: &Clients, canary: &ResourceId, failed: bool) -> Result<(), ServiceError> {
    let datum = MetricDatum::builder()
        .metric_name(METRIC)
        .dimensions(dimension(canary))
        .value(if failed { 1.0 } else { 0.0 })
        .unit(StandardUnit::Count)
        .storage_resolution(HIGH_RESOLUTION)
        .build();
    let request = clients.cloudwatch.put_metric_data().namespace(NAMESPACE).metric_data(datum);
    request.send().await.map_err(|error| ServiceError::request("CloudWatch PutMetricData", &error))?;
    Ok(())
}

/// What an alarm says now.
pub async fn alarm_state(clients: &Clients, name: &str) -> Result<AlarmState, ServiceError> {
    let operation = "CloudWatch DescribeAlarms";
    let answer = clients.cloudwatch.describe_alarms().alarm_names(name).send().await;
    let answer = answer.map_err(|error| ServiceError::request(operation, &error))?;
    let alarm = answer.metric_alarms().iter().find(|alarm| alarm.alarm_name() == Some(name));
    match alarm.and_then(|alarm| alarm.state_value()) {
        Some(StateValue::Ok) => Ok(AlarmState::Ok),
        Some(StateValue::Alarm) => Ok(AlarmState::Alarm),
        Some(StateValue::InsufficientData) => Ok(AlarmState::InsufficientData),
        other => Err(ServiceError::Unusable {
            operation: operation.to_owned(),
            what: format!("for alarm `{name}` with {}", other.map_or("no state", StateValue::as_str)),
        }),
    }
}

fn dimension(canary: &ResourceId) -> Dimension {
    Dimension::builder().name("Resource").value(canary.as_str()).build()
}
