//! A token endpoint on loopback (RFC 6749, client credentials) and the set of keys for the broker, over http. The
//! least that a broker and a client need: one request a connection, one at a time, nothing kept.

use super::tokens::{self, Signer};
use crate::kafka::companion::{Companion, CompanionFolder};
use crate::kafka::layout::ClusterFolder;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A client that the endpoint knows.
#[derive(Debug)]
pub struct Client {
    /// `client_id`.
    pub id: &'static str,
    /// `client_secret`.
    pub secret: &'static str,
    /// How long its tokens live.
    pub lifetime_s: i64,
}

/// Every client. The second one's tokens make a client log in again soon.
pub const CLIENTS: [Client; 2] = [
    Client { id: "alice", secret: "alice-secret", lifetime_s: 3600 },
    Client { id: "short-lived", secret: "short-lived-secret", lifetime_s: 10 },
];

/// A request on loopback comes at once or not at all.
const LIMIT: Duration = Duration::from_secs(5);

/// Headers and a form of three fields: far below this.
const LARGEST_REQUEST_BYTES: usize = 64 * 1024;

/// What the server is started with.
#[derive(Args)]
pub struct ServeTokens {
    /// The port on loopback.
    port: u16,
    /// The key that signs, as PKCS#8.
    key: PathBuf,
    /// What the process is recognised by.
    config: PathBuf,
}

/// The clients' endpoint.
pub fn endpoint(port: u16) -> String {
    format!("{}/token", tokens::issuer(port))
}

/// Runs this program again as the server, in the foreground.
pub fn command(cluster: &ClusterFolder, companion: &Companion) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot tell where xtask is")?);
    command.args(["kafka", "serve-tokens"]).arg(companion.port.to_string());
    command.arg(cluster.security().oauth_file("key.p8"));
    command.arg(CompanionFolder::new(cluster, companion.kind).config());
    Ok(command)
}

/// Serves until it is ended.
pub fn serve(options: &ServeTokens) -> Result<()> {
    let signer = Signer::load(&options.key)?;
    fs::write(&options.config, format!("port={}\n", options.port))
        .context("cannot write my configuration")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .with_context(|| format!("cannot listen on port {}", options.port))?;
    for stream in listener.incoming() {
        // A client that goes away is no reason to stop.
        if let Err(error) = stream.map_err(Into::into).and_then(|stream| answer(stream, options, &signer)) {
            eprintln!("{error:#}");
        }
    }
    Ok(())
}

fn answer(mut stream: TcpStream, options: &ServeTokens, signer: &Signer) -> Result<()> {
    stream.set_read_timeout(Some(LIMIT)).and_then(|()| stream.set_write_timeout(Some(LIMIT)))?;
    let Some(request) = read(&mut stream)? else { return Ok(()) };
    let (status, body) = respond(&request, options.port, signer)?;
    println!("{} {}: {status}", request.method, request.path);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(stream.flush()?)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    authorization: String,
    body: String,
}

/// Nothing where the other side closed without asking, as one does that only looks whether the port is open.
fn read(stream: &mut impl Read) -> Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() <= LARGEST_REQUEST_BYTES {
        if let Some(request) = parse(&bytes) {
            return Ok(Some(request));
        }
        match stream.read(&mut buffer)? {
            0 if bytes.is_empty() => return Ok(None),
            0 => anyhow::bail!("a request is cut"),
            read => bytes.extend(&buffer[..read]),
        }
    }
    anyhow::bail!("a request is too large")
}

/// A request whose bytes are all there.
fn parse(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let mut request =
        Request { method: words.next()?.to_owned(), path: words.next()?.to_owned(), ..Request::default() };
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => request.authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    request.body = body.get(..length)?.to_owned();
    Some(request)
}

fn respond(request: &Request, port: u16, signer: &Signer) -> Result<(&'static str, String)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/jwks") => signer.jwks(),
        ("GET", "/.well-known/openid-configuration") => json!({
            "issuer": tokens::issuer(port),
            "token_endpoint": endpoint(port),
            "jwks_uri": tokens::jwks_url(port),
        }),
        ("POST", "/token") => {
            let form = form(&request.body);
            let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            if field("grant_type").as_deref() != Some("client_credentials") {
                return Ok(("400 Bad Request", json!({"error": "unsupported_grant_type"}).to_string()));
            }
            let given =
                basic(&request.authorization).or_else(|| field("client_id").zip(field("client_secret")));
            let known = |(id, secret): (String, String)| {
                CLIENTS.iter().find(|client| client.id == id && client.secret == secret)
            };
            let Some(client) = given.and_then(known) else {
                return Ok(("401 Unauthorized", json!({"error": "invalid_client"}).to_string()));
            };
            let token = signer.issue(&tokens::issuer(port), client.id, client.lifetime_s)?;
            json!({"access_token": token, "token_type": "Bearer", "expires_in": client.lifetime_s})
        }
        _ => return Ok(("404 Not Found", json!({"error": "not_found"}).to_string())),
    };
    Ok(("200 OK", body.to_string()))
}

/// The two halves of `Basic …`, each in the encoding of forms (RFC 6749, 2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

fn form(body: &str) -> Vec<(String, String)> {
    let pairs = body.trim().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

/// `+` and `%41` as forms write them; what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_its_body_is_there() {
        let text = b"POST /token HTTP/1.1\r\nContent-Length: 3\r\nAuthorization: Basic eDp5\r\n\r\na=b";
        assert_eq!(parse(&text[..text.len() - 1]), None);
        let request = parse(text).expect("it is whole");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/token"));
        assert_eq!(request.body, "a=b");
        assert_eq!(basic(&request.authorization), Some(("x".into(), "y".into())));
    }

    #[test]
    fn forms_are_decoded() {
        let pairs = form("grant_type=client_credentials&scope=a+b%2Fc&odd=100%");
        let values: Vec<_> = pairs.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["client_credentials", "a b/c", "100%"]);
    }
}
