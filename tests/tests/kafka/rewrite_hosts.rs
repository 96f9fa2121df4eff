//! The protocol crate's example proxy before a real cluster.

use ottla_tests::real_kafka::RealKafka;
use ottla_tests::rewrite_hosts::{check_round_trip, start};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_client_behind_the_proxy_connects_to_nothing_else() {
    let kafka = RealKafka::three();
    let topic = kafka.topic("rewrite-hosts", 6);
    check_round_trip(kafka.bootstrap_servers(), &topic, 3).await;
}

#[test]
#[ignore = "needs a real Kafka and kcat: cargo xtask test"]
fn kcat_is_told_the_ports_of_the_proxy_alone() {
    let kafka = RealKafka::three();
    let proxy = start(kafka.bootstrap_servers());
    let address = proxy.address().to_string();
    let Ok(output) = Command::new("kcat").args(["-L", "-b", &address]).output() else {
        return println!("kcat is not installed");
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = printed.lines().filter(|line| line.trim_start().starts_with("broker "));
    let told: Vec<&str> = told.filter_map(|line| line.split_whitespace().nth(3)).collect();
    assert_eq!(told.len(), 3, "{printed}");
    let local: Vec<String> = proxy.ports().values().map(|port| format!("127.0.0.1:{port}")).collect();
    assert!(told.iter().all(|address| local.iter().any(|local| local == address)), "{told:?}, {local:?}");
}
