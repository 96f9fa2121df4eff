//! A token endpoint behind in-memory pipes, with tokio's clock paused; and once behind a port.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_core::random::{Entropy, Jitter};
use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};
use ottla_core::time::Now;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex};
use tokio::net::TcpListener;
use tokio::time;

use super::*;
use crate::TcpConnector;
use crate::clock::Clock;
use crate::connector::{Connecting, Connector, Stream};
use crate::tokens::{TokenCredentials, TokenProvider, TokenRequest};

const TOKEN: &str = r#"{"access_token":"t0k3n","token_type":"Bearer","expires_in":300}"#;

/// An endpoint that gives each connection the next answer of its script, and the last one ever after.
#[derive(Clone, Default)]
struct Endpoint {
    script: Vec<Vec<u8>>,
    /// The requests that came.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    fn answering(script: &[&[u8]]) -> Self {
        Self { script: script.iter().map(|answer| answer.to_vec()).collect(), ..Self::default() }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics").clone()
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        // The form is the last thing of a request, and all of them have one.
        while !is_whole(&request) {
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let number = {
            let mut requests = self.requests.lock().expect("nobody panics");
            requests.push(String::from_utf8(request).expect("it is text"));
            requests.len() - 1
        };
        match self.script.get(number).or(self.script.last()) {
            Some(answer) if answer.is_empty() => std::future::pending().await,
            Some(answer) => _ = stream.write_all(answer).await,
            None => {}
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, form)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(form.len()))
}

impl Connector for Endpoint {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(self.clone().serve(theirs));
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Stream>) })
    }
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn at(endpoint: &Endpoint) -> TokenEndpoint {
    TokenEndpoint::plaintext("http://login/oauth2/token?tenant=1", endpoint.clone()).expect("a url")
}

fn client(endpoint: &Endpoint) -> ClientCredentials {
    ClientCredentials::new(at(endpoint), "client1", "secret1").expect("credentials")
}

async fn fetch(provider: &impl TokenProvider) -> Result<BearerToken, SaslError> {
    let now = Now { unix_ms: 1_000_000, ..Now::default() };
    provider.token(TokenRequest::new(now, Entropy::from_bytes([7; 32]))).await
}

