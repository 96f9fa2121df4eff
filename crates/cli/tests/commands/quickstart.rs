//! `ottla quickstart`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::command::{BrokerProcess, ottla, unused_address};

#[test]
fn it_needs_nothing_but_the_command() {
    let finished = ottla("quickstart");
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for part in ["topic     quickstart-", "with 3 partitions", "All 12 messages came back.", "Try next"] {
        assert!(finished.stdout.contains(part), "{part} in {}", finished.stdout);
    }
    assert!(!finished.stdout.contains('\x1b'), "no colours without a terminal");
    assert_eq!(finished.stderr, "");
}

#[test]
fn it_runs_on_a_given_cluster() {
    let broker = BrokerProcess::start("--nodes 3 --partitions 5");
    let finished = ottla(&format!("quickstart --bootstrap-server {}", broker.bootstrap_servers));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for part in ["3 brokers", "with 5 partitions", "All 12 messages came back.", "stay in the cluster"] {
        assert!(finished.stdout.contains(part), "{part} in {}", finished.stdout);
    }
}

fn check_failure(address: &str, expected: &str) {
    let finished = ottla(&format!("quickstart --bootstrap-server {address}"));
    assert_eq!(finished.code, Some(1));
    assert!(finished.stdout.contains("  broker    failed\n"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("came back"), "{}", finished.stdout);
    let start = format!("error: cannot use {address} as a kafka cluster: ");
    assert!(finished.stderr.starts_with(&start), "{}", finished.stderr);
    assert!(finished.stderr.contains(expected), "{expected} in {}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
}

#[test]
fn a_server_that_nobody_runs_is_named() {
    check_failure(&unused_address(), "refused");
}

#[test]
fn a_server_that_is_no_kafka_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("bound").to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        stream.read_exact(&mut [0; 4]).expect("the client speaks first");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("the client listens");
    });
    check_failure(&address, "does not speak kafka");
    server.join().expect("served");
}
