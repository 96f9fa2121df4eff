//! `ottla broker`.

use std::net::TcpListener;

use crate::command::{BrokerProcess, ottla};

#[test]
#[cfg(unix)]
fn signals_end_it_cleanly() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT] {
        let (status, rest) = BrokerProcess::start("").end_by(signal);
        assert!(status.success(), "{signal:?}: {status}");
        assert_eq!(rest, "", "only the ready line goes to stdout");
    }
}

#[test]
fn every_node_has_a_port() {
    let broker = BrokerProcess::start("--nodes 3 --topic t:7");
    assert_eq!(broker.bootstrap_servers.split(',').count(), 3);
    for address in broker.bootstrap_servers.split(',') {
        let line = format!("bench latency --bootstrap-server {address} --topic t --records 1 --partitions 7");
        let finished = ottla(&line);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stdout.contains("7 partitions"), "{}", finished.stdout);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn nobody_gets_in_without_a_login_where_there_are_users() {
    let broker = BrokerProcess::start("--user alice:secret --topic t:1");
    let address = &broker.bootstrap_servers;
    let finished = ottla(&format!("bench latency --bootstrap-server {address} --topic t --records 1"));
    assert_ne!(finished.code, Some(0));
    let finished = ottla("broker --user alice");
    assert!(finished.stderr.contains("alice:secret"), "{}", finished.stderr);
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound");
    let finished = ottla(&format!("broker --listen {address}"));
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.starts_with(&format!("error: cannot listen on {address}: ")),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stderr.lines().count(), 1);
    assert_eq!(finished.stdout, "");
}
