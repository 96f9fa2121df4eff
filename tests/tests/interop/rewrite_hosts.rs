//! Other clients behind the protocol crate's example proxy, before a real cluster of three.

use super::relay::relay;
use ottla_client::Compression;
use ottla_tests::clients::{Java, KafkaClient, Kcat, Ottla};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::rewrite_hosts::start;
use std::process::Command;

/// The client's records get through the proxy whole, and so do those that it reads.
fn check(client: &dyn KafkaClient) {
    let kafka = RealKafka::three();
    let topic = kafka.topic(&format!("rewrite-hosts-{}", client.name()), 6);
    let proxy = start(kafka.bootstrap_servers());
    let readers: [&dyn KafkaClient; 2] = [client, &Ottla::new()];
    relay(client, &readers, &proxy.address().to_string(), &topic, Compression::Lz4);
    assert_eq!(proxy.ports().len(), 3, "brokers that the proxy has a port for");
}

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn java_writes_and_reads_through_the_proxy() {
    check(&Java::default());
}

#[test]
#[ignore = "needs a real Kafka and kcat: cargo xtask test"]
fn kcat_writes_and_reads_through_the_proxy() {
    check(&Kcat::default());
}

#[test]
#[ignore = "needs a real Kafka and kcat: cargo xtask test"]
fn kcat_is_told_the_ports_of_the_proxy_alone() {
    let kafka = RealKafka::three();
    let proxy = start(kafka.bootstrap_servers());
    let output = Command::new("kcat").args(["-L", "-b", &proxy.address().to_string()]).output();
    let printed = String::from_utf8(output.expect("kcat is installed").stdout).expect("it prints UTF-8");
    let brokers = printed.lines().filter(|line| line.trim_start().starts_with("broker "));
    let told: Vec<&str> = brokers.filter_map(|line| line.split_whitespace().nth(3)).collect();
    let local: Vec<String> = proxy.ports().values().map(|port| format!("127.0.0.1:{port}")).collect();
    assert_eq!((told.len(), local.len()), (3, 3), "{printed}");
    assert!(told.iter().all(|address| local.iter().any(|local| local == address)), "{told:?}, {local:?}");
}
