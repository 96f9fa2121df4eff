//! HTTP CONNECT against scripts written from the RFCs.

use super::*;
use crate::proxy::scripted::{Failing, Scripted, Step, ends, noise, outcome};
use Step::{Echo, Expect, Hang, Send};

const HOST: &str = "broker.example";
const REQUEST: &str = "CONNECT broker.example:9092 HTTP/1.1\r\nHost: broker.example:9092\r\n\r\n";

fn through(steps: Vec<Step>) -> HttpConnectConnector<Scripted> {
    HttpConnectConnector::new(Scripted::new(steps), "proxy", 3128)
}

fn answering(answer: impl AsRef<[u8]>, and_then: Step) -> HttpConnectConnector<Scripted> {
    through(vec![Expect(REQUEST.into()), Send(answer.as_ref().to_vec(), 3), and_then])
}

async fn kind(connector: &dyn Connector, host: &str) -> Option<Kind> {
    outcome(connector, host).await.map(|(kind, _)| kind)
}

#[tokio::test(start_paused = true)]
async fn the_proxy_is_asked_for_names_and_addresses() {
    for (host, authority) in [
        (HOST, "broker.example:9092"),
        ("10.1.2.3", "10.1.2.3:9092"),
        ("::1", "[::1]:9092"),
        ("[::1]", "[::1]:9092"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let steps = vec![Expect(request.into()), Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), 1), Echo];
        assert_eq!(kind(&through(steps), host).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn no_byte_of_the_brokers_is_taken() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nVia: 1.1 squid\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 299 Fine\n\n",
    ] {
        // The echo comes in the same breath.
        let steps = vec![Send([head.as_bytes(), b"\0\0\0\x04ping"].concat(), 1000), Hang];
        assert_eq!(
            kind(&through([vec![Expect(REQUEST.into())], steps].concat()), HOST).await,
            None,
            "{head}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_given_and_a_refusal_of_them_is_told() {
    let request = REQUEST.replace(
        "\r\n\r\n",
        // RFC 7617's own example.
        "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
    );
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", None),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some(Kind::ProxyCredentialsRefused)),
    ] {
        let steps = vec![Expect(request.clone().into()), Send(answer.into(), 4), Echo];
        let connector = through(steps).with_credentials("Aladdin", "open sesame").expect("no colon");
        assert_eq!(format!("{:?}", connector.authorization), "Some([hidden])");
        let outcome = outcome(&connector, HOST).await;
        assert!(!outcome.as_ref().is_some_and(|(_, text)| text.contains("sesame")));
        assert_eq!(outcome.map(|(kind, _)| kind), expected);
    }
    let told = through(vec![]).with_credentials("a:b", "c").map(drop).expect_err("a colon");
    assert_eq!(told.kind(), Kind::ProxyCredentialsRefused);
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_kind() {
    for (status, expected) in [
        ("400 Bad Request", Kind::NotAProxy),
        ("401 Unauthorized", Kind::ProxyCredentialsRefused),
        ("403 Forbidden", Kind::ProxyRefused),
        ("405 Method Not Allowed", Kind::NotAProxy),
        ("407 Proxy Authentication Required", Kind::ProxyCredentialsRefused),
        ("501 Not Implemented", Kind::NotAProxy),
        ("500 Oops", Kind::ProxyCannotConnect),
        ("502 Bad Gateway", Kind::ProxyCannotConnect),
        ("503 Service Unavailable", Kind::ProxyCannotConnect),
        ("504 Gateway Timeout", Kind::ProxyCannotConnect),
        ("301 Moved", Kind::ProxyCannotConnect),
        ("100 Continue", Kind::ProxyCannotConnect),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\n\r\n<html>");
        let (kind, text) = outcome(&answering(answer, Hang), HOST).await.expect("refused");
        assert_eq!(kind, expected);
        assert!(text.ends_with(status), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_proxy_is_told() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9\r\n"[..],
        b"\x15\x03\x03\0\x02\x02\x46",
        b"\x05\xff",
        b"HTTP/2 PRI\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTT/1.1 200 OK\r\n\r\n",
    ] {
        let told = kind(&answering(answer, Hang), HOST).await;
        assert_eq!(told, Some(Kind::NotAProxy), "{}", answer.escape_ascii());
    }
    for endless in [
        format!("HTTP/1.1 200 {}", "x".repeat(MAX_HEAD)),
        format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEAD)),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1)),
    ] {
        assert_eq!(kind(&answering(endless, Hang), HOST).await, Some(Kind::NotAProxy));
    }
    for cut in ["", "H", "HTTP/1.1 200 OK\r\n"] {
        let steps = vec![Expect(REQUEST.into()), Send(cut.into(), 100)];
        assert_eq!(kind(&through(steps), HOST).await, Some(Kind::ProxyUnreachable));
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxys_words_are_shown_shortened_and_escaped() {
    let answer = format!("HTTP/1.1 403 {}\x1b[2J\r\n\r\n", "x".repeat(1000));
    let (_, text) = outcome(&answering(answer, Hang), HOST).await.expect("refused");
    assert!(text.len() < 300 && !text.contains('\x1b'), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_host_cannot_add_fields() {
    for host in ["", "a b", "a\r\nX: y", "a\n", "b\u{f6}rse"] {
        assert_eq!(kind(&through(vec![]), host).await, Some(Kind::NameNotResolved));
    }
    let unreachable = HttpConnectConnector::new(Failing(Kind::TimedOut), "proxy", 3128);
    assert_eq!(kind(&unreachable, HOST).await, Some(Kind::ProxyUnreachable));
}

#[tokio::test(start_paused = true)]
async fn noise_comes_to_an_end() {
    for seed in 0..2000 {
        let mut bytes = noise(seed, 400);
        let good = b"HTTP/1.1 200 OK\r\nA: ";
        let kept = usize::try_from(seed).expect("small") % (good.len() + 1);
        bytes[..kept].copy_from_slice(&good[..kept]);
        ends(&through(vec![Expect(REQUEST.into()), Send(bytes, 50)])).await;
    }
}
