//! The pinned emulator in a container of its own, for who has Docker: the services must not care where it runs.
//!
//! `FIREDRILL_TEST_BASE` names another base image than the Dockerfile's. `FIREDRILL_TEST_WHEELS` is a folder of wheels
//! (`pip download --require-hashes -r fixtures/emulator/requirements.txt`), for builds that reach no index.

#![expect(clippy::disallowed_methods, reason = "a test is told by the environment what this machine offers")]

use std::{
    collections::HashMap,
    env,
    error::Error,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use testcontainers::{
    ContainerAsync, GenericBuildableImage, GenericImage, ImageExt,
    bollard::{Docker, models::PortBinding},
    core::{BuildImageOptions, ContainerPort, WaitFor},
    runners::{AsyncBuilder, AsyncRunner},
};

use super::support;

/// From the container's start to its first good health check.
const HEALTHY: Duration = Duration::from_mins(1);
/// What a build needs to reach an index. Docker keeps these out of the image's history; an index address of the user's,
/// which may hold a password, it would not: such a user gives wheels.
const PASSED_ON: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// An emulator in a container, which is removed with this value.
pub(crate) struct Contained {
    _container: ContainerAsync<GenericImage>,
    /// Where it answers, on this machine and to the functions in it alike.
    pub(crate) url: String,
}

/// Builds the image and starts it; `None`, told by name, where there is no Docker.
pub(crate) async fn emulator(test: &str) -> Result<Option<Contained>, Box<dyn Error>> {
    let engine = match Docker::connect_with_defaults() {
        Ok(docker) => docker.ping().await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = engine {
        support::skip(test, &format!("no Docker engine answers: {error}"));
        return Ok(None);
    }
    // The same port inside and outside: the emulator hands out addresses of itself, and the functions use them too.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}");
    let inside = ContainerPort::Tcp(port);
    let container = image()
        .await?
        .with_wait_for(WaitFor::healthcheck())
        .with_exposed_port(inside)
        .with_startup_timeout(HEALTHY)
        .with_env_var("GATEWAY_PORT", port.to_string())
        .with_env_var("AWS_ENDPOINT_URL", &url)
        .with_host_config_modifier(move |host| {
            let loopback = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(port.to_string()) };
            host.publish_all_ports = Some(false);
            host.port_bindings = Some(HashMap::from([(inside.to_string(), Some(vec![loopback]))]));
        })
        .start()
        .await?;
    Ok(Some(Contained { _container: container, url }))
}

async fn image() -> Result<GenericImage, Box<dyn Error>> {
    let emulator = support::root().join("fixtures/emulator");
    let mut image = GenericBuildableImage::new("firedrill-emulator", "test")
        .with_dockerfile(emulator.join("Dockerfile"))
        .with_file(emulator.join("requirements.txt"), "requirements.txt")
        .with_data("for builds without an index", "wheels/README");
    let mut options = BuildImageOptions::new();
    if let Ok(wheels) = env::var("FIREDRILL_TEST_WHEELS") {
        image = image.with_file(wheels, "wheels");
        options = options.with_build_arg("OFFLINE", "1");
    }
    if let Ok(base) = env::var("FIREDRILL_TEST_BASE") {
        options = options.with_build_arg("BASE", base);
    }
    for name in PASSED_ON {
        if let Ok(value) = env::var(name) {
            options = options.with_build_arg(name, value);
        }
    }
    Ok(image.build_image_with(options).await?)
}
