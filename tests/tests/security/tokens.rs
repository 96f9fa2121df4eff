//! Tokens that are fetched: from the issuer, over every listener that takes its tokens.

use crate::table::round_trip;
use ottla_client::sasl::SaslErrorKind;
use ottla_client::{Client, ClientBuilder, ClientErrorKind, ConnectErrorKind, TlsConfig};
use ottla_tests::secured::Secured;
use ottla_transport::{
    ClientCredentials, CredentialsProvider, FileToken, TcpConnector, TokenCredentials, TokenEndpoint,
    TokenProvider,
};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

fn endpoint(cluster: &Secured) -> TokenEndpoint {
    let url = &cluster.issuer.as_ref().expect("an issuer").token_endpoint;
    TokenEndpoint::plaintext(url, TcpConnector::default()).expect("a url").scope("kafka")
}

fn client_credentials(cluster: &Secured) -> ClientCredentials {
    let (id, secret) = &cluster.issuer.as_ref().expect("an issuer").client;
    ClientCredentials::new(endpoint(cluster), id, secret).expect("credentials")
}

fn builder(cluster: &Secured, door: &str, provider: impl CredentialsProvider + 'static) -> ClientBuilder {
    let door = cluster.door(door);
    let builder = Client::builder(&door.bootstrap_servers).sasl_provider(provider);
    let tls = || TlsConfig::builder().ca_location(&cluster.tls.ca).build().expect("a good certificate");
    if door.is_tls() { builder.tls(tls()) } else { builder }
}

/// A file with this text, removed at the end.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ottla-{name}-{}", std::process::id()));
        std::fs::write(&path, text).expect("it can be written");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

async fn check(cluster: &Secured, name: &str, provider: impl TokenProvider + 'static) {
    let credentials = TokenCredentials::new(provider);
    for door in ["oauth-file", "oauth-http-ssl", "all-mechanisms"] {
        let trip = round_trip(builder(cluster, door, credentials.clone()));
        let result = timeout(Duration::from_secs(30), trip).await;
        println!("{door:20} {name:20} {result:?}");
        assert_eq!(result, Ok(Ok(())), "{door} by {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn kafka_takes_tokens_that_were_fetched() {
    let cluster = Secured::kafka();
    check(&cluster, "client credentials", client_credentials(&cluster)).await;
    let token = Written::new("token", &cluster.tokens["token"]);
    check(&cluster, "file", FileToken::new(&token.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_client_that_the_issuer_does_not_know_is_told_so() {
    let cluster = Secured::kafka();
    let stranger = ClientCredentials::new(endpoint(&cluster), "stranger", "s3cr3t").expect("credentials");
    let builder = builder(&cluster, "oauth-file", TokenCredentials::new(stranger));
    let error = builder.connect().await.expect_err("the issuer refuses");
    let text = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
    println!("{text}");
    assert!(text.contains("invalid_client") && !text.contains("s3cr3t"), "{text}");
    let kind = ConnectErrorKind::Authentication(SaslErrorKind::CredentialsRefused);
    assert_eq!(*error.kind(), ClientErrorKind::Connect(kind));
}
