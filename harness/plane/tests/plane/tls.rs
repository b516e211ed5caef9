//! TLS to what is behind a proxy.

use std::{net::SocketAddr, sync::Arc};

use firedrill_plane::{
    proxy::{Proxy, Settings},
    tls::Trust,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use super::wire::{End, Wire, in_time, signed};

/// An emulator with a certificate for `name`, and the authority that signed it, as PEM. What it was asked is told.
async fn emulator(name: &str) -> (SocketAddr, String, mpsc::UnboundedReceiver<String>) {
    let mut of_authority = CertificateParams::default();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(of_authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            // A client that does not trust it breaks off.
            let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap().0).await else { continue };
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            drop(tell.send(String::from_utf8_lossy(&head[..length]).into_owned()));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await.unwrap();
            drop(stream.shutdown().await);
        }
    });
    (address, authority.pem(), asked)
}

async fn client(upstream: SocketAddr, trust: Trust) -> (Proxy, Wire) {
    let proxy = Proxy::start(Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        upstream: upstream.to_string().parse().unwrap(),
        trust: Some(trust),
        rules: Vec::new(),
        seed: 1,
        default_region: None,
        token: None,
    });
    let proxy = proxy.unwrap();
    let mut client = Wire::connect(proxy.address()).await.unwrap();
    client.send(signed("GET", "/b/k", "")).await;
    (proxy, client)
}

#[tokio::test]
async fn an_emulator_that_wants_tls_gets_it_from_who_trusts_it() {
    let (address, authority, mut asked) = emulator("127.0.0.1").await;
    let trust = Trust::of_this_machine().and(authority.as_bytes()).unwrap();
    let (_proxy, mut client) = client(address, trust).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.exactly(2).await, b"ok");
    let asked = in_time("a request", asked.recv()).await.unwrap();
    assert!(asked.starts_with("GET /b/k HTTP/1.1\r\n") && asked.contains("Host: 127.0.0.1\r\n"), "{asked}");
}

#[tokio::test]
async fn nothing_is_sent_to_whom_nobody_vouches_for() {
    let (address, _, mut asked) = emulator("127.0.0.1").await;
    let (_, other, _) = emulator("127.0.0.1").await;
    let (elsewhere, of_elsewhere, mut asked_elsewhere) = emulator("emulator.example").await;
    let nobody = Trust::of_this_machine();
    for (case, address, trust) in [
        ("nobody knows it", address, nobody.clone()),
        ("another authority", address, nobody.clone().and(other.as_bytes()).unwrap()),
        ("another name", elsewhere, nobody.and(of_elsewhere.as_bytes()).unwrap()),
    ] {
        let (_proxy, mut client) = client(address, trust).await;
        assert_eq!(client.rest().await, (Vec::new(), End::Reset), "{case}");
    }
    for asked in [&mut asked, &mut asked_elsewhere] {
        assert_eq!(asked.try_recv(), Err(mpsc::error::TryRecvError::Empty), "it is there, and was asked nothing");
    }
}

#[tokio::test]
async fn whom_one_waits_for_and_who_never_speaks_tls_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_proxy, mut client) = client(listener.local_addr().unwrap(), Trust::of_this_machine()).await;
    let _silent = in_time("a connection", listener.accept()).await.unwrap();
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
}