#[tokio::test(start_paused = true)]
async fn client_credentials_are_asked_for_as_rfc_6749_says() {
    let endpoint = Endpoint::answering(&[&http("200 OK", TOKEN)]);
    let way = at(&endpoint).scope("kafka read").parameter("audience", "a&b");
    let way = way.extension("logicalCluster", "lkc-1").expect("an extension");
    let client = ClientCredentials::new(way, "client1", "secret1").expect("credentials");
    assert_eq!(fetch(&client).await.expect("a token").expires_at_unix_ms(), 1_300_000);
    let [request] = &endpoint.requests()[..] else { panic!("one request") };
    let (head, form) = request.split_once("\r\n\r\n").expect("a head");
    assert_eq!(form, "grant_type=client_credentials&scope=kafka+read&audience=a%26b");
    for line in [
        "POST /oauth2/token?tenant=1 HTTP/1.1",
        "host: login",
        "accept: application/json",
        "content-type: application/x-www-form-urlencoded",
        // client1:secret1
        "authorization: Basic Y2xpZW50MTpzZWNyZXQx",
    ] {
        assert!(head.lines().any(|other| other == line), "{line} is not in\n{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_assertion_is_read_from_its_file_each_time() {
    let path = std::env::temp_dir().join(format!("ottla-assertion-{}", std::process::id()));
    let endpoint = Endpoint::answering(&[&http("200 OK", TOKEN)]);
    let bearer = JwtBearer::from_file(at(&endpoint), &path);
    for assertion in ["a.b.c", "d.e.f"] {
        std::fs::write(&path, format!("{assertion}\n")).expect("it can be written");
        fetch(&bearer).await.expect("a token");
        let requests = endpoint.requests();
        let form = requests.last().and_then(|request| request.split("\r\n\r\n").nth(1)).expect("a form");
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        assert_eq!(form, format!("{grant}&assertion={assertion}"));
        assert!(!requests[0].contains("authorization"), "{requests:?}");
    }
    std::fs::remove_file(&path).expect("it can be removed");
    assert!(fetch(&bearer).await.expect_err("the file is gone").is_retriable());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_is_told_why() {
    let body = r#"{"error":"invalid_client","error_description":"secret1 is wrong"}"#;
    let endpoint = Endpoint::answering(&[&http("400 Bad Request", body)]);
    let error = fetch(&client(&endpoint)).await.expect_err("it is refused");
    assert_eq!(error.kind(), SaslErrorKind::CredentialsRefused);
    let text = "the token endpoint login:80: it refuses the credentials with status 400: \
                invalid_client, (hidden) is wrong";
    assert_eq!(error.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn a_server_in_trouble_is_asked_again() {
    let script =
        [&http("500 Oops", "")[..], b"garbage\r\n\r\n", &http("200 OK", "<html>"), &http("200 OK", TOKEN)];
    let endpoint = Endpoint::answering(&script);
    let credentials = TokenCredentials::builder(client(&endpoint))
        .clock(Clock::starting_at(1_000_000))
        .jitter(Jitter::seeded(1))
        .build()
        .expect("the defaults are good");
    credentials.token().await.expect("a token");
    assert_eq!(endpoint.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_ends_at_its_timeout() {
    let endpoint = Endpoint::answering(&[b""]);
    let asked = time::Instant::now();
    let error = fetch(&client(&endpoint)).await.expect_err("it is silent");
    assert_eq!(asked.elapsed(), Duration::from_secs(5));
    assert_eq!(error.to_string(), "the token endpoint login:80 gave no token: the answer took too long");
    // One that begins and does not end.
    let endpoint = Endpoint::answering(&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n"]);
    assert!(fetch(&client(&endpoint)).await.expect_err("it ends early").is_retriable());

    struct Nowhere;
    impl Connector for Nowhere {
        fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
            Box::pin(std::future::pending())
        }
    }
    let way = TokenEndpoint::plaintext("http://nowhere", Nowhere).expect("a url");
    let way = way.connect_timeout(Duration::from_secs(1)).read_timeout(Duration::from_secs(60));
    let asked = time::Instant::now();
    let nowhere = ClientCredentials::new(way, "a", "b").expect("credentials");
    let error = fetch(&nowhere).await.expect_err("nobody is there");
    assert_eq!(asked.elapsed(), Duration::from_secs(1));
    assert_eq!(error.to_string(), "the token endpoint nowhere:80 gave no token: connecting took too long");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_not_read_to_it() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec();
    let until_close = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b' '; MAX_ANSWER_SIZE + 1]].concat();
    let head = [&b"HTTP/1.1 200 OK\r\nx: "[..], &vec![b'x'; 1 << 20]].concat();
    for (answer, what) in [(announced, "larger than"), (until_close, "larger than"), (head, "")] {
        let error = fetch(&client(&Endpoint::answering(&[&answer]))).await.expect_err("it is too large");
        assert_eq!(error.kind(), SaslErrorKind::CredentialsUnavailable);
        assert!(error.to_string().contains(what), "{error}");
        assert!(!error.to_string().contains("too long"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_nobody_tells_is_an_error() {
    let endpoint = Endpoint::answering(&[&http("200 OK", r#"{"access_token":"t0k3n"}"#)]);
    let error = fetch(&client(&endpoint)).await.expect_err("it is not said").to_string();
    assert!(error.contains("expires_in") && !error.contains("t0k3n"), "{error}");
}

#[tokio::test]
async fn a_token_comes_through_a_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let endpoint = Endpoint::answering(&[&http("200 OK", TOKEN)]);
    let serving = endpoint.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serving.clone().serve(stream));
        }
    });
    let way = TokenEndpoint::plaintext(&format!("http://127.0.0.1:{port}"), TcpConnector::default());
    let client = ClientCredentials::new(way.expect("a url"), "client1", "secret1").expect("credentials");
    fetch(&client).await.expect("a token");
    let requests = endpoint.requests();
    assert!(requests[0].contains(&format!("host: 127.0.0.1:{port}\r\n")), "{requests:?}");
    assert!(requests[0].starts_with("POST / HTTP/1.1\r\n"), "{requests:?}");
}

#[test]
fn a_url_that_is_none_is_refused_and_not_shown() {
    for url in [
        "",
        "login",
        "/token",
        "ftp://h/",
        "http://",
        "http://u:s3cr3t@h/",
        "http://h:99999/",
        "http://s3cr3t /",
    ] {
        let error = TokenEndpoint::plaintext(url, TcpConnector::default()).expect_err(url);
        assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
    // A secret goes in plaintext only where that was said.
    TokenEndpoint::new("http://h/", TcpConnector::default()).expect_err("it is not https");
    TokenEndpoint::plaintext("https://h/", TcpConnector::default()).expect_err("it is not http");
    TokenEndpoint::plaintext("http://[::1]:8080/t", TcpConnector::default()).expect("an address");
}

#[test]
fn credentials_and_extensions_are_checked_at_once() {
    let way = || at(&Endpoint::default());
    for (id, secret) in [("", "s"), ("i", "")] {
        ClientCredentials::new(way(), id, secret).expect_err("one is empty");
    }
    way().extension("auth", "x").expect_err("it is the token's name");
    way().extension("a", "1").expect("it is good").extension("a", "2").expect_err("it is there");
}

#[test]
fn no_secret_is_in_debug_output() {
    let way = at(&Endpoint::default()).parameter("client_secret", "secret1");
    let client = ClientCredentials::new(way, "client1", "secret1").expect("credentials");
    let shown = format!("{client:?} {:?}", TokenCredentials::new(client.clone()));
    assert!(shown.contains("client1") && !shown.contains("secret1"), "{shown}");
}
