//! TLS to what is behind a proxy: whose certificates are trusted.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use firedrill_clock::poll;
use firedrill_model::units::Span;

/// Of a connection to what is behind, TLS included.
const CONNECT_LIMIT: Span = Span::from_secs(5);

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub struct Trust(RootCertStore);

/// Certificates that cannot be trusted.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It is no PEM.
    #[error("it is not PEM ({0:?})")]
    Unreadable(pem::Error),
    /// It is PEM of something else.
    #[error("there is no certificate in it")]
    Nothing,
    /// A certificate is none.
    #[error("a certificate in it cannot be used")]
    Unusable(#[from] rustls::Error),
}

impl Trust {
    /// Nobody's: for what speaks no TLS.
    pub(crate) fn nobody() -> Self {
        Self(RootCertStore::empty())
    }

    /// Those that this machine trusts; where it says none, nobody's.
    pub fn of_this_machine() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "certificates of this machine cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        Self(roots)
    }

    /// These, in PEM, as well.
    pub fn and(mut self, certificates: &[u8]) -> Result<Self, TrustError> {
        let before = self.0.len();
        for certificate in CertificateDer::pem_slice_iter(certificates) {
            self.0.add(certificate.map_err(TrustError::Unreadable)?)?;
        }
        if self.0.len() == before { Err(TrustError::Nothing) } else { Ok(self) }
    }

    /// What connects, in TLS where a URL begins so. It shows no certificate of its own.
    pub(crate) fn connector(self) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has TLS 1.2 and 1.3")
            .with_root_certificates(self.0)
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        Connector(builder.wrap_connector(tcp))
    }
}

/// Connects to what is behind, within a limit.
#[derive(Clone, Debug)]
pub(crate) struct Connector(HttpsConnector<HttpConnector>);

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Failed;
    type Future = BoxFuture<'static, Result<Self::Response, Failed>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        async move {
            let connected = poll::at_most(CONNECT_LIMIT, connecting).await;
            connected.unwrap_or_else(|| Err(format!("no connection within {CONNECT_LIMIT}").into()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_not_trusted() {
        let and = |pem: &str| Trust::nobody().and(pem.as_bytes()).map(drop);
        assert!(matches!(and(""), Err(TrustError::Nothing)));
        assert!(matches!(
            and("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"),
            Err(TrustError::Nothing)
        ));
        assert!(matches!(
            and("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            Err(TrustError::Unreadable(_))
        ));
        assert!(matches!(
            and("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
            Err(TrustError::Unusable(_))
        ));
    }
}
