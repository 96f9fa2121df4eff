//! SOCKS5 against scripts written from the RFCs.

use super::*;
use crate::proxy::scripted::{Failing, Scripted, Step, ends, noise, outcome};
use Step::{Echo, Expect, Hang, Send};

const HOST: &str = "broker.example";

fn through(steps: Vec<Step>) -> Socks5Connector<Scripted> {
    Socks5Connector::new(Scripted::new(steps), "proxy", 3128)
}

/// CONNECT to `broker.example`, port 9092.
fn request() -> Step {
    Expect(b"\x05\x01\0\x03\x0ebroker.example\x23\x84".to_vec())
}

fn granted() -> Step {
    Send(b"\x05\0\0\x01\x0a\0\0\x01\x12\x34".to_vec(), 1)
}

fn greeting() -> Vec<Step> {
    vec![Expect(vec![5, 1, 0]), Send(vec![5, 0], 1)]
}

async fn kind(connector: &dyn Connector, host: &str) -> Option<Kind> {
    outcome(connector, host).await.map(|(kind, _)| kind)
}

#[tokio::test(start_paused = true)]
async fn the_proxy_is_asked_for_names_and_addresses_as_they_are() {
    for (host, address) in [
        (HOST, &b"\x03\x0ebroker.example"[..]),
        ("10.1.2.3", b"\x01\x0a\x01\x02\x03"),
        ("[::1]", b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
        ("::1", b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
    ] {
        let mut steps = greeting();
        steps.push(Expect([b"\x05\x01\0", address, b"\x23\x84"].concat()));
        steps.extend([granted(), Echo]);
        assert_eq!(kind(&through(steps), host).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn no_byte_of_the_brokers_is_taken_whatever_address_the_proxy_tells() {
    for reply in [
        &b"\x05\0\0\x01\x0a\0\0\x01\x12\x34"[..],
        b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34",
        b"\x05\0\0\x03\x04here\x12\x34",
        b"\x05\0\0\x03\0\x12\x34",
    ] {
        let mut steps = greeting();
        // The echo comes in the same breath.
        steps.extend([request(), Send([reply, b"\0\0\0\x04ping"].concat(), 100), Hang]);
        assert_eq!(kind(&through(steps), HOST).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_given_where_they_are_asked_for() {
    let log_in =
        || vec![Expect(vec![5, 2, 0, 2]), Send(vec![5, 2], 1), Expect(b"\x01\x04user\x06secret".to_vec())];
    let cases = [
        ([log_in(), vec![Send(vec![1, 0], 1), request(), granted(), Echo]].concat(), None),
        ([log_in(), vec![Send(vec![5, 0], 1), request(), granted(), Echo]].concat(), None),
        ([log_in(), vec![Send(vec![1, 1], 1)]].concat(), Some(Kind::ProxyCredentialsRefused)),
        (vec![Expect(vec![5, 2, 0, 2]), Send(vec![5, 0], 1), request(), granted(), Echo], None),
        (vec![Expect(vec![5, 2, 0, 2]), Send(vec![5, 255], 1)], Some(Kind::ProxyCredentialsRefused)),
        (vec![Expect(vec![5, 2, 0, 2]), Send(vec![5, 1], 1)], Some(Kind::NotAProxy)),
    ];
    for (steps, expected) in cases {
        let connector = through(steps).with_credentials("user", "secret").expect("short enough");
        assert!(!format!("{:?}", connector.credentials).contains("secret"));
        let outcome = outcome(&connector, HOST).await;
        assert!(!outcome.as_ref().is_some_and(|(_, text)| text.contains("secret")));
        assert_eq!(outcome.map(|(kind, _)| kind), expected);
    }
    for (user, password) in [("", "p"), ("u", ""), (&*"u".repeat(256), "p"), ("u", &*"p".repeat(256))] {
        let error = Socks5Connector::new(Failing(Kind::Tls), "proxy", 3128).with_credentials(user, password);
        assert_eq!(error.map(drop).expect_err("unfit").kind(), Kind::ProxyCredentialsRefused);
    }
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_kind() {
    for (reply, expected) in [
        (1, Kind::ProxyCannotConnect),
        (2, Kind::ProxyRefused),
        (3, Kind::ProxyCannotConnect),
        (4, Kind::ProxyCannotConnect),
        (5, Kind::ProxyCannotConnect),
        (6, Kind::ProxyCannotConnect),
        (7, Kind::NotAProxy),
        (8, Kind::ProxyCannotConnect),
        (9, Kind::ProxyCannotConnect),
        (255, Kind::ProxyCannotConnect),
    ] {
        let mut steps = greeting();
        // Some proxies leave out the address.
        steps.extend([request(), Send(vec![5, reply, 0, 1], 1)]);
        assert_eq!(kind(&through(steps), HOST).await, Some(expected), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_proxy_is_told() {
    for (steps, expected) in [
        (vec![Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), 5), Hang], Kind::NotAProxy),
        (vec![Send(b"\x15\x03\x03\0\x02\x02\x46".to_vec(), 1), Hang], Kind::NotAProxy),
        (vec![Send(vec![4, 0], 1), Hang], Kind::NotAProxy),
        (vec![Send(vec![5, 2], 1), Hang], Kind::NotAProxy),
        (vec![Send(vec![5, 255], 1), Hang], Kind::ProxyCredentialsRefused),
        (vec![], Kind::ProxyUnreachable),
        (vec![Send(vec![5], 1)], Kind::ProxyUnreachable),
        ([greeting(), vec![request(), Send(vec![4, 0, 0, 1], 1), Hang]].concat(), Kind::NotAProxy),
        ([greeting(), vec![request(), Send(vec![5, 0, 0, 9], 1), Hang]].concat(), Kind::NotAProxy),
        ([greeting(), vec![request(), Send(vec![5, 0, 0, 1, 10], 1)]].concat(), Kind::ProxyUnreachable),
    ] {
        let told = kind(&through(steps.clone()), HOST).await;
        assert_eq!(told, Some(expected), "{steps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_cannot_be_reached_is_told_from_one_that_cannot_be_trusted() {
    for (inner, expected) in [
        (Kind::Refused, Kind::ProxyUnreachable),
        (Kind::NameNotResolved, Kind::ProxyUnreachable),
        (Kind::CertificateExpired, Kind::CertificateExpired),
    ] {
        let connector = Socks5Connector::new(Failing(inner), "proxy", 3128);
        assert_eq!(kind(&connector, HOST).await, Some(expected));
    }
    for host in ["", &*"x".repeat(256)] {
        let connector = Socks5Connector::new(Failing(Kind::Tls), "proxy", 3128);
        assert_eq!(kind(&connector, host).await, Some(Kind::NameNotResolved));
    }
}

#[tokio::test(start_paused = true)]
async fn noise_comes_to_an_end() {
    for seed in 0..2000 {
        let mut bytes = noise(seed, 400);
        // Further and further into what a proxy may say.
        let good = b"\x05\0\x05\0\0\x03";
        let kept = usize::try_from(seed).expect("small") % (good.len() + 1);
        bytes[..kept].copy_from_slice(&good[..kept]);
        let proxy = Scripted::with_room(1000, vec![Send(bytes, 50)]);
        ends(&Socks5Connector::new(proxy, "proxy", 3128)).await;
    }
}
