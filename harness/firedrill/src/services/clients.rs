//! SDK clients of one region.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::Builder;
use aws_types::{SdkConfig, region, sdk_config::SharedCredentialsProvider};
use firedrill_model::{
    ids::{Region, Zone},
    rule::{Pattern, access_key_end},
    units::Span,
};

/// Where a region answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The region.
    pub region: Region,
    /// Address of the fault plane, where every client of the drill goes: `http://127.0.0.1:port`.
    pub plane_url: String,
    /// Address of the region's own process, for the clean client that reads the evidence.
    pub direct_url: String,
}

/// How a set of clients behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Traffic and probes: through the plane, no retries, the client's own time-out. Each attempt is a ledger line.
    Traffic {
        /// Limit of one request.
        timeout: Span,
    },
    /// Provisioning, backup and recovery: through the plane, the SDK's standard retries.
    Control,
    /// Captures, and what no fault is meant for: straight to the region, the SDK's standard retries.
    Clean,
}

/// SDK clients of one region that share one connection pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The region.
    pub region: Region,
    /// S3, path style.
    pub s3: aws_sdk_s3::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// DynamoDB Streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
}

/// Account of every emulator: the access key that emulators read as the account id.
pub const EMULATOR_ACCOUNT: &str = "000000000000";

/// The access key with which clients of the workload, in `zone` or outside of all, use `region`: the fault plane knows them by
/// it. A key that is no account id stands for the default account of an emulator, which is the same.
pub fn access_key(region: &Region, zone: Option<&Zone>) -> String {
    let letters: String = region.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    let end = zone.map_or_else(String::new, |zone| access_key_end(zone.as_str()));
    format!("AKIA{}{end}", letters.to_ascii_uppercase())
}

/// The access keys of all clients of a region.
pub fn access_keys_of(region: &Region) -> Pattern {
    Pattern::new(format!("{}*", access_key(region, None)))
}

impl Clients {
    /// Clients of `endpoint`'s region; traffic comes from `zone`, or from outside of all. Nothing is sent.
    pub fn connect(endpoint: &Endpoint, conduct: Conduct, zone: Option<&Zone>) -> Self {
        let url = match conduct {
            Conduct::Traffic { .. } | Conduct::Control => &endpoint.plane_url,
            Conduct::Clean => &endpoint.direct_url,
        };
        let (access_key, retry, timeouts) = match conduct {
            Conduct::Traffic { timeout } => (
                access_key(&endpoint.region, zone),
                RetryConfig::disabled(),
                TimeoutConfig::builder().operation_timeout(timeout.std()).connect_timeout(timeout.std()).build(),
            ),
            Conduct::Control | Conduct::Clean => (
                EMULATOR_ACCOUNT.to_owned(),
                RetryConfig::standard().with_max_attempts(4),
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Span::from_secs(30).std())
                    .connect_timeout(Span::from_secs(2).std())
                    .build(),
            ),
        };
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .endpoint_url(url)
            .region(region::Region::new(endpoint.region.as_str().to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(access_key, "emulator", None)))
            .http_client(Builder::new().build_http())
            .retry_config(retry)
            .timeout_config(timeouts)
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            region: endpoint.region.clone(),
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
        }
    }

    /// The same, with which a request to DynamoDB goes out once: it is a ledger line.
    #[must_use]
    pub fn once(&self) -> Self {
        let config = self.dynamodb.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(config), ..self.clone() }
    }
}
