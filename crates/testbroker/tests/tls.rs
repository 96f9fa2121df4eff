//! Listeners with TLS and logins, behind ports and pipes.

mod rig;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request, split_frame};
use ottla_protocol::message::{Message, Request, Response};
use ottla_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_protocol::types::NodeId;
use ottla_testbroker::{
    ClientCertificates, ListenerConfig, SaslConfig, SecurityProtocol, StartError, TestBroker, TlsConfig,
    TlsVersion,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rig::{batch, produce_request};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An authority with the certificates it signs.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    fn tls(&self) -> TlsConfig {
        let (chain, key) = self.sign("127.0.0.1");
        TlsConfig::from_pem(&chain, &key).expect("a certificate with its key")
    }

    /// What a client trusts and shows.
    fn client(&self, certificate: Option<(String, String)>, versions: &[TlsVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM")).expect("an authority");
        let versions: Vec<_> =
            versions
                .iter()
                .map(|version| {
                    if *version == TlsVersion::V1_2 {
                        &rustls::version::TLS12
                    } else {
                        &rustls::version::TLS13
                    }
                })
                .collect();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&versions)
            .expect("versions")
            .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("they fit")
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

const BOTH: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

struct Client<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    async fn call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let mut out = FrameBuf::new();
        encode_request(&mut out, request, version, 1, None).expect("encodable");
        self.stream.write_all(&out.into_bytes()).await.ok()?;
        let frame = self.frame().await?;
        let (_, body) =
            decode_response_header(&frame, R::Response::header_version(version)).expect("a header");
        Some(R::Response::decode(&body, version).expect("an answer"))
    }

    async fn frame(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = split_frame(&mut self.buffer, 1 << 30).expect("a frame") {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn log_in(&mut self, token: &[u8]) -> ErrorCode {
        let mut handshake = SaslHandshakeRequest::default();
        handshake.mechanism = "PLAIN".into();
        assert_eq!(self.call(1, &handshake).await.expect("an answer").error_code, 0);
        let mut request = SaslAuthenticateRequest::default();
        request.auth_bytes = Bytes::copy_from_slice(token);
        ErrorCode(self.call(2, &request).await.expect("an answer").error_code)
    }

    async fn can_ask(&mut self) -> bool {
        self.call(12, &MetadataRequest::default()).await.is_some()
    }
}

async fn over_tls(address: &str, connector: &TlsConnector) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await.expect("listening");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    connector.connect(name, stream).await.map(Client::new)
}

fn first(addresses: Option<String>) -> String {
    let addresses = addresses.expect("such a listener");
    addresses.split(',').next().expect("an address").to_owned()
}

#[tokio::test]
async fn every_listener_tells_its_own_addresses() {
    let authority = Authority::new();
    let sasl = SaslConfig::new().plain_user("alice", "secret");
    let listeners = [
        ListenerConfig::new("OPEN"),
        ListenerConfig::new("TLS").tls(authority.tls()),
        ListenerConfig::new("LOGIN").sasl(sasl.clone()),
        ListenerConfig::new("BOTH").sasl(sasl).tls(authority.tls()),
    ];
    let protocols = listeners.each_ref().map(ListenerConfig::protocol);
    use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
    assert_eq!(protocols, [Plaintext, Ssl, SaslPlaintext, SaslSsl]);
    let builder =
        listeners.into_iter().fold(TestBroker::builder().nodes(2), |b, listener| b.listener(listener));
    let broker = builder.start().await.expect("started");
    broker.create_topic("t", 2).expect("made");
    let connector = authority.client(None, &BOTH);

    for name in ["OPEN", "TLS", "LOGIN", "BOTH"] {
        let address = first(broker.bootstrap_servers_by(name));
        if matches!(name, "TLS" | "BOTH") {
            let mut client = over_tls(&address, &connector).await.expect("TLS");
            check(&broker, name, &mut client).await;
        } else {
            let mut client = Client::new(TcpStream::connect(&address).await.expect("listening"));
            check(&broker, name, &mut client).await;
        }
    }
    broker.shutdown().await;
}

/// Whatever tells of nodes tells where they are for those who came by this listener.
async fn check<S: AsyncRead + AsyncWrite + Unpin>(broker: &TestBroker, name: &str, client: &mut Client<S>) {
    if matches!(name, "LOGIN" | "BOTH") {
        assert_eq!(client.log_in(b"\0alice\0secret").await, ErrorCode::NONE);
    }
    let mine = broker.bootstrap_servers_by(name).expect("such a listener");
    let is_mine = |host: &str, port: i32| mine.split(',').any(|address| address == format!("{host}:{port}"));
    let metadata = client.call(12, &MetadataRequest::default()).await.expect("an answer");
    assert_eq!(metadata.brokers.len(), 2);
    assert!(metadata.brokers.iter().all(|broker| is_mine(&broker.host, broker.port)), "{name}");
    let cluster = client.call(1, &DescribeClusterRequest::default()).await.expect("an answer");
    assert!(cluster.brokers.iter().all(|broker| is_mine(&broker.host, broker.port)), "{name}");
    let mut find = FindCoordinatorRequest::default();
    find.coordinator_keys.push("g".into());
    let found = client.call(4, &find).await.expect("an answer").coordinators.remove(0);
    assert!(is_mine(&found.host, found.port), "{name}");
    // Node 1 leads one of the two partitions, and says of the other one where its leader is.
    let mut endpoints = Vec::new();
    for partition in 0..2 {
        let produced = client.call(12, &produce_request("t", partition, -1, batch(&["v"]))).await;
        endpoints.extend(produced.expect("an answer").node_endpoints);
    }
    assert_eq!(endpoints.len(), 1);
    assert!(is_mine(&endpoints[0].host, endpoints[0].port), "{name}");
}

#[tokio::test]
async fn both_versions_are_spoken_and_one_can_be_left_out() {
    let authority = Authority::new();
    let broker = TestBroker::builder()
        .listener(ListenerConfig::new("BOTH").tls(authority.tls()))
        .listener(ListenerConfig::new("OLD").tls(authority.tls().versions(&[TlsVersion::V1_2])))
        .start()
        .await
        .expect("started");
    for (listener, offered, spoken) in [
        ("BOTH", &BOTH[..], Some(ProtocolVersion::TLSv1_3)),
        ("BOTH", &BOTH[..1], Some(ProtocolVersion::TLSv1_2)),
        ("OLD", &BOTH[..], Some(ProtocolVersion::TLSv1_2)),
        ("OLD", &BOTH[1..], None),
    ] {
        let address = first(broker.bootstrap_servers_by(listener));
        let connected = over_tls(&address, &authority.client(None, offered)).await;
        let version = match connected {
            Ok(mut client) => {
                assert!(client.can_ask().await);
                client.stream.get_ref().1.protocol_version()
            }
            Err(_) => None,
        };
        assert_eq!(version, spoken, "{listener}");
    }
    // A client that does not trust the authority, and one that speaks no TLS, harm nobody.
    let address = first(broker.bootstrap_servers_by("BOTH"));
    assert!(over_tls(&address, &Authority::new().client(None, &BOTH)).await.is_err());
    let mut plain = Client::new(TcpStream::connect(&address).await.expect("listening"));
    assert!(!plain.can_ask().await);
    assert!(over_tls(&address, &authority.client(None, &BOTH)).await.expect("TLS").can_ask().await);
}

#[tokio::test]
async fn certificates_of_clients_are_checked_as_the_listener_says() {
    let (authority, other) = (Authority::new(), Authority::new());
    let requested = ClientCertificates::requested(&authority.pem).expect("PEM");
    let required = ClientCertificates::required(&authority.pem).expect("PEM");
    let broker = TestBroker::builder()
        .listener(ListenerConfig::new("NONE").tls(authority.tls()))
        .listener(ListenerConfig::new("REQUESTED").tls(authority.tls().client_certificates(requested)))
        .listener(ListenerConfig::new("REQUIRED").tls(authority.tls().client_certificates(required)))
        .start()
        .await
        .expect("started");
    let (mine, foreign) = (authority.sign("client"), other.sign("client"));
    for (listener, expected) in
        [("NONE", [true, true, true]), ("REQUESTED", [true, true, false]), ("REQUIRED", [false, true, false])]
    {
        let address = first(broker.bootstrap_servers_by(listener));
        let shown = [None, Some(mine.clone()), Some(foreign.clone())];
        for (certificate, expected) in shown.into_iter().zip(expected) {
            // With TLS 1.3 a client learns of it only when it reads.
            let works = match over_tls(&address, &authority.client(certificate, &BOTH)).await {
                Ok(mut client) => client.can_ask().await,
                Err(_) => false,
            };
            assert_eq!(works, expected, "{listener}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipe_in_memory_speaks_tls_too_and_ends_with_the_refusal() {
    let authority = Authority::new();
    let sasl = SaslConfig::new().plain_user("alice", "secret");
    let broker = TestBroker::builder()
        .listener(ListenerConfig::new("OPEN"))
        .listener(ListenerConfig::new("BOTH").sasl(sasl).tls(authority.tls()))
        .start_in_memory()
        .expect("started");
    let at = broker
        .with_cluster(|cluster, _| cluster.endpoint_at("node-1", 10_092).map(|(n, l)| (n, l.to_owned())));
    assert_eq!(at, Some((NodeId(1), "BOTH".to_owned())));
    let connector = authority.client(None, &BOTH);
    for (token, expected) in [
        (&b"\0alice\0secret"[..], ErrorCode::NONE),
        (b"\0alice\0wrong", ErrorCode::SASL_AUTHENTICATION_FAILED),
    ] {
        let (near, far) = tokio::io::duplex(1 << 16);
        broker.handle_connection_by("BOTH", NodeId(1), far).expect("such a listener");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let mut client = Client::new(connector.connect(name, near).await.expect("TLS"));
        assert_eq!(client.log_in(token).await, expected);
        if expected == ErrorCode::NONE {
            assert!(client.can_ask().await);
        } else {
            // An orderly end: without one this would be an error.
            assert_eq!(client.stream.read(&mut [0]).await.expect("an end"), 0);
        }
    }
    assert!(broker.handle_connection_by("NONE", NodeId(1), tokio::io::duplex(1).0).is_err());
}

#[tokio::test]
async fn what_cannot_be_used_is_refused() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("127.0.0.1");
    assert!(TlsConfig::from_pem(&chain, "no key").is_err());
    assert!(TlsConfig::from_pem("no certificate", &key).is_err());
    assert!(TlsConfig::from_der(Vec::new(), vec![1, 2, 3]).is_err());
    assert!(ClientCertificates::required("nobody").is_err());
    // A key of another certificate.
    let tls = TlsConfig::from_pem(&chain, &authority.sign("127.0.0.1").1).expect("PEM");
    let started = TestBroker::builder().listener(ListenerConfig::new("TLS").tls(tls)).start().await;
    assert!(matches!(started, Err(StartError::Tls(_))));
    let twice = || ListenerConfig::new("A");
    let started = TestBroker::builder().listener(twice()).listener(twice()).start().await;
    assert!(matches!(started, Err(StartError::Settings(_))));
    let started = TestBroker::builder().listener(twice().sasl(SaslConfig::new())).start().await;
    assert!(matches!(started, Err(StartError::Settings(_))));
}
